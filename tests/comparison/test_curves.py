"""Rank correlation of loss and error, against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dicetune.comparison.curves import loss_against_metric, rank_correlation

VALUES = st.lists(st.integers(-5, 5), min_size=3, max_size=20)


@given(VALUES, st.randoms())
def test_rank_correlation_is_that_of_scipy(first, random):
    second = [value + random.randint(-3, 3) for value in first]
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_a_loss_that_rises_while_the_score_rises_tracks_nothing():
    run = {"seed": 1, "steps": [1, 2, 3], "train_loss": [0.3, 0.2, 0.1],
           "dev_loss": [0.1, 0.2, 0.3], "dev_metric": [0.5, 0.6, 0.7], "best_step": 3}  # fmt: skip
    found = loss_against_metric({"ce": [run]})["ce"]
    assert found["train"]["spearman"] == pytest.approx(1.0)
    assert found["dev"]["spearman"] == pytest.approx(-1.0)
    np.testing.assert_allclose([p["error"] for p in found["points"]], [0.5, 0.4, 0.3])


def test_too_few_evaluations_and_missing_losses_say_nothing():
    run = {"seed": 1, "steps": [1, 2], "train_loss": [None, None], "dev_loss": [0.2, 0.1],
           "dev_metric": [0.5, 0.6], "best_step": 2}  # fmt: skip
    found = loss_against_metric({"ce": [run]})["ce"]
    assert found["train"] == {"spearman": None, "per_seed": [None]}
    assert found["dev"]["spearman"] is None
