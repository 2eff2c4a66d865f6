"""Scores of the positive class alone, as binary classifiers give them, to those of both classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dicetune.data.files.text import NoteBook
from dicetune.decide.score_gold import meaning, one_label
from dicetune.decide.score_rows import ScoreRow, form_of
from dicetune.errors import listed, quoted


def both_classes(
    rows: Sequence[ScoreRow], positive: str | None, notes: NoteBook
) -> tuple[list[ScoreRow], str | None]:
    """Rows with a score of each of two classes where they had one, and the positive class.

    The class of a bare number is ``positive``, else "1" where gold is 0 and 1; the class of
    ``{label: number}`` is that label. The other class is the only other gold.

    Args:
        rows: of the kind ``label``, with gold.
        positive: of the user.
        notes: where it is said.

    Returns:
        The rows, and ``positive``, or where that is not chosen the class that had the scores.

    Raises:
        DataError: classes that cannot be told.
    """
    first = rows[0]
    value = first.values[form_of(first)]
    if not isinstance(value, int | float) and not (isinstance(value, Mapping) and len(value) == 1):
        return list(rows), positive
    gold = {meaning(own): str(own) for own in map(one_label, rows)}
    if isinstance(value, Mapping):
        name = str(next(iter(value)))
    elif positive is not None:
        name = positive
    elif gold.keys() <= {"0", "1"}:
        name = gold.get("1", "1")
    else:
        raise first.error(
            f"expected {{label: number}}, or the class that the numbers are of, got "
            f"{quoted(value)} beside gold of {listed(sorted(gold.values()), most=5)}: name the "
            "class with --positive"
        )
    others = [own for key, own in gold.items() if key != meaning(name)]
    if not others and meaning(name) == "1":
        others = ["0"]
    if len(others) != 1:
        raise first.error(
            f"expected gold of {quoted(name)}, whose scores alone are there, and of one other "
            f"label, got {listed(sorted(gold.values()), most=5)}: name that column as gold names "
            "the class, or give a score for each label"
        )
    rule = f"scores of {quoted(name)} alone: the rest is taken for {quoted(others[0])}"
    notes.add(rule, first.place, len(rows))
    return [_both(row, name, others[0]) for row in rows], positive or name


def _both(row: ScoreRow, name: str, other: str) -> ScoreRow:
    """The row with both scores; as it was where it holds something else, which is refused later."""
    form = form_of(row)
    value = row.values[form]
    if isinstance(value, Mapping):
        value = value.get(name) if len(value) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return row
    return row.changed(**{form: {other: _rest(form, value), name: value}})


def _rest(form: str, value: float) -> Any:
    """The score of the other class."""
    if form == "probabilities":
        return 1 - value
    if form == "logits":
        return 0.0
    if value < 0:
        return math.log(-math.expm1(value)) if value > -math.inf else 0.0
    return -math.inf  # a log-probability above 0 is refused where it is read
