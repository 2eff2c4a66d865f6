"""What holds for every loss, over shapes that hypothesis chooses."""

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import baseline_oracles
import oracles
from dicetune.errors import InputError
from dicetune.losses import LOSSES, OverlapLoss, build
from tolerances import assert_exact

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
CASES = st.builds(
    oracles.make_case,
    st.sampled_from(["classes", "labels", "positions"]),
    items=st.integers(3, 12),
    classes=st.integers(2, 7),
    seed=st.integers(0, 10_000),
    soft=st.booleans(),
)
SPECS = st.sampled_from(
    [
        *LOSSES,
        "dsc:level=example",
        "dsc:form=detached,decay=0.3",
        "dice:squared=false",
        "ce+2*dice",
        "mom+0.5*dice",
    ]
)
ADDITIVE = ["ce", "wce", "focal", "mom", "la", "cb", "asl", "gce", "dl", "dsc:level=example"]


def served(case, spec):
    """The case's options with class counts, where the loss serves its kind; else another case."""
    assume(case.kind in build(spec).kinds)
    counts = torch.tensor(baseline_oracles.counts_for(case))
    return {**case.options, "class_counts": counts} if needs_counts(spec) else case.options


def needs_counts(spec):
    """Whether the loss is told the training items of each class."""
    return build(spec).needs_class_counts


def run(spec, logits, target, **options):
    """Value and gradient."""
    logits = logits.detach().requires_grad_()
    value = build(spec)(logits, target, **options)
    (grad,) = torch.autograd.grad(value, logits)
    return value.detach(), grad


@settings(max_examples=120)
@given(CASES, SPECS)
def test_masked_is_removed(case, spec):
    given = served(case, spec)
    value, grad = run(spec, case.logits, case.target, **given)
    small = oracles.without_masked_items(case)
    same, same_grad = run(
        spec, small.logits, small.target, **{**given, "mask": None, **small.options}
    )
    assert_exact(value, same)
    kept = torch.tensor(case.keep)
    assert_exact(grad[kept], same_grad)
    assert not grad[~kept].any()


@settings(max_examples=120)
@given(CASES, SPECS, st.integers(0, 6), st.booleans())
def test_a_class_that_is_masked_everywhere_is_a_removed_class(case, spec, place, by_target):
    classes = case.logits.shape[1]
    gone = place % classes
    rest = [number for number in range(classes) if number != gone]
    by_class = case.target.ndim == 2
    # a weight of one class comes from the counts of all, but for labels and in la
    assume(classes > 2 and (case.kind == "labels" or spec == "la" or not needs_counts(spec)))
    target = case.target.clone()
    if not by_class:
        target[target == gone] = -100
    elif case.kind == "labels":
        target[:, gone] = -100
    else:
        target[:, gone] = 0
        target /= target.sum(1, keepdim=True)
        assume(bool(target.isfinite().all()))
    given = served(case, spec)
    masked = given.get("class_mask", torch.ones_like(case.logits, dtype=torch.bool)).clone()
    if by_target and case.kind == "labels":
        given = {name: option for name, option in given.items() if name != "class_mask"}
        few = {}
    else:
        masked[:, gone] = False
        given = {**given, "class_mask": masked}
        few = {"class_mask": masked[:, rest]}
    if "class_counts" in given:
        few["class_counts"] = given["class_counts"][rest]
    value, grad = run(spec, case.logits, target, **given)
    if not by_class:
        target = torch.where(target > gone, target - 1, target)
    small = target[:, rest] if by_class else target
    same, same_grad = run(spec, case.logits[:, rest], small, **{**given, **few})
    assert_exact(value, same)
    assert_exact(grad[:, rest], same_grad)
    assert not grad[:, gone].any()


@settings(max_examples=60)
@given(CASES, SPECS, st.randoms(use_true_random=False))
def test_order_of_items_and_classes_does_not_matter(case, spec, random):
    given = served(case, spec)
    value, grad = run(spec, case.logits, case.target, **given)
    items = random.sample(range(len(case.rows)), len(case.rows))
    classes = random.sample(range(case.logits.shape[1]), case.logits.shape[1])
    by_class = case.target.ndim == 2
    target = case.target[items]
    if by_class:
        target = target[:, classes]
    else:
        place = torch.tensor(classes).argsort()
        target = torch.where(target == -100, -100, place[target.clamp(min=0)])
    options = {
        "kind": case.kind,
        "mask": case.options["mask"][items],
        "class_mask": case.options["class_mask"][items][:, classes],
    }
    if "class_counts" in given:
        options["class_counts"] = given["class_counts"][classes]
    moved, moved_grad = run(spec, case.logits[items][:, classes], target, **options)
    assert_exact(moved, value)
    assert_exact(moved_grad, grad[items][:, classes])


