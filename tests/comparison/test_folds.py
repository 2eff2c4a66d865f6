"""Folds: every example is scored once by a model that did not see it; one model of all examples."""

import shutil

import numpy as np
import pytest

import dicetune
from dicetune.data import read_texts
from dicetune.decide.run_scores import read_scores
from dicetune.errors import InputError
from dicetune.problems import problem_of
from dicetune.records import RunRecord, read_json_lines
from dicetune.tasks.split import SplitFiles
from dicetune.training import auto
from families import save_family

ROWS = "".join(
    f"{('ham', 'spam')[n % 3 == 0]}\tthe pump {n} {('is fine', 'is down')[n % 3 == 0]}\n"
    for n in range(36)
)
FAST = {"trainer.num_train_epochs": 2, "trainer.use_cpu": True, "trainer.learning_rate": 1e-2}
FAST["trainer.per_device_train_batch_size"] = 32


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    (folder / "a.tsv").write_text(ROWS)
    save_family("bert", "sequence", folder / "model", labels=2)
    return folder


def train(place, **how):
    given = {"data": str(place / "a.tsv"), "folds": 3, "loss": "ce", "settings": FAST}
    given |= {"model": str(place / "model"), "out": str(place / "run")}
    return dicetune.train("text", **{**given, **how})


@pytest.fixture(scope="module")
def run(place):
    return train(place)


def test_each_example_is_tested_by_the_one_fold_that_did_not_see_it(run, place):
    files = SplitFiles.load(place / "run.data").files
    tested = []
    for fold in "123":
        texts = [
            [e.text for e in read_texts(files[f"{fold}/{n}"])] for n in ("train", "dev", "test")
        ]
        assert sum(map(len, texts)) == len(set().union(*texts)) == 36
        tested += texts[2]
    assert sorted(tested) == sorted(example.text for example in read_texts(place / "a.tsv"))


def test_dev_is_the_file_scored_out_of_fold(run, place):
    rows = list(read_json_lines(run.folder / "predictions.jsonl"))
    assert [row["text"] for row in rows] == [e.text for e in read_texts(place / "a.tsv")]
    found = {
        row["text"]: table
        for row, table in zip(rows, read_scores(run.folder)[0]["dev"], strict=True)
    }
    for fold in "123":
        folder = place / "run.folds" / fold
        tests = [
            row for row in read_json_lines(folder / "predictions.jsonl") if row["split"] == "test"
        ]
        for row, table in zip(tests, read_scores(folder)[0]["test"], strict=True):
            np.testing.assert_array_equal(found[row["text"]], table)


def test_the_pooled_scores_are_of_summed_counts(run):
    rows = list(read_json_lines(run.folder / "predictions.jsonl"))
    problem = problem_of(read_scores(run.folder)[1])
    pooled = problem.scores([row["gold"] for row in rows], [row["predicted"] for row in rows])
    assert run.scores["dev"]["argmax"]["f1"] == pytest.approx(pooled["f1"])
    folds = run.record.training["folds"]
    assert [fold["examples"] for fold in folds] == [12, 12, 12]
    sums = sum(fold["test"]["argmax"]["accuracy"] * fold["examples"] for fold in folds)
    assert run.scores["dev"]["argmax"]["accuracy"] == pytest.approx(sums / 36)
    assert "dev is the whole file, scored out of fold by 3 models" in run.record.notes[-1]


def test_the_final_model_is_of_all_examples_and_alone_keeps_its_weights(run, place):
    assert run.record.data["train"]["examples"] == 36
    assert [
        path.parent.name for path in place.glob("run*/**/*.safetensors") if "model" in path.name
    ] == ["run"]
    trained = run.record.training
    best = np.median([fold["best_step"] / fold["steps"] for fold in trained["folds"]])
    assert trained["best_step"] == trained["steps"] == max(round(4 * best), 1)
    assert dicetune.predict(run.folder, text=["the pump 3 is down"])[0].label in ("ham", "spam")


