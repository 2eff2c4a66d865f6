"""Forward and backward of the losses against torch's cross-entropy on the same input, in one run.

Usage: python benchmarks/losses.py [--rounds 7] [--only family|small|training|kinds|...]
       [--threads 1]

Logits are (N, C) in float32, targets are class numbers, of which -100 is 30% where the row says so.
A row is the median ratio of processor times over rounds in which both sides take turns; with two
threads of wall times, as waiting threads take processor time too: they need a machine that does
nothing else, and ``--threads 1`` leaves them out. The rows of ``steps`` compare with the same
losses under ``dicetune.losses.set_fast(False)``. MONAI's DiceLoss gets (N, C, 1) and makes one-hot
targets by its own option.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import monai
import torch
import torch.nn.functional as F

from dicetune.loss_input import LossInput, item_count
from dicetune.losses import LOSSES, Loss, NonTrainingLossWarning, build, set_fast
from dicetune.training.objective import Objective
from dicetune.training.sets import RunningSums
from table import Row, alternate, seconds_text, show

FAMILY = ("dice", "dsc", "tversky", "ce+dice")
LARGE = {(4096, 9): 0.6, (65536, 9): 0.6, (4096, 50): 1.3, (65536, 50): 1.3}  # goals
SMALL = (32, 256, 1024)
LIMIT = 0.25e-3  # seconds of a call below 4,096 items
AT_LEAST = 0.01  # seconds of one side of a round

Once = Callable[[], object]


def call(loss: Callable[..., torch.Tensor], logits: torch.Tensor, *given: object, **named: object):
    """One forward and backward pass."""

    def once() -> None:
        logits.grad = None
        loss(logits, *given, **named).backward()

    return once


def measured(ours: Once, against: Once, rounds: int) -> tuple[float, float, float]:
    """Seconds of a call of each side, and the ratio."""
    for side in (ours, against):  # the first call pays for what stays
        side()
    begun = time.process_time()
    for side in (ours, against):
        side()
    calls = max(1, int(2 * AT_LEAST / max(time.process_time() - begun, 1e-6)))
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    return alternate(ours, against, rounds, calls, clock)


def inputs(items: int, classes: int, ignored: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and class numbers."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(items, classes, generator=generator).requires_grad_()
    target = torch.randint(0, classes, (items,), generator=generator)
    if ignored:
        target[torch.rand(items, generator=generator) < 0.3] = -100
    return logits, target


def named(name: str, counts: torch.Tensor) -> Loss:
    """The loss of a name; one that needs class counts is built with them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonTrainingLossWarning)
        loss = build(name)
        if loss.needs_class_counts:
            loss = build(f"{name}:class_counts={'/'.join(map(str, counts.tolist()))}")
    return loss


def monai_dice() -> Callable[..., torch.Tensor]:
    """MONAI's closest: over the batch, squared, softmax, one-hot made by itself."""
    loss = monai.losses.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True, batch=True)
    return lambda logits, target: loss(logits[:, :, None], target[:, None, None])


def family(rounds: int, most_threads: int = 2) -> Iterator[Row]:
    """The losses with goals, with and without -100, on two threads and one."""
    cases = itertools.product(range(most_threads, 0, -1), LARGE.items(), (False, True))
    for threads, ((items, classes), goal), ignored in cases:
        torch.set_num_threads(threads)
        given = inputs(items, classes, ignored)
        for spec in FAMILY:
            loss, other = call(build(spec), *given), call(F.cross_entropy, *given)
            ours, theirs, ratio = measured(loss, other, rounds)
            where = f"{items:,} x {classes}{', -100' if ignored else ''}, {threads} thread(s)"
            yield Row(
                f"{spec}, {where}",
                seconds_text(ours),
                f"cross_entropy {seconds_text(theirs)}",
                ratio,
                f"<= {goal}",
            )


def small(rounds: int) -> Iterator[Row]:
    """The time of a call where the number of steps counts, not the size."""
    for items in SMALL:
        for ignored in (False, True):
            given = inputs(items, 9, ignored)
            for spec in FAMILY:
                ours, *_ = measured(
                    call(build(spec), *given), call(F.cross_entropy, *given), rounds
                )
                yield Row(
                    f"{spec}, {items:,} x 9{', -100' if ignored else ''}",
                    seconds_text(ours),
                    f"limit {seconds_text(LIMIT)}",
                    ours / LIMIT,
                    "<= 1",
                )


