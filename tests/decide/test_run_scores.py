"""The scores of a run: read in parts, only what a rule needs, and refused where they are none."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from dicetune.decide import run_scores
from dicetune.decide.run_scores import read_scores
from dicetune.errors import DataError
from dicetune.problems import problem_of
from dicetune.problems.answer import FIRST, NULL_ROW
from dicetune.records import PROBLEM_KEY, SCORES_FILE

ANSWER = {"kind": "answer", "labels": ["start", "end"], "metric": "f1", "null": True}
LENGTHS = np.array([3, 0, 1, 4, 2])


def written(folder, dev, lengths=LENGTHS):
    arrays = {"dev": dev, "dev.lengths": lengths, "test": np.zeros((0, 5), dtype=np.float32)}
    arrays["test.lengths"] = np.zeros(0, dtype=np.int64)
    save_file(arrays, folder / SCORES_FILE, {PROBLEM_KEY: json.dumps(ANSWER)})


def table(kind=np.float32):
    """Rows of questions, of which the first of each, where there is one, is its null row."""
    found = np.random.default_rng(3).normal(size=(LENGTHS.sum(), 5)).astype(kind)
    found[:, FIRST] = 7
    found[np.cumsum(LENGTHS)[LENGTHS > 0] - LENGTHS[LENGTHS > 0], FIRST] = NULL_ROW
    return found


@pytest.mark.parametrize("at_once", [1, 3, 10, 11])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_parts_are_as_the_whole(tmp_path, monkeypatch, at_once, kind):
    monkeypatch.setattr(run_scores, "_AT_ONCE", at_once)
    written(tmp_path, table(kind))
    found, problem = read_scores(tmp_path)
    assert problem == ANSWER
    assert found["dev"].table.dtype == kind
    assert np.array_equal(found["dev"].table, table(kind))
    assert [len(one) for one in found["dev"]] == LENGTHS.tolist()
    assert len(found["test"]) == 0


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_a_rule_on_answers_needs_the_null_rows_alone(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(run_scores, "_AT_ONCE", at_once)
    written(tmp_path, table())
    problem = problem_of(ANSWER)
    whole, few = (read_scores(tmp_path, *how)[0]["dev"] for how in ((), (problem.ruling,)))
    assert [len(one) for one in few] == [1, 0, 1, 1, 1]
    gold, extras = [["a"], [], ["b"], [], ["c"]], [("a", 1.0), ("", 0.0), *[("b", 0.5)] * 3]
    decisions = [problem.decisions(gold, scores, extras) for scores in (whole, few)]
    for bias in (-2.0, 0.0, 0.3, 2.0):
        made = [one.predicted({"null": bias}) for one in decisions]
        assert made[0] == made[1]


@pytest.mark.parametrize("dev", [np.zeros(10, dtype=np.float32), np.zeros((10, 5), dtype=np.int64)])
def test_what_is_no_table_of_scores(tmp_path, dev):
    written(tmp_path, dev)
    with pytest.raises(DataError, match="expected dev as a table of fractions"):
        read_scores(tmp_path)
