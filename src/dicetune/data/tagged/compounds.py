r"""Compounds of the People's Daily corpus (PKU): tagged words in a bracket with a tag of its own.

``[中央/n 人民/n 广播/vn 电台/n]nt`` (also ``]/nt``): the words are read with their own tags, the
compound's tag is left out. A bracket that is a word, ``[/w``, stays one.

Where brackets mean compounds: in every file of ``word/TAG``, as that corpus has it; in one of
``word_TAG`` if some tag of it has a bracket behind it. Else a bracket is a letter of its word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dicetune.data.files.notes import NoteBook
from dicetune.errors import DataError, quoted

COMPOUNDS = "compounds ([...]nt): read as the words within, the compound's own tag is left out"

_TAG = r"[^\d_/\[\]][^_/\[\]]{0,19}"
_CLOSED = {
    "/": re.compile(rf"(.*/{_TAG})((?:\]/?{_TAG})+)", re.DOTALL),
    "_": re.compile(rf"(.*_{_TAG})((?:\]{_TAG})+)", re.DOTALL),
}


def has_compounds(words: Iterable[str], separator: str) -> bool:
    """Whether brackets mean compounds in a file of these words with their tags.

    Example:
        >>> has_compounds(["[1]_CD", "电台_n"], "_"), has_compounds(["电台_n]nt"], "_")
        (False, True)
    """
    return separator == "/" or any(_is_closing(word, separator) for word in words)


def without_compounds(
    words: Sequence[str], separator: str, path: str | Path, line: int, notes: NoteBook
) -> list[str]:
    """The words of a line with their tags, without the brackets around them.

    Args:
        words: of the line, each with its tag behind it.
        separator: between a word and its tag.
        path: the file, for messages.
        line: its number.
        notes: where compounds are counted.

    Raises:
        DataError: a bracket that is not closed or not open, a compound without a tag.

    Example:
        >>> words = ["[中央/n", "电台/n]nt", "[/w"]
        >>> without_compounds(words, "/", "a.txt", 1, NoteBook())
        ['中央/n', '电台/n', '[/w']
    """
    found = []
    opened: list[str] = []
    for word in words:
        closed = _CLOSED[separator].fullmatch(word)
        if closed is None and _is_closing(word, separator):
            raise DataError(
                path,
                f"expected the tag of a compound behind ']', as in 'word{separator}TAG]TAG', got "
                f"{quoted(word)}",
                line=line,
            )
        body = word if closed is None else closed[1]
        while _opens(body, separator):
            opened.append(word)
            body = body[1:]
        for _ in range(closed[2].count("]") if closed else 0):
            if not opened:
                raise DataError(
                    path,
                    f"expected '[' before the compound that ends with {quoted(word)}, got "
                    f"none in its "
                    "line: mend the brackets",
                    line=line,
                )
            opened.pop()
            notes.add(COMPOUNDS, f"{path}:{line}")
        found.append(body)
    if opened:
        raise DataError(
            path,
            f"expected ']' and a tag behind the compound that begins with "
            f"{quoted(opened[-1])}, got the "
            "end of the line: mend the brackets",
            line=line,
        )
    return found


def _is_closing(word: str, separator: str) -> bool:
    start, found, tag = word.rpartition(separator)
    return bool(start and found) and "]" in tag


def _opens(word: str, separator: str) -> bool:
    """Whether a word is behind the bracket; one that also closes it has brackets of its own."""
    start, found, _ = word[1:].rpartition(separator)
    return word.startswith("[") and bool(start and found) and "]" not in start
