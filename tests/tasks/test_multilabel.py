"""MultiLabelTask: a sigmoid for each label."""

import math

import numpy as np
import pytest
import torch

from dicetune.data import TextCorpus, TextExample
from dicetune.errors import DataError, InputError
from dicetune.tasks import Trained
from dicetune.tasks.multilabel import MultiLabelOptions, MultiLabelTask
from dicetune.training import RunConfig
from dicetune.training.batches import PaddingCollator
from dicetune.training.prepare import read_splits
from tiny import save_scores, wordpiece_tokenizer

TOKENIZER = wordpiece_tokenizer()
LABELS = ("anger", "fear", "joy")
CORPUS = TextCorpus(
    (
        TextExample("Dock four is fine", labels=("joy", "fear"), line=1),
        TextExample("nobody knows", labels=("anger",), line=2),
        TextExample("gate 2", labels=(), line=3),
    ),
    "a.tsv",
)


def test_worked_example():
    task = MultiLabelTask.of(CORPUS)
    assert (task.labels, task.main_metric) == (LABELS, "macro_f1")
    encoded = task.encode(CORPUS.first(1), TOKENIZER, 24)
    assert encoded.features[0]["labels"] == [0.0, 1.0, 1.0]
    batch = PaddingCollator(TOKENIZER, task.targets)(encoded.features)
    logits = torch.tensor([[-1.0, 1.0, 2.0]])
    (item,) = task.loss_inputs({"logits": logits}, {"labels": batch["labels"]})
    assert (item.kind, item.target.tolist()) == ("labels", [[0.0, 1.0, 1.0]])
    assert task.item_counts({"labels": batch["labels"]})["label"] == 1
    every = PaddingCollator(TOKENIZER, task.targets)(task.encode(CORPUS, TOKENIZER, 24).features)
    assert task.class_counts({"labels": every["labels"]})["label"].tolist() == [[2, 1]] * 3
    (scores,) = task.decode(task.preprocess_logits(logits, None).numpy(), encoded)
    assert scores.shape == (1, 3)
    assert scores[0, 2] == pytest.approx(-math.log1p(math.exp(-2)))
    (decision,) = task.predict([scores], CORPUS.first(1))
    assert decision.labels == ("fear", "joy")
    found = task.score(CORPUS.first(1), [decision])
    assert (found["exact_match"], found["macro_f1"], found["average_precision"]) == (1.0, 1.0, 1.0)
    assert task.answers(CORPUS.first(1), [decision], [])[0].labels == ["joy", "fear"]


def test_one_half_is_not_above_one_half():
    task = MultiLabelTask.of(CORPUS)
    scores = task.preprocess_logits(torch.tensor([[0.0, 1e-3, -1e-3]]), None).numpy()
    assert task.predict([scores], None)[0].labels == ("fear",)


def test_rows_score_as_the_run_did(file):
    task = MultiLabelTask.of(CORPUS)
    scores = [np.log([[0.9, 0.6, 0.1]])] * 3
    decisions = task.predict(scores, CORPUS)
    rows = list(task.rows(CORPUS, decisions))
    found = MultiLabelTask.score_file(file(rows, "a.jsonl"), None, MultiLabelOptions())
    wanted = task.score(CORPUS, decisions)
    chances = {name: wanted.pop(name) for name in list(wanted) if "average_precision" in name}
    assert found == wanted
    path = file(rows, "predictions.jsonl")
    save_scores(path, task.problem(), scores)  # which alone hold the probabilities
    found = MultiLabelTask.score_file(path, None, MultiLabelOptions())
    assert found == {**wanted, **chances}
    assert found["average_precision"] > 0


def test_average_precision_asks_for_every_label_that_all_rows_tell_of(file):
    def score(*rows):
        return MultiLabelTask.score_file(file([*rows], "own.jsonl"), None, MultiLabelOptions())

    first = {"gold": ["a"], "predicted": ["a"], "probabilities": {"a": 0.9, "b": 0.2, "c": 0.1}}
    second = {"gold": ["b"], "predicted": [], "probabilities": {"b": 0.3, "a": 0.4}}
    found = score(first, second)
    # by probability: a of the first (right), a of the second, b of the second (right), b
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert "average_precision" not in score(first, {**second, "gold": ["c"]})


