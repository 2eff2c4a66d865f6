"""Files of predictions, of every task alike: which rows are scored, and what each format is of."""

import json

import pytest

from commands import command
from dicetune.errors import DataError, InputError
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS
from tiny import squad, tiny_bert

NAME = "a.jsonl"
SPAN = {"type": "X", "start": 0, "end": 1}
# task: its score, a right row and a wrong one
ROWS = {
    "ner": ("f1", {"gold": ["B-X"], "predicted": ["B-X"]}, {"gold": ["B-X"], "predicted": ["O"]}),
    "pos": ("accuracy", {"gold": ["N"], "predicted": ["N"]}, {"gold": ["N"], "predicted": ["V"]}),
    "seg-pos": (
        "f1",
        {"tokens": ["上", "海"], "gold": ["B-N", "E-N"], "predicted": ["B-N", "E-N"]},
        {"tokens": ["上", "海"], "gold": ["B-N", "E-N"], "predicted": ["S-N", "S-N"]},
    ),
    "mrc-ner": (
        "f1",
        {"tokens": ["a"], "gold": [SPAN], "predicted": [SPAN]},
        {"tokens": ["a"], "gold": [SPAN], "predicted": []},
    ),
    "qa": (
        "exact",
        {"id": "q", "gold": ["a"], "predicted": "a"},
        {"id": "q", "gold": ["a"], "predicted": "b"},
    ),
    "text": ("accuracy", {"gold": "a", "predicted": "a"}, {"gold": "a", "predicted": "b"}),
    "pair": ("accuracy", {"gold": "1", "predicted": "1"}, {"gold": "1", "predicted": "0"}),
    "multilabel": (
        "exact_match",
        {"gold": ["a"], "predicted": ["a"]},
        {"gold": ["a"], "predicted": ["b"]},
    ),
}


def test_every_task_is_here():
    assert ROWS.keys() == TASKS.keys()


@pytest.mark.parametrize("task", ROWS)
def test_one_split_is_scored(task, file):
    score, right, wrong = ROWS[task]
    path = file([right | {"split": "dev"}, wrong | {"split": "test"}])
    assert evaluate(path, task=task, split="dev")[score] == 1.0
    assert evaluate(path, task=task, split="test")[score] == 0.0
    with pytest.raises(DataError, match=r"a.jsonl: expected rows of one split, got dev, test: "):
        evaluate(path, task=task)
    with pytest.raises(DataError, match=r"expected one of its splits \(dev, test\), got 'tset'"):
        evaluate(path, task=task, split="tset")
    one = file([right | {"split": "dev"}])
    assert evaluate(one, task=task) == evaluate(one, task=task, split="dev")
    with pytest.raises(DataError, match=r"expected rows that name their split, .* 'dev', got none"):
        evaluate(file([right]), task=task, split="dev")


@pytest.mark.parametrize(
    ("task", "name", "text", "gold"),
    [
        ("ner", "a.tsv", "a\tB-X\tB-X\n", None),
        ("text", "a.csv", "gold,predicted\na,a\n", None),
        ("text", "a.txt", "a\n", "text\tlabel\nx\ta\n"),
        ("qa", "a.json", '{"q": "Quay"}\n', "unread"),
    ],
)
def test_files_of_other_layouts_name_no_split(task, name, text, gold, file):
    beside = None if gold is None else file(gold, "gold.tsv")
    with pytest.raises(DataError, match=r"expected rows that name their split"):
        evaluate(file(text, name), beside, task=task, split="dev")


def test_a_table_may_name_splits(file):
    path = file("split,gold,predicted\ndev,a,a\ntest,a,b\n", "a.csv")
    assert evaluate(path, task="text", split="dev")["accuracy"] == 1.0
    with pytest.raises(DataError, match=r"got dev, test: choose one with --split"):
        evaluate(path, task="text")


def test_words_beside_gold_name_no_split(file):
    words, rows = file("上海_N\n", "words.txt"), file([ROWS["seg-pos"][1]])
    with pytest.raises(InputError, match=r"which name no split, got 'dev': leave --split out"):
        evaluate(words, words, task="seg-pos", split="dev")
    with pytest.raises(DataError, match=r"a.jsonl:1: .* got a run's predictions, which hold their"):
        evaluate(rows, words, task="seg-pos")


