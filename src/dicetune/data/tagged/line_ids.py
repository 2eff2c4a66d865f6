"""Names of lines in the People's Daily corpus (PKU): ``19980101-01-001-001/m`` before the words.

Date, page, article and paragraph, tagged like a number. They are no words of the text, but a reader
of words with tags cannot tell by one line: only where every line has one, they are taken as names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.notes import NoteBook

IDS = "names of lines (19980101-01-001-001/m): read as the names of the sentences, not as words"
SOME_IDS = "words such as 19980101-01-001-001 that begin some lines, not all: kept as words"

_ID = re.compile(r"(\d{6,8}(?:-\d{1,4}){2,3})(?:[_/][^_/]+)?")


def line_ids(
    rows: Sequence[tuple[int, Sequence[str]]], path: str | Path, notes: NoteBook
) -> list[str] | None:
    """The name of each line, or ``None`` where they have none.

    Args:
        rows: number and words of each line, tags behind them.
        path: the file, for messages.
        notes: where names are counted.

    Example:
        >>> line_ids([(1, ["19980101-01-001-001/m", "迈向/v"])], "a.txt", NoteBook())
        ['19980101-01-001-001']
    """
    found = [(number, _ID.fullmatch(words[0])) for number, words in rows]
    ids = [match[1] for _, match in found if match]
    whole = len(ids) == len(found)
    for number, match in found:
        if match:
            notes.add(IDS if whole else SOME_IDS, f"{path}:{number}")
    return ids if whole and ids else None
