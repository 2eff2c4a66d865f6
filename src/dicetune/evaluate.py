"""Evaluate a model folder on data with gold, or the predictions that any tool wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dicetune.errors import InputError, listed, quoted
from dicetune.tasks import Use, build_options, task_named


def evaluate(
    target: str | Path,
    data: str | Path | None = None,
    *,
    task: str | None = None,
    format: str = "auto",
    gold_format: str | None = None,
    split: str | None = None,
    decision: str | None = None,
    report: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> dict[str, Any]:
    """Scores as fractions in [0, 1], with a table for each type or label.

    Args:
        target: the folder of a model, or a file of predictions in a format that its task knows
            (columns word, gold, predicted; the official SQuAD format; JSON lines).
        data: text with gold, where ``target`` is a model, or where the predictions have none.
        task: of a file of predictions (default: ``DEFAULT_TASK``), or of a model that dicetune did
            not train; a run knows its own.
        format: of ``target`` where it is a file of predictions, of ``data`` where it is a model;
            "auto" tells by the content.
        gold_format: of ``data`` beside a file of predictions; by default told by the content.
        split: which rows of a file of predictions are scored, where they name several splits.
        decision: of a model: "auto" (its tuned decision where it has one, which is the default;
            the scores without it then stand under "argmax"), "argmax" (leave it aside), "tuned",
            or a file of a rule.
        report: takes a line for what was odd in the file.
        options: of the task, such as the column of the words or the scheme of the tags.

    Raises:
        InputError: where a model has no data beside it, predictions are of several splits, or
            something was given that means nothing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not Path(target).is_dir():
        if gold_format is not None and data is None:
            raise InputError(
                f"expected a file of gold beside {quoted(Path(target))} for "
                f"gold_format={quoted(gold_format)}, "
                "got none: give the file, or leave it out"
            )
        if decision is not None:
            raise InputError(
                f"expected no decision for a file of predictions, got {quoted(decision)}: "
                f"what it holds "
                "is decided; `dicetune tune --scores` takes scores"
            )
        task_class = task_named(task)
        use: Use = "score" if data is None else "compare"
        chosen = build_options(task_class.Options, given, use=use)
        scores = task_class.score_file(
            target,
            data,
            chosen,
            format=format,
            gold_format=gold_format or "auto",
            split=split,
            report=report,
        )
        if line := _apart(scores):
            report(line)
        return dict(scores)
    for name, value in (("gold_format", gold_format), ("split", split)):
        if value is not None:
            raise InputError(
                f"expected no {name} for the model {quoted(Path(target))}, got "
                f"{quoted(value)}: it is for a "
                "file of predictions"
            )
    if data is None:
        raise InputError(
            f"expected a file with gold to score the model {quoted(Path(target))} on, got none: "
            "dicetune evaluate MODEL FILE"
        )
    # imported here: a file of predictions is scored without loading a model
    from dicetune.predict import load

    predictor = load(target, options=given, task=task, use="evaluate", decision=decision or "auto")
    return predictor.evaluate(predictor.read(data, format=format, report=report), report)


def _apart(scores: Mapping[str, Any]) -> str | None:
    """What is to be said where gold and predictions have no label in common."""
    rows = scores.get("per_type") or scores.get("per_label") or {}
    gold, predicted = (
        sorted(name for name, row in rows.items() if row[what]) for what in ("support", "predicted")
    )
    if not gold or not predicted or set(gold) & set(predicted):
        return None
    return (
        f"no label in common: gold has {listed(gold, most=5)}, the predictions have "
        f"{listed(predicted, most=5)}; every one of them is wrong, so check that both name the "
        "same things alike"
    )
