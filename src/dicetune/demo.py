"""The demo: the packaged sample, cross-entropy and ``auto``, same budget and seed, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.records import METRICS_FILE, read_json
from dicetune.training import RunConfig, run

LOSSES = ("ce", "auto")
TRAINER: dict[str, Any] = {
    "num_train_epochs": 8,
    "per_device_train_batch_size": 16,
    "learning_rate": 3e-4,
}


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo found.

    Args:
        scores: for each loss the scores of dev and test, per type included.
        seconds: training time of each.
        objectives: each loss in full.
        verdict: which won, by how much, and what that is worth.
    """

    scores: dict[str, dict[str, Any]]
    seconds: dict[str, float]
    objectives: dict[str, str]
    verdict: str


def run_demo(
    out: Path,
    *,
    seed: int = 1,
    report: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> DemoOutcome:
    """Fine-tune ``minilm`` on the packaged sample with each of ``LOSSES``.

    Args:
        out: folder for the runs; earlier demo runs in it are replaced.
        seed: of both runs.
        report: called with a line of text now and then.
        progress: show progress bars.
    """
    scores, seconds, objectives = {}, {}, {}
    for loss in LOSSES:
        report(f"the packaged sample, minilm, loss {loss!r}, seed {seed}")
        config = RunConfig(
            task="ner", train="sample", loss=loss, seed=seed, out=str(out / loss), trainer=TRAINER
        )
        record = run(config, overwrite=True, report=report, progress=progress)
        scores[loss] = read_json(out / loss / METRICS_FILE)
        seconds[loss] = record.training["seconds"]
        objectives[loss] = record.objective["text"]
    return DemoOutcome(scores, seconds, objectives, verdict(scores))


def verdict(scores: dict[str, dict[str, Any]]) -> str:
    """Which loss has the better F1 on each split, and the caution that belongs to it.

    Args:
        scores: for each of two losses the scores of dev and test.

    Example:
        >>> ce, auto = {"dev": {"f1": 0.5}, "test": {"f1": 0.71}}, {"dev": {"f1": 0.5}}
        >>> print(verdict({"ce": ce, "auto": {**auto, "test": {"f1": 0.7}}}))
        Test: ce wins by 1.00 points of F1 (71.00 against 70.00 of auto).
        Dev: ce and auto come out even (50.00 F1).
        One seed decides nothing: differences of a few points come and go with the seed.
    """
    lines = [f"{split.capitalize()}: {_winner(scores, split)}" for split in ("test", "dev")]
    caution = "One seed decides nothing: differences of a few points come and go with the seed."
    return "\n".join([*lines, caution])


def _winner(scores: dict[str, dict[str, Any]], split: str) -> str:
    first, second = sorted(scores, key=lambda loss: -scores[loss][split]["f1"])
    best, other = (round(100 * scores[loss][split]["f1"], 2) for loss in (first, second))
    if best == other:
        return f"{first} and {second} come out even ({best:.2f} F1)."
    return (
        f"{first} wins by {best - other:.2f} points of F1 "
        f"({best:.2f} against {other:.2f} of {second})."
    )
