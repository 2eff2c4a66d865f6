"""Span schemes: which spans tags spell, by two conventions.

Strict: a span is B- I-* in IOB2; S- or B- I-* E- in IOBES, all of one type; anything else is no
span. conlleval: B- and S- begin a span, I- and E- continue the span before if it is open and of
their type, else they begin a span; E- and S- close theirs.

References: Nakayama, seqeval, 2018; Tjong Kim Sang & Buchholz, CoNLL 2000 (``conlleval.pl``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dicetune.errors import InputError, quoted

Span = tuple[str, int, int]
OUTSIDE = "O"
LETTERS = {"iob2": "BI", "iobes": "BIES"}


def scheme_of(labels: Iterable[str]) -> str | None:
    """The scheme to score in that label names show; ``None`` where they are no tags of spans.

    Example:
        >>> scheme_of(["O", "B-PER", "I-PER"]), scheme_of(["S-PER", "O"]), scheme_of(["NOUN", "O"])
        ('iob2', 'iobes', None)
    """
    prefixes = {label[:2] for label in labels if label != OUTSIDE}
    if not prefixes or not prefixes <= {"B-", "I-", "E-", "S-"}:
        return None
    return "iobes" if prefixes & {"E-", "S-"} else "iob2"


def check_lengths(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse sentences that do not pair up word by word."""
    for number, (right, found) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(found):
            raise InputError(
                f"sentence {number}: expected {len(right)} predicted tags, one for each gold tag, "
                f"got {len(found)}"
            )


def check_tags(rows: Sequence[Sequence[str]], scheme: str, which: str) -> None:
    """Refuse a tag that the scheme does not know.

    Args:
        rows: the tags of each sentence.
        scheme: a key of ``LETTERS``.
        which: the rows are, for the message: "gold" or "predicted".
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
    """The spans of one sentence where every tag other than O is in one.

    Example:
        >>> conlleval_spans(["B-PER", "I-PER", "I-LOC"])
        [('PER', 0, 2), ('LOC', 2, 3)]
    """
    found = []
    kind, start, is_open = "", 0, False
    for place, tag in enumerate(tags):
        letter, own = tag[0], tag[2:]
        goes_on = is_open and letter in "IE" and own == kind
        if is_open and not goes_on:
            found.append((kind, start, place))
        if not goes_on:
            kind, start = own, place
        is_open = letter in "BI"
        if letter in "ES":
            found.append((kind, start, place + 1))
    if is_open:
        found.append((kind, start, len(tags)))
    return found


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