def test_suspicious_labels_have_their_place_in_the_file(run, place):
    found = dicetune.inspect(run.folder, suspicious=4)
    lines = (place / "a.tsv").read_text().split("\n")
    for one in found.suspects:
        path, _, line = one.place.rpartition(":")
        assert (path, lines[int(line) - 1]) == (str(place / "a.tsv"), f"{one.given}\t{one.text}")
    assert (len(found.suspects), found.units, [*found.notes]) == (4, 36, [])
    assert "a label that confident learning counts as an error" in " ".join(str(found).split())
    with pytest.raises(InputError, match="expected the folder of a run for --suspicious"):
        dicetune.inspect([place / "a.tsv"], suspicious=4)


def test_the_report_lists_the_suspicious_labels_of_every_text(run, place):
    made = dicetune.report(run.folder)
    found = made.summary["suspicious"]
    assert (found["out_of_fold"], found["units"], found["notes"]) == (True, 36, [])
    expected = dicetune.inspect(run.folder, suspicious=50)
    assert [one["place"] for one in found["suspects"]] == [one.place for one in expected.suspects]
    text = made.page.read_text(encoding="utf-8")
    assert 'href="#suspicious"' in text
    assert 'data-csv="suspicious labels"' in text
    assert "by a model of the fold that did not see it" in text
    for one in expected.suspects[:3]:
        assert f'data-value="{one.place}"' in text


def test_a_resume_keeps_finished_folds(run, place, log):
    shutil.rmtree(run.folder)
    with pytest.raises(InputError, match="expected no folds of an earlier command"):
        train(place)
    log.clear()
    again = train(place, resume=True)
    assert sum(line.startswith("epoch") for line in log.messages) == 1  # the final model alone
    assert again.scores == run.scores


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"folds": 2}, "expected --folds of at least 3"),
        ({"split": "80/10/10"}, "alone, got --split 80/10/10"),
        ({"tries": 2}, "expected --folds or --try"),
        ({"data": None, "train": "a.tsv", "dev": "a.tsv"}, "expected folds beside one file"),
    ],
)
def test_what_cannot_be_folded_is_refused(place, how, message):
    with pytest.raises(InputError, match=message):
        train(place, out=str(place / "c"), **how)


def test_a_label_that_a_fold_would_not_train_is_named(place, tmp_path):
    (tmp_path / "a.tsv").write_text(ROWS + "odd\tsomething\nodd\telse\n")
    with pytest.raises(InputError, match=r"in at least 3 parts.* got fewer of odd"):
        train(place, data=str(tmp_path / "a.tsv"), out=str(tmp_path / "run"))


def test_folds_and_the_final_model_are_trained_by_one_loss(place, monkeypatch):
    """Of 30 sentences the final model has more steps than ``auto`` takes the loss of few for."""
    rest = "is O\n" * 48
    sentences = (f"{'Bonn B-CITY' if n % 3 else 'it O'}\n{n} O\n{rest}" for n in range(30))
    file = place / "few.conll"
    file.write_text("\n".join(sentences))
    save_family("bert", "token", place / "tagger")
    steps = {"trainer.per_device_train_batch_size": 4}
    monkeypatch.setattr(auto, "FEW_STEPS", 6)
    given = {"folds": 3, "model": str(place / "tagger"), "out": str(place / "tags")}
    found = dicetune.train("ner", data=str(file), settings={**FAST, **steps}, **given)
    folds = [RunRecord.load(place / "tags.folds" / fold) for fold in "123"]
    assert [one.objective["text"] for one in (*folds, found.record)] == [auto.OF_FEW] * 4
    because = folds[0].objective["auto"]["because"]
    assert f"auto: dsc, as in the first fold, because {because}" in found.record.notes
    assert folds[0].training["steps"] <= auto.FEW_STEPS < found.record.training["steps"]
