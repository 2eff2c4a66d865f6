"""Span schemes: which spans tags spell, and the tags that spell them.

A span is ``(type, start, end)`` over word positions, ``end`` exclusive. The schemes:

=====  =====================  =========================================================
name   ``New York`` / ``Bonn``  what the letters mean
=====  =====================  =========================================================
io     I-LOC I-LOC / I-LOC    inside; two touching spans of one type cannot be told apart
iob1   I-LOC I-LOC / I-LOC    B- only where a span touches an earlier span of its type
iob2   B-LOC I-LOC / B-LOC    B- on each first word
iobes  B-LOC E-LOC / S-LOC    the last word is E-, a single word S-
bmes   B-LOC E-LOC / S-LOC    iobes with M- in place of I-
bilou  B-LOC L-LOC / U-LOC    iobes with L- in place of E- and U- in place of S-
=====  =====================  =========================================================

Two conventions read tags that the scheme does not allow in their place:

- **strict**: a span is B- I-* in IOB2; S- or B- I-* E- in IOBES, all of one type; anything else is
  no span.
- **conlleval**: B- and S- start a span; I- and E- continue an open span of their type, else they
  start a span; E-, S- and any change close a span. Every tagged word is in a span: only ``O`` is
  outside. Files are read by this rule.

References: Tjong Kim Sang & Buchholz, CoNLL 2000 (``conlleval.pl``); Nakayama, seqeval, 2018.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from dicetune.errors import InputError, quoted, unknown_name

Span = tuple[str, int, int]
OUTSIDE = "O"
LETTERS = {"iob2": "BI", "iobes": "BIES"}
"""The schemes that are scored, and the letters of their tags."""

PREFIXES: dict[str, str] = {
    "io": "I",
    "iob1": "BI",
    "iob2": "BI",
    "iobes": "BIES",
    "bmes": "BMES",
    "bilou": "BILU",
}
"""The letters that each scheme allows before the dash."""

_TO_IOBES = {"M": "I", "L": "E", "U": "S"}
_FROM_IOBES = {"bmes": {"I": "M"}, "bilou": {"E": "L", "S": "U"}}


def scheme_of(labels: Iterable[str]) -> str | None:
    """The scheme that label names show, for scoring; ``None`` for labels that are no span tags.

    Example:
        >>> scheme_of(["O", "B-PER", "I-PER"]), scheme_of(["S-PER", "O"]), scheme_of(["NOUN", "O"])
        ('iob2', 'iobes', None)
    """
    prefixes = {label[:2] for label in labels if label != OUTSIDE}
    if not prefixes or not prefixes <= {"B-", "I-", "E-", "S-"}:
        return None
    return "iobes" if prefixes & {"E-", "S-"} else "iob2"


def split_tag(tag: str) -> tuple[str, str]:
    """The letter and the type of a tag, which may hold dashes; ``("O", "")`` for ``O``."""
    if tag == "O":
        return "O", ""
    if len(tag) > 2 and tag[1] == "-" and tag[0] in "BIESMLU":
        return tag[0], tag[2:]
    raise InputError(
        f"expected the tag 'O' or a letter, a dash and a type such as 'B-PER', got {quoted(tag)}"
    )


def check_lengths(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse sentences that do not pair up word by word."""
    for number, (right, found) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(found):
            raise InputError(
                f"sentence {number}: expected {len(right)} predicted tags, one for each gold tag, "
                f"got {len(found)}"
            )


def check_tags(rows: Iterable[Sequence[str]], scheme: str, which: str) -> None:
    """Refuse a tag that the scheme does not know.

    Args:
        rows: the tags of each sentence.
        scheme: a key of ``LETTERS``.
        which: name of the rows for the message, "gold" or "predicted".
    """
    known = {OUTSIDE}
    for number, tags in enumerate(rows):
        for tag in tags:
            if tag in known:
                continue
            if len(tag) < 3 or tag[1] != "-" or tag[0] not in LETTERS[scheme]:
                allowed = ", ".join(f"{letter}-" for letter in LETTERS[scheme])
                raise InputError(
                    f"{which} sentence {number}: expected O or a tag of the scheme {scheme} "
                    f"({allowed} and a type), got {quoted(tag)}"
                )
            known.add(tag)


def strict_spans(tags: Sequence[str], scheme: str = "iob2") -> list[Span]:
    """The well-formed spans of one sentence.

    Example:
        >>> strict_spans(["B-PER", "I-PER", "I-LOC"]), strict_spans(["B-PER", "I-PER"], "iobes")
        ([('PER', 0, 2)], [])
    """
    closed = scheme == "iobes"
    found = []
    for start, tag in enumerate(tags):
        if tag[0] == "B":
            kind = tag[2:]
            end = start + 1
            while end < len(tags) and tags[end][0] == "I" and tags[end][2:] == kind:
                end += 1
            if not closed:
                found.append((kind, start, end))
            elif end < len(tags) and tags[end][0] == "E" and tags[end][2:] == kind:
                found.append((kind, start, end + 1))
        elif tag[0] == "S":
            found.append((tag[2:], start, start + 1))
    return found


