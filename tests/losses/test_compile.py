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


def agree(spec, backend, kind="classes", **options):
    """Compiled and eager agree, masks and -100 included."""
    torch.compiler.reset()
    loss = build(spec)
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    logits = torch.randn(10, 4)
    target = torch.arange(10) % 4
    target[3] = -100
    if kind == "labels":
        target = torch.nn.functional.one_hot(target.clamp(min=0), 4).float()
    given = {
        "kind": kind,
        "mask": torch.arange(10) != 5,
        "class_counts": torch.tensor([[6, 4], [7, 3], [8, 2], [9, 1]])
        if kind == "labels"
        else torch.tensor([4, 3, 2, 1]),
        **options,
    }
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
    """Traced forward and backward, run without code generation, which takes most of the time."""
    for kind in sorted(build(spec).kinds):
        agree(spec, "aot_eager", kind)


@pytest.mark.parametrize("spec", ["ce+dice", "dsc"])
def test_generated_code(spec):
    agree(spec, "inductor")


def test_positions_with_a_mask():
    exists = torch.ones(10, 4, dtype=torch.bool)
    exists[2, 3] = False
    agree("ce+dice", "aot_eager", "positions", class_mask=exists)


def test_a_majority_that_the_input_names():
    agree("mom", "aot_eager", background=1)
