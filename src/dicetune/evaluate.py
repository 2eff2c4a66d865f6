"""Evaluate a model folder on tagged text, or the predictions that any tool wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from dicetune.data import Corpus, Predictions, read_predictions, read_tokens
from dicetune.errors import InputError
from dicetune.metrics import label_scores, span_scores

Column = int | str | None


def evaluate(
    target: str | Path,
    data: str | Path | None = None,
    *,
    task: Literal["ner", "pos"] | None = None,
    convention: Literal["strict", "conlleval"] | None = None,
    scheme: str = "auto",
    format: str = "auto",
    token_column: Column = None,
    tag_column: Column = None,
    gold_column: Column = None,
    predicted_column: Column = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Scores as fractions in [0, 1], with a table for each type or label.

    Args:
        target: the folder of a model, or a file of predictions: columns word, gold, predicted, or
            JSON lines with tokens, gold, predicted.
        data: tagged text, where ``target`` is a model.
        task: of a file of predictions, by default "ner"; a model knows its own.
        convention: "strict" (the default: a predicted span needs a valid scheme) or "conlleval"
            (an I- that continues nothing starts a span); for spans only.
        scheme: span scheme of the file; for spans only.
        format: data format of the file.
        token_column: number or key of the words; for a model, the columns that it was trained on
            are the default.
        tag_column: number or key of the tags, where ``target`` is a model.
        gold_column: number or key of the gold tags in a file of predictions.
        predicted_column: number or key of the predicted tags there.
        report: takes a line for what was odd in the file.

    Raises:
        InputError: where a model has no data beside it, or predictions have some; for an option
            that means nothing for this target.
    """
    if not Path(target).is_dir():
        if data is not None:
            raise InputError(
                f"expected a model folder before {str(data)!r}, got {str(target)!r}: a file of "
                "predictions holds its own gold and is given alone"
            )
        _refuse({"tag_column": tag_column}, "a file of predictions", "gold_column")
        task = task or "ner"
        _check_spans(task, convention, scheme)
        predictions = read_predictions(
            target,
            task=task,
            format=format,
            scheme=scheme,
            token_column=token_column,
            gold_column=gold_column,
            predicted_column=predicted_column,
        )
        _tell(predictions, report)
        return _score(predictions, convention or "strict")
    if data is None:
        raise InputError(
            f"expected a tagged file to score the model {str(target)!r} on, got none: "
            "dicetune evaluate MODEL FILE"
        )
    both = {"gold_column": gold_column, "predicted_column": predicted_column}
    _refuse(both, "a model folder", "tag_column")
    # imported here: a file of predictions is scored without torch
    from dicetune.predict import load

    tagger = load(target)
    if task not in (None, tagger.task.name):
        raise InputError(
            f"expected no task beside a model, or its own, {tagger.task.name!r}; got {task!r} for "
            f"{str(target)!r}: leave it out"
        )
    _check_spans(tagger.task.name, convention, scheme)
    corpus = read_tokens(
        data,
        task=tagger.task.name,
        format=format,
        scheme=scheme,
        token_column=token_column,
        tag_column=tag_column,
        run=target,
    )
    _tell(corpus, report)
    return tagger.evaluate(corpus, convention or "strict")


def _score(predictions: Predictions, convention: Literal["strict", "conlleval"]) -> dict[str, Any]:
    if predictions.scheme is None:
        return label_scores(predictions.gold, predictions.predicted).to_dict()
    return span_scores(
        predictions.gold, predictions.predicted, scheme=predictions.scheme, convention=convention
    ).to_dict()


def _refuse(columns: dict[str, Column], target: str, instead: str) -> None:
    for name, value in columns.items():
        if value is not None:
            raise InputError(
                f"expected no {name} for {target}, got {value!r}: it means nothing there; "
                f"{instead} chooses the tags to compare with"
            )


def _check_spans(task: str, convention: str | None, scheme: str) -> None:
    """Spans have a convention and a scheme, parts of speech have neither."""
    if task == "ner":
        return
    given = {"convention": convention, "scheme": None if scheme == "auto" else scheme}
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"expected no {name} for parts of speech, got {value!r}: it says what a span is; "
                "leave it out"
            )


def _tell(found: Corpus | Predictions, report: Callable[[str], None]) -> None:
    """What the reader met and changed."""
    if found.found_scheme != found.scheme:
        report(f"{found.source}: tags of the scheme {found.found_scheme}, read as {found.scheme}")
    for note in found.notes:
        report(str(note))
