"""Class-balanced weights: by hand, and scikit-learn's at their limit."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

import baseline_oracles
from dicetune.losses import effective_number_weights
from tolerances import assert_exact, assert_same


def test_weights_by_hand():
    """β = 1/2: effective numbers 1.5 and 1, inverse 2/3 and 1, in sum 2: 0.8 and 1.2."""
    weights = effective_number_weights(torch.tensor([2.0, 1.0], dtype=torch.float64), beta=0.5)
    assert_exact(weights, [0.8, 1.2])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 1 - 1e-9])
def test_weights_are_the_geometric_sum(beta):
    counts = [1, 7, 300]
    got = effective_number_weights(torch.tensor(counts, dtype=torch.float64), beta)
    assert_exact(got, baseline_oracles.balanced(counts, beta))
    assert_exact(got.sum(), 3.0)


def test_near_1_the_weights_are_those_of_scikit_learn_up_to_a_factor():
    """'balanced' is n / (C n_c); ours are the same where they sum to C."""
    gold = np.repeat([0, 1, 2], [500, 40, 3])
    theirs = compute_class_weight("balanced", classes=np.unique(gold), y=gold)
    counts = torch.tensor(np.bincount(gold), dtype=torch.float64)
    ours = effective_number_weights(counts, beta=1 - 1e-12)
    torch.testing.assert_close(ours, torch.tensor(3 * theirs / theirs.sum()), rtol=1e-8, atol=0)


def test_many_items_weigh_the_same_and_nothing_overflows():
    counts = torch.tensor([1e7, 1e6, 2e5])
    assert_same(effective_number_weights(counts, beta=0.999), torch.ones(3))
    for beta in (0.0, 1e-30, 0.5, 1 - 1e-12):
        weights = effective_number_weights(torch.tensor([1e8, 1.0]), beta)
        assert torch.isfinite(weights).all()
        assert (weights > 0).all()


def test_each_label_has_two_weights_that_sum_to_2():
    weights = effective_number_weights(torch.tensor([[2.0, 1.0], [90.0, 10.0]]), beta=0.5)
    assert_same(weights[0], torch.tensor([0.8, 1.2]))
    assert_same(weights.sum(1), torch.full((2,), 2.0))
