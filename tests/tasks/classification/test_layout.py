"""Files are read as the model's own were, where nothing else is said and where that is safe."""

import pytest

from dicetune.data import TextExample
from dicetune.errors import DataError
from dicetune.predictor import load
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS, Trained
from dicetune.tasks.classification.multilabel import MultiLabelOptions, MultiLabelTask
from dicetune.tasks.classification.text import TextOptions, TextTask
from dicetune.training import RunConfig, run
from families import save_family

TREES = "(3 (2 It) (4 (2 's) (4 fun)))\n(0 (2 so) (1 bad))\n(2 (2 well) (2 ,))\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="a.tsv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_run_is_evaluated_with_its_own_names_of_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("good\nbad\nlost\n", encoding="utf-8")
    rows = "pump down again\t1\tx\ndock four is fine\t0\ty\nthe queue is lost\t1,2\tz\n"
    (tmp_path / "a.tsv").write_text(rows, encoding="utf-8")
    save_family("bert", "sequence", tmp_path / "model")
    options = {"label_names": "names.txt", "header": "off", "label_column": 1}
    run(
        RunConfig(
            task="multilabel",
            train="a.tsv",
            dev="a.tsv",
            model="model",
            out="out",
            options=options,
            trainer={"max_steps": 1},
        )
    )
    expected = evaluate("out", "a.tsv", options={"label_names": "names.txt"})
    reports = []
    assert evaluate("out", "a.tsv", report=reports.append) == expected
    assert expected["support"] == 3
    (tmp_path / "names.txt").unlink()
    reports.clear()
    assert evaluate("out", "a.tsv", report=reports.append) == expected
    (said,) = [line for line in reports if "the model's own" in line]
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
