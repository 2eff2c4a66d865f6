"""Logit adjustment: what it makes of the best model, and the log-prior."""

import pytest
import torch

from dicetune.errors import InputError
from dicetune.losses import build, log_prior, logit_adjusted_loss
from tolerances import assert_exact, assert_same


def test_the_best_model_says_the_likelihood_ratio_and_not_the_posterior():
    """Two kinds of items; the least loss over their logits is at posterior / prior."""
    seen = torch.tensor([[60.0, 15.0], [5.0, 20.0]])  # items of each kind with each gold class
    counts = seen.sum(0)
    logits = torch.zeros(2, 2, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100, tolerance_grad=1e-9)
    rows = torch.tensor([0, 0, 1, 1])

    def closure():
        optimizer.zero_grad()
        losses = logit_adjusted_loss(
            logits[rows], torch.tensor([0, 1, 0, 1]), class_counts=counts, reduction="none"
        )
        total = (losses * seen.flatten()).sum() / seen.sum()
        total.backward()
        return total

    optimizer.step(closure)
    expected = (seen / counts).log()
    difference = logits[:, 1] - logits[:, 0]
    torch.testing.assert_close(
        difference.detach(), expected[:, 1] - expected[:, 0], atol=1e-3, rtol=0
    )


def test_log_prior_of_labels_is_the_logit_of_the_share_that_is_set():
    counts = torch.tensor([[90.0, 10.0], [1.0, 3.0]], dtype=torch.float64)
    assert_exact(log_prior(counts), torch.logit(counts[:, 1] / counts.sum(1)))
    assert_exact(log_prior(counts[0]).exp().sum(), 1.0)
    with pytest.raises(InputError, match=r"none of class \[\[0, 1\]\]: its log-prior is infinite"):
        log_prior(torch.tensor([[5.0, 0.0], [3.0, 8.0]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_adjusted_in_float32(dtype):
    logits, target = torch.randn(6, 2).to(dtype), torch.arange(6) % 2
    counts = torch.tensor([1_000_000, 1])
    got = build("la")(logits, target, class_counts=counts)
    assert_same(got, build("la")(logits.float(), target, class_counts=counts))
