"""The losses that are a mean over items: each against its loop, and where one is another."""

import functools
import inspect
import math

import pytest
import torch

import baseline_oracles
import oracles
from dicetune import losses
from dicetune.errors import InputError, InputTypeError
from dicetune.losses import build
from tolerances import assert_exact, assert_same

WEIGHT = [0.5, 2.0, 1.0, 0.25]
REDUCTIONS = ("mean", "sum", "none")
ALL, COUNTED = ("classes", "labels", "positions"), ("classes", "labels")
WEIGHED = [
    {"class_weight": weight, "reduction": reduction}
    for weight in (None, WEIGHT)
    for reduction in REDUCTIONS
]
# name: function, oracle, kinds, options
FORMULAS = {
    "ce": (losses.cross_entropy_loss, oracles.cross_entropy, ALL, WEIGHED),
    "focal": (
        losses.focal_loss,
        oracles.focal,
        ALL,
        [{"gamma": gamma, **weighed} for gamma in (0.5, 2.0) for weighed in WEIGHED],
    ),
    "asl": (
        losses.asymmetric_loss,
        baseline_oracles.asymmetric,
        ALL,
        [
            {},
            {"gamma_pos": 1.0, "gamma_neg": 2.5, "margin": 0.3},
            {"gamma_pos": 0.5, "gamma_neg": 0.5, "margin": 0.0},
            {"gamma_neg": 0.0, "margin": 0.2, "reduction": "sum"},
            {"reduction": "none"},
            {"detach": True},
            {"detach": True, "gamma_pos": 1.0, "gamma_neg": 2.5, "margin": 0.0},
        ],
    ),
    "gce": (
        losses.generalised_cross_entropy_loss,
        baseline_oracles.generalised,
        ALL,
        [
            {},
            {"q_pos": 1.0, "q_neg": 1.0, "reduction": "none"},
            {"q_pos": 0.3, "q_neg": 0.3, "reduction": "sum"},
        ],
    ),
    "gce of negatives": (
        losses.generalised_cross_entropy_loss,
        baseline_oracles.generalised,
        COUNTED,
        [{"q_pos": 0.0, "background": 1, "reduction": reduction} for reduction in REDUCTIONS]
        + [{"q_pos": 0.4, "q_neg": 0.0, "background": 0}],
    ),
    "wce": (
        losses.weighted_cross_entropy_loss,
        baseline_oracles.inverse_frequency,
        COUNTED,
        [{"k": k, "reduction": reduction} for k in (1.0, 7.0) for reduction in REDUCTIONS],
    ),
    "mom": (
        losses.majority_or_minority_loss,
        baseline_oracles.majority_or_minority,
        COUNTED,
        [
            {"majority_weight": 0.7, "reduction": reduction, **background}
            for background in ({}, {"background": 1})
            for reduction in REDUCTIONS
        ],
    ),
    "la": (
        losses.logit_adjusted_loss,
        baseline_oracles.logit_adjusted,
        COUNTED,
        [
            {"tau": 1.0},
            {"tau": 0.3},
            {"tau": 1.0, "reduction": "sum"},
            {"tau": 1.7, "reduction": "none"},
        ],
    ),
    "cb": (
        losses.class_balanced_loss,
        baseline_oracles.class_balanced,
        COUNTED,
        [{"beta": 0.9}, {"beta": 0.99, "reduction": "sum"}, {"beta": 0.9, "reduction": "none"}],
    ),
}
# p = 1/4 and 3/4, then 1/2 and 1/2; with one logit p = 3/4 and 1/2
EASY, HALF, THREE = math.log(4 / 3), math.log(2), math.log(3)
TWO, ONE = [[0.0, THREE], [0.0, 0.0]], [THREE, 0.0]
HARD = {"gamma_pos": 1.0, "gamma_neg": 2.0, "margin": 0.25}
# name, options, logits, target, loss
BY_HAND = [
    ("ce", {}, TWO, [1, 0], (EASY + HALF) / 2),
    # Eq. 2: 9 of 10 training items are of class 0; a label that 10 of 100 have
    ("wce", {"class_counts": [9, 1]}, TWO, [1, 0], (EASY + math.log10(10 / 9) * HALF) / 2),
    ("wce", {"class_counts": [90, 10]}, ONE, [1, 0], (EASY + math.log10(10 / 9) * HALF) / 2),
    ("focal", {"gamma": 2.0}, TWO[:1], [1], EASY / 16),
    ("focal", {"gamma": 2.0}, ONE[:1], [0], 9 / 16 * math.log(4)),
    # set and not set; where classes exclude each other, one against the rest
    ("asl", HARD, [ONE], [[1.0, 0.0]], (0.25 * EASY + 0.25**2 * EASY) / 2),
    # q = 1/2: (1 - √p) / ½; where only the background has it, the other item costs -log p
    ("gce", {"q_pos": 0.5, "q_neg": 0.5}, TWO[1:], [1], 2 - math.sqrt(2)),
    ("gce", {"q_pos": 0.0, "q_neg": 0.5, "background": 0}, TWO, [1, 0], (EASY + 2 - 2**0.5) / 2),
    ("gce", {"q_pos": 0.0, "q_neg": 1.0}, ONE, [1, 0], (EASY + 0.5) / 2),
    ("asl", HARD, [ONE], [0], (0.25 * EASY + 0.25**2 * EASY) / 2),
    # the background counts 1 + λ times; of one logit that most items have set, set
    ("mom", {"background": 0, "majority_weight": 0.5}, TWO, [1, 0], (EASY + 1.5 * HALF) / 2),
    ("mom", {"class_counts": [1, 9], "majority_weight": 0.5}, ONE, [1, 0], (1.5 * EASY + HALF) / 2),
    # of a model that says nothing, z = 0, the prior is left; with τ = 1/2 its roots, 3 : 1
    ("la", {"class_counts": [90, 10]}, TWO[1:], [0], -math.log(0.9)),
    ("la", {"class_counts": [90, 10]}, TWO[1:], [1], -math.log(0.1)),
    ("la", {"class_counts": [90, 10], "tau": 0.5}, TWO[1:], [1], math.log(4)),
    # a sigmoid: log(1/9) + log 3, so p = (1/3) / (4/3)
    ("la", {"class_counts": [90, 10]}, ONE[:1], [1], math.log(4)),
    # effective numbers 1.5 and 1, inverse 2/3 and 1, in sum 2: 0.8 and 1.2
    ("cb", {"class_counts": [2, 1], "beta": 0.5}, TWO, [1, 0], (1.2 * EASY + 0.8 * HALF) / 2),
]
SERVED = [(name, kind) for name, (_, _, kinds, _) in FORMULAS.items() for kind in kinds]


