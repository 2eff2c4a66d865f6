"""Tags and spans: one reading rule for every scheme, and the way from spans to tags.

A span is ``(type, start, end)`` over word positions, ``end`` exclusive. The schemes:

=====  =====================  =========================================================
name   ``New York`` / ``Bonn``  what the letters mean
=====  =====================  =========================================================
io     I-LOC I-LOC / I-LOC    inside; two touching spans of one type cannot be told apart
iob1   I-LOC I-LOC / I-LOC    B- only where a span touches an earlier one of its own type
iob2   B-LOC I-LOC / B-LOC    B- on each first word
iobes  B-LOC E-LOC / S-LOC    the last word is E-, a single word S-
bmes   B-LOC E-LOC / S-LOC    iobes with M- in place of I-
bilou  B-LOC L-LOC / U-LOC    iobes with L- in place of E- and U- in place of S-
=====  =====================  =========================================================

**The reading rule** is that of conlleval, for tags that a scheme allows and for all other tags:
B- and S- start a span; I- and E- continue the span before them if it is still open and of the same
type, else they start a new span; E- and S- close their span, and so does any change. No tagged word
is ever lost: only ``O`` is outside of spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dicetune.errors import InputError, quoted, unknown_name

Span = tuple[str, int, int]

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


def split_tag(tag: str) -> tuple[str, str]:
    """The letter and the type of a tag, which may hold dashes; ``("O", "")`` for ``O``."""
    if tag == "O":
        return "O", ""
    if len(tag) > 2 and tag[1] == "-" and tag[0] in "BIESMLU":
        return tag[0], tag[2:]
    raise InputError(
        f"expected the tag 'O' or a letter, a dash and a type such as 'B-PER', got {quoted(tag)}"
    )


def spans(tags: Sequence[str], scheme: str = "iob2") -> list[Span]:
    """The spans of one sentence, by the reading rule; the scheme only says which letters it allows.

    Example:
        >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
        >>> spans(["B-PER", "E-PER", "S-PER"], "iobes")
        [('PER', 0, 2), ('PER', 2, 3)]
    """
    allowed = _allowed(scheme)
    found: list[Span] = []
    start, kind, is_open = 0, "", False  # the span being read; closed once E- or S- was met
    for position, tag in enumerate(tags):
        letter, new_kind = split_tag(tag)
        if letter not in allowed and letter != "O":
            raise InputError(
                f"tag {quoted(tag)} does not belong to the scheme {quoted(scheme)}: "
                f"expected O or a tag that starts with {', '.join(f'{p}-' for p in allowed)}"
            )
        letter = _TO_IOBES.get(letter, letter)
        if is_open and letter in "IE" and new_kind == kind:
            is_open = letter == "I"
            if not is_open:
                found.append((kind, start, position + 1))
            continue
        if is_open:
            found.append((kind, start, position))
        is_open = letter in ("B", "I")
        start, kind = position, new_kind
        if letter in ("S", "E"):
            found.append((kind, position, position + 1))
    if is_open:
        found.append((kind, start, len(tags)))
    return found


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


def violations(tags: Sequence[str], scheme: str) -> list[int]:
    """Positions whose tag changes when the spans are read and spelled again in the scheme.

    Example:
        >>> violations(["O", "I-PER", "I-PER"], "iob2")
        [1]
        >>> violations(["O", "I-PER", "I-PER"], "iob1")
        []
    """
    spelled = convert(tags, scheme, scheme)
    return [i for i, (tag, proper) in enumerate(zip(tags, spelled, strict=True)) if tag != proper]


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
