"""What a classifier says of a text or a pair, and how that is written."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from dicetune.data import TextCorpus
from dicetune.errors import unknown_name

OUT_FORMATS = ("jsonl", "tsv")

# names that a reader of joined labels cannot take for several, or for 0 and 1 of a list
_PLAIN = re.compile(r"(?![01]$)[\w.:-]+")
_QUOTED = re.compile('["\t\r\n]')


@dataclass(frozen=True)
class Decision:
    """The labels that were chosen for one text, with the probability of every label."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Classified:
    """One text with its one label.

    Args:
        label: the likeliest.
        probability: of it.
        probabilities: of all labels; they sum to 1.
    """

    label: str
    probability: float
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)


@dataclass(frozen=True)
class Labelled:
    """One text with any number of labels.

    Args:
        labels: those with a probability above one half, likeliest first.
        probabilities: of all labels, each on its own.
    """

    labels: list[str]
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)


def classified(names: Sequence[str], decision: Decision) -> Classified:
    """The answer to a decision for one of ``names``."""
    probabilities = dict(zip(names, decision.probabilities, strict=True))
    (label,) = decision.labels
    return Classified(label, probabilities[label], probabilities)


def labelled(names: Sequence[str], decision: Decision) -> Labelled:
    """The answer to a decision for any of ``names``."""
    probabilities = dict(zip(names, decision.probabilities, strict=True))
    chosen = sorted(decision.labels, key=lambda label: -probabilities[label])
    return Labelled(chosen, probabilities)


def label_probabilities(names: Sequence[str], decision: Decision) -> dict[str, float]:
    """The probability of each label, as a row of ``predictions.jsonl`` has it.

    Example:
        >>> label_probabilities(["ham", "spam"], Decision(("spam",), (0.25, 0.75)))
        {'ham': 0.25, 'spam': 0.75}
    """
    return {label: round(p, 6) for label, p in zip(names, decision.probabilities, strict=True)}


def render_classified(
    data: TextCorpus, answers: Sequence[Classified | Labelled], out_format: str
) -> str:
    """The text of an output file.

    Args:
        data: what was classified.
        answers: one for each text.
        out_format: "jsonl" (everything) or "tsv" (text, label, probability; all cells in quotes
            where one holds a tab, a quote or a line end; several labels joined by commas, or
            JSON lists where a name is not of letters and digits alone).

    Raises:
        InputError: another format.
    """
    if out_format not in OUT_FORMATS:
        raise unknown_name("output format", out_format, OUT_FORMATS)
    if out_format == "jsonl":
        return "".join(_json_lines(data, answers))
    has_id = any(example.id is not None for example in data)
    pairs = any(example.pair is not None for example in data)
    names = ["text", *(["text_b"] if pairs else []), "predicted", "probability"]
    rows = [["id", *names] if has_id else names]
    joined = all(_PLAIN.fullmatch(label) for answer in answers for label in answer.probabilities)
    for example, answer in zip(data, answers, strict=True):
        row = [example.id or ""] if has_id else []
        rows.append([*row, *example.texts, *_cells(answer, joined)])
    # all cells in quotes or none: a reader then never has to guess what a quote means
    in_quotes = any(_QUOTED.search(cell) for row in rows for cell in row)
    stream = StringIO()
    csv.writer(
        stream,
        delimiter="\t",
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if in_quotes else csv.QUOTE_NONE,
    ).writerows(rows)
    return stream.getvalue()


def _json_lines(data: TextCorpus, answers: Sequence[Classified | Labelled]) -> Iterable[str]:
    for example, answer in zip(data, answers, strict=True):
        row = {"id": example.id, "text": example.text, "text_b": example.pair}
        shown = {name: value for name, value in row.items() if value is not None}
        yield json.dumps({**shown, **answer.to_dict()}, ensure_ascii=False) + "\n"


def _cells(answer: Classified | Labelled, joined: bool) -> list[str]:
    if isinstance(answer, Classified):
        return [answer.label, f"{answer.probability:.6f}"]
    numbers = [f"{answer.probabilities[label]:.6f}" for label in answer.labels]
    labels = answer.labels
    return [
        ",".join(labels) if joined else json.dumps(labels, ensure_ascii=False),
        ",".join(numbers),
    ]
