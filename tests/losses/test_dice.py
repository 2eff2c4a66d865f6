"""Dice, Tversky and self-adjusting dice: the paper's equations by hand, and the turning point."""

import math
import warnings

import pytest
import torch

import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    DiceLoss,
    NonTrainingLossWarning,
    SelfAdjustingDiceLoss,
    build,
    dice_loss,
    overlap_loss,
    self_adjusting_dice_loss,
    share_past_turning_point,
    tversky_loss,
)
from tolerances import assert_exact

P = [0.75, 0.25, 0.5]  # of the positive class
Y = [1, 0, 0]
LOGITS = torch.tensor([math.log(p / (1 - p)) for p in P], dtype=torch.float64)
TARGET = torch.tensor(Y)


def test_equation_6_per_example():
    expected = [1 - (2 * p * y + 1) / (p + y + 1) for p, y in zip(P, Y, strict=True)]
    got = dice_loss(LOGITS, TARGET, level="example", squared=False, reduction="none")
    assert_exact(got, expected)


def test_equation_7():
    expected = sum(1 - (2 * p * y + 1) / (p * p + y * y + 1) for p, y in zip(P, Y, strict=True)) / 3
    assert_exact(dice_loss(LOGITS, TARGET, level="example"), expected)
    assert_exact(build("dl")(LOGITS, TARGET), expected)


def test_equation_8():
    overlap = sum(p * y for p, y in zip(P, Y, strict=True))
    expected = 1 - (2 * overlap + 1) / (sum(p * p for p in P) + sum(Y) + 1)
    assert_exact(dice_loss(LOGITS, TARGET), expected)


def test_equation_10():
    def index(p, y):
        return (p * y + 1) / (p * y + 0.3 * p * (1 - y) + 0.7 * (1 - p) * y + 1)

    expected = sum(1 - index(p, y) for p, y in zip(P, Y, strict=True)) / 3
    got = tversky_loss(LOGITS, TARGET, alpha=0.3, beta=0.7, level="example")
    assert_exact(got, expected)


def test_equation_12():
    def index(p, y):
        return (2 * (1 - p) * p * y + 1) / ((1 - p) * p + y + 1)

    expected = sum(1 - index(p, y) for p, y in zip(P, Y, strict=True)) / 3
    with pytest.warns(NonTrainingLossWarning):
        loss = build("dsc-paper")
    assert_exact(loss(LOGITS, TARGET), expected)


def test_the_released_settings():
    q = [(1 - p) ** 0.01 * p for p in P]
    expected = 1 - (2 * q[0] + 1) / (sum(v * v for v in q) + 1 + 1)
    with pytest.warns(NonTrainingLossWarning):
        loss = build("dsc-released")
    assert_exact(loss(LOGITS, TARGET), expected)
    # one sigmoid a class, also where the classes exclude each other
    logits = torch.randn(5, 3, dtype=torch.float64)
    gold = torch.tensor([0, 1, 2, 0, 1])
    one_hot = torch.nn.functional.one_hot(gold, 3)
    assert_exact(loss(logits, gold), loss(logits, one_hot, kind="labels"))


def test_default_self_adjusting_form():
    w = [1 - P[0], P[1], P[2]]  # 1 - p_t
    tp = w[0] * P[0]
    expected = 1 - (2 * tp + 1) / (sum(v * p * p for v, p in zip(w, P, strict=True)) + w[0] + 1)
    assert_exact(self_adjusting_dice_loss(LOGITS, TARGET), expected)


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("level", ["set", "example"])
def test_identities(kind, level):
    case = oracles.make_case(kind, seed=8)
    options = {**case.options, "level": level}
    args = (case.logits, case.target)
    for smooth in (0.1, 1.0):
        linear = dice_loss(*args, smooth=smooth, squared=False, **options)
        half = tversky_loss(*args, alpha=0.5, beta=0.5, smooth=smooth / 2, **options)
        assert_exact(half, linear)
        dice = dice_loss(*args, smooth=smooth, **options)
        assert_exact(overlap_loss(*args, smooth=smooth / 2, **options), dice)
        for form in ("target", "detached", "literal"):
            got = self_adjusting_dice_loss(*args, decay=0.0, form=form, smooth=smooth, **options)
            assert_exact(got, dice)


