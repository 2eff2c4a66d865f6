"""Other implementations of the paper's losses, run: where p ends, and what right items cost.

Usage: python experiments/implementations.py SADICE SIMPLETRANSFORMERS GLINER DICE_LOSS_FILE

The folders hold the packages as ``pip download --no-deps`` gets them, unpacked; the file is
``loss/dice_loss.py`` of ShannonAI/dice_loss_for_NLP. Their code is loaded from there, so that
their requirements (sadice wants torch below 2) need not be installed.
"""

import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from dicetune.losses import build

GOLD, NEGATIVE, STEPS = 0.88, 0.12, 20_000


def loaded(path: Path) -> ModuleType:
    """The module in a file."""
    location = importlib.util.spec_from_file_location(path.stem, path)
    if location is None or location.loader is None:
        raise SystemExit(f"expected a Python file, got {path}")
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


Loss = Callable[[Tensor, int], Tensor]
"""From the logit of one item, (1,), and its target (0 or 1)."""


def end(loss: Loss, start: float, target: int) -> float:
    """Where p of one item ends that starts at ``start``, by gradient descent on its logit."""
    z = torch.tensor([math.log(start / (1 - start))], dtype=torch.float64, requires_grad=True)
    for _ in range(STEPS):
        (slope,) = torch.autograd.grad(loss(z, target).sum(), z)
        with torch.no_grad():
            z -= slope
    return float(z.detach().sigmoid())


def of_two(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """A loss over two classes."""
    return lambda z, y: loss(torch.stack((torch.zeros_like(z), z), -1), torch.tensor([y]))


def main() -> None:
    """Print the figures."""
    sadice, simple, gliner, released = (Path(name) for name in sys.argv[1:5])
    sadice = loaded(next(sadice.rglob("loss.py"))).SelfAdjDiceLoss
    simple = loaded(next(simple.rglob("losses/dice_loss.py"))).DiceLoss
    gliner = loaded(next(gliner.rglob("modeling/loss_functions.py"))).span_dice_loss
    released = loaded(released).DiceLoss

    def one_logit(**how: object) -> Loss:
        return lambda z, y: released(**how)(z.view(1, 1), torch.tensor([y]))

    squared = {"smooth": 1.0, "square_denominator": True}
    for name, loss in (
        ("sadice SelfAdjDiceLoss()", of_two(sadice())),
        ("simpletransformers DiceLoss(gamma=1)", of_two(simple(gamma=1))),
        ("simpletransformers DiceLoss()", of_two(simple())),
        ("gliner span_dice_loss()", lambda z, y: gliner(z, torch.full_like(z, y))),
        ("released DiceLoss(alpha=1, smooth=1)", one_logit(alpha=1.0, smooth=1.0)),
        ("released, as its scripts call it (alpha=0.01)", one_logit(alpha=0.01, **squared)),
        ("dicetune dice", of_two(build("dice"))),
        ("dicetune dsc", of_two(build("dsc"))),
        ("cross-entropy", of_two(build("ce"))),
    ):
        ends = end(loss, GOLD, 1), end(loss, NEGATIVE, 0)
        print(f"{name}: gold {GOLD} -> {ends[0]:.3f}, negative {NEGATIVE} -> {ends[1]:.3f}")
    for number in (2, 8, 32, 128):
        gold = torch.arange(number) % 4
        logits = 40.0 * torch.eye(4)[gold]
        theirs, ours = released(smooth=1.0)(logits, gold), build("dice")(logits, gold)
        print(f"{number} right items of 4 classes: released {theirs:.2f}, dicetune dice {ours:.2f}")


if __name__ == "__main__":
    main()