def conlleval_spans(tags: Sequence[str]) -> list[Span]:
    """The spans of one sentence by conlleval's rule, in the letters of any scheme.

    Example:
        >>> conlleval_spans(["B-PER", "I-PER", "I-LOC"])
        [('PER', 0, 2), ('LOC', 2, 3)]
    """
    found: list[Span] = []
    start, kind, is_open = 0, "", False  # the span being read
    for position, tag in enumerate(tags):
        letter = _TO_IOBES.get(tag[0], tag[0])
        goes_on = is_open and letter in "IE" and tag[2:] == kind
        if is_open and not goes_on:
            found.append((kind, start, position))
        if not goes_on:
            start, kind = position, tag[2:]
        is_open = letter in "BI"
        if letter in "ES":
            found.append((kind, start, position + 1))
    if is_open:
        found.append((kind, start, len(tags)))
    return found


def spans(tags: Sequence[str], scheme: str = "iob2") -> list[Span]:
    """The spans of one sentence by conlleval's rule; the scheme says which letters are allowed.

    Example:
        >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
        >>> spans(["B-PER", "E-PER", "S-PER"], "iobes")
        [('PER', 0, 2), ('PER', 2, 3)]
    """
    allowed = _allowed(scheme)
    for tag in tags:
        letter, _ = split_tag(tag)
        if letter not in allowed and letter != OUTSIDE:
            raise InputError(
                f"tag {quoted(tag)} does not belong to the scheme {quoted(scheme)}: "
                f"expected O or a tag that starts with {', '.join(f'{p}-' for p in allowed)}"
            )
    return conlleval_spans(tags)


def spans_of(tags: Sequence[str], scheme: str, convention: str) -> list[Span]:
    """The spans of one sentence by a convention, "strict" or "conlleval"."""
    return strict_spans(tags, scheme) if convention == "strict" else conlleval_spans(tags)


def types_of(tags: Sequence[str]) -> list[str]:
    """The types of tags or labels, in order.

    Example:
        >>> types_of(["O", "B-PER", "I-PER", "B-LOC"])
        ['PER', 'LOC']
    """
    return list(dict.fromkeys(tag[2:] for tag in tags if tag != "O"))


def to_tags(found: Iterable[Span], length: int, scheme: str = "iob2") -> list[str]:
    """The tags that spell these spans in a scheme; ``io`` joins touching spans of one type.

    Example:
        >>> to_tags([("PER", 0, 2), ("LOC", 3, 4)], 5, "iobes")
        ['B-PER', 'E-PER', 'O', 'S-LOC', 'O']
    """
    _allowed(scheme)
    tags = ["O"] * length
    last_end, last_kind = -1, ""
    for kind, start, end in sorted(found, key=lambda span: span[1:]):
        if not 0 <= start < end <= length or start < last_end:
            raise InputError(
                f"span ({quoted(kind)}, {start}, {end}) is empty, outside the {length} words or "
                "over another span: tags can only spell spans side by side"
            )
        letters = _letters(end - start, scheme, touches=start == last_end and kind == last_kind)
        tags[start:end] = [f"{letter}-{kind}" for letter in letters]
        last_end, last_kind = end, kind
    return tags


def convert(tags: Sequence[str], source: str, target: str) -> list[str]:
    """The same spans in another scheme."""
    return to_tags(spans(tags, source), len(tags), target)


def _allowed(scheme: str) -> str:
    if scheme not in PREFIXES:
        raise unknown_name("tag scheme", scheme, PREFIXES)
    return PREFIXES[scheme]


def _letters(length: int, scheme: str, *, touches: bool) -> list[str]:
    if scheme == "io":
        return ["I"] * length
    if scheme == "iob1":
        return ["B" if touches else "I"] + ["I"] * (length - 1)
    if scheme == "iob2":
        return ["B"] + ["I"] * (length - 1)
    letters = ["S"] if length == 1 else ["B"] + ["I"] * (length - 2) + ["E"]
    renamed = _FROM_IOBES.get(scheme, {})
    return [renamed.get(letter, letter) for letter in letters]


