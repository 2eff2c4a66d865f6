"""The overlap family against its double loop: every choice, value and gradient."""

import itertools

import pytest
import torch

import oracles
from dicetune.losses import OverlapLoss, overlap_loss
from tolerances import assert_exact


def agree(case, **options):
    """The library's value and gradient are the oracle's."""
    logits = case.logits.clone().requires_grad_()
    got = overlap_loss(logits, case.target, **case.options, **options)
    assert_exact(got.detach(), oracles.value(oracles.overlap(case, case.rows, **options)))
    if got.ndim == 0:
        got.backward()
        assert_exact(logits.grad, oracles.gradient(oracles.overlap, case, **options))


def test_by_hand():
    # p = 1/2 everywhere; class 1: S_tp = 1/2, S_p = 2/4 (squared), S_y = 1
    logits, target = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([0, 1])
    assert_exact(overlap_loss(logits, target), 1 - (0.5 + 0.5) / (0.5 * 0.5 + 0.5 * 1 + 0.5))
    # not squared, α = 0.3, β = 0.7, γ = 1: S_p = 1, FP = FN = 1/2
    got = overlap_loss(logits, target, alpha=0.3, beta=0.7, smooth=1.0, squared=False)
    assert_exact(got, 1 - 1.5 / (0.5 + 0.15 + 0.35 + 1))


FORMS = [
    {"decay": 0.0},
    *({"decay": d, "form": f} for d in (1.0, 0.3) for f in ("target", "detached", "literal")),
]
SHAPES = [{"squared": True}, {"squared": False, "alpha": 0.3, "beta": 0.9}]


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("level", ["set", "example"])
def test_every_form_is_the_double_loop(kind, level, soft):
    for number, (form, shape) in enumerate(itertools.product(FORMS, SHAPES)):
        masked = number % 3 > 0
        case = oracles.make_case(kind, seed=number, soft=soft, masked=masked, items=5, classes=3)
        agree(case, level=level, **form, **shape)


@pytest.mark.parametrize("level", ["set", "example"])
@pytest.mark.parametrize("activation", ["auto", "sigmoid"])
def test_which_classes_count_and_how(level, activation):
    for number, (form, classes, weight) in enumerate(
        itertools.product(FORMS[:3], ("all", "foreground"), (None, [1.0, 0.25, 2.0]))
    ):
        case = oracles.make_case("classes", seed=number, items=5, classes=3)
        case.options["background"] = 1
        weight = None if weight is None else torch.tensor(weight, dtype=torch.float64)
        options = {"level": level, "classes": classes, "activation": activation, **form}
        logits = case.logits.clone().requires_grad_()
        got = overlap_loss(logits, case.target, class_weight=weight, **case.options, **options)
        got.backward()
        options |= {"class_weight": None if weight is None else weight.tolist(), "background": 1}
        assert_exact(got.detach(), oracles.value(oracles.overlap(case, case.rows, **options)))
        assert_exact(logits.grad, oracles.gradient(oracles.overlap, case, **options))


@pytest.mark.parametrize("weight", [None, [1.0, 0.25, 2.0]])
def test_micro(weight):
    for options in (
        {"classes": "foreground"},
        {"activation": "sigmoid"},
        {"classes": "foreground", "decay": 1.0},
    ):
        case = oracles.make_case("classes", seed=3, items=6, classes=3)
        options = {**options, "average": "micro"}
        got = overlap_loss(
            case.logits, case.target, **case.options, background=0, class_weight=weight, **options
        )
        options |= {"class_weight": weight, "background": 0}
        assert_exact(got, oracles.value(oracles.overlap(case, case.rows, **options)))


def test_reductions():
    case = oracles.make_case("classes", seed=5)
    for reduction in ("none", "sum", "mean"):
        agree(case, level="example", reduction=reduction)
    agree(case, level="set", reduction="none")
    case = oracles.make_case("positions", seed=5)
    for reduction in ("none", "sum", "mean"):
        agree(case, level="set", reduction=reduction)
    case = oracles.make_case("classes", seed=6, items=4, classes=3, masked=False)
    by_class = overlap_loss(
        case.logits, case.target, reduction="none", classes="foreground", background=1
    )
    everything = overlap_loss(case.logits, case.target, reduction="none")
    assert_exact(by_class, everything[[0, 2]])


