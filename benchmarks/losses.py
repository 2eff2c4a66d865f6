"""Forward and backward of every loss, as a multiple of torch's cross-entropy, in one run.

Usage: python benchmarks/losses.py [--rounds 7] [--threads 1] [--out benchmarks/losses.csv]

Each loss is timed on the same logits and targets over N items and C classes, in float32, hard
targets, no masks. A round times every loss once, in turn, so that a busy moment of the machine hits
all of them; the least of the rounds counts. With one thread it is processor time, which does not
count what other programs take. MONAI's DiceLoss gets (N, C, 1) and one-hot by its own
option. The CSV's head names processor, threads and versions.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import monai
import torch
import torch.nn.functional as F

from dicetune.losses import LOSSES, NonTrainingLossWarning, build

SIZES = [(n, c) for n in (256, 4096, 65536) for c in (2, 9, 50)]
LIMIT = 3.0  # times cross-entropy, what we hold ourselves to
SUMS = ("ce+dice",)


def candidates(n: int, c: int) -> dict[str, Callable[[], object]]:
    """One call of forward and backward for each loss, on the same input."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, c, generator=generator).requires_grad_()
    target = torch.randint(0, c, (n,), generator=generator)
    counts = torch.bincount(target, minlength=c) + 1

    def timed(loss: Callable[..., torch.Tensor], **options: object) -> Callable[[], object]:
        def once() -> None:
            logits.grad = None
            loss(logits, target, **options).backward()

        return once

    ours = {}
    for name in (*LOSSES, *SUMS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NonTrainingLossWarning)
            loss = build(name)
            if loss.needs_class_counts:
                loss = build(f"{name}:class_counts={'/'.join(map(str, counts.tolist()))}")
        ours[name] = timed(loss)
    return {
        "torch cross_entropy": timed(F.cross_entropy),
        **ours,
        "MONAI DiceLoss": timed(monai_dice()),
    }


def monai_dice() -> Callable[..., torch.Tensor]:
    """MONAI's closest: over the batch, squared, softmax, one-hot made by itself."""
    loss = monai.losses.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True, batch=True)
    return lambda logits, target: loss(logits[:, :, None], target[:, None, None])


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of one call of each, the least of several rounds."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    repeats = {}
    for name, call in calls.items():
        call()
        begun = clock()
        call()
        repeats[name] = max(1, min(500, int(0.03 / (clock() - begun))))
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            begun = clock()
            for _ in range(repeats[name]):
                call()
            best[name] = min(best[name], (clock() - begun) / repeats[name])
    return best


def processor() -> str:
    """The processor's name, where the system says it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for n, c in SIZES:
        best = measure(candidates(n, c), options.rounds)
        base = best["torch cross_entropy"]
        print(f"\nN={n} C={c}: torch cross_entropy {1e6 * base:.1f} us")
        for name, seconds in best.items():
            ratio = seconds / base
            over = " over" if ratio > LIMIT and name in (*LOSSES, *SUMS) else ""
            print(f"  {name:20s} {1e6 * seconds:10.1f} us {ratio:6.2f}x{over}")
            rows.append([n, c, name, f"{1e6 * seconds:.1f}", f"{ratio:.2f}"])
    head = [
        f"# {processor()}, {platform.system()} {platform.machine()}, {options.threads} thread(s)",
        f"# Python {platform.python_version()}, torch {torch.__version__}, "
        f"MONAI {monai.__version__}",
        f"# forward + backward, float32, least of {options.rounds} rounds",
        f"# load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
    ]
    with options.out.open("w", newline="", encoding="utf-8") as file:
        file.write("\n".join(head) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["items", "classes", "loss", "microseconds", "times_cross_entropy"])
        writer.writerows(rows)
    ours = [row for row in rows if row[2] in (*LOSSES, *SUMS)]
    slow = [row for row in ours if float(row[4]) > LIMIT]
    print(
        f"\n{len(ours) - len(slow)} of {len(ours)} within {LIMIT:g}x; written to {options.out.name}"
    )


if __name__ == "__main__":
    main()