def other_kinds(rounds: int) -> Iterator[Row]:
    """Labels against binary cross-entropy, positions against cross-entropy."""
    logits, _ = inputs(4096, 28)
    labels = (torch.rand(4096, 28, generator=torch.Generator().manual_seed(1)) > 0.9).float()
    texts, gold = inputs(64, 384)
    for spec in FAMILY:
        bce = call(F.binary_cross_entropy_with_logits, logits, labels)
        ours, theirs, ratio = measured(call(build(spec), logits, labels), bce, rounds)
        against = f"binary_cross_entropy {seconds_text(theirs)}"
        yield Row(f"{spec}, labels 4,096 x 28", seconds_text(ours), against, ratio, "<= 1.0")
        loss, other = (
            call(build(spec), texts, gold, kind="positions"),
            call(F.cross_entropy, texts, gold),
        )
        ours, theirs, ratio = measured(loss, other, rounds)
        against = f"cross_entropy {seconds_text(theirs)}"
        yield Row(f"{spec}, positions 64 x 384", seconds_text(ours), against, ratio)


def training(rounds: int) -> Iterator[Row]:
    """What the Trainer computes of a loss in a step, with each set; in 4,096 x 9 and 65,536 x 9."""
    for items, spec in itertools.product((4096, 65536), ("dice", "ce+dice")):
        logits, target = inputs(items, 9, ignored=True)
        part = [LossInput("tags", logits, target)]
        counts = {"tags": item_count(part[0])}
        objective, running = Objective(build(spec)), RunningSums()
        running.begun("")
        objective.of_step([part], counts, running)
        running.end_step()
        sets: dict[str, Callable[[], torch.Tensor]] = {
            "batch": partial(objective.share, part, counts, 1, 1),
            "step": partial(objective.of_step, [part], counts),
            "running": partial(objective.share, part, counts, 1, 1, running),
        }
        for set_name, loss in sets.items():
            step, other = (
                call(lambda _, loss=loss: loss(), logits),
                call(F.cross_entropy, logits, target),
            )
            ours, theirs, ratio = measured(step, other, rounds)
            against = f"cross_entropy {seconds_text(theirs)}"
            name = f"{spec} in training, set={set_name}, {items:,} x 9, -100"
            yield Row(name, seconds_text(ours), against, ratio, f"<= {LARGE[items, 9]}")


def others(rounds: int) -> Iterator[Row]:
    """Every other loss, and MONAI's, without a goal."""
    given = inputs(4096, 9)
    counts = torch.bincount(given[1], minlength=9) + 1
    losses: dict[str, Callable[..., torch.Tensor]] = {
        name: named(name, counts) for name in LOSSES if name not in FAMILY
    }
    for name, loss in {**losses, "MONAI DiceLoss": monai_dice()}.items():
        options = {"background": 0} if isinstance(loss, Loss) else {}
        other = call(F.cross_entropy, *given)
        ours, theirs, ratio = measured(call(loss, *given, **options), other, rounds)
        against = f"cross_entropy {seconds_text(theirs)}"
        yield Row(f"{name}, 4,096 x 9", seconds_text(ours), against, ratio)


def steps(rounds: int) -> Iterator[Row]:
    """In one step against step by step."""
    for items, classes in ((32, 9), (256, 9), *LARGE):
        given = inputs(items, classes)
        for spec in FAMILY:
            ours = call(build(spec), *given)

            def stepwise(ours: Once = ours) -> None:
                with set_fast(False):
                    ours()

            taken, theirs, ratio = measured(ours, stepwise, rounds)
            against = f"step by step {seconds_text(theirs)}"
            yield Row(f"{spec}, {items:,} x {classes}", seconds_text(taken), against, ratio)


SECTIONS = {
    "family": family,
    "small": small,
    "training": training,
    "kinds": other_kinds,
    "others": others,
    "steps": steps,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=SECTIONS, action="append")
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2)
    options = parser.parse_args()
    # as in a process that trains: memory that was once used stays with the process
    used = torch.zeros(8 << 20)
    del used
    torch.set_num_threads(1)
    sections = {**SECTIONS, "family": partial(family, most_threads=options.threads)}
    show([row for name in options.only or sections for row in sections[name](options.rounds)])


if __name__ == "__main__":
    main()
