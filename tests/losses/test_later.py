"""On a device that runs ahead no loss asks for a value: targets are judged later, here on a CPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import oracles
from dicetune.errors import InputError
from dicetune.losses import LOSSES, build, hardest_negatives, raise_bad_targets, set_fast
from dicetune.losses import _targets as targets
from tolerances import assert_exact

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
SPECS = [*LOSSES, "ce+0.5*dice", "ce+dice:class_weight=1/2/1/0.5", "focal+la", "dsc:decay=0.3"]
WAITING = {
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::nonzero",
    "aten::masked_select",
    "aten::equal",
    "aten::bincount",
    "aten::_unique2",
    "aten::lift_fresh",  # numbers that come from the host
}


class Watch(TorchDispatchMode):
    """Operations for which a GPU would have to be waited for."""

    def __init__(self, names=WAITING):
        super().__init__()
        self.names, self.seen = names, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        masks = name in ("aten::index", "aten::index_put_") and any(
            isinstance(one, torch.Tensor) and one.dtype == torch.bool for one in args[1]
        )
        if name in self.names or masks:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def counts_for(kind):
    counts = torch.tensor([40.0, 30.0, 20.0, 10.0], dtype=torch.float64)
    return torch.stack((100 - counts, counts), 1) if kind == "labels" else counts


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("spec", SPECS)
def test_nothing_is_waited_for_and_the_value_is_the_same(spec, fast, monkeypatch):
    loss = build(spec)
    kinds = sorted(loss.kinds - ({"positions"} if "class_weight" in spec else set()))
    for kind in kinds:
        for soft in (False, True):
            case = oracles.make_case(kind, seed=1, soft=soft)
            options = {**case.options, "class_counts": counts_for(kind)}
            options["background"] = 0 if kind == "classes" else None
            results = []
            for at_once in (("cpu",), ()):
                monkeypatch.setattr(targets, "_AT_ONCE", at_once)
                logits = case.logits.clone().requires_grad_()
                with set_fast(fast):
                    loss(logits.detach(), case.target, **options)  # what is kept from then on
                    with Watch() as watch:
                        value = loss(logits, case.target, **options)
                        value.backward()
                results.append((value.detach(), logits.grad))
            assert watch.seen == []
            assert_exact(*(value for value, _ in results))
            assert_exact(*(grad for _, grad in results))
    raise_bad_targets()


def test_the_watch_sees_what_a_cpu_does_at_once():
    with Watch() as watch:
        build("dice")(torch.zeros(3, 2), torch.tensor([0, -100, 1]))
    assert "aten::_local_scalar_dense" in watch.seen


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_hard_negatives(kind, later):
    case = oracles.make_case(kind, seed=1)
    given = {**case.options, "background": 0 if kind == "classes" else None}
    with Watch() as watch:
        hardest_negatives(case.logits, case.target, per_positive=1.5, **given)
    assert watch.seen == []


GOLD = torch.tensor([0, 1, 2, 1])
SHARES = torch.eye(3)[GOLD]
ALL_BUT_2 = torch.tensor([True, True, False])
WRONG = [
    ("dice", torch.tensor([0, 7, 2, 1]), {}, r"targets in 0\.\.2 or -100, got 7"),
    ("ce", torch.tensor([0, 2**24 + 1, 2, 1]), {}, "got 16777217"),  # no number of float32
    ("ce", torch.tensor([0, -3, -100, 1]), {}, r"targets in 0\.\.2 or -100, got -3"),
    ("focal", GOLD, {"class_mask": ALL_BUT_2}, "got class 2 of item 2, which is masked"),
    ("dsc", SHARES * 1.5, {"kind": "labels"}, r"targets in \[0, 1\] or -100, got 1\.5"),
    ("ce", SHARES * 0.5, {"kind": "classes"}, r"sum to 1 over the classes, got a sum of 0\.5"),
    ("dice", GOLD, {"kind": "positions", "class_mask": ALL_BUT_2}, "got position 2 of item 2"),
]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("spec", "target", "options", "message"), WRONG)
def test_what_is_wrong_makes_the_loss_nan_and_is_said_when_asked(
    spec, target, options, message, fast, later
):
    loss = build(spec)
    with set_fast(fast):
        assert loss(torch.zeros(4, 3), target, **options).isnan()
        good = SHARES if options.get("kind") == "labels" else GOLD
        again = {name: value for name, value in options.items() if name != "class_mask"}
        assert loss(torch.zeros(4, 3), good, **again).isfinite()
    with pytest.raises(InputError, match=message):
        raise_bad_targets()
    raise_bad_targets()  # said once


def test_a_gradient_of_a_target_that_cannot_be_is_nan_too(later):
    for fast in (True, False):
        logits = torch.zeros(4, 3, requires_grad=True)
        with set_fast(fast):
            build("dice")(logits, torch.tensor([0, 7, 2, 1])).backward()
        assert logits.grad.isnan().any()


def test_a_weight_of_the_background_alone_is_said_when_asked(later):
    loss = build("dice:class_weight=1/0/0,classes=foreground")
    loss(torch.zeros(4, 3), GOLD, background=0)
    with pytest.raises(InputError, match="weight for the background only"):
        raise_bad_targets()


@pytest.mark.parametrize("spec", ["ce+focal+dl", "ce+dice", "focal+dice:level=example+2*dsc"])
def test_a_sum_looks_at_its_targets_once(spec):
    with Watch({"aten::aminmax"}) as watch:
        build(spec)(torch.zeros(4, 3), GOLD)
    assert len(watch.seen) == (1 if "dsc" not in spec else 2)  # one step, and step by step


def test_on_a_cpu_it_is_said_at_once():
    for spec, target, options, message in WRONG:
        with pytest.raises(InputError, match=message):
            build(spec)(torch.zeros(4, 3), target, **options)
    raise_bad_targets()
