"""How incomplete and how wrong an annotation is: found where it was made so, and where not."""

import json
import shutil

import numpy as np
import pytest

import dicetune
from commands import command
from comparisons import make_comparison
from dicetune.decide.annotation import FEWEST, estimate_annotation
from dicetune.errors import InputError
from dicetune.problems import problem_of
from dicetune.records import read_json, write_json


def annotated(kept, wrong=0.0, *, hard=0.0, items=20_000, seed=0):
    """Chances of an ideal model, and marks: a share kept, some added at random elsewhere.

    ``hard`` is the share of items whose truth cannot be told, with p between 0 and 1.
    """
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(items) < 0.15, 1.0, 0.0)
    p = np.where(rng.random(items) < hard, rng.random(items), p)
    truth = rng.random(items) < p
    added = wrong * 0.15 / 0.85
    chance = p * kept + (1 - p) * added
    marked = np.where(truth, rng.random(items) < kept, rng.random(items) < added)
    return chance[:, None], marked[:, None], np.arange(items) // 10


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8, 1.0])
def test_marks_left_out_at_random_are_counted(kept):
    found = estimate_annotation(*annotated(kept))
    for share in (found.surest, found.elkan_noto):
        assert share.value == pytest.approx(kept, abs=0.04)
        assert share.low - 1e-9 <= share.value <= share.high + 1e-9
    assert found.surest.low - 0.01 <= kept <= found.surest.high + 0.01
    assert found.rejected.value == 0
    assert found.marked == annotated(kept)[1].sum()


@pytest.mark.parametrize("wrong", [0.1, 0.3])
def test_wrong_marks_are_rejected(wrong):
    found = estimate_annotation(*annotated(0.8, wrong))
    truth = wrong / (0.8 + wrong)
    assert found.rejected.value == pytest.approx(truth, abs=0.03)
    assert found.rejected.low < truth < found.rejected.high
    assert found.surest.value == pytest.approx(0.8, abs=0.04)


def test_hard_items_lower_the_mean_and_not_the_share_at_the_surest():
    found = estimate_annotation(*annotated(0.9, hard=0.5))
    assert found.surest.value == pytest.approx(0.9, abs=0.04)
    assert found.elkan_noto.value < 0.8
    # no mark is wrong, and hard ones are not made: at most about as many are wrong
    assert found.rejected.value > 0.1


def test_what_holds_only_for_a_model_that_is_sure_fails_for_a_weak_one():
    """Stated: a calibrated weak model finds marks missing, and rejects right ones."""
    rng = np.random.default_rng(0)
    chance = rng.beta(1, 9, (20_000, 1))
    found = estimate_annotation(chance, rng.random((20_000, 1)) < chance, np.arange(20_000))
    assert found.surest.high < 0.7
    assert found.rejected.low > 0.4


def test_a_class_without_a_mark_at_its_surest_does_not_hide_the_others():
    chance = np.zeros((22_000, 2))
    chance[:1000, 0], chance[1000:1500, 1] = 0.95, np.linspace(0.9, 0.1, 500)
    marked = chance > 0.94
    marked[1300:1500, 1] = True
    found = estimate_annotation(chance, marked, np.arange(22_000))
    of_one = 0.5 / 25  # half a mark of the 25 that are surest
    assert found.surest.value == pytest.approx(1200 / (1000 + 200 / of_one))


def test_each_class_is_as_complete_as_it_is():
    rng = np.random.default_rng(0)
    chance = np.zeros((22_000, 4))
    chance[:1000, 0], chance[1000:2000, 1] = 0.95, 0.4
    chance[2000:2100, 2] = chance[2100:2200, 3] = 0.5  # too few marks: looked at together
    marked = rng.random(chance.shape) < chance
    found = estimate_annotation(chance, marked, np.arange(22_000))
    assert found.surest.value == pytest.approx(marked.sum() / 2200, abs=0.04)
    assert found.rejected.value == 0
    # a wrong class of a mark is a mark of another class that is rejected
    swapped = marked.copy()
    swapped[:200, :2] = swapped[:200, 1::-1]
    found = estimate_annotation(chance, swapped, np.arange(22_000))
    assert found.rejected.value == pytest.approx(190 / swapped.sum(), abs=0.02)


@pytest.mark.parametrize(("marks", "kept"), [(120, 0.9), (200, 0.9), (400, 0.98)])
def test_intervals_of_few_marks_hold_the_truth(marks, kept):
    held = []
    for seed in range(60):
        items = round(1.2 * marks / kept / 0.15)
        found = estimate_annotation(*annotated(kept, items=items, seed=seed)).surest
        assert found.high - found.low > 0.01
        held.append(found.low <= kept <= found.high)
    assert np.mean(held) > 0.9


def test_marks_left_out_by_their_kind_are_not_found():
    """A model learns to leave out what the annotation always leaves out: stated, and so."""
    chance, marked, unit = annotated(1.0)
    kind = (
        np.arange(len(chance))[:, None] % 2 == 0
    )  # half of the entities are of a kind nobody marks
    found = estimate_annotation(np.where(kind, 0.0, chance), marked & ~kind, unit)
    assert found.surest.value == 1


