"""TextTask: from texts to logits and back, options, scores, files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import TextCorpus, TextExample
from dicetune.errors import DataError, InputError
from dicetune.tasks import Trained
from dicetune.tasks.classification.text import TextOptions, TextTask
from families import FAMILIES, save_family
from tiny import byte_level_tokenizer, wordpiece_tokenizer

TOKENIZERS = {"wordpiece": wordpiece_tokenizer(), "byte-level": byte_level_tokenizer()}
CORPUS = TextCorpus(
    (
        TextExample("Quay Nine is down", labels=("spam",), line=1),
        TextExample("Dock four is fine", labels=("ham",), line=2),
        TextExample("Dock is not fine", labels=("ham",), line=3),
    ),
    "a.tsv",
)


def gold_outputs(encoded, labels):
    """Log-probabilities that are sure of each label, as the model would lay them out."""
    outputs = np.full((len(encoded.features), labels), -50.0)
    for row, feature in enumerate(encoded.features):
        outputs[row, feature["labels"]] = 0.0
    return outputs


def test_worked_example():
    task = TextTask.of(CORPUS)
    assert (task.labels, task.positive, task.main_metric) == (("ham", "spam"), "spam", "f1")
    assert task.shown == ("accuracy", "f1_other", "f1")
    tokenizer = TOKENIZERS["wordpiece"]
    encoded = task.encode(CORPUS.first(1), tokenizer, 24)
    (feature,) = encoded.features
    pieces = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    assert pieces[0], pieces[-1] == ("[CLS]", "[SEP]")
    assert feature["labels"] == 1
    logits, target = torch.zeros(1, 2), torch.tensor([feature["labels"]])
    (item,) = task.loss_inputs({"logits": logits}, {"labels": target})
    assert (item.name, item.kind, item.background) == ("label", "classes", None)
    assert task.item_counts({"labels": target})["label"] == 1
    assert task.class_counts({"labels": torch.tensor([0, 0, 1])})["label"].tolist() == [2, 1]
    (scores,) = task.decode(task.shrink(logits, None).numpy(), encoded)
    assert scores.shape == (1, 2)
    assert np.allclose(scores, math.log(0.5))
    decisions = task.predict(task.decode(np.log([[0.2, 0.8]]), encoded), CORPUS.first(1))
    assert decisions[0].labels == ("spam",)
    found = task.score(CORPUS.first(1), decisions)
    assert (found["f1"], found["f1_other"], found["positive"]) == (1.0, 0.0, "spam")
    assert found["average_precision"] == 1.0


texts = st.text(max_size=60)
corpora = st.lists(
    st.builds(
        lambda text, label: TextExample(text, labels=(label,)), texts, st.sampled_from("abc")
    ),
    max_size=6,
).map(lambda examples: TextCorpus(tuple(examples), "random"))


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(corpus=corpora, max_length=st.integers(4, 40))
def test_decoding_gold_outputs_gives_the_gold(kind, corpus, max_length):
    task = TextTask(["a", "b", "c"], metric="macro_f1")
    encoded = task.encode(corpus, TOKENIZERS[kind], max_length)
    assert all(len(feature["input_ids"]) <= max_length for feature in encoded.features)
    lengths = [len(feature["input_ids"]) for feature in encoded.features]
    assert lengths == sorted(lengths, reverse=True)
    decisions = task.predict(task.decode(gold_outputs(encoded, 3), encoded), corpus)
    assert [own.labels for own in decisions] == [example.labels for example in corpus]


def test_long_texts_are_cut_counted_and_said():
    task = TextTask.of(CORPUS)
    long = TextCorpus((TextExample("fine " * 50), TextExample("fine")), "long")
    encoded = task.encode(long, TOKENIZERS["wordpiece"], 16)
    assert [len(feature["input_ids"]) for feature in encoded.features] == [16, 3]
    assert encoded.facts["truncated"] == 1
    assert (encoded.facts["longest_subwords"], encoded.facts["subwords"]) == (50, 51)
    assert encoded.notes == ("1 of 2 texts are longer than 16 sub-words and were cut off",)
    assert "labels" not in encoded.features[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_order_do_not_change_an_answer(family, tmp_path):
    from transformers import AutoModelForSequenceClassification

    from dicetune.models import load_tokenizer
    from dicetune.predictor import Predictor

    folder = save_family(family, "sequence", tmp_path, labels=2)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = load_tokenizer(folder)
    task = TextTask(["ham", "spam"], positive="spam", metric="f1")
    values = ["fine", "The pump at Quay Nine is down again", "", "Dock four is not fine ; gate 2"]
    together = Predictor(model, tokenizer, task, 4, 24)(values)
    alone = Predictor(model, tokenizer, task, 1, 24)(values)
    turned = Predictor(model, tokenizer, task, 4, 24)(values[::-1])[::-1]
    for one, other, third in zip(together, alone, turned, strict=True):
        assert one.label == other.label == third.label
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        assert one.probability == pytest.approx(third.probability, abs=1e-5)


def test_choices_of_metric_and_positive_class():
    assert TextTask.of(CORPUS, TextOptions(metric="accuracy")).main_metric == "accuracy"
    assert TextTask.of(CORPUS, TextOptions(positive="ham")).positive == "ham"
    many = TextCorpus(tuple(TextExample("x", labels=(name,)) for name in ("10", "9", "2")), "m")
    task = TextTask.of(many)
    assert (task.labels, task.main_metric, task.positive) == (("2", "9", "10"), "macro_f1", None)
    assert task.shown == ("accuracy", "macro_f1")
    with pytest.raises(InputError, match="positive class for metric=f1"):
        TextTask.of(many, TextOptions(metric="f1"))
    with pytest.raises(InputError, match="positive class to be one of ham, spam, got 'eggs'"):
        TextTask.of(CORPUS, TextOptions(positive="eggs"))
    with pytest.raises(InputError, match="at least two labels in the 1 training texts"):
        TextTask.of(CORPUS.first(1))


@pytest.mark.parametrize(
    ("option", "value"),
    [("metric", "f2"), ("quoting", "yes"), ("header", "maybe"), ("classes", "coarse")],
)
def test_unknown_values_of_options_are_refused(option, value):
    with pytest.raises(InputError, match=f"unknown {option}.*Valid"):
        TextOptions(**{option: value})


def test_a_saved_task_comes_back():
    task = TextTask.of(CORPUS, TextOptions(metric="mcc"))
    again = TextTask.restore(task.labels, json.loads(json.dumps(task.settings())))
    assert (again.positive, again.main_metric) == ("spam", "mcc")
    for names in (["NEGATIVE", "POSITIVE"], ["LABEL_0", "LABEL_1"]):
        foreign = TextTask.restore(names, {"metric": "auto"})
        assert (foreign.positive, foreign.main_metric) == (names[1], "f1")
    with pytest.raises(InputError, match="positive class to be one of ham, spam, got '7'"):
        TextTask.restore(["ham", "spam"], {"positive": 7})
    with pytest.raises(InputError, match="at least two labels"):
        TextTask.restore(["LABEL_0"], {})


def test_unknown_labels_are_refused_with_their_line():
    task = TextTask(["ham", "eggs"], metric="macro_f1")
    with pytest.raises(DataError, match=r"a.tsv:1: .*\(ham, eggs\), got 'spam' \(1 in this file\)"):
        task.check(CORPUS)


def test_answers_and_files(tmp_path):
    task = TextTask.of(CORPUS)
    data = TextCorpus((TextExample('a "b"\tc', id="x"), TextExample("d")), "text")
    decisions = task.predict([np.log([[0.25, 0.75]]), np.log([[0.5, 0.5]])], data)
    answers = task.answers(data, decisions, [])
    assert answers[0].to_dict() == {
        "label": "spam",
        "probability": pytest.approx(0.75),
        "probabilities": {"ham": pytest.approx(0.25), "spam": pytest.approx(0.75)},
    }
    first, second = map(json.loads, task.render(data, answers, "jsonl").splitlines())
    assert (first["id"], first["text"], first["label"]) == ("x", 'a "b"\tc', "spam")
    assert ("id" in second, second["label"]) == (False, "ham")
    table = tmp_path / "a.tsv"
    table.write_text(task.render(data, answers, "tsv"))
    back = TextTask.read(table, TextOptions(label_column="predicted"))
    assert [(e.text, e.labels) for e in back] == [('a "b"\tc', ("spam",)), ("d", ("ham",))]
    with pytest.raises(InputError, match="unknown output format 'xml'"):
        task.render(data, answers, "xml")


def test_rows_score_as_the_run_did(tmp_path):
    task = TextTask.of(CORPUS)
    scores = [np.log([[0.6, 0.4]]), np.log([[0.3, 0.7]]), np.log([[0.9, 0.1]])]
    decisions = task.predict(scores, CORPUS)
    rows = [row | {"split": "dev"} for row in task.rows(CORPUS, decisions)]
    assert rows[0]["gold"] == "spam"
    assert rows[0]["predicted"] == "ham"
    file = tmp_path / "predictions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert TextTask.score_file(file, None, TextOptions()) == task.score(CORPUS, decisions)


def test_predictions_beside_a_file_of_gold(tmp_path):
    gold, own = tmp_path / "gold.tsv", tmp_path / "own.txt"
    gold.write_text("spam\tQuay Nine is down\nham\tDock four is fine\nham\tall is quiet\n")
    own.write_text("spam\nspam\nham\n")
    reported = []
    found = TextTask.score_file(own, gold, TextOptions(), report=reported.append)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert (found["positive"], found["f1"]) == ("spam", pytest.approx(2 / 3))
    assert "quoting off" in reported[0]


def test_asking_takes_texts_alone():
    task = TextTask.of(CORPUS)
    assert [example.text for example in task.ask({"text": ["a", ""]})] == ["a", ""]
    with pytest.raises(InputError, match="a string for each text, got int"):
        task.ask({"text": [3]})


def test_the_columns_of_training_are_the_default_at_prediction(tmp_path):
    file = tmp_path / "new.csv"
    file.write_text("body,note\nfirst,a much longer note than the body\n")
    options = Trained({"text_column": "body", "label_column": "mood"})
    data = TextTask.read(file, TextOptions(), format="csv", gold=False, trained=options)
    assert [example.text for example in data] == ["first"]
    plain = tmp_path / "new.txt"
    plain.write_text("first\n\nthird, of three\n")
    data = TextTask.read(plain, TextOptions(), gold=False, trained=options)
    assert [example.text for example in data] == ["first", "", "third, of three"]


def test_real_sentiment_trees(real_data):
    options = TextOptions(classes="binary", metric="accuracy")
    train = TextTask.read(Path(real_data("sst/train.txt")), options)
    task = TextTask.of(train, options)
    assert (task.labels, task.positive, task.main_metric) == (
        ("negative", "positive"),
        "positive",
        "accuracy",
    )
    assert dict(train.label_counts) == {"negative": 3310, "positive": 3610}