def test_predictions_of_another_tool_with_numbers(tmp_path):
    names, predictions, gold = (tmp_path / name for name in ("labels.txt", "own.txt", "gold.tsv"))
    names.write_text("anger\nfear\njoy\n")
    predictions.write_text("0\n1,2\n")
    gold.write_text("some text\t0\tx1\nmore of the text\t1\tx2\n")
    options = MultiLabelOptions(label_names=str(names), label_column=1)
    found = MultiLabelTask.score_file(predictions, gold, options)
    assert (found["exact_match"], found["micro_f1"]) == (0.5, pytest.approx(0.8))
    assert set(found["per_label"]) == {"anger", "fear", "joy"}


def test_a_tool_may_use_a_label_that_no_gold_text_has(tmp_path):
    predictions, gold = tmp_path / "own.jsonl", tmp_path / "gold.tsv"
    predictions.write_text('{"predicted": ["a", "c"]}\n{"predicted": []}\n')
    gold.write_text("text\tlabels\none\ta,b\ntwo\ta\n")
    found = MultiLabelTask.score_file(predictions, gold, MultiLabelOptions())
    assert (found["precision"], found["recall"]) == (0.5, pytest.approx(1 / 3))
    assert found["per_label"]["c"]["predicted"] == 1


def test_what_is_refused():
    with pytest.raises(InputError, match="unknown metric 'accuracy'"):
        MultiLabelOptions(metric="accuracy")
    with pytest.raises(DataError, match=r"a.tsv:1: .*got 'joy'"):
        MultiLabelTask(["anger", "fear"], metric="macro_f1").check(CORPUS)


def test_settings_come_back():
    task = MultiLabelTask.of(CORPUS, MultiLabelOptions(metric="micro_f1"))
    again = MultiLabelTask.restore(task.labels, task.settings())
    assert again.main_metric == "micro_f1"
    assert MultiLabelTask.restore(task.labels, {"metric": "auto"}).main_metric == "macro_f1"
    assert task.shown == ("exact_match", "macro_f1", "micro_f1")


def test_real_emotions(real_data):
    options = MultiLabelOptions(label_names=str(real_data("goemotions/labels.txt")))
    train = MultiLabelTask.read(real_data("goemotions/train.tsv"), options)
    task = MultiLabelTask.of(train, options)
    assert (len(train), len(task.labels)) == (43410, 28)
    assert min(train.label_counts[label] for label in task.labels) == 77
    assert train.label_counts["grief"] == 77


@pytest.mark.parametrize("option", ["a", "a,a", "a,", ""])
def test_label_columns_are_two_or_more_names(option):
    with pytest.raises(InputError, match="two or more names for label_columns, each once, got"):
        MultiLabelOptions(label_columns=option)
    with pytest.raises(InputError, match="a separator between labels, got an empty one"):
        MultiLabelOptions(separator="")


def test_the_order_of_label_columns_is_that_of_the_model(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "labels": [1, 0, 0]}\n{"text": "b", "labels": [0, 1, 1]}\n')
    options = MultiLabelOptions(label_columns="toxic,threat,insult")
    train = MultiLabelTask.read(path, options)
    task = MultiLabelTask.of(train, options)
    assert task.labels == ("toxic", "threat", "insult")
    trained = Trained({"label_columns": "toxic,threat,insult"}, task.labels)
    again = MultiLabelTask.read(path, MultiLabelOptions(), trained=trained)
    assert [example.labels for example in again] == [example.labels for example in train]
    assert again.examples[0].labels == ("toxic",)


def test_a_dev_split_is_read_by_the_labels_of_the_training_split(tmp_path):
    names = ["severe toxic", "severe", "toxic", "very mild", "none"]
    for name, rows in (("train", names), ("dev", names[:3])):
        lines = [f"a {label}\t{label}" for label in rows]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabels", *lines]) + "\n")
    files = {name: str(tmp_path / f"{name}.tsv") for name in ("train", "dev")}
    splits, _ = read_splits(RunConfig(task="multilabel", **files))
    assert splits["dev"].examples[0].labels == ("severe toxic",)