@pytest.mark.parametrize("options", [*FORMS, {"level": "example"}, SHAPES[1]])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_gradcheck(kind, options):
    """Without a detached weight the gradient is that of the value; with one it is not."""
    case = oracles.make_case(kind, seed=1, items=4, classes=3)
    logits = case.logits.clone().requires_grad_()

    def loss(z):
        return overlap_loss(z, case.target, **case.options, **options)

    detached = options.get("decay", 0) > 0 and options["form"] != "literal"
    fails = not torch.autograd.gradcheck(loss, (logits,), raise_exception=False)
    assert fails == detached


def test_gradient_can_be_differentiated_again():
    case = oracles.make_case("classes", seed=1, items=4, classes=3)
    logits = case.logits.clone().requires_grad_()
    for level in ("set", "example"):
        assert torch.autograd.gradgradcheck(
            lambda z, level=level: overlap_loss(z, case.target, level=level), (logits,)
        )


def test_empty_sets_cost_nothing():
    logits = torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)
    for level in ("set", "example"):
        loss = overlap_loss(logits, torch.zeros(0, dtype=torch.long), level=level)
        loss.backward()
        assert loss.item() == 0.0
    ignored = torch.randn(4, 3, requires_grad=True)
    for level in ("set", "example"):
        loss = overlap_loss(ignored, torch.full((4,), -100), level=level)
        loss.backward()
        assert loss.item() == 0.0
        assert not ignored.grad.any()


def test_an_absent_class_still_pays_for_its_false_positives():
    logits = torch.zeros(4, 3, requires_grad=True)
    overlap_loss(logits, torch.zeros(4, dtype=torch.long), reduction="none")[2].backward()
    assert (logits.grad[:, 2] > 0).all()


NEAR = [
    {"decay": 0.0},
    {"decay": 1.0},
    {"decay": 0.3},
    {"squared": False, "alpha": 0.3, "beta": 0.9},
    {"level": "example"},
    {"average": "micro", "classes": "foreground"},
]


@pytest.mark.parametrize("size", [8.0, 14.0, 20.0, 40.0])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("options", NEAR)
def test_near_convergence_it_is_small_never_negative_and_right(options, kind, size):
    """In float32 against float64, from errors of 1e-4 to errors that underflow."""
    gold = torch.tensor([0, 1, 2, 1])
    hot = torch.nn.functional.one_hot(gold, 3)
    logits = size * (2 * hot - 1) + torch.linspace(-1, 1, 12).reshape(4, 3)
    target = hot.double() if kind == "labels" else gold
    given = {"kind": kind, **options}
    if "average" in options:
        if kind != "classes":
            return  # nothing else has a background
        given["background"] = 0
    exact = overlap_loss(logits.double(), target, **given)
    found = overlap_loss(logits.float(), target.float() if kind == "labels" else target, **given)
    assert 0 <= found < 0.01
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-37)


@pytest.mark.parametrize("soft", [False, True])
def test_sums_of_a_million_items_are_right(soft):
    items = 1_000_000
    logits = torch.zeros(items, 2)
    logits[:, 0] = 6.0  # p of class 1 is 0.0025, a million times
    gold = torch.zeros(items, dtype=torch.long)
    target = torch.nn.functional.one_hot(gold, 2).float() if soft else gold
    loss = OverlapLoss(squared=False)
    exact = loss(logits.double(), target.double() if soft else target)
    torch.testing.assert_close(loss(logits, target).double(), exact, rtol=1e-6, atol=0)
    sums = loss.sums(logits, target).double()
    torch.testing.assert_close(
        sums, loss.sums(logits.double(), target.double() if soft else target), rtol=1e-6, atol=1e-6
    )
