"""Evaluate a model folder on tagged text, or the predictions that any tool wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from dicetune.data import read_predictions, read_tokens
from dicetune.errors import InputError
from dicetune.metrics import label_scores, span_scores


def evaluate(
    target: str | Path,
    data: str | Path | None = None,
    *,
    task: Literal["ner", "pos"] = "ner",
    convention: Literal["strict", "conlleval"] = "strict",
    scheme: str = "auto",
    format: str = "auto",
) -> dict[str, Any]:
    """Scores as fractions in [0, 1], with a table for each type or label.

    Args:
        target: the folder of a model, or a file of predictions: columns word, gold, predicted, or
            JSON lines with tokens, gold, predicted.
        data: tagged text, where ``target`` is a model.
        task: of a file of predictions; a model knows its own.
        convention: "strict" (a predicted span needs a valid scheme) or "conlleval" (an I- that
            continues nothing starts a span).
        scheme: span scheme of the file.
        format: data format of the file.

    Raises:
        InputError: where a model has no data beside it, or predictions have some.
    """
    if Path(target).is_dir():
        if data is None:
            raise InputError(
                f"expected a tagged file to score the model {str(target)!r} on, got none: "
                "dicetune evaluate MODEL FILE"
            )
        from dicetune.predict import load

        tagger = load(target)
        corpus = read_tokens(data, task=tagger.task.name, format=format, scheme=scheme)
        return tagger.evaluate(corpus, convention)
    if data is not None:
        raise InputError(
            f"expected a model folder before {str(data)!r}, got {str(target)!r}: a file of "
            "predictions holds its own gold and is given alone"
        )
    predictions = read_predictions(target, task=task, format=format, scheme=scheme)
    if task == "pos":
        return label_scores(predictions.gold, predictions.predicted).to_dict()
    return span_scores(
        predictions.gold,
        predictions.predicted,
        scheme=predictions.scheme or "iob2",
        convention=convention,
    ).to_dict()
