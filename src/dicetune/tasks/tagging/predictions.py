"""Score a file of tags that any tool predicted: words, gold, predicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from dicetune.data import read_predictions
from dicetune.errors import InputError
from dicetune.metrics import label_scores, span_scores
from dicetune.tasks.base import Scores


def score_tag_file(
    predictions: str | Path,
    gold: str | Path | None,
    options: Any,
    tags: Literal["ner", "pos"],
    format: str,
    split: str | None,
    report: Callable[[str], None],
) -> Scores:
    """Scores as fractions in [0, 1], with a table for each type or label.

    Raises:
        InputError: for a file of gold beside it.
    """
    if gold is not None:
        raise InputError(
            f"expected a model folder before {str(gold)!r}, got {str(predictions)!r}: a file of "
            "predicted tags holds its own gold and is given alone; answers and other predictions "
            "are scored with --task (qa, text, …)"
        )
    found = read_predictions(
        predictions,
        task=tags,
        format=format,
        scheme=getattr(options, "scheme", "auto"),
        token_column=options.token_column,
        gold_column=options.gold_column,
        predicted_column=options.predicted_column,
        split=split,
    )
    if found.found_scheme != found.scheme:
        report(f"{found.source}: tags of the scheme {found.found_scheme}, read as {found.scheme}")
    for note in found.notes:
        report(str(note))
    if found.scheme is None:
        return label_scores(found.gold, found.predicted).to_dict()
    return span_scores(
        found.gold, found.predicted, scheme=found.scheme, convention=options.convention
    ).to_dict()