def told(name, case):
    """The function and the oracle of a loss, both with the class counts where it needs them."""
    function, oracle, _, _ = FORMULAS[name]
    if "counts" not in inspect.signature(oracle).parameters:
        return function, oracle
    counts = baseline_oracles.counts_for(case)
    return (
        functools.partial(function, class_counts=counts),
        functools.partial(oracle, counts=counts),
    )


@pytest.mark.parametrize(("name", "options", "logits", "target", "loss"), BY_HAND)
def test_by_hand(name, options, logits, target, loss):
    logits = torch.tensor(logits, dtype=torch.float64)
    assert_exact(FORMULAS[name][0](logits, torch.tensor(target), **options), loss)


def test_focal_loss_counts_an_easy_item_the_less():
    logits, target = torch.tensor([[3.0, 0.0], [0.5, 0.0]]), torch.tensor([0, 0])
    found = [build(f"focal:gamma={gamma},reduction=none")(logits, target) for gamma in (0, 1, 2)]
    none, one, two = (easy / hard for easy, hard in found)
    assert none > one > two


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("name", "kind"), SERVED)
def test_value_and_gradient_are_those_of_the_loop(name, kind, soft, masked):
    case = oracles.make_case(kind, seed=31, soft=soft, masked=masked)
    function, oracle = told(name, case)
    for options in FORMULAS[name][3]:
        if (kind == "positions" and options.get("class_weight")) or (
            kind == "labels" and "background" in options
        ):
            continue
        logits = case.logits.clone().requires_grad_()
        got = function(logits, case.target, **case.options, **options)
        assert_exact(got.detach(), oracles.value(oracle(case, case.rows, **options)))
        if options.get("reduction") != "none":
            got.backward()
            assert_exact(logits.grad, oracles.gradient(oracle, case, **options))