@settings(max_examples=60)
@given(CASES, SPECS)
def test_leading_shape_and_memory_layout_do_not_matter(case, spec):
    given = served(case, spec)
    value, grad = run(spec, case.logits, case.target, **given)
    shaped = {
        name: option[None] if name in ("mask", "class_mask") else option
        for name, option in given.items()
    }
    batched, batched_grad = run(spec, case.logits[None], case.target[None], **shaped)
    assert_exact(batched, value)
    assert_exact(batched_grad[0], grad)
    strided = torch.stack([case.logits, case.logits], 2)[:, :, 0]
    assert not strided.is_contiguous()
    assert_exact(run(spec, strided, case.target, **given)[0], value)
    turned = case.logits.t().contiguous().t()
    assert_exact(run(spec, turned, case.target, **given)[0], value)


@settings(max_examples=60)
@given(CASES, SPECS)
def test_inputs_and_the_loss_itself_stay_as_they_are(case, spec):
    logits = case.logits.clone().requires_grad_()
    target = case.target.clone()
    options = {
        name: option.clone() if isinstance(option, torch.Tensor) else option
        for name, option in served(case, spec).items()
    }
    loss = build(spec)
    before = copy.deepcopy(loss)
    first = loss(logits, target, **options)
    first.backward()
    second = loss(logits, target, **options)
    assert torch.equal(first, second)
    assert torch.equal(logits, case.logits)
    assert torch.equal(target, case.target)
    for name, option in case.options.items():
        if isinstance(option, torch.Tensor):
            assert torch.equal(options[name], option)
    for (_, term), (_, old) in zip(loss.terms(), before.terms(), strict=True):
        assert {**term.__dict__, "_parameters": 0} == {**old.__dict__, "_parameters": 0}


@settings(max_examples=60)
@given(CASES, st.sampled_from(ADDITIVE))
def test_additive_losses_add_up(case, spec):
    """The mean is the sum of parts over the whole's number of items."""
    given = served(case, spec)
    whole, _ = run(spec, case.logits, case.target, **given)
    number = sum(case.keep)
    parts = 0.0
    for part in (slice(0, 2), slice(2, None)):
        options = {
            name: option[part] if name in ("mask", "class_mask") else option
            for name, option in given.items()
        }
        loss = build(spec)
        parts += loss(case.logits[part], case.target[part], num_items=number, **options)
    assert_exact(parts, whole)


@settings(max_examples=60)
@given(CASES, SPECS)
def test_losses_are_not_negative_and_overlap_at_most_1(case, spec):
    value, _ = run(spec, case.logits, case.target, **served(case, spec))
    assert value >= -1e-12
    if isinstance(build(spec), OverlapLoss):
        assert value <= 1


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_follows_what_comes_from_above(name):
    logits = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    target, counts = torch.arange(6) % 3, torch.tensor([1, 2, 3])
    loss = build(name)
    (once,) = torch.autograd.grad(loss(logits, target, class_counts=counts), logits)
    value = loss(logits, target, class_counts=counts)
    (thrice,) = torch.autograd.grad(3 * value, logits, retain_graph=True)
    assert_exact(thrice, 3 * once)
    (again,) = torch.autograd.grad(value, logits)
    assert_exact(again, once)


@pytest.mark.parametrize("name", LOSSES)
def test_no_gradient_where_none_is_asked_for(name):
    logits, target = torch.randn(6, 3), torch.arange(6) % 3
    value = build(name)(logits, target, class_counts=torch.tensor([1, 2, 3]))
    assert not value.requires_grad


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
        ("gce:q_pos=0", "classes", None, "q_pos=0 and q_neg=0.7, got classes without a background"),
        ("ce+gce:q_pos=0", "positions", 0, "q_pos=0 and q_neg=0.7, got positions"),
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


def test_additive_or_set():
    for spec in (*ADDITIVE, "ce+dl", "dice", "tversky", "dsc", "ce+dice"):
        loss, additive = build(spec), spec in (*ADDITIVE, "ce+dl")
        assert loss.is_additive("classes") is loss.is_additive("labels") is additive
        assert loss.is_additive("positions")
