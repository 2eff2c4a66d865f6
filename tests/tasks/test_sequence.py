"""SequenceTask: what text, pair and multilabel share, and files read as the model's own were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import TextCorpus, TextExample
from dicetune.errors import DataError
from dicetune.models import load_model, load_tokenizer
from dicetune.predictor import Predictor, load
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS, Trained
from dicetune.tasks.multilabel import MultiLabelOptions, MultiLabelTask
from dicetune.tasks.text import PairTask, TextOptions, TextTask
from dicetune.torch_model import TorchModel
from dicetune.training import RunConfig, run
from families import FAMILIES, TOKENIZERS, save_family

NAME = "a.tsv"
TREES = "(3 (2 It) (4 (2 's) (4 fun)))\n(0 (2 so) (1 bad))\n(2 (2 well) (2 ,))\n"
LABELS = ("anger", "fear", "joy")
KINDS = {
    "text": TextTask(LABELS, metric="macro_f1"),
    "pair": PairTask(LABELS, metric="macro_f1"),
    "multilabel": MultiLabelTask(LABELS, metric="macro_f1"),
}


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)
@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
@given(
    rows=st.lists(
        st.tuples(
            st.text(max_size=60),
            st.text(max_size=40),
            st.sampled_from(LABELS),
            st.sets(st.sampled_from(LABELS)),
        ),
        max_size=6,
    ),
    max_length=st.integers(6, 40),
)
def test_decoding_gold_outputs_gives_the_gold(tokenizer, task, rows, max_length):
    examples = []
    for text, second, label, several in rows:
        labels = tuple(sorted(several)) if task.several else (label,)
        examples.append(TextExample(text, second if task.name == "pair" else None, labels))
    corpus = TextCorpus(tuple(examples), "random")
    encoded = task.encode(corpus, tokenizer, max_length)
    lengths = [len(feature["input_ids"]) for feature in encoded.features]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths, default=0) <= max_length
    gold = [feature["labels"] for feature in encoded.features]
    right = np.array([label if task.several else np.arange(3) == label for label in gold])
    outputs = np.where(right == 1, np.log(0.9), np.log(0.05))
    decisions = task.predict(task.decode(outputs, encoded), corpus)
    assert [decision.labels for decision in decisions] == [example.labels for example in corpus]


@pytest.mark.parametrize("task", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_order_do_not_change_an_answer(family, task, saved_family):
    folder = saved_family(family, "sequence")
    model, tokenizer = load_model(task.auto_class, folder, task.labels), load_tokenizer(folder)
    values = ["fine", "The pump at Quay Nine is down again", "", "Dock four is not fine ; gate 2"]
    columns = [values, values[1:] + values[:1]][: len(task.inputs)]
    ask = lambda size, *texts: Predictor(TorchModel(model, tokenizer), task, size, 24)(*texts)  # noqa: E731
    together, alone = ask(4, *columns), ask(1, *columns)
    turned = ask(3, *(column[::-1] for column in columns))[::-1]
    for one, other, third in zip(together, alone, turned, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        assert one.probabilities == pytest.approx(third.probabilities, abs=1e-5)


def test_the_saved_folder_serves_the_library_pipeline(tmp_path):
    from transformers import AutoModelForSequenceClassification, pipeline

    folder = save_family("bert", "sequence", tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, **MultiLabelTask.model_config, id2label=dict(enumerate(LABELS))
    )
    model.save_pretrained(folder)
    text = "Dock four is fine"
    ours = Predictor(
        TorchModel(model, load_tokenizer(folder)), MultiLabelTask(LABELS, metric="macro_f1"), 1, 24
    )(text)[0].probabilities
    serve = pipeline("text-classification", model=folder)
    for options in ({}, {"function_to_apply": "sigmoid"}):
        found = serve(text, top_k=None, **options)
        assert {row["label"]: row["score"] for row in found} == pytest.approx(ours, abs=1e-5)


def test_a_run_is_evaluated_with_its_own_names_of_labels(tmp_path, saved_family, monkeypatch, log):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("good\nbad\nlost\n", encoding="utf-8")
    rows = "pump down again\t1\tx\ndock four is fine\t0\ty\nthe queue is lost\t1,2\tz\n"
    (tmp_path / "a.tsv").write_text(rows, encoding="utf-8")
    options = {"label_names": "names.txt", "header": "off", "label_column": 1}
    run(
        RunConfig(
            task="multilabel",
            train="a.tsv",
            dev="a.tsv",
            model=saved_family("bert", "sequence"),
            out="out",
            options=options,
            trainer={"max_steps": 1},
        )
    )
    expected = evaluate("out", "a.tsv", options={"label_names": "names.txt"})
    assert evaluate("out", "a.tsv") == expected
    assert expected["support"] == 3
    (tmp_path / "names.txt").unlink()
    log.clear()
    assert evaluate("out", "a.tsv") == expected
    (said,) = [line for line in log.messages if "the model's own" in line]
    assert said.startswith("labels read by the names of the model's own: numbers are places")
    # names may stand where numbers stood
    (tmp_path / "b.tsv").write_text("pump down again\tbad\tx\n", encoding="utf-8")
    assert evaluate("out", "b.tsv")["support"] == 1
    (tmp_path / "c.tsv").write_text("pump\tbad\tx\ndock\t3\ty\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"c.tsv:2: expected one of .* from 0 to 2, got '3'"):
        evaluate("out", "c.tsv")
    predictor = load("out", options={"label_names": "names.txt"}, use="evaluate")
    with pytest.raises(DataError, match=r"names\.txt"):
        predictor.read("a.tsv")


def test_numbers_are_no_places_where_the_model_was_trained_on_numbers(file):
    path = file("a text\t1\nanother text\t2\n")
    labels = ("1", "2", "3")
    found = MultiLabelTask.read(path, MultiLabelOptions(), trained=Trained(labels=labels))
    assert [example.labels for example in found] == [("1",), ("2",)]


def test_the_names_of_a_data_set_are_its_own(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["ham", "spam"])})
    rows = {"text": ["a", "b"], "label": [0, 1]}
    Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "set")
    trained = Trained({"label_names": "gone.txt"}, ("spam", "ham"))
    found = TextTask.read(tmp_path / "set", TextOptions(), trained=trained)
    assert [example.labels for example in found] == [("ham",), ("spam",)]


def test_header_and_quoting_of_training_hold_where_gold_is_read(file):
    path = file('label\ttext\nspam\t"win a prize\nham\tsee you"\n')
    trained = Trained({"header": "off", "quoting": "off"})
    texts = ["text", '"win a prize', 'see you"']
    assert [e.text for e in TextTask.read(path, TextOptions(), trained=trained)] == texts
    chosen = TextTask.read(path, TextOptions(header="on"), trained=trained)
    assert [e.text for e in chosen] == texts[1:]
    # a header that is taken for granted would cost a text
    plain = file("body\nfirst\nsecond\n", "b.csv")
    new = TextTask.read(
        plain,
        TextOptions(text_column=0),
        format="csv",
        gold=False,
        trained=Trained({"header": "on"}),
    )
    assert [e.text for e in new] == ["body", "first", "second"]


def test_trees_are_read_as_in_training(file):
    path = file(TREES, "a.txt")
    found = TextTask.read(path, TextOptions(), trained=Trained({"classes": "binary"}))
    assert [e.labels for e in found] == [("positive",), ("negative",)]
    assert len(TextTask.read(path, TextOptions(), trained=Trained())) == 3


@pytest.mark.parametrize("name", ["text", "multilabel"])
def test_options_of_another_task_do_no_harm(name, file):
    path = file("text\tlabel\na\t1\nb\t0\n")
    trained = Trained({"stride": 3, "classes": "binary", "token_column": 1}, ("O", "B-X"))
    task = TASKS[name]
    first = next(iter(task.read(path, task.Options(), trained=trained)))
    assert first == TextExample("a", labels=("1",), line=2)


def test_labels_are_read_as_the_model_was_trained(tmp_path):
    columns, places, joined = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    columns.write_text("text,toxic,rude,threat\nfine,0,1,0\nbad,1,0,1\n")
    places.write_text('text,labels\nfine,"[0, 0]"\nbad,"[1, 1]"\n')
    joined.write_text("text,labels\nfine,x;y\nbad,x;y\n")
    wanted = [(), ("toxic", "threat")]
    trained = Trained({"label_columns": "toxic,threat"}, ("toxic", "threat"))
    for path in (columns, places):
        found = MultiLabelTask.read(path, MultiLabelOptions(), trained=trained)
        assert [example.labels for example in found] == wanted
    with pytest.raises(DataError, match="-o separator=none"):
        MultiLabelTask.read(joined, MultiLabelOptions())
    for trained in (Trained({"separator": ";"}), Trained({}, ("x", "y"))):
        found = MultiLabelTask.read(joined, MultiLabelOptions(), trained=trained)
        assert found.examples[0].labels == ("x", "y")
    found = MultiLabelTask.read(joined, MultiLabelOptions(), trained=Trained({}, ("x;y", "z")))
    assert found.examples[0].labels == ("x;y",)