SQUAD = json.dumps(squad("At Quay.", ("q", "?", "Quay")))
# task: score, predictions with their format, gold with its format
BESIDE = {
    "text": ("accuracy", ("a\n", "lines"), ("text\tlabel\nx\ta\n", "tsv")),
    "seg-pos": (
        "f1",
        ("上_N 海_V\n", "word_tag"),
        ('{"tokens": ["上", "海"], "tags": ["N", "V"]}\n', "jsonl"),
    ),
    "mrc-ner": (
        "f1",
        (json.dumps({"tokens": ["a", "b"], "predicted": [SPAN]}) + "\n", "jsonl"),
        ("a B-X\nb O\n", "conll"),
    ),
    "qa": ("exact", ('{"q": "Quay"}\n', "squad"), (SQUAD, "squad")),
}


@pytest.mark.parametrize("task", BESIDE)
def test_each_file_has_a_format_of_its_own(task, file):
    score, (predictions, format), (gold, gold_format) = BESIDE[task]
    files = file(predictions, "own"), file(gold, "gold")
    known = evaluate(*files, task=task)
    assert known[score] == 1.0
    assert evaluate(*files, task=task, format=format, gold_format=gold_format) == known
    with pytest.raises(InputError, match=r"unknown .*format.* 'xml'"):
        evaluate(*files, task=task, format="xml")
    with pytest.raises(InputError, match=r"unknown .*format.* 'xml'"):
        evaluate(*files, task=task, gold_format="xml")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("ner", "unknown format of predictions 'hub'. Valid: auto, conll, jsonl"),
        ("mrc-ner", "unknown format of predictions 'hub'. Valid: auto, jsonl"),
        ("qa", "unknown format of answers 'hub'. Valid: auto, jsonl, squad"),
        ("text", "unknown format of predictions 'hub'. Valid: auto, csv, jsonl, lines, tsv"),
        ("seg-pos", "expected a file of gold words beside .*: hub holds words .*only jsonl"),
    ],
)
def test_formats_that_predictions_do_not_have(task, message, file):
    with pytest.raises(InputError, match=message):
        evaluate(file([ROWS[task][1]]), task=task, format="hub")


def test_a_format_is_taken_at_its_word(file):
    with pytest.raises(DataError, match=r"expected JSON, {id: text} or one object a line"):
        evaluate(file([ROWS["qa"][1]] * 2), task="qa", format="squad")
    with pytest.raises(DataError, match=r"expected an 'id' in each line|expected a key for"):
        evaluate(file('{"q": "Quay"}\n'), task="qa", format="jsonl")


def test_what_belongs_to_files_of_predictions_is_refused_for_a_model(file, tmp_path):
    model = tiny_bert(tmp_path / "model")
    gold = file("a O\nb B-X\n", "gold.conll")
    with pytest.raises(InputError, match=r"expected no split for the model .* got 'dev': it is"):
        evaluate(model, gold, split="dev")
    with pytest.raises(InputError, match=r"expected no gold_format for the model"):
        evaluate(model, gold, gold_format="conll")
    with pytest.raises(InputError, match=r"expected a file of gold beside .* gold_format='conll'"):
        evaluate(gold, gold_format="conll")


def test_the_command_line(file, capsys):
    def shown(*arguments):
        return command("evaluate", *arguments), *capsys.readouterr()

    _, right, wrong = ROWS["text"]
    path = file([right | {"split": "dev"}, wrong | {"split": "test"}])
    code, out, _ = shown(path, "--task", "text", "--split", "test", "--json")
    assert (code, json.loads(out)["accuracy"]) == (0, 0.0)
    code, _, err = shown(path, "--task", "text")
    assert (code, "choose one with --split" in " ".join(err.split())) == (2, True)
    gold = file("text\tlabel\nx\ta\n", "gold.tsv")
    predictions = file("a\n", "own.txt")
    formats = ("--format", "lines", "--gold-format", "tsv", "--json")
    code, out, _ = shown(predictions, gold, "--task", "text", *formats)
    assert (code, json.loads(out)["accuracy"]) == (0, 1.0)
    code, _, err = shown(path, "--task", "text", "-o", "split=dev")
    assert code == 2
    assert "unknown option 'split'" in " ".join(err.split())
