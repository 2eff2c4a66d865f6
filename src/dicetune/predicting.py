"""Predict for files, streams and plain values, and write what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dicetune.data import check_target, write_text
from dicetune.errors import InputError, quoted, unknown_name
from dicetune.predict import load
from dicetune.tasks import Use

STREAM = "-"


def predict_source(
    model: str | Path,
    source: str | None = None,
    values: Mapping[str, Sequence[str]] | None = None,
    *,
    format: str = "auto",
    out_format: str | None = None,
    out: str = STREAM,
    options: Mapping[str, Any] | None = None,
    task: str | None = None,
    decision: str = "auto",
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Predict for what is in a file, a stream or plain values, and write it.

    Args:
        model: folder of a finished run.
        source: a file, or "-" for the input stream.
        values: plain texts by the name of the input ("text"; "question" and "context"), in place
            of ``source``.
        format: of the source; "auto" tells by the content.
        out_format: one of the task's ``out_formats``; by default its first.
        out: a file, or "-" for the output stream.
        options: of the task, such as the column of the words.
        task: of a model that dicetune did not train, where its head fits several.
        decision: "auto" (the model's tuned decision where it has one), "argmax" (leave it aside),
            "tuned", or a file of a rule.
        report: takes a line where the format is a guess, and one for each oddity of the source.

    Raises:
        InputError: where there is nothing to predict for, or two things; where ``out`` cannot be
            written, before anything is predicted; a format or an option for reading files, where
            there is none.
    """
    if (source is None) == (not values):
        raise InputError(
            f"expected a file or --text, got {'neither' if source is None else 'both'}: "
            "dicetune predict MODEL FILE ('-' for the input stream)"
        )
    if source is None and format != "auto":
        raise InputError(
            f"expected no format beside texts that are given as they are, got "
            f"{quoted(format)}: it says "
            "how a file is read; leave it out"
        )
    check_target(out)
    use: Use = "ask" if source is None else "predict"
    predictor = load(model, options=options, task=task, use=use, decision=decision)
    own = predictor.task
    out_format = out_format or own.out_formats[0]
    if out_format not in own.out_formats:
        raise unknown_name("output format", out_format, list(own.out_formats))
    if source is None:
        data = predictor.ask(**(values or {}))
    else:
        data = predictor.read(source, format=format, gold=False, report=report)
    write_text(out, own.render(data, predictor.answer(data, report), out_format))
