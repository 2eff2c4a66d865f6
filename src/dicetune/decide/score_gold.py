"""Gold of files of scores, in the names that the scores have.

A table program writes 1 as 1.0, another tool writes true: the gold of a row is the label of the
same name, else the only label that means the same. Everything else is refused: gold that no score
can meet would count as missed by every decision.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from dicetune.data.files.text import NoteBook
from dicetune.decide.score_rows import ScoreRow
from dicetune.errors import listed, quoted

_TRUTH = {"true": "1", "false": "0"}
_WHOLE = re.compile(r"-?[0-9]{1,15}(\.0+)?")


def meaning(label: object) -> str:
    """What a label means however it is written: whole numbers and truth values have one form.

    Example:
        >>> [meaning(label) for label in (1, 1.0, True, "1", "1.0", "true", "spam")]
        ['1', '1', '1', '1', '1', '1', 'spam']
    """
    text = str(label)
    text = _TRUTH.get(text.casefold(), text)
    return str(int(float(text))) if _WHOLE.fullmatch(text) else text


def with_labels(
    kind: str, labels: Sequence[str], rows: Sequence[ScoreRow], notes: NoteBook
) -> list[ScoreRow]:
    """Rows whose gold has the names of the scores.

    Args:
        kind: of the predictions.
        labels: names of the columns.
        rows: with gold.
        notes: where gold is counted that is written otherwise.

    Raises:
        DataError: gold of another form, or labels that no score has.
    """
    if kind == "entities":  # the types of gold are among the labels, see ``labels_of``
        return list(rows)
    if kind == "answer":
        for row in rows:
            _check_answers(row)
        return list(rows)
    several = Counter(map(meaning, labels))
    same = {meaning(label): label for label in labels if several[meaning(label)] == 1}
    known = set(labels)
    unknown: list[tuple[ScoreRow, object]] = []

    def read(row: ScoreRow, value: object) -> str:
        text = str(value)
        if text in known:
            return text
        found = same.get(meaning(value))
        if found is None:
            unknown.append((row, value))
            return text
        notes.add(f"gold {quoted(value)} read as the label {quoted(found)}", row.place)
        return found

    found = [
        row.changed(gold=[read(row, own) for own in plain_gold(row)])
        if kind != "label"
        else row.changed(gold=read(row, one_label(row)))
        for row in rows
    ]
    if unknown:
        row, value = unknown[0]
        raise row.error(
            f"expected gold among the labels of the scores ({listed(labels, most=8)}), got "
            f"{quoted(value)}, one of {len(unknown)} that are not: write both alike, give a "
            "score for each label, or leave such rows out"
        )
    return found


def one_label(row: ScoreRow) -> object:
    """The gold of a row that has one label.

    Raises:
        DataError: a list, or no label.
    """
    value = row.values["gold"]
    if not _is_label(value):
        raise row.error(f"expected one label as gold, got {quoted(value)}: write its name")
    return value


def plain_gold(row: ScoreRow) -> list[object]:
    """The gold of a row that has a list of labels.

    Raises:
        DataError: no list, or one of other things.
    """
    value = row.values["gold"]
    if not isinstance(value, list) or not all(map(_is_label, value)):
        raise row.error(
            f"expected a list of labels as gold, got {quoted(value)}: where each row has one label "
            "write the scores as {label: number}"
        )
    return value


def _is_label(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and value != ""


def _check_answers(row: ScoreRow) -> None:
    gold = row.values["gold"]
    if not isinstance(gold, list) or not all(isinstance(own, str) for own in gold):
        raise row.error(
            f"expected a list of answers as gold, empty where there is none, got {quoted(gold)}"
        )
