"""The losses in one step against the formulas step by step: the same value and gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad
from torch.func import grad, vmap

import oracles
from dicetune.errors import InputError, InputTypeError
from dicetune.losses import (
    LOSSES,
    OverlapLoss,
    SumLoss,
    additive_and_sums,
    build,
    dice_loss,
    overlap_loss,
    set_fast,
    total_of,
)
from dicetune.losses import _fast as fast
from tolerances import EXTRA

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
VALUE, GRADIENT = 1e-12, 1e-10


def both(spec, logits, target, **options):
    """Value, gradient, and whether it was one step: with the fast computation, and without."""
    results = []
    loss = build(spec) if isinstance(spec, str) else spec
    for on in (True, False):
        leaf = logits.detach().clone().requires_grad_()
        with set_fast(on):
            value = loss(leaf, target, **options)
        value.backward()
        results.append((value.detach(), leaf.grad, is_one_step(value)))
    return results


def is_one_step(value):
    return value.grad_fn is not None and value.grad_fn.name() == "_FusedBackward"


def agree(results, value=VALUE, gradient=GRADIENT):
    (got, got_grad, one_step), (expected, expected_grad, other) = results
    assert not other
    torch.testing.assert_close(got, expected, rtol=value, atol=value)
    torch.testing.assert_close(got_grad, expected_grad, rtol=gradient, atol=gradient)
    return one_step


SETS = st.fixed_dictionaries(
    {"smooth": st.sampled_from([1e-3, 0.5, 2.0]), "decay": st.sampled_from([0.0, 1.0, 0.3, 2.0])}
)
SHAPES = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "squared": st.just(False),
            "alpha": st.sampled_from([0.0, 0.3, 1.0]),
            "beta": st.sampled_from([0.2, 0.7]),
        }
    ),
)
CASES = st.builds(
    oracles.make_case,
    st.sampled_from(["classes", "labels", "positions"]),
    items=st.integers(3, 30),
    classes=st.sampled_from([2, 3, 9, 16, 20]),
    seed=st.integers(0, 10_000),
    soft=st.booleans(),
    masked=st.booleans(),
)


@settings(max_examples=200)
@given(CASES, SETS, SHAPES, st.booleans(), st.booleans(), st.sampled_from(["macro", "micro"]))
def test_every_option_of_the_family(case, sets, shape, weighted, foreground, average):
    options = {**case.options, **sets, **shape}
    classes = case.logits.shape[1]
    if case.kind != "positions":
        options["average"] = average
        if weighted:
            options["class_weight"] = torch.linspace(0.5, 2, classes, dtype=torch.float64)
    if case.kind == "classes":
        foreground = foreground or average == "micro"
        options |= {"background": 1, "classes": "foreground" if foreground else "all"}
    one_step = agree(both(overlap_loss, case.logits, case.target, **options))
    assert one_step == (case.kind == "labels" or case.target.ndim == 1)


@settings(max_examples=100)
@given(
    CASES,
    st.sampled_from(["ce+dice", "0.3*ce+2*dsc+tversky", "ce+dice+2*dice:smooth=3", "dice+dsc"]),
    st.booleans(),
)
def test_sums(case, spec, weighted):
    if weighted and case.kind != "positions":
        weight = "/".join(["1", "0.25"] * 10)
        spec = f"{spec}+ce:class_weight={weight}" if case.logits.shape[1] == 20 else spec
    one_step = agree(both(spec, case.logits, case.target, **case.options))
    assert one_step == (case.kind == "labels" or case.target.ndim == 1)


def step(spec, case, on):
    """What a training step takes of a loss, and the gradient of a function of it, twice."""
    leaf = case.logits.detach().clone().requires_grad_()
    with set_fast(on):
        given = {"kind": case.kind, **case.options}
        found = additive_and_sums(build(spec).terms(), leaf, case.target, given, 7)
    total = 3 * found[0]
    for number, sums in enumerate(found[1:], start=1):
        total = total + number * (sums[0] / (sums[0] + sums[1] + 1)).square().sum()
    gradients = [torch.autograd.grad(total, leaf, retain_graph=True)[0] for _ in range(2)]
    return [one.detach() for one in found], gradients, found[-1].grad_fn.name()


@settings(max_examples=100)
@given(CASES, st.sampled_from(["ce+dice", "dsc+0.3*ce+tversky", "dsc:decay=0.3", "focal+dice"]))
def test_sums_of_a_step(case, spec):
    if case.kind == "positions" and spec == "focal+dice":
        spec = "ce+dice"
    results = [step(spec, case, on) for on in (True, False)]
    (found, gradients, name), (expected, slopes, _) = results
    for got, one in zip(found, expected, strict=True):
        torch.testing.assert_close(got, one, rtol=VALUE, atol=VALUE)
    for got, one in zip(gradients, slopes, strict=True):
        torch.testing.assert_close(got, one, rtol=GRADIENT, atol=GRADIENT)
    served = case.kind == "labels" or (case.kind == "classes" and case.target.ndim == 1)
    assert (name == "_FusedSumsBackward") == served


def test_gradient_of_the_gradient_of_sums():
    case = oracles.make_case("classes", seed=1, items=4, classes=3)

    def sums(z):
        found = additive_and_sums(build("ce+dice").terms(), z, case.target, {"kind": "classes"}, 3)
        return found[0] + found[1][0] * found[1][1]

    assert torch.autograd.gradgradcheck(sums, (case.logits.requires_grad_(),))


def test_additive_terms_alone_are_divided_by_the_number_of_a_step():
    logits, target = torch.randn(6, 3, requires_grad=True), torch.arange(6) % 3
    ce, dice = build("ce"), build("dice")
    for on in (True, False):
        with set_fast(on):
            terms = [(0.5, ce), (2.0, dice)]
            found = total_of(terms, logits, target, {"kind": "classes"}, torch.tensor(12.0))
        assert is_one_step(found) == on
        expected = 0.25 * ce(logits, target) + 2 * dice(logits, target)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("spec", ["dice", "tversky", "dsc", "dsc:decay=0.3", "ce+dice"])
def test_lower_precisions(spec, dtype):
    for kind in ("classes", "labels", "positions"):
        for classes in (5, 40):
            case = oracles.make_case(kind, items=50, classes=classes, seed=classes)
            logits = case.logits.to(dtype)
            close = EXTRA[torch.float32], max(EXTRA[dtype], 2e-6)
            target = case.target.float() if kind == "labels" else case.target
            results = both(spec, logits, target, **case.options)
            agree(results, *close)
            assert results[0][0].dtype == torch.float32
            assert results[0][1].dtype == dtype


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("spec", ["ce+0.5*dice", "dsc", "tversky"])
def test_blocks_add_up(kind, spec, monkeypatch):
    for classes in (3, 20):
        case = oracles.make_case(kind, items=23, classes=classes, seed=1)
        monkeypatch.setattr(fast, "_BLOCK", 5 * classes)
        agree(both(spec, case.logits, case.target, **case.options))


def test_any_shape_and_layout():
    target = torch.randint(0, 4, (3, 5))
    target[1, 2:] = -100
    for logits in (torch.randn(3, 5, 4), torch.randn(4, 5, 3).permute(2, 1, 0)):
        results = both("ce+dice", logits.double(), target, mask=torch.rand(3, 5) > 0.2)
        assert agree(results)
    labels = torch.randint(0, 2, (3, 5, 4))
    for given_target in (labels, labels.bool(), labels.double()):
        assert agree(both("dsc", torch.randn(3, 5, 4).double(), given_target))
    for dtype in (torch.int32, torch.int8, torch.uint8):
        assert agree(
            both("dice", torch.randn(15, 4).double(), target.flatten().abs().to(dtype) % 4)
        )


def test_cross_entropy_of_a_class_whose_p_underflows():
    logits = torch.tensor([[0.0, 300.0, 1.0], [5.0, 0.0, 0.0], [-200.0, 0.0, 0.0]])
    for classes in (3, 20):
        wide = torch.nn.functional.pad(logits, (0, classes - 3), value=-1.0)
        results = both("ce+dice", wide, torch.tensor([0, 0, 0]))
        assert agree(results, 1e-6, 1e-6)
        assert results[0][0] > 100


def test_the_mean_over_texts_may_have_a_number_of_its_own():
    case = oracles.make_case("positions", items=6, classes=5, seed=3)
    for number in (4, torch.tensor(4), 0):
        options = {**case.options, "num_items": number}
        assert agree(both("tversky", case.logits, case.target, **options))


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("spec", ["dice", "ce+tversky"])
def test_gradient_of_the_gradient(spec, kind):
    case = oracles.make_case(kind, seed=1, items=4, classes=3)
    loss, logits = build(spec), case.logits.clone().requires_grad_()

    def value(z):
        return loss(z, case.target, **case.options)

    assert is_one_step(value(logits))
    assert torch.autograd.gradcheck(value, (logits,))
    assert torch.autograd.gradgradcheck(value, (logits,))


ONE_STEP = ["dice", "dice:squared=false", "tversky", "dsc", "dsc:decay=0.5", "overlap", "ce+dice"]
STEPWISE = [
    *(name for name in LOSSES if name not in (*ONE_STEP, "wce", "la", "cb")),
    "dice:reduction=none",
    "dice:level=example",
    "dsc:form=literal",
    "dsc:form=detached,decay=0.5",
    "dice:activation=sigmoid",
    "focal+dice",
    "ce+dl",
]


@pytest.mark.parametrize("spec", [*ONE_STEP, *STEPWISE])
def test_where_it_is_taken(spec):
    logits = torch.randn(6, 3, requires_grad=True)
    value = build(spec)(logits, torch.arange(6) % 3, background=0)
    assert is_one_step(value) == (spec in ONE_STEP)


def test_where_it_cannot_be_taken_the_formula_answers():
    logits, target = torch.randn(6, 3, dtype=torch.float64), torch.arange(6) % 3
    loss = build("ce+dice")
    expected = torch.autograd.grad(loss(leaf := logits.clone().requires_grad_(), target), leaf)[0]
    torch.testing.assert_close(grad(loss)(logits, target), expected)
    batch = vmap(grad(loss), (0, None))(logits[None], target)[0]
    torch.testing.assert_close(batch, expected)
    direction = torch.randn_like(logits)
    with forward_ad.dual_level():
        value = loss(forward_ad.make_dual(logits, direction), target)
        slope = forward_ad.unpack_dual(value).tangent
    torch.testing.assert_close(slope, (expected * direction).sum())
    shares = torch.nn.functional.one_hot(target, 3).double().requires_grad_()
    dice_loss(logits, shares, kind="labels").backward()
    assert shares.grad.any()


def test_a_sum_calls_what_is_more_than_its_value():
    class Thrice(OverlapLoss):
        def forward(self, logits, target, **given):
            return 3 * super().forward(logits, target, **given)

    logits, target = torch.randn(6, 3, dtype=torch.float64), torch.arange(6) % 3
    ce, dice, thrice = build("ce"), build("dice"), Thrice()
    expected = ce(logits, target) + thrice(logits, target)
    assert SumLoss([(1, ce), (1, thrice)])(logits, target) == expected
    total = SumLoss([(1, ce), (1, dice)])
    before, called = total(logits, target), []
    for hooked in (ce, dice):
        handle = hooked.register_forward_hook(lambda *_: called.append(1))
        torch.testing.assert_close(total(logits, target), before)
        handle.remove()
    assert len(called) == 2
    assert is_one_step(total(logits.requires_grad_(), target))


def test_a_weight_may_have_a_gradient():
    logits, target = torch.randn(6, 3, dtype=torch.float64), torch.arange(6) % 3
    for average in ("macro", "micro"):
        weight = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
        options = {"average": average, "classes": "foreground", "background": 0}
        assert torch.autograd.gradcheck(
            lambda w, options=options: overlap_loss(logits, target, class_weight=w, **options),
            (weight,),
        )


def test_the_switch():
    logits, target = torch.randn(6, 3, requires_grad=True), torch.arange(6) % 3
    assert is_one_step(dice_loss(logits, target))
    set_fast(False)
    try:
        assert not is_one_step(dice_loss(logits, target))
        with set_fast(True):
            assert is_one_step(dice_loss(logits, target))
        assert not is_one_step(dice_loss(logits, target))
    finally:
        set_fast(True)


LOGITS = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (torch.tensor([0, 1, 3, 1]), {}),
        (torch.tensor([0, -1, 2, 1]), {}),
        (torch.tensor([0, -100, -7, 1]), {}),
        (torch.tensor([0, -100, 1, -200]), {}),
        (torch.tensor([0, 1, 2]), {}),
        (torch.tensor([0.0, 1.0, 2.0, 0.0]), {}),
        (torch.tensor([0, 1, 2, 1]), {"background": 3, "classes": "foreground"}),
        (torch.tensor([0, 1, 2, 1]), {"mask": torch.ones(3, dtype=torch.bool)}),
        (torch.tensor([0, 1, 2, 1]), {"mask": torch.ones(4)}),
        (torch.tensor([0, 1, 2, 1]), {"class_mask": torch.ones(4, 2, dtype=torch.bool)}),
        (torch.tensor([0, 1, 2, 1]), {"class_mask": torch.tensor([True, False, True])}),
        (torch.tensor([0, 1, 2, 1]), {"class_weight": [1.0, 2.0]}),
        (torch.tensor([0, 1, 2, 1]), {"average": "micro"}),
        (torch.tensor([0, 1, 2, 1]), {"num_items": 3}),
        (torch.full((4, 3), 1.5), {"kind": "labels"}),
        (torch.full((4, 3), -2.0), {"kind": "labels"}),
        (torch.full((4, 3), float("nan")), {"kind": "labels"}),
    ],
)
def test_what_is_wrong_is_said_in_the_same_words(target, options):
    said = []
    for on in (True, False):
        with set_fast(on), pytest.raises((InputError, InputTypeError)) as caught:
            overlap_loss(LOGITS, target, **options)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_nan_where_nothing_counts_goes_nowhere_and_elsewhere_is_seen():
    for classes in (3, 20):
        logits, target = torch.randn(5, classes), torch.arange(5) % 3
        logits[2] = float("nan")
        target[2] = -100
        results = both("ce+dice", logits, target)
        assert agree(results, 1e-6, 1e-6)
        assert results[0][1].isfinite().all()
        target[2] = 0
        assert build("ce+dice")(logits, target).isnan()


def test_backward_again_gives_the_same_gradient_again():
    logits = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    for spec in ("dice", "ce+dice"):
        value = build(spec)(logits, torch.tensor([0, 1, 2, -100, 1, 0]))
        first, again = (
            torch.autograd.grad(value * scale, logits, retain_graph=True)[0] for scale in (1, 3)
        )
        torch.testing.assert_close(again, 3 * first)