def test_jaccard_and_f2_are_choices_of_alpha_and_beta():
    y = TARGET.double()
    p = torch.tensor(P, dtype=torch.float64)
    both, either = (p * y).sum(), (p + y - p * y).sum()
    got = tversky_loss(LOGITS, TARGET, alpha=1.0, beta=1.0, smooth=1e-12)
    assert got.item() == pytest.approx(1 - (both / either).item(), abs=1e-9)
    precision, recall = both / p.sum(), both / y.sum()
    f2 = 5 * precision * recall / (4 * precision + recall)
    got = tversky_loss(LOGITS, TARGET, alpha=0.2, beta=0.8, smooth=1e-12)
    assert got.item() == pytest.approx(1 - f2.item(), abs=1e-9)


def test_over_positions_the_linear_form_is_an_absolute_error_and_sees_only_alpha_plus_beta():
    logits, target = torch.randn(6, 5, dtype=torch.float64), torch.arange(6) % 5
    p = logits.softmax(1).gather(1, target[:, None]).mean()
    got = dice_loss(logits, target, kind="positions", squared=False, smooth=0.5)
    assert_exact(got, (1 - p) / 1.25)
    assert_exact(
        tversky_loss(logits, target, kind="positions", alpha=0.1, beta=0.9),
        tversky_loss(logits, target, kind="positions", alpha=0.9, beta=0.1),
    )


def test_the_literal_form_warns_once_when_built_and_never_after():
    with pytest.warns(NonTrainingLossWarning, match=r"optimum at p = 0\.5") as caught:
        loss = build("dsc-paper")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(LOGITS, TARGET)
        self_adjusting_dice_loss(LOGITS, TARGET, form="literal")
        build("dsc:form=literal,decay=0")


def slope(p, gold, **options):
    """dL/dp of one item with one logit."""
    z = torch.logit(torch.tensor([p], dtype=torch.float64)).requires_grad_()
    self_adjusting_dice_loss(z, torch.tensor([gold]), **options).backward()
    return z.grad.item() / (p * (1 - p))


@pytest.mark.parametrize("level", ["set", "example"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("smooth", [1e-4, 1.0])
@pytest.mark.parametrize("decay", [0.5, 1.0, 3.0])
def test_literal_turns_there_whatever_else_is_chosen(decay, smooth, squared, level):
    options = {"decay": decay, "smooth": smooth, "squared": squared, "level": level}
    turn = 1 / (1 + decay)
    for gold, sign in ((1, -1), (0, 1)):
        before, after = (slope(turn + d, gold, form="literal", **options) for d in (-0.01, 0.01))
        assert sign * before > 0 > sign * after
        for form in ("target", "detached"):
            assert sign * slope(turn + 0.01, gold, form=form, **options) > 0


def test_gold_costs_least_at_the_turning_point_and_not_at_1():
    p = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    costs = self_adjusting_dice_loss(
        torch.logit(p), torch.ones(99).long(), form="literal", level="example", reduction="none"
    )
    assert_exact(p[costs.argmin()], 0.5)


def test_share_by_hand():
    p = torch.tensor([0.2, 0.6, 0.8, 0.95])
    target = torch.tensor([0, 0, 1, 1])
    assert share_past_turning_point(torch.logit(p), target, decay=1.0).item() == 0.75
    assert share_past_turning_point(torch.logit(p), target, decay=0.1).item() == 0.25
    keep = torch.tensor([True, True, False, False])
    assert share_past_turning_point(torch.logit(p), target, mask=keep).item() == 0.5
    none = torch.zeros(4).bool()
    assert share_past_turning_point(torch.logit(p), target, mask=none).item() == 0.0


def test_a_loss_knows_its_turning_point():
    assert DiceLoss().turning_point is None
    assert SelfAdjustingDiceLoss().turning_point is None
    with pytest.warns(NonTrainingLossWarning, match=r"p = 0\.25"):
        assert SelfAdjustingDiceLoss(form="literal", decay=3.0).turning_point == 0.25


def test_messages():
    with pytest.raises(InputError, match="decay to be a finite number >= 0, got -1"):
        share_past_turning_point(torch.zeros(2), torch.tensor([0, 1]), decay=-1)


@pytest.mark.parametrize(
    ("function", "fixed"),
    [
        *((dice_loss, name) for name in ("alpha", "beta", "decay", "form")),
        *((tversky_loss, name) for name in ("squared", "decay", "form")),
        *((self_adjusting_dice_loss, name) for name in ("alpha", "beta")),
    ],
)
def test_what_a_loss_fixes_cannot_be_given(function, fixed):
    with pytest.raises(TypeError, match=fixed):
        function(LOGITS, TARGET, **{fixed: 0.5})
