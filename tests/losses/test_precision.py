"""Lower precisions: as near the truth as the plain formula in that precision, or nearer."""

import pytest
import torch
import torch.nn.functional as F

from dicetune.losses import cross_entropy_loss as ce
from dicetune.losses import dice_loss, focal_loss, tversky_loss
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


PAIRS = {
    "ce": (ce, F.cross_entropy),
    "focal": (focal_loss, plain_focal),
    "dice": (dice_loss, plain_dice),
    "tversky": (tversky_loss, plain_tversky),
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
