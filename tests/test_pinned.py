"""What an earlier version wrote gives the same numbers today.

``tests/pinned`` holds one tiny finished run of every task with its scores, and the numbers of the
summaries that ``comparisons.make_comparison`` led to, in the order of the summary.
"""

import json
import shutil
from pathlib import Path

import pytest

from comparisons import PROBLEMS, make_comparison
from dicetune.comparison.summary import markdown, summarise
from dicetune.decide import DecisionRule
from dicetune.decide.folder import tune_folder
from dicetune.records import RunRecord, read_json
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS

HERE = Path(__file__).parent
PINNED = HERE / "pinned"
STORED = sorted((HERE.parent / "experiments" / "comparisons").iterdir())
VARIES = ("how", "version", "recommendation", "members", "best_steps")
VARIES += ("marks", "confusions", "calibration", "dials", "costs")  # of a later version


def numbers_of(value):
    """All numbers of nested plain data, in order."""
    if isinstance(value, dict):
        kept = [one for key, one in value.items() if key not in VARIES]
        return [number for one in kept for number in numbers_of(one)]
    if isinstance(value, list):
        return [number for one in value for number in numbers_of(one)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_summary_has_the_numbers_that_it_had(kind, tmp_path):
    folder = make_comparison(tmp_path / kind, kind, foreign=True, tuned=kind != "words")
    found = summarise(folder)
    expected = json.loads((PINNED / "summaries.json").read_text(encoding="utf-8"))[kind]
    assert numbers_of(found) == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: folder.name)
def test_a_stored_summary_prints_the_tables_that_it_printed(folder):
    written = (folder / "summary.md").read_text(encoding="utf-8")
    assert markdown(read_json(folder / "summary.json")) == written


def test_stored_records_load(tmp_path):
    records = [path for folder in STORED for path in (folder / "records").iterdir()]
    assert len(records) >= 30
    for number, path in enumerate(records):
        place = tmp_path / str(number)
        place.mkdir()
        shutil.copy(path, place / "run.json")
        assert RunRecord.load(place).config["task"] in TASKS


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_model_scores_as_it_did(task, tmp_path):
    shutil.copytree(PINNED / "models" / task, tmp_path / task)
    (data,) = (tmp_path / task).glob("a.*")
    expected = read_json(tmp_path / task / "scores.json")
    assert _same(evaluate(tmp_path / task / "run", data), expected)


@pytest.mark.parametrize("task", TASKS)
def test_the_scores_of_a_saved_run_give_the_plain_fit_that_they_gave(task, tmp_path):
    shutil.copytree(PINNED / "models" / task / "run", tmp_path / "run")
    rule = DecisionRule.load(tmp_path / "run")
    metrics = read_json(tmp_path / "run" / "decision.json")["metrics"]
    (tmp_path / "run" / "decision.json").unlink()
    # version 0.1 trusted the gold alone, and shrank otherwise: its fit is today's plain fit
    found = tune_folder(tmp_path / "run", guard=False)
    fixed = not rule.evidence.get("folds")
    assert found.rule.biases == pytest.approx(rule.evidence.get("fitted_biases", {}))
    for name, value in rule.evidence.items():
        if isinstance(value, float) and name not in ("factor", "tuned"):
            assert found.rule.evidence[name] == pytest.approx(value), name
    if not fixed and rule.evidence["factor"] < 1:
        return
    again = read_json(tmp_path / "run" / "decision.json")["metrics"]
    assert _same(again, metrics)


def _same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            _same(found[key], value)
        else:
            assert found[key] == (pytest.approx(value, abs=1e-5) if _is_number(value) else value), (
                key
            )
    return True


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
