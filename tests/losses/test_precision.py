"""Lower precisions: as near the truth as the plain formula in that precision, or nearer."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from dicetune.errors import InputError
from dicetune.losses import (
    asymmetric_loss,
    build,
    class_balanced_loss,
    dice_loss,
    focal_loss,
    generalised_cross_entropy_loss,
    logit_adjusted_loss,
    majority_or_minority_loss,
    tversky_loss,
)
from dicetune.losses import cross_entropy_loss as ce
from tolerances import EXTRA, assert_as_good


def plain_dice(logits, target):
    p, y = logits.softmax(1), F.one_hot(target, logits.shape[1]).to(logits.dtype)
    index = (2 * (p * y).sum(0) + 1) / ((p * p).sum(0) + y.sum(0) + 1)
    return 1 - index.mean()


def plain_tversky(logits, target):
    p, y = logits.softmax(1), F.one_hot(target, logits.shape[1]).to(logits.dtype)
    tp, fp, fn = (p * y).sum(0), (p * (1 - y)).sum(0), ((1 - p) * y).sum(0)
    return 1 - ((tp + 1) / (tp + 0.3 * fp + 0.7 * fn + 1)).mean()


def plain_focal(logits, target):
    log_p = logits.log_softmax(1).gather(1, target[:, None])
    return -((1 - log_p.exp()) ** 2 * log_p).mean()


def plain_gce(logits, target):
    p = logits.softmax(1).gather(1, target[:, None])
    return ((1 - p**0.7) / 0.7).mean()


COUNTS = torch.arange(1, 10) ** 4


def plain_asl(logits, target):
    y, p = F.one_hot(target, logits.shape[1]).to(logits.dtype), logits.sigmoid()
    shifted = (p - 0.05).clamp(min=0)
    return -(y * p.log() + (1 - y) * shifted**4 * (1 - shifted).log()).mean()


def plain_la(logits, target):
    return F.cross_entropy(logits + (COUNTS / COUNTS.sum()).log().to(logits.dtype), target)


def plain_weighted(weight):
    return lambda logits, target: (
        F.cross_entropy(logits, target, weight.to(logits.dtype), reduction="sum") / len(target)
    )


BALANCED = 1 / (1 - 0.99 ** COUNTS.double())
PAIRS = {
    "ce": (ce, F.cross_entropy),
    "focal": (focal_loss, plain_focal),
    "dice": (dice_loss, plain_dice),
    "tversky": (tversky_loss, plain_tversky),
    "mom": (
        partial(majority_or_minority_loss, background=0),
        plain_weighted(1.0 + (torch.arange(9) == 0)),
    ),
    "la": (partial(logit_adjusted_loss, class_counts=COUNTS), plain_la),
    "cb": (
        partial(class_balanced_loss, class_counts=COUNTS, beta=0.99),
        plain_weighted(9 * BALANCED / BALANCED.sum()),
    ),
    "asl": (asymmetric_loss, plain_asl),
    "gce": (generalised_cross_entropy_loss, plain_gce),
}


@pytest.mark.parametrize("dtype", EXTRA)
@pytest.mark.parametrize("items", [50, 20_000])
@pytest.mark.parametrize("name", PAIRS)
def test_value_and_gradient(name, items, dtype):
    ours, plain = PAIRS[name]
    logits = (3 * torch.randn(items, 9)).to(dtype)
    target = torch.randint(0, 9, (items,))
    results = []
    for loss, given in ((ours, logits), (plain, logits), (plain, logits.double())):
        given = given.clone().requires_grad_()
        value = loss(given, target)
        value.backward()
        results.append((value.detach(), given.grad))
    (got, got_grad), (other, other_grad), (truth, true_grad) = results
    assert got.dtype == torch.float32
    assert_as_good(got, other, truth, dtype)
    assert_as_good(got_grad, other_grad, true_grad, dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("spec", ["ce", "focal", "dice", "dsc", "mom", "asl"])
def test_shares_may_sum_to_1_as_well_as_their_dtype_can(spec, dtype):
    shares = (torch.rand(500, 7) ** 3).softmax(-1).to(dtype)
    assert (shares.float().sum(1) - 1).abs().max() > (1e-3 if dtype == torch.bfloat16 else 0)
    options = {"kind": "classes", "background": 0}
    loss = build(spec)(torch.randn(500, 7, dtype=dtype), shares, **options)
    assert loss.isfinite()
    with pytest.raises(InputError, match="expected"):
        build(spec)(torch.randn(500, 7), 0.98 * shares.float(), **options)


@pytest.mark.parametrize(
    "spec",
    [
        *(f"{name}:class_weight=0.1/0.7/0.3" for name in ("ce", "focal", "dice")),
        "cb:class_counts=11/7/3",
        "la:class_counts=11/7/3",
        "wce:class_counts=11/7/3",
    ],
)
def test_weights_are_as_exact_as_the_logits(spec):
    """One third is no float32 number: a weight kept in it would be wrong in the eighth digit."""
    logits, gold = torch.randn(9, 3, dtype=torch.float64), torch.arange(9) % 3
    name, _, option = spec.partition(":")
    key, numbers = option.split("=")
    exact = torch.tensor([float(one) for one in numbers.split("/")], dtype=torch.float64)
    found = build(spec)(logits, gold)
    if key == "class_counts":
        same = build(name)(logits, gold, class_counts=exact)
    else:
        same = {"ce": ce, "focal": focal_loss, "dice": dice_loss}[name](
            logits, gold, class_weight=exact
        )
    torch.testing.assert_close(found, same, rtol=1e-12, atol=0)
    assert build(spec).double()(logits, gold) == found
