"""The overlap family against its double loop: every choice, value and gradient, and the sums."""

import itertools
from decimal import Decimal, localcontext

import pytest
import torch

import oracles
from dicetune.errors import InputError
from dicetune.losses import OverlapLoss, build, dice_loss, overlap_loss
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
    choices = itertools.product(FORMS[:3], ("all", "foreground"), (None, [1.0, 0.25, 2.0]))
    for number, (form, classes, weight) in enumerate(choices):
        case = oracles.make_case("classes", seed=number, items=5, classes=3)
        options = {"level": level, "classes": classes, "activation": activation, **form}
        agree(case, class_weight=weight, background=1, **options)


@pytest.mark.parametrize("weight", [None, [1.0, 0.25, 2.0]])
def test_micro(weight):
    for options in (
        {"classes": "foreground"},
        {"activation": "sigmoid"},
        {"classes": "foreground", "decay": 1.0},
    ):
        case = oracles.make_case("classes", seed=3, items=6, classes=3)
        agree(case, average="micro", class_weight=weight, background=0, **options)


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


def test_an_absent_class_still_pays_for_its_false_positives():
    logits = torch.zeros(4, 3, requires_grad=True)
    overlap_loss(logits, torch.zeros(4, dtype=torch.long), reduction="none")[2].backward()
    assert (logits.grad[:, 2] > 0).all()


@pytest.mark.parametrize("level", ["set", "example"])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_a_class_without_items_is_no_part_of_the_mean(kind, level):
    weights = [{}]
    if kind != "positions":
        weights += [{"class_weight": [1.0, 0.25, 2.0, 0.5]}]
    for number, (form, shape, weight) in enumerate(itertools.product(FORMS, SHAPES, weights)):
        case = oracles.make_case(kind, seed=number, masked=number % 2 > 0)
        agree(oracles.without_class(case, number % 4), level=level, **form, **shape, **weight)


def exactly(logits, hot, kind, *, alpha, beta, squared, level, decay, form, micro):
    """The formula as printed, index and all, in 90 digits: what is subtracted is still there."""
    with localcontext() as context:
        context.prec = 90
        rows = [[Decimal(z).exp() for z in row] for row in logits.tolist()]
        alpha, beta, decay, smooth = (Decimal(number) for number in (alpha, beta, decay, 0.5))

        def entry(row, j, y):
            p = row[j] / (row[j] + 1) if kind == "labels" else row[j] / sum(row)
            w = abs(y - p) ** decay if form == "target" else 1
            q = p if form == "target" else (1 - p) ** decay * p
            return w * q * y, w * (q * q if squared else q), w * y

        def loss(entries):
            tp, p, y = (sum(part) for part in zip(*entries, strict=True))
            return 1 - (tp + smooth) / (tp + alpha * (p - tp) + beta * (y - tp) + smooth)

        by_item = [
            [entry(row, j, y) for j, y in enumerate(target)]
            for row, target in zip(rows, hot.tolist(), strict=True)
        ]
        by_class = list(zip(*by_item, strict=True))
        if level == "example":
            sets = [[one] for item in by_item for one in item]
        elif micro:
            sets = [[one for items in by_class[1:] for one in items]]
        else:
            sets = by_item if kind == "positions" else by_class
        return float(sum(loss(entries) for entries in sets) / len(sets))


NEAR = [
    *({"decay": d, "form": f} for d in (1.0, 0.3) for f in ("target", "detached", "literal")),
    {},
    {"squared": False, "alpha": 0.3, "beta": 0.9},
    {"squared": False, "alpha": 0.3, "beta": 0.9, "decay": 0.3},
    {"level": "example"},
    {"average": "micro", "classes": "foreground"},
]


@pytest.mark.parametrize("size", [3.0, 8.0, 14.0, 20.0, 40.0])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("options", NEAR)
def test_near_convergence_it_is_small_never_negative_and_right(options, kind, size):
    """In float32, from errors of a hundredth to errors that underflow, hard targets and shares."""
    gold = torch.tensor([0, 1, 2, 1])
    hot = torch.nn.functional.one_hot(gold, 3)
    logits = (size * (2 * hot - 1) + torch.linspace(-1, 1, 12).reshape(4, 3)).float()
    given = {"kind": kind, **options}
    if "average" in options:
        if kind != "classes":
            return  # nothing else has a background
        given["background"] = 0
    plain = {"alpha": 0.5, "beta": 0.5, "squared": True, "level": "set", "decay": 0.0}
    plain |= {"form": "target", "micro": "average" in options}
    plain |= {name: value for name, value in options.items() if name in plain}
    exact = exactly(logits, hot, kind, **plain)
    for target in [hot.float()] if kind == "labels" else [gold, hot.float()]:
        found = overlap_loss(logits, target, **given)
        assert found >= 0
        # p is right to some 5e-7, and up to its cube is what the error is made of
        torch.testing.assert_close(found.item(), exact, rtol=2e-6, atol=1e-36)


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


def test_micro_is_fine_with_sigmoids_or_without_the_background():
    build("dice:average=micro").check_kind("labels")
    build("dice:average=micro,activation=sigmoid").check_kind("classes")
    build("dice:average=micro,classes=foreground").check_kind("classes", 0)


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
