"""log(1-p) and its gradient, far beyond where p rounds to 1."""

import math

import pytest
import torch

from dicetune.losses._inputs import gold_log_complement, log_complement, power
from tolerances import assert_exact, assert_same


def test_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)  # p = 1/4, 3/4
    expected = torch.tensor([[math.log(3 / 4), math.log(1 / 4)]], dtype=torch.float64)
    assert_exact(log_complement(logits, sigmoid=False), expected)
    assert_exact(gold_log_complement(logits, torch.tensor([1])), expected[:, 1])
    assert_exact(log_complement(logits[:, 1], sigmoid=True), expected[:, 1])


@pytest.mark.parametrize("gap", [1.0, 16.64, 40.0, 104.0, 1e4])
def test_exact_however_near_1_p_is(gap):
    logits = torch.tensor([[gap, 0.0, 0.0]], requires_grad=True)
    log_rest = log_complement(logits, sigmoid=False)
    assert_same(
        log_rest[0, 0].detach(), torch.tensor(math.log(2) - math.log(math.exp(-gap) * 2 + 1) - gap)
    )
    assert_same(gold_log_complement(logits, torch.tensor([0])), log_rest[:, 0].detach())
    power(log_rest, 0.5).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_gradcheck():
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    for sigmoid in (False, True):
        assert torch.autograd.gradcheck(log_complement, (logits, sigmoid))


def test_ties_and_no_rows():
    assert_exact(
        log_complement(torch.zeros(1, 4, dtype=torch.float64), sigmoid=False),
        torch.full((1, 4), math.log(3 / 4), dtype=torch.float64),
    )
    assert log_complement(torch.zeros(0, 4), sigmoid=False).shape == (0, 4)


def test_power_of_0_is_1():
    assert power(torch.tensor([0.0, -1e30]), 0.0).tolist() == [1.0, 1.0]
