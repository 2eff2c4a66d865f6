"""Dice, Tversky and self-adjusting dice: the paper's equations by hand, and as special cases."""

import math
import warnings

import pytest
import torch

import oracles
from dicetune.errors import InputError
from dicetune.losses import (
    LOSSES,
    DiceLoss,
    NonTrainingLossWarning,
    OverlapLoss,
    SelfAdjustingDiceLoss,
    TverskyLoss,
    build,
    dice_loss,
    overlap_loss,
    self_adjusting_dice_loss,
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


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, loss in LOSSES.items()
        for kind in sorted(loss.kinds)
        if name not in ("dsc-paper", "dsc-released")
    ],
)
def test_a_perfect_prediction_costs_nearly_0(name, kind):
    target = torch.arange(12) % 3
    sure = 40 * torch.nn.functional.one_hot(target, 3).float() - 20
    given = torch.nn.functional.one_hot(target, 3) if kind == "labels" else target
    counts = torch.tensor([[60, 30], [80, 10], [90, 5]] if kind == "labels" else [30, 10, 5])
    assert 0 <= build(name)(sure, given, kind=kind, class_counts=counts).item() < 1e-6


def test_modules_call_the_functions():
    args = (torch.randn(6, 3), torch.tensor([0, 1, 2, -100, 0, 1]))
    weight = [1.0, 2.0, 0.5]
    for module, function, options in (
        (DiceLoss, dice_loss, {"smooth": 0.3, "level": "example"}),
        (TverskyLoss, tversky_loss, {"alpha": 0.1, "beta": 0.6}),
        (SelfAdjustingDiceLoss, self_adjusting_dice_loss, {"decay": 0.5}),
        (OverlapLoss, overlap_loss, {"squared": False, "beta": 1.0}),
    ):
        options = {**options, "class_weight": weight}
        assert module(**options)(*args) == function(*args, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "alpha to be a finite number >= 0, got -1"),
        ({"beta": float("inf")}, "beta to be a finite number >= 0, got inf"),
        ({"alpha": 0, "beta": 0}, "alpha or beta > 0"),
        ({"smooth": float("nan")}, "smooth to be a finite number > 0, got nan"),
        ({"smooth": 0}, "smooth > 0, got 0: where a class is absent"),
        ({"decay": -0.5}, "decay to be a finite number >= 0"),
        ({"alpha": 0.3}, r"alpha == beta with squared=True, got 0\.3 and 0\.5"),
        ({"level": "batch"}, "unknown value for level 'batch'.*Valid: example, set"),
        ({"form": "targets"}, "did you mean 'target'"),
        ({"average": "mirco"}, "did you mean 'micro'"),
        ({"classes": "foregruond"}, "did you mean 'foreground'"),
        ({"activation": "softmax"}, "Valid: auto, sigmoid"),
        ({"reduction": "avg"}, "unknown value for reduction 'avg'"),
        ({"level": "example", "average": "micro"}, "average='macro' with level='example'"),
        ({"class_weight": [1.0, -1.0]}, "every class_weight to be a finite number >= 0, got -1"),
        ({"class_weight": [0.0, 0.0]}, "at least one weight > 0"),
    ],
)
def test_impossible_choices_are_refused_when_a_loss_is_built(options, message):
    with pytest.raises(InputError, match=message):
        OverlapLoss(**options)
    with pytest.raises(InputError, match=message):
        overlap_loss(torch.zeros(2, 2), torch.tensor([0, 1]), **options)


