"""A test file without gold is predicted and not scored; dev and train need gold."""

import shutil

import pytest

import dicetune
from dicetune.errors import DataError, InputError, NoGoldError
from dicetune.records import RunRecord, read_json_lines
from dicetune.tasks import TASKS
from dicetune.training.config import RunConfig
from dicetune.training.prepare import read_splits
from families import save_family
from tiny import tiny_bert

SENTENCES = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n" * 8
TEXTS = "".join(f"{('ham', 'spam')[n % 2]}\tthe pump {n}\n" for n in range(20))
FAST = {"trainer.max_steps": 2, "trainer.use_cpu": True, "trainer.learning_rate": 1e-2}
QUESTIONS = {
    "data": [
        {"paragraphs": [{"context": "Quay is down.", "qas": [{"id": "1", "question": "What?"}]}]}
    ]
}


@pytest.mark.parametrize(
    ("task", "name", "content"),
    [
        ("text", "a.csv", "id,text\n1,one\n2,two\n"),
        ("text", "a.csv", "text,label\none,\ntwo,\n"),
        ("text", "a.tsv", "one\ttwo\nthree\tfour\n"),
        ("text", "a.txt", "the pump is down\nall quiet\n"),
        ("text", "a.jsonl", [{"text": "one"}, {"text": "two"}]),
        ("text", "a.jsonl", [{"text": "one", "label": -1}, {"text": "two", "label": -1}]),
        ("pair", "a.tsv", "one\ttwo\nthree\tfour\n"),
        ("multilabel", "a.csv", "id,text\n1,one\n2,two\n"),
        ("ner", "a.conll", "the\npump\n\nall\n"),
        ("ner", "a.jsonl", [{"tokens": ["all"]}]),
        ("pos", "a.jsonl", [{"tokens": ["all"], "more": 1}]),
        ("qa", "a.json", QUESTIONS),
    ],
)
def test_gold_that_is_missing_is_told_from_gold_that_is_damaged(file, task, name, content):
    task, path = TASKS[task], file(content, name)
    if name == "a.tsv" and task.name == "text":  # two columns: one may be the label
        assert task.read(path, task.Options()).is_labelled
        return
    with pytest.raises(NoGoldError):
        task.read(path, task.Options())
    assert not task.read(path, task.Options(), gold=False).is_labelled


@pytest.mark.parametrize(
    ("task", "name", "content"),
    [
        ("text", "a.csv", "text,label\none,\ntwo,b\n"),
        ("text", "a.txt", "one, two\nthree\n"),
        ("ner", "a.conll", "the\npump O\n"),
    ],
)
def test_damaged_gold_is_no_missing_gold(file, task, name, content):
    with pytest.raises(DataError) as caught:
        TASKS[task].read(file(content, name), TASKS[task].Options())
    assert not isinstance(caught.value, NoGoldError)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A tagger and a classifier, each with a test file without gold."""
    place = tmp_path_factory.mktemp("unlabelled")
    (place / "train.conll").write_text(SENTENCES)
    (place / "test.conll").write_text("the\npump\nat\nQuay\n\nall\nquiet\n")
    (place / "train.tsv").write_text(TEXTS)
    (place / "test.txt").write_text("the pump 3\nall quiet\nthe gate 9\n")
    models = {
        "ner": tiny_bert(place / "tags"),
        "text": save_family("bert", "sequence", place / "texts", labels=2),
    }
    found = {}
    for task, ending, test in (("ner", "conll", "test.conll"), ("text", "tsv", "test.txt")):
        train = str(place / f"train.{ending}")
        files = {"train": train, "dev": train, "test": str(place / test)}
        out = str(place / task)
        how = {"model": models[task], "loss": "ce", "settings": FAST}
        found[task] = dicetune.train(task, **files, out=out, **how)
    return found


@pytest.mark.parametrize(("task", "size"), [("ner", 2), ("text", 3)])
def test_it_is_predicted_and_has_no_scores(runs, task, size):
    run = runs[task]
    assert [*run.scores] == ["dev"]
    assert "test: no gold: predicted in predictions.jsonl, not scored" in run.record.notes
    assert run.record.data["test"]["examples"] == size
    for name in ("predictions.jsonl", "tuned.jsonl"):
        rows = [row for row in read_json_lines(run.folder / name) if row["split"] == "test"]
        assert [row["id"] for row in rows] == [str(number) for number in range(size)]
        assert all("gold" not in row and row["predicted"] for row in rows)


@pytest.mark.parametrize(("task", "test"), [("ner", "test.conll"), ("text", "test.txt")])
def test_the_predictions_are_those_of_predict(runs, task, test):
    folder = runs[task].folder
    rows = [row for row in read_json_lines(folder / "tuned.jsonl") if row["split"] == "test"]
    answers = dicetune.predict(folder, str(folder.parent / test))
    found = [answer.label if task == "text" else list(answer.tags) for answer in answers]
    assert [row["predicted"] for row in rows] == found


def test_suspicious_words_of_dev_have_their_lines(runs):
    found = dicetune.inspect(runs["ner"].folder, suspicious=2)
    lines = (runs["ner"].folder.parent / "train.conll").read_text().split("\n")
    for one in found.suspects:
        word = one.text.partition("[")[2].partition("]")[0]
        assert lines[int(one.place.rpartition(":")[2]) - 1] == f"{word} {one.given}"
    assert (found.units, found.notes[0][:18]) == (16, "dev and test alone")


def test_the_report_of_a_run_lists_them_and_numbers_the_rows_of_a_changed_file(runs, tmp_path):
    run = shutil.copytree(runs["ner"].folder, tmp_path / "run")
    found = dicetune.report(run).summary["suspicious"]
    expected = [one.place for one in dicetune.inspect(run, suspicious=50).suspects]
    assert [one["place"] for one in found["suspects"]] == expected
    assert found["out_of_fold"] is False
    assert found["notes"] == ["dev and test alone: `train --folds` scores every text out of fold"]
    assert "of dev and test, on which it was not trained" in (run / "report.html").read_text(
        "utf-8"
    )
    record = RunRecord.load(run)
    record.data["dev"]["sha256"] = "f" * 64
    record.save(run)
    (first, *_) = dicetune.report(run).summary["suspicious"]["suspects"]
    assert first["place"] == f"dev, row {first['row'] + 1}"


def test_another_rule_is_fitted_without_it(runs):
    found = dicetune.tune(runs["ner"].folder, name="wide", objective="fbeta:2")
    assert [*found.metrics] == ["dev"]


def test_dev_and_a_comparison_need_gold(runs, tmp_path):
    place = runs["ner"].folder.parent
    train, test = str(place / "train.conll"), str(place / "test.conll")
    with pytest.raises(NoGoldError, match="got 1"):
        read_splits(RunConfig("ner", train, dev=test))
    with pytest.raises(InputError, match=r"expected gold in the test file .* give another --test"):
        dicetune.compare(
            "ner", train=train, dev=train, test=test, model=str(place / "tags"), out=tmp_path / "c"
        )
