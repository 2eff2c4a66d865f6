"""How a file counts its offsets: in characters, or by another rule that holds for all of it.

JavaScript, Java and C# count UTF-16 code units, other tools count UTF-8 bytes, and a context whose
line ends were changed after it was annotated counts each of them once too often or too seldom.
Every offset behind such a character then misses, but for those that meet the same word by chance.
So the rule is found from all answers together and applied to all of them, those too; what it leaves
is for ``align_answer``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_PAIR = "\0"  # stands for a line end of two characters that an offset counts as one
_WIDTH = {"utf-32-le": 4, "utf-16-le": 2, "utf-8": 1}  # bytes of one unit

Placed = tuple[str, int, str]
"""Text of an answer, its offset, and its context."""


@dataclass(frozen=True)
class OffsetRule:
    r"""A way to count offsets.

    Args:
        name: what is counted, for the note.
        encoding: whose units are counted; those of UTF-32 are characters.
        ends: what the line ends were where offsets were counted, if not what they are: "\n" in
            place of "\r\n", or "\r\n" in place of "\n".
    """

    name: str
    encoding: str = "utf-32-le"
    ends: str = ""

    @property
    def note(self) -> str:
        """What was done, in one sentence."""
        return (
            f"answers whose offset counts {self.name}, as those of the whole file do: read so, "
            "also where the same text stood at the offset by chance"
        )

    def place(self, offset: int, context: str) -> int:
        r"""The character that an offset means; that which it stands in where it cuts through one.

        Example:
            >>> OffsetRule("UTF-16 code units", "utf-16-le").place(3, "🚢 Quay")
            2
            >>> OffsetRule("CR LF as one", ends="\n").place(2, "1\r\nQuay")
            3
        """
        if self == CHARACTERS:
            return offset
        if self.ends == "\n":
            shown, back = context.replace("\r\n", _PAIR), (_PAIR, "\r\n")
        elif self.ends:
            shown, back = context.replace("\n", "\r\n"), ("\r\n", "\n")
        else:
            shown, back = context, ("", "")
        units = shown.encode(self.encoding)[: offset * _WIDTH[self.encoding]]
        before = units.decode(self.encoding, "ignore")
        return len(before.replace(*back) if self.ends else before)


CHARACTERS = OffsetRule("characters")
_UNITS = (("characters", "utf-32-le"), ("UTF-16 code units", "utf-16-le"), ("UTF-8 bytes", "utf-8"))
_ENDS = (("", ""), (" with CR LF as one", "\n"), (" with LF as two", "\r\n"))
OTHER_RULES = tuple(
    OffsetRule(unit + end, encoding, ends)
    for end, ends in _ENDS
    for unit, encoding in _UNITS
    if unit + end != CHARACTERS.name
)


def offset_rule(answers: Iterable[Placed]) -> OffsetRule:
    """How the offsets of a file are counted.

    Another rule than characters is taken where, of the offsets that it would move, more fit by it
    alone than miss by it. Answers that stand nowhere in their context say nothing.

    Args:
        answers: all of a file that have an offset.

    Example:
        >>> context = "🚢 Quay Nine, then Quay Ten"
        >>> offset_rule([("Quay Nine", 3, context), ("Quay Ten", 19, context)]).name
        'UTF-16 code units'
        >>> offset_rule([("Quay Nine", 2, context), ("Quay Ten", 19, context)]).name
        'characters'
    """
    known = [answer for answer in answers if answer[0] in answer[2]]
    fit = [context.startswith(text, offset) for text, offset, context in known]
    if all(fit):
        return CHARACTERS
    best, most = CHARACTERS, 0
    for rule in OTHER_RULES:
        alone = against = 0
        for answer, fits_as_is in zip(known, fit, strict=True):
            text, offset, context = answer
            place = rule.place(offset, context)
            if place != offset:
                fits = context.startswith(text, place)
                alone += fits and not fits_as_is
                against += not fits
        if alone > against and alone - against > most:
            best, most = rule, alone - against
    return best