@pytest.mark.parametrize(("name", "kind"), SERVED)
def test_gradcheck(name, kind):
    case = oracles.make_case(kind, seed=32, items=3)
    function, _ = told(name, case)
    for options in ({"gamma_pos": 1.5}, {"margin": 0.0}) if name == "asl" else ({},):
        logits = case.logits.clone().requires_grad_()
        assert torch.autograd.gradcheck(
            lambda z, options=options: function(z, case.target, **options, **case.options),
            (logits,),
        )


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        ("focal:gamma=0", ALL),
        ("asl:gamma_pos=0,gamma_neg=0,margin=0", ["labels"]),
        ("mom:majority_weight=0", COUNTED),
        ("gce:q_pos=0,q_neg=0", ALL),
        ("la:tau=0", COUNTED),
        ("cb:beta=0", COUNTED),
        ("la of equal counts", COUNTED),
        ("cb:beta=0.99 of equal counts", COUNTED),
    ],
)
def test_what_is_cross_entropy(spec, kinds, soft):
    spec, equal, _ = spec.partition(" of ")
    for kind in kinds:
        case = oracles.make_case(kind, seed=33, soft=soft)
        counts = torch.tensor(baseline_oracles.counts_for(case))
        counts = torch.full_like(counts, 7) if equal else counts
        got = build(spec)(case.logits, case.target, class_counts=counts, **case.options)
        assert_exact(got, build("ce")(case.logits, case.target, **case.options))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_equal_exponents_without_a_margin_are_focal(gamma, soft):
    case = oracles.make_case("labels", seed=53, soft=soft)
    assert_exact(
        build(f"asl:gamma_pos={gamma},gamma_neg={gamma},margin=0")(
            case.logits, case.target, **case.options
        ),
        build(f"focal:gamma={gamma}")(case.logits, case.target, **case.options),
    )


