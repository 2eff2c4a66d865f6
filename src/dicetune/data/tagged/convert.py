"""Rare layouts of published corpora, converted to plain words with tags while a file is read.

- **Compounds** (People's Daily corpus, PKU): ``[中央/n 人民/n 广播/vn 电台/n]nt`` (also ``]/nt``).
  The words are read with their tags, the tag of the compound is ignored. A bracket that is a word,
  ``[/w``, stays a word. Brackets mean compounds in every file of ``word/TAG``, and in a file of
  ``word_TAG`` if some tag has a bracket behind it; else a bracket is a letter of its word.
- **Names of lines** (PKU): ``19980101-01-001-001/m`` before the words, that is date, page, article
  and paragraph, tagged like a number. Where every line has one, they are read as the names of the
  sentences; where only some lines have one, they are words.
- **Word-position digits** (Weibo NER): each row is a character and its place in its segmented word,
  科0 技1 有0 限1. The digits are no text. They are cut where the whole file is of that kind: at
  least 99 of 100 rows end in 0 or in one more than the row before, and most rows begin with
  something other than ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dicetune.data.tagged.corpus import Reading, Sentence
from dicetune.errors import quoted

COMPOUNDS = "compounds ([...]nt): read as the words within, the compound's own tag is left out"
IDS = "names of lines (19980101-01-001-001/m): read as the names of the sentences, not as words"
SOME_IDS = "words such as 19980101-01-001-001 that begin some lines, not all: kept as words"
POSITIONS = "word-position digits after a character (科0 技1): taken off"

_TAG = r"[^\d_/\[\]][^_/\[\]]{0,19}"
_CLOSED = {
    "/": re.compile(rf"(.*/{_TAG})((?:\]/?{_TAG})+)", re.DOTALL),
    "_": re.compile(rf"(.*_{_TAG})((?:\]{_TAG})+)", re.DOTALL),
}
_ID = re.compile(r"(\d{6,8}(?:-\d{1,4}){2,3})(?:[_/][^_/]+)?")
_LEAST_ROWS = 5
_LEAST_SHARE = 0.99


def has_compounds(words: Iterable[str], separator: str) -> bool:
    """Whether brackets mean compounds in a file of these words with their tags."""
    return separator == "/" or any(_is_closing(word, separator) for word in words)


def without_compounds(
    words: Sequence[str], separator: str, line: int, reading: Reading
) -> list[str]:
    """The words of a line with their tags, without the brackets around compounds.

    Example:
        >>> words = ["[中央/n", "电台/n]nt", "[/w"]
        >>> without_compounds(words, "/", 1, Reading([], "a.txt"))
        ['中央/n', '电台/n', '[/w']
    """
    found = []
    opened: list[str] = []
    for word in words:
        closed = _CLOSED[separator].fullmatch(word)
        if closed is None and _is_closing(word, separator):
            raise reading.error(
                f"expected the tag of a compound behind ']', as in 'word{separator}TAG]TAG', got "
                f"{quoted(word)}",
                line,
            )
        body = word if closed is None else closed[1]
        while _opens(body, separator):
            opened.append(word)
            body = body[1:]
        for _ in range(closed[2].count("]") if closed else 0):
            if not opened:
                raise reading.error(
                    f"expected '[' before the compound that ends with {quoted(word)}, got none in "
                    "its line: mend the brackets",
                    line,
                )
            opened.pop()
            reading.note(COMPOUNDS, line)
        found.append(body)
    if opened:
        raise reading.error(
            f"expected ']' and a tag behind the compound that begins with {quoted(opened[-1])}, "
            "got the end of the line: mend the brackets",
            line,
        )
    return found


def line_ids(rows: Sequence[tuple[int, Sequence[str]]], reading: Reading) -> list[str] | None:
    """The name of each line, given its number and its words; ``None`` where lines have no names."""
    found = [(number, _ID.fullmatch(words[0])) for number, words in rows]
    ids = [match[1] for _, match in found if match]
    are_names = len(ids) == len(found)
    for number, match in found:
        if match:
            reading.note(IDS if are_names else SOME_IDS, number)
    return ids if are_names and ids else None


def without_positions(sentences: list[Sentence], reading: Reading) -> list[Sentence]:
    """The sentences with bare characters if the file has word-position digits, else unchanged.

    Example:
        >>> words = ("科0", "技1", "有0", "限1", "。0")
        >>> without_positions([Sentence(words, line=1)], Reading([], "a.conll"))[0].tokens
        ('科', '技', '有', '限', '。')
    """
    words = [word for sentence in sentences for word in sentence.tokens]
    if len(words) < _LEAST_ROWS or 2 * sum(not word.isascii() for word in words) <= len(words):
        return sentences
    parted = [_part_positions(sentence.tokens) for sentence in sentences]
    if sum(fits for parts in parted for _, fits in parts) < _LEAST_SHARE * len(words):
        return sentences
    for sentence in sentences:
        for position in range(len(sentence.tokens)):
            reading.note(POSITIONS, sentence.line_of(position))
    return [
        replace(sentence, tokens=tuple(word for word, _ in parts))
        for sentence, parts in zip(sentences, parted, strict=True)
    ]


def _is_closing(word: str, separator: str) -> bool:
    start, found, tag = word.rpartition(separator)
    return bool(start and found) and "]" in tag


def _opens(word: str, separator: str) -> bool:
    """Whether a word is behind the bracket; a word that closes the bracket keeps it as a letter."""
    start, found, _ = word[1:].rpartition(separator)
    return word.startswith("[") and bool(start and found) and "]" not in start


def _part_positions(words: Sequence[str]) -> list[tuple[str, bool]]:
    """Each word without its position, and whether the position follows from the row before."""
    parts = []
    last = -1
    for word in words:
        digits = next((d for d in (str(last + 1), "0") if word.endswith(d) and word != d), None)
        if digits is not None:
            last = int(digits)
            parts.append((word.removesuffix(digits), True))
        elif len(word) > 1 and word[-1] in "0123456789":
            last = int(word[-1])
            parts.append((word[:-1], False))
        else:
            last = -1
            parts.append((word, False))
    return parts
