"""MONAI as referee, where its definition agrees: value and gradient.

MONAI wants (batch, class, space); its smoothing stands above and below the line apart, both at our
γ; it averages classes. It computes one-hot targets and focal loss in float32 whatever it is given,
which sets how near it can come.
"""

import pytest
import torch
from monai import losses as monai

from dicetune.losses import dice_loss, focal_loss, tversky_loss
from tolerances import assert_same

SOFTMAX = {"softmax": True, "to_onehot_y": True}


def check(theirs, ours, *, labels=False, factor=1.0, **options):
    """Value and gradient of 40 items of 5 classes, or of 5 labels, agree up to a factor."""
    logits = torch.randn(40, 5, dtype=torch.float64)
    target = (torch.rand_like(logits) > 0.7).double() if labels else torch.randint(0, 5, (40,))
    found = []
    for call in (
        lambda z: factor * theirs(z[:, :, None], target.reshape(40, -1, 1)),
        lambda z: ours(z, target, **options),
    ):
        leaf = logits.clone().requires_grad_()
        value = call(leaf)
        value.backward()
        found.append((value.detach().double(), leaf.grad))
    for other, mine in zip(*found, strict=True):
        assert_same(mine, other)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("classes", ["all", "foreground"])
def test_dice_over_a_set(squared, classes):
    same = {"smooth_nr": 0.7, "smooth_dr": 0.7, "include_background": classes == "all"}
    theirs = monai.DiceLoss(**SOFTMAX, **same, squared_pred=squared, batch=True)
    check(theirs, dice_loss, squared=squared, smooth=0.7, classes=classes, background=0)


def test_dice_per_example():
    theirs = monai.DiceLoss(**SOFTMAX, squared_pred=True, smooth_nr=1.0, smooth_dr=1.0)
    check(theirs, dice_loss, level="example")


def test_dice_of_labels():
    same = {"squared_pred": True, "batch": True, "smooth_nr": 1.0, "smooth_dr": 1.0}
    check(monai.DiceLoss(sigmoid=True, **same), dice_loss, labels=True)


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.5, 0.5), (1.0, 1.0)])
def test_tversky(alpha, beta):
    same = {"alpha": alpha, "beta": beta, "smooth_nr": 0.7, "smooth_dr": 0.7}
    theirs = monai.TverskyLoss(**SOFTMAX, **same, batch=True)
    check(theirs, tversky_loss, alpha=alpha, beta=beta, smooth=0.7)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal(gamma):
    theirs = monai.FocalLoss(to_onehot_y=True, use_softmax=True, gamma=gamma)
    check(theirs, focal_loss, factor=5, gamma=gamma)  # theirs is the mean over items and classes
    check(monai.FocalLoss(gamma=gamma), focal_loss, labels=True, gamma=gamma)
