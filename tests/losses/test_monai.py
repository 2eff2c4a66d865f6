"""MONAI as referee, where its definition agrees: value and gradient.

MONAI wants (batch, class, space); its smoothing stands above and below the line apart, both at our
γ; it averages classes. It computes one-hot targets and focal loss in float32 whatever it is given,
which sets how near it can come.
"""

import pytest
import torch
from monai.losses import DiceLoss as MonaiDice
from monai.losses import FocalLoss as MonaiFocal
from monai.losses import TverskyLoss as MonaiTversky

from dicetune.losses import dice_loss, focal_loss, tversky_loss
from tolerances import assert_same


@pytest.fixture
def batch():
    logits = torch.randn(40, 5, dtype=torch.float64)
    return logits, torch.randint(0, 5, (40,))


def referee(loss, logits, target):
    logits = logits.clone().requires_grad_()
    value = loss(logits[:, :, None], target[:, None, None])
    value.backward()
    return value.detach().double(), logits.grad


def ours(loss, logits, target, **options):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target, **options)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("classes", ["all", "foreground"])
def test_dice_over_a_set(batch, squared, classes):
    theirs = MonaiDice(
        softmax=True,
        to_onehot_y=True,
        squared_pred=squared,
        batch=True,
        smooth_nr=0.7,
        smooth_dr=0.7,
        include_background=classes == "all",
    )
    got = ours(dice_loss, *batch, squared=squared, smooth=0.7, classes=classes, background=0)
    for mine, other in zip(got, referee(theirs, *batch), strict=True):
        assert_same(mine, other)


def test_dice_per_example(batch):
    theirs = MonaiDice(
        softmax=True, to_onehot_y=True, squared_pred=True, smooth_nr=1.0, smooth_dr=1.0
    )
    got = ours(dice_loss, *batch, level="example")
    for mine, other in zip(got, referee(theirs, *batch), strict=True):
        assert_same(mine, other)


def test_dice_of_labels(batch):
    logits, _ = batch
    labels = (torch.rand_like(logits) > 0.7).double()
    theirs = MonaiDice(sigmoid=True, squared_pred=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)
    one = logits.clone().requires_grad_()
    value = theirs(one[:, :, None], labels[:, :, None])
    value.backward()
    mine, grad = ours(dice_loss, logits, labels)
    assert_same(mine, value.detach().double())
    assert_same(grad, one.grad)


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.5, 0.5), (1.0, 1.0)])
def test_tversky(batch, alpha, beta):
    theirs = MonaiTversky(
        softmax=True,
        to_onehot_y=True,
        alpha=alpha,
        beta=beta,
        batch=True,
        smooth_nr=0.7,
        smooth_dr=0.7,
    )
    got = ours(tversky_loss, *batch, alpha=alpha, beta=beta, smooth=0.7)
    for mine, other in zip(got, referee(theirs, *batch), strict=True):
        assert_same(mine, other)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal(batch, gamma):
    theirs = MonaiFocal(to_onehot_y=True, use_softmax=True, gamma=gamma)
    value, grad = referee(theirs, *batch)
    mine, own = ours(focal_loss, *batch, gamma=gamma)
    # theirs is the mean over items and classes
    assert_same(mine, 5 * value)
    assert_same(own, 5 * grad)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_of_labels(batch, gamma):
    logits, _ = batch
    labels = (torch.rand_like(logits) > 0.7).double()
    one = logits.clone().requires_grad_()
    value = MonaiFocal(gamma=gamma)(one[:, :, None], labels[:, :, None])
    value.backward()
    mine, grad = ours(focal_loss, logits, labels, gamma=gamma)
    assert_same(mine, value.detach().double())
    assert_same(grad, one.grad)