class TagColumn:
    """Takes the tags of one sentence after the other, and gives ``TagRows``."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._numbers, self._starts = array("i"), array("q", [0])

    def append(self, row: Sequence[str]) -> None:
        """Take one sentence."""
        number = self._number
        self._numbers.extend([number.setdefault(tag, len(number)) for tag in row])
        self._starts.append(len(self._numbers))

    def packed(self) -> TagRows:
        """All sentences."""
        numbers = np.asarray(self._numbers).astype(np.min_scalar_type(len(self._number)))
        return TagRows(list(self._number), numbers, np.asarray(self._starts))


@dataclass(frozen=True, eq=False)
class TagRows(Sequence[tuple[str, ...]]):
    """The tags of many sentences as columns; equal to lists of the same tags.

    Args:
        names: of the numbers.
        numbers: (W,) of the tags, sentence after sentence.
        starts: (S + 1,) where the words of each sentence begin.

    Example:
        >>> rows = TagRows(["O", "B-x", "I-x"], np.array([1, 0, 2]), np.array([0, 1, 3]))
        >>> list(rows), rows.misspelled("iob2").tolist()
        ([('B-x',), ('O', 'I-x')], [2])
    """

    names: Sequence[str]
    numbers: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> TagRows:
        """The tags of each sentence as columns."""
        if isinstance(rows, TagRows):
            return rows
        column = TagColumn()
        for row in rows:
            column.append(row)
        return column.packed()

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        begin, end = self.starts[range(len(self))[place] :][:2].tolist()
        return tuple([self.names[number] for number in self.numbers[begin:end].tolist()])

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for part in self.parts():
            tags = [self.names[number] for number in part.numbers.tolist()]
            yield from (tuple(tags[begin:end]) for begin, end in pairwise(part.starts.tolist()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(own == tuple(row) for own, row in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def parts(self, size: int = 2048) -> Iterator[TagRows]:
        """The same in parts of some sentences, at least one."""
        for at in range(0, max(len(self), 1), size):
            starts = self.starts[at : at + size + 1]
            yield TagRows(self.names, self.numbers[starts[0] : starts[-1]], starts - starts[0])

    @cached_property
    def words(self) -> tuple[np.ndarray, ...]:
        """Place of the letter in "OBIES", number of the type, and three marks by conlleval's rule.

        Whether the word before is tagged with the type, whether a span begins, whether one ends.
        """
        letters = ["OBIES".index(_TO_IOBES.get(name[0], name[0])) for name in self.names]
        kinds = {kind: number for number, kind in enumerate(types_of(self.names))}
        numbers = [kinds.get(name[2:], -1) for name in self.names]
        letter = np.array(letters, dtype=np.int8)[self.numbers]  # few bytes: there are many words
        kind = np.array(numbers, dtype=np.int32)[self.numbers]
        alike = np.append(False, kind[1:] == kind[:-1])[: len(kind)] & (letter > 0)
        alike[self.starts[self.starts < len(kind)]] = False
        goes_on = alike & np.isin(letter, (2, 3)) & np.isin(np.append(0, letter)[:-1], (1, 2))
        ends = np.append(~goes_on, True)[1:]
        return letter, kind, alike, (letter > 0) & ~goes_on, (letter > 0) & ends

    def spans(self, scheme: str, convention: str) -> tuple[np.ndarray, ...]:
        """Types, first and last words of the spans, over all sentences: see ``spans_of``."""
        letter, kind, _, begins, ends = self.words
        first, last = np.flatnonzero(begins), np.flatnonzero(ends)
        kept = letter[first] == 1
        if scheme == "iobes":
            kept = kept & (letter[last] == 3) & (first < last) | (letter[first] == 4)
        kept = kept | (convention != "strict")
        return kind[first[kept]], first[kept], last[kept]

    def proper(self, scheme: str) -> np.ndarray:
        """The letters with which a scheme spells the spans, by place in "OBIES"."""
        letter, _, alike, begins, ends = self.words
        one, two, three, four = np.arange(1, 5, dtype=np.int8)
        if scheme in ("io", "iob1", "iob2"):
            marked = {"io": begins & False, "iob1": begins & alike, "iob2": begins}[scheme]
            return np.where(letter > 0, np.where(marked, one, two), np.int8(0))
        found = np.select([begins & ends, begins, ends], [four, one, three], two)
        return np.where(letter > 0, found, np.int8(0))

    def misspelled(self, scheme: str) -> np.ndarray:
        """The words whose tag changes where the spans are spelled in the scheme, as one number."""
        return np.flatnonzero(self.proper(scheme) != self.words[0])

    def spelled(self, scheme: str) -> TagRows:
        """The same spans, spelled in IOB2 or IOBES."""
        names = [f"{letter}-{kind}" for kind in types_of(self.names) for letter in "BIES"]
        numbers = np.where(self.words[0] > 0, 4 * self.words[1] + self.proper(scheme), 0)
        used = np.flatnonzero(np.bincount(numbers, minlength=1))
        numbers = np.searchsorted(used, numbers).astype(np.int32)
        return TagRows([["O", *names][number] for number in used], numbers, self.starts)
