"""TextTask and PairTask: from texts to logits and back, options, scores, files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dicetune.data import TextCorpus, TextExample
from dicetune.errors import DataError, InputError
from dicetune.tasks import Trained
from dicetune.tasks.text import PairOptions, PairTask, TextOptions, TextTask
from families import wordpiece
from tiny import save_scores, wordpiece_tokenizer

TOKENIZER = wordpiece_tokenizer()
CORPUS = TextCorpus(
    (
        TextExample("Quay Nine is down", labels=("spam",), line=1),
        TextExample("Dock four is fine", labels=("ham",), line=2),
        TextExample("Dock is not fine", labels=("ham",), line=3),
    ),
    "a.tsv",
)
PAIRS = TextCorpus(
    (
        TextExample("the pump is down", "is it fine", ("1",), line=1),
        TextExample("dock four", "gate 2", ("0",), line=2),
    ),
    "a.tsv",
)


def test_worked_example():
    task = TextTask.of(CORPUS)
    assert (task.labels, task.positive, task.main_metric) == (("ham", "spam"), "spam", "f1")
    assert task.shown == ("accuracy", "f1_other", "f1")
    tokenizer = TOKENIZER
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
    (scores,) = task.decode(task.preprocess_logits(logits, None).numpy(), encoded)
    assert scores.shape == (1, 2)
    assert np.allclose(scores, math.log(0.5))
    decisions = task.predict(task.decode(np.log([[0.2, 0.8]]), encoded), CORPUS.first(1))
    assert decisions[0].labels == ("spam",)
    found = task.score(CORPUS.first(1), decisions)
    assert (found["f1"], found["f1_other"], found["positive"]) == (1.0, 0.0, "spam")
    assert found["average_precision"] == 1.0


def test_long_texts_are_cut_counted_and_said():
    task = TextTask.of(CORPUS)
    long = TextCorpus((TextExample("fine " * 50), TextExample("fine")), "long")
    encoded = task.encode(long, TOKENIZER, 16)
    assert [len(feature["input_ids"]) for feature in encoded.features] == [16, 3]
    assert encoded.facts["truncated"] == 1
    assert (encoded.facts["longest_subwords"], encoded.facts["subwords"]) == (50, 51)
    assert encoded.notes == ("1 of 2 texts are longer than 16 sub-words and were cut off",)
    assert "labels" not in encoded.features[0]


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


def test_answers_and_files(file):
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
    table = file(task.render(data, answers, "tsv"), "a.tsv")
    back = TextTask.read(table, TextOptions(label_column="predicted"))
    assert [(e.text, e.labels) for e in back] == [('a "b"\tc', ("spam",)), ("d", ("ham",))]
    with pytest.raises(InputError, match="unknown output format 'xml'"):
        task.render(data, answers, "xml")


def test_rows_score_as_the_run_did(file):
    task = TextTask.of(CORPUS)
    scores = [np.log([[0.6, 0.4]]), np.log([[0.3, 0.7]]), np.log([[0.9, 0.1]])]
    decisions = task.predict(scores, CORPUS)
    rows = [row | {"split": "dev"} for row in task.rows(CORPUS, decisions)]
    assert rows[0]["gold"] == "spam"
    assert rows[0]["predicted"] == "ham"
    path, wanted = file(rows, "predictions.jsonl"), task.score(CORPUS, decisions)
    chance = wanted.pop("average_precision")
    assert TextTask.score_file(path, None, TextOptions()) == wanted
    save_scores(path, task.problem(), scores)  # which alone hold the probabilities
    found = TextTask.score_file(path, None, TextOptions())
    assert found == {**wanted, "average_precision": chance}


def test_probabilities_are_those_of_their_own_rows_or_none(file, log):
    task = TextTask.of(CORPUS)
    scores = [np.log([[0.6, 0.4]]), np.log([[0.3, 0.7]]), np.log([[0.9, 0.1]])]
    rows = task.rows(CORPUS, task.predict(scores, CORPUS))
    rows = [row | {"split": "dev", "id": str(number)} for number, row in enumerate(rows)]
    path, options = file(rows, "predictions.jsonl"), TextOptions()
    save_scores(path, task.problem(), scores)
    wanted = TextTask.score_file(path, None, options)["average_precision"]
    assert wanted == 0.5
    gold = [{"id": row["id"], "text": row["text"], "label": row["gold"]} for row in rows]
    for order in (gold, gold[::-1], [gold[1], gold[2], gold[0]]):
        found = TextTask.score_file(path, file(order, "gold.jsonl"), options)
        assert found["average_precision"] == wanted
    for other in ([rows[1], rows[0], rows[2]], [rows[0], rows[1], rows[1]]):
        found = TextTask.score_file(file(other, "predictions.jsonl"), None, options)
        assert "average_precision" not in found
        assert "scored without probabilities: expected in" in log.messages[-1]


def test_predictions_beside_a_file_of_gold(tmp_path, log):
    gold, predictions = tmp_path / "gold.tsv", tmp_path / "own.txt"
    gold.write_text("spam\tQuay Nine is down\nham\tDock four is fine\nham\tall is quiet\n")
    predictions.write_text("spam\nspam\nham\n")
    found = TextTask.score_file(predictions, gold, TextOptions())
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert (found["positive"], found["f1"]) == ("spam", pytest.approx(2 / 3))
    assert "quoting off" in log.messages[0]


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


def test_worked_example_of_a_pair():
    task = PairTask.of(PAIRS)
    assert (task.labels, task.positive, task.main_metric) == (("0", "1"), "1", "f1")
    tokenizer = wordpiece()
    encoded = task.encode(PAIRS.first(1), tokenizer, 24)
    (feature,) = encoded.features
    pieces = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    middle = pieces.index("[SEP]")
    assert (pieces[0], pieces[-1], pieces.count("[SEP]")) == ("[CLS]", "[SEP]", 2)
    assert feature["token_type_ids"] == [0] * (middle + 1) + [1] * (len(pieces) - middle - 1)
    assert feature["labels"] == 1
    logits = torch.tensor([[0.0, 2.0]])
    (item,) = task.loss_inputs({"logits": logits}, {"labels": torch.tensor([1])})
    assert (item.kind, item.target.tolist()) == ("classes", [1])
    assert task.class_counts({"labels": torch.tensor([1, 0, 1])})["label"].tolist() == [1, 2]
    decisions = task.predict(
        task.decode(task.preprocess_logits(logits, None).numpy(), encoded), PAIRS
    )
    assert decisions[0].labels == ("1",)
    assert task.score(PAIRS.first(1), decisions)["f1"] == 1.0


def test_the_longer_text_is_cut_first():
    task = PairTask.of(PAIRS)
    tokenizer = wordpiece()
    long = TextCorpus((TextExample("fine " * 40, "gate 2"), TextExample("pump", "down")), "long")
    encoded = task.encode(long, tokenizer, 16)
    pieces = tokenizer.convert_ids_to_tokens(encoded.features[0]["input_ids"])
    assert (len(pieces), pieces[-3:]) == (16, ["gate", "2", "[SEP]"])
    assert encoded.facts["truncated"] == 1
    assert encoded.notes == ("1 of 2 pairs are longer than 16 sub-words and were cut off",)


def test_rows_and_answers_show_both_texts():
    task = PairTask.of(PAIRS)
    decisions = task.predict([np.log([[0.1, 0.9]])] * 2, PAIRS)
    row = next(iter(task.rows(PAIRS, decisions)))
    assert (row["text"], row["text_b"], row["gold"], row["predicted"]) == (
        "the pump is down",
        "is it fine",
        "1",
        "1",
    )
    answers = task.answers(PAIRS, decisions, [])
    first = json.loads(task.render(PAIRS, answers, "jsonl").splitlines()[0])
    assert (first["text_b"], first["label"]) == ("is it fine", "1")
    assert task.render(PAIRS, answers, "tsv").splitlines()[0].split("\t")[:2] == ["text", "text_b"]


def test_plain_text_holds_no_pairs(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one text\nanother\n")
    with pytest.raises(DataError, match="format cannot be told"):
        PairTask.read(file, PairOptions(), gold=False)
    with pytest.raises(DataError, match="pairs of texts, got plain text"):
        PairTask.read(file, PairOptions(), gold=False, format="text")


def test_real_pairs(real_data):
    train = PairTask.read(real_data("mrpc/msr_paraphrase_train.txt"), PairOptions())
    task = PairTask.of(train)
    assert (task.positive, dict(train.label_counts)) == ("1", {"0": 1323, "1": 2753})
