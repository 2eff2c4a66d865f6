"""Under torch.func no value may be looked at: a batch of problems is a plain loop over them."""

import pytest
import torch
from torch.func import functional_call, grad, jacrev, vmap

import oracles
from dicetune.losses import LOSSES, build
from tolerances import assert_exact

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
SPECS = [*LOSSES, "ce+0.5*dice", "dsc:level=example", "dsc:decay=0.3,form=detached"]


def problems(spec, kind, soft):
    """Three problems of one shape, stacked, and the options that they share."""
    cases = [oracles.make_case(kind, seed=seed, soft=soft, masked=False) for seed in (1, 2, 3)]
    options = {"kind": kind}
    if build(spec).needs_class_counts:
        counts = torch.tensor([40.0, 30.0, 20.0, 10.0], dtype=torch.float64)
        options["class_counts"] = (
            torch.stack((100 - counts, counts)) if kind == "labels" else counts
        )
    tensors = [
        torch.stack([getattr(case, name) for case in cases]) for name in ("logits", "target")
    ]
    return tensors, options


@pytest.mark.parametrize("spec", SPECS)
def test_a_batch_of_problems_is_a_loop_over_them(spec):
    loss = build(spec)
    for kind in sorted(loss.kinds):
        for soft in (False, True):
            (logits, targets), options = problems(spec, kind, soft)

            def value(z, y, options=options):
                return loss(z, y, **options)

            slopes, alone = [], []
            for z, y in zip(logits, targets, strict=True):
                z = z.clone().requires_grad_()
                alone.append(value(z, y))
                slopes += torch.autograd.grad(alone[-1], z)
            assert_exact(vmap(value)(logits, targets), torch.stack(alone).detach())
            assert_exact(vmap(grad(value))(logits, targets), torch.stack(slopes))
            assert_exact(jacrev(value)(logits[0], targets[0]), slopes[0])
            called = functional_call(loss, {}, (logits[0], targets[0]), options)
            assert_exact(called, alone[0].detach())


@pytest.mark.parametrize("spec", ["ce", "focal", "asl", "gce", "dl", "dice", "dsc", "dsc-released"])
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_each_problem_of_a_batch_may_have_masks_of_its_own(spec, kind):
    cases = [oracles.make_case(kind, seed=seed) for seed in (1, 2, 3)]
    cases[1] = oracles.without_class(cases[1], 3)
    batch = [torch.stack([getattr(case, name) for case in cases]) for name in ("logits", "target")]
    batch += [
        torch.stack([case.options[name] for case in cases]) for name in ("mask", "class_mask")
    ]

    def value(z, y, keep, exists):
        return build(spec)(z, y, kind=kind, mask=keep, class_mask=exists)

    slopes, alone = [], []
    for z, *others in zip(*batch, strict=True):
        z = z.clone().requires_grad_()
        alone.append(value(z, *others))
        slopes += torch.autograd.grad(alone[-1], z)
    assert_exact(vmap(value)(*batch), torch.stack(alone).detach())
    assert_exact(vmap(grad(value))(*batch), torch.stack(slopes))