@pytest.mark.parametrize(
    ("spec", "kind", "background", "message"),
    [
        ("dice:average=micro", "classes", None, "classes='foreground' with average='micro'"),
        ("dice:average=micro", "classes", 0, "classes='foreground' with average='micro'"),
        ("dice:classes=foreground", "classes", None, "this input names none"),
        ("dice:classes=foreground", "labels", None, "labels have none"),
        ("dice:classes=foreground", "positions", None, "classes='all' for kind 'positions'"),
        ("dice:average=micro", "positions", None, "average='macro' for kind 'positions'"),
        ("dice:class_weight=1/2", "positions", None, "no class_weight for kind 'positions'"),
        ("dice:reduction=sum", "classes", None, "a set has one loss"),
        ("dice:reduction=none,average=micro", "labels", None, "micro has one value"),
        ("ce:class_weight=1/2", "positions", None, "positions are not classes"),
        ("focal:class_weight=1/2", "positions", None, "positions are not classes"),
        ("wce", "positions", None, "kind classes or labels for loss 'wce', got 'positions'"),
        ("ce+wce", "positions", None, "kind classes or labels for loss 'wce'"),
        ("mom", "positions", None, "kind classes or labels for loss 'mom', got 'positions'"),
        ("la", "positions", None, "kind classes or labels for loss 'la', got 'positions'"),
        ("ce+cb", "positions", None, "kind classes or labels for loss 'cb', got 'positions'"),
        ("ce", "class", None, "unknown kind 'class': did you mean 'classes'"),
    ],
)
def test_what_has_no_meaning_for_a_kind_is_refused_before_and_in_the_call(
    spec, kind, background, message
):
    loss = build(spec)
    with pytest.raises(InputError, match=message):
        loss.check_kind(kind, background)
    target = torch.ones(2, 2) if kind == "labels" else torch.tensor([0, 1])
    with pytest.raises(InputError, match=message):
        loss(
            torch.zeros(2, 2),
            target,
            kind=kind,
            background=background,
            class_counts=torch.tensor([1, 2]),
        )


def test_micro_is_fine_with_sigmoids_or_without_the_background():
    build("dice:average=micro").check_kind("labels")
    build("dice:average=micro,activation=sigmoid").check_kind("classes")
    build("dice:average=micro,classes=foreground").check_kind("classes", 0)


def test_additive_or_set():
    for spec, classes, positions in (
        ("ce", True, True),
        ("focal", True, True),
        ("wce", True, True),
        ("mom", True, True),
        ("la", True, True),
        ("cb", True, True),
        ("asl", True, True),
        ("dl", True, True),
        ("dice", False, True),
        ("tversky", False, True),
        ("dsc", False, True),
        ("ce+dice", False, True),
        ("ce+dl", True, True),
    ):
        loss = build(spec)
        assert loss.is_additive("classes") is loss.is_additive("labels") is classes
        assert loss.is_additive("positions") is positions


@pytest.mark.parametrize(
    "spec", ["dice", "tversky", "dsc", "dice:classes=foreground,average=micro"]
)
def test_sums_add_up_over_batches(spec):
    loss = build(spec)
    logits = torch.randn(20, 4, dtype=torch.float64)
    target = torch.randint(0, 4, (20,))
    target[::7] = -100
    batches = [slice(0, 3), slice(3, 11), slice(11, 20)]
    total = sum(loss.sums(logits[part], target[part], background=0) for part in batches)
    assert total.shape == (3, 4)
    whole = loss(logits, target, background=0)
    assert_exact(loss.from_sums(total, background=0), whole)
    mean = sum(loss(logits[part], target[part], background=0) for part in batches) / 3
    assert abs(mean - whole) > 1e-3  # why a mean over batches is another objective


def test_sums_and_denominators_are_refused_where_they_have_no_meaning():
    args = (torch.zeros(2, 2), torch.tensor([0, 1]))
    for spec in ("ce", "dl", "ce+dice"):
        with pytest.raises(InputError, match="set-level loss for sums"):
            build(spec).sums(*args)
        with pytest.raises(InputError, match="set-level loss for sums"):
            build(spec).from_sums(torch.zeros(3, 2))
    with pytest.raises(InputError, match="set-level loss for sums"):
        build("dice").sums(*args, kind="positions")
    for spec in ("dice", "ce+dice"):
        with pytest.raises(InputError, match="no num_items for a set-level loss"):
            build(spec)(*args, num_items=3)
    build("dice")(*args, kind="positions", num_items=3)
    with pytest.raises(InputError, match="for the background only"):
        dice_loss(*args, class_weight=[1.0, 0.0], classes="foreground", background=0)


def test_the_literal_form_warns_once_when_built_and_never_after():
    with pytest.warns(NonTrainingLossWarning, match=r"optimum at p = 0\.5") as caught:
        loss = build("dsc-paper")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(LOGITS, TARGET)
        self_adjusting_dice_loss(LOGITS, TARGET, form="literal")
        build("dsc:form=literal,decay=0")