def test_sentences_are_resampled_whole():
    chance, marked, _ = annotated(0.5, items=5_000)
    by_word = estimate_annotation(chance, marked, np.arange(5_000)).surest
    order = np.argsort(marked[:, 0], kind="stable")  # marks come together in few sentences
    by_sentence = estimate_annotation(chance[order], marked[order], np.arange(5_000) // 50).surest
    assert by_sentence.high - by_sentence.low > 2 * (by_word.high - by_word.low)


def test_too_few_marks_are_refused():
    few = np.arange(1000)[:, None] < FEWEST - 1
    with pytest.raises(InputError, match=r"at least 100 marks and something without .* 99 of 1000"):
        estimate_annotation(few * 0.9, few, np.arange(1000))


SPANS = {"kind": "spans", "labels": ["O", "B-A", "I-A"], "background": "O", "scheme": "iob2"}
TABLE = np.log([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])


def test_what_is_a_mark_of_each_type():
    two = {**SPANS, "labels": ["O", "B-A", "I-B"]}
    chance, marked = problem_of(two).marks([["B-A", "O"]], [TABLE])
    assert chance == pytest.approx(np.array([[0.3, 0.2], [0.05, 0.05]]))
    assert marked.tolist() == [[True, False], [False, False]]
    chance, marked = problem_of(SPANS).marks([["I-A", "O"]], [TABLE])
    assert chance == pytest.approx(np.array([[0.5], [0.1]]))
    assert marked.tolist() == [[True], [False]]
    label = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam"}
    chance, marked = problem_of(label).marks(["spam"], [np.log([[0.2, 0.8]])])
    assert (chance.tolist(), marked.tolist()) == ([[pytest.approx(0.8)]], [[True]])
    several = {"kind": "label_set", "labels": ["joy", "awe"]}
    chance, marked = problem_of(several).marks([["awe"]], [np.log([[0.1, 0.7]])])
    assert (chance, marked.tolist()) == (pytest.approx(np.array([[0.1, 0.7]])), [[False, True]])


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "tags", "labels": ["NOUN", "VERB"]},
        {"kind": "label", "labels": ["a", "b", "c"]},
        {**SPANS, "background": None},
    ],
)
def test_a_type_in_which_everything_has_a_label_is_refused(settings):
    with pytest.raises(InputError, match=f"got a run that decides {settings['kind']}$"):
        problem_of(settings).marks([], [np.zeros((0, len(settings["labels"])))])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run whose dev scores are out of fold."""
    out = make_comparison(tmp_path_factory.mktemp("annotated") / "a", "spans", units=200, seeds=[1])
    folder = next(path for path in (out / "cells").iterdir() if path.is_dir())
    record = read_json(folder / "run.json")
    write_json(folder / "run.json", {**record, "training": {**record["training"], "folds": []}})
    return folder


def test_the_command_says_three_shares_of_the_words(run, capsys):
    assert command("inspect", str(run), "--estimate-annotation", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    tags = [tag for row in rows if row["split"] == "dev" for tag in row["gold"]]
    assert (found["items"], found["marked"]) == (len(tags), sum(tag != "O" for tag in tags))
    assert 0.4 < found["surest"]["low"] <= found["surest"]["value"] <= 1
    assert command("inspect", str(run), "--estimate-annotation") == 0
    said = capsys.readouterr().out
    assert f"{found['marked']:,} marks of {found['items']:,} words or texts" in said
    assert f"{100 * found['elkan_noto']['value']:.1f}" in said


def test_a_run_without_folds_and_two_questions_at_once_are_refused(run, tmp_path, capsys):
    record = read_json(run / "run.json")
    training = {key: value for key, value in record["training"].items() if key != "folds"}
    write_json(tmp_path / "run.json", {**record, "training": training})
    assert command("inspect", str(tmp_path), "--estimate-annotation") == 2
    assert "expected the folder of one run with folds" in capsys.readouterr().err
    assert command("inspect", str(run), "--estimate-annotation", "--suspicious", "5") == 2
    assert "got both: ask for them one by one" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected the folder of one run with folds"):
        dicetune.inspect([], estimate_annotation=True)


@pytest.mark.parametrize("flags", [["--task", "qa"], ["-o", "scheme=iobes"], ["--model", "x"]])
@pytest.mark.parametrize("asked", [["--estimate-annotation"], ["--suspicious", "5"]])
def test_what_says_how_files_are_read_is_refused_beside_a_run(run, capsys, flags, asked):
    assert command("inspect", str(run), *asked, *flags) == 2
    assert "expected the folder of a run alone, got " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": {"loss": "ce+dice"}}, "got those of 'ce+dice' in"),
        ({"config": {"sampler": "balanced"}}, "got those of 'ce' with sampler in"),
    ],
)
def test_chances_that_are_no_probabilities_are_refused(run, tmp_path, capsys, changes, said):
    folder = shutil.copytree(run, tmp_path / "run")
    record = read_json(folder / "run.json")
    record |= {key: {**record[key], **own} for key, own in changes.items()}
    write_json(folder / "run.json", record)
    assert command("inspect", str(folder), "--estimate-annotation") == 2
    assert said in " ".join(capsys.readouterr().err.split())