@pytest.mark.parametrize(
    ("module", "function", "options"),
    [
        ("CrossEntropyLoss", "cross_entropy_loss", {"class_weight": [1.0, 2.0, 0.5]}),
        ("WeightedCrossEntropyLoss", "weighted_cross_entropy_loss", {"k": 2.0}),
        ("FocalLoss", "focal_loss", {"gamma": 3.0, "class_weight": [1.0, 2.0, 0.5]}),
        ("AsymmetricLoss", "asymmetric_loss", {"gamma_pos": 1.0, "margin": 0.1, "detach": True}),
        (
            "GeneralisedCrossEntropyLoss",
            "generalised_cross_entropy_loss",
            {"q_pos": 0.2, "q_neg": 0.2},
        ),
        ("ClassBalancedLoss", "class_balanced_loss", {"beta": 0.9}),
        ("LogitAdjustedLoss", "logit_adjusted_loss", {"tau": 0.5}),
        ("MajorityOrMinorityLoss", "majority_or_minority_loss", {"majority_weight": 0.2}),
        ("DiceLoss", "dice_loss", {"smooth": 0.3, "level": "example", "class_weight": [1, 2, 3]}),
        ("TverskyLoss", "tversky_loss", {"alpha": 0.1, "beta": 0.6, "reduction": "none"}),
        ("SelfAdjustingDiceLoss", "self_adjusting_dice_loss", {"decay": 0.5, "squared": False}),
        ("OverlapLoss", "overlap_loss", {"squared": False, "beta": 1.0, "activation": "sigmoid"}),
    ],
)
def test_a_module_is_its_function_with_the_options_of_the_module(module, function, options):
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
    module, function = getattr(losses, module), getattr(losses, function)
    if "class_counts" in module.defaults:
        options = {**options, "class_counts": [5, 9, 1]}
        assert module().needs_class_counts
    loss = module(**options)
    assert not loss.needs_class_counts
    assert_same(loss(logits, target), function(logits, target, **options))
    assert {name: loss.options()[name] for name in options} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    assert function.__doc__.splitlines()[0] in module.__doc__
    with pytest.raises(TypeError, match=f"{module.__name__} has no option 'nothing'"):
        module(nothing=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        loss(logits, target, nothing=1)


@pytest.mark.parametrize(
    ("module", "options", "error", "message"),
    [
        ("FocalLoss", {"gamma": -1}, InputError, "gamma to be a finite number >= 0, got -1"),
        ("FocalLoss", {"gamma": float("nan")}, InputError, "got nan"),
        ("FocalLoss", {"gamma": "two"}, InputTypeError, "got 'two'"),
        ("FocalLoss", {"class_weight": []}, InputTypeError, "one number for each class, got .]"),
        ("FocalLoss", {"class_weight": [1, "a"]}, InputTypeError, "one number for each class"),
        ("FocalLoss", {"reduction": "avg"}, InputError, "unknown value for reduction 'avg'"),
        ("AsymmetricLoss", {"gamma_pos": -1}, InputError, "gamma_pos to be .* >= 0, got -1"),
        ("AsymmetricLoss", {"margin": 1}, InputError, r"\[0, 1\), got 1: no negative would count"),
        ("AsymmetricLoss", {"margin": 2.5}, InputError, r"margin in \[0, 1\), got 2.5"),
        ("AsymmetricLoss", {"detach": 1}, InputTypeError, "detach to be True or False, got 1"),
        ("GeneralisedCrossEntropyLoss", {"q_neg": 1.5}, InputError, r"q_neg in \[0, 1\], got 1.5"),
        ("GeneralisedCrossEntropyLoss", {"q_pos": -1}, InputError, "q_pos to be .* >= 0, got -1"),
        ("ClassBalancedLoss", {"beta": 1}, InputError, r"\[0, 1\), got 1: the effective number"),
        ("ClassBalancedLoss", {"beta": 1.5}, InputError, r"beta in \[0, 1\), got 1.5"),
        ("ClassBalancedLoss", {"beta": -1}, InputError, "beta to be a finite number >= 0, got -1"),
        ("LogitAdjustedLoss", {"tau": -1}, InputError, "tau to be a finite number >= 0, got -1"),
        ("MajorityOrMinorityLoss", {"majority_weight": -1}, InputError, ">= 0, got -1"),
    ],
)
def test_impossible_options_are_refused_when_a_loss_is_built_and_in_its_function(
    module, options, error, message
):
    module = getattr(losses, module)
    with pytest.raises(error, match=message):
        module(**options)
    with pytest.raises(error, match=message):
        module.function(
            torch.zeros(1, 2), torch.tensor([0]), **options, **counts_of(module, [1, 2])
        )


def counts_of(module, counts):
    return {"class_counts": counts} if "class_counts" in module.defaults else {}


@pytest.mark.parametrize("name", ["wce", "mom", "la", "cb"])
def test_counts_that_do_not_fit_are_refused(name):
    loss, target = build(name), torch.tensor([0])
    for given, message in (
        ({}, "class_counts, the training items of each class"),
        ({"class_counts": torch.tensor([1, 2, 3])}, "one number for each of 2 classes, got 3"),
        ({"class_counts": torch.ones(2, 2)}, "each of 2 classes, got the shape"),
    ):
        with pytest.raises(InputError, match=message):
            loss(torch.zeros(1, 2), target, **given)
    with pytest.raises(InputError, match="one number for each of 2 classes, got 3"):
        build(f"{name}:class_counts=1/2/3")(torch.zeros(1, 2), target)
    with pytest.raises(InputError, match=r"shape \(2, 2\) for kind 'labels'.*got \(2,\)"):
        loss(torch.zeros(3, 2), torch.zeros(3, 2), class_counts=torch.tensor([1, 2]))
    with pytest.raises(InputError, match=r"shape \(2, 2\) for kind 'labels'.*got \(4,\)"):
        loss(torch.zeros(3, 2), torch.zeros(3, 2), class_counts=torch.tensor([1, 2, 3, 4]))
    with pytest.raises(InputError, match="positions of a text are not classes"):
        FORMULAS[name][0](torch.zeros(1, 2), target, kind="positions", class_counts=[1, 2])
    if name != "mom":
        with pytest.raises(InputError, match=r"training items of every class.*none of class \[1\]"):
            build(f"{name}:class_counts=5/0/3")
