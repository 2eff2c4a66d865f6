"""torch.compile(fullgraph=True): one graph, the same value and gradient."""

import pytest
import torch

from dicetune.losses import LOSSES, build
from tolerances import assert_same

pytestmark = [
    pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def agree(spec, backend, kind="classes"):
    """Compiled and eager agree, with masks, -100 and a named background."""
    torch.compiler.reset()
    loss = build(spec)
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    logits = torch.randn(10, 4)
    target, exists = torch.arange(10) % 4, torch.ones(10, 4, dtype=torch.bool)
    target[3], exists[2, 3] = -100, False
    counts = torch.tensor([4, 3, 2, 1])
    if kind == "labels":
        target = torch.nn.functional.one_hot(target.clamp(min=0), 4).float()
        counts = torch.stack([10 - counts, counts], 1)
    given = {"kind": kind, "mask": torch.arange(10) != 5, "class_mask": exists}
    given |= {"class_counts": counts, "background": 1 if kind == "classes" else None}
    results = []
    for call in (loss, compiled):
        leaf = logits.clone().requires_grad_()
        value = call(leaf, target, **given)
        value.backward()
        results.append((value.detach(), leaf.grad))
    for eager, other in zip(*results, strict=True):
        assert_same(other, eager)


@pytest.mark.parametrize(
    "spec", [*LOSSES, "ce+0.5*dice", "dsc:decay=0.5", "dsc:decay=0.5,form=literal"]
)
def test_every_loss_is_one_graph(spec):
    """Without code generation, which takes most of the time; of classes the backward pass too."""
    for kind in sorted(build(spec).kinds):
        agree(spec, "aot_eager" if kind == "classes" else "eager", kind)


def test_generated_code():
    agree("ce+dice+0.5*dsc", "inductor")
