"""From spans of characters to spans of words: one rule, for every tool.

1. **Offsets.** A tool counts characters, or UTF-16 code units (where an emoji is two), and a line
   end CR LF as one or two. Where spans come with their own text, the way in which most of them fit
   is the file's, and a span that still lies elsewhere is moved to the nearest place of its text.
   Without such texts, the way by which more spans fall on word borders; if that says nothing, the
   file is refused until ``offsets`` says it.
2. **White space** at the ends of a span is cut off.
3. **Words.** The words are the tool's own where it has words, else those of ``cut_words``. A span
   that begins or ends inside a word is widened to the whole word. Every such span is counted, and
   the first ones are shown.
4. **Overlaps.** A word that two spans side by side share only because both were widened counts
   for the first of them where spans may not overlap; spans that overlap in the tool are refused
   there, since tags cannot spell them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from dicetune.data.entities.corpus import TWICE, EntitySpan
from dicetune.data.exports.documents import Document, Export, Marked
from dicetune.data.questions.corpus import CHARACTERS, OffsetRule, align_answer, offset_rule
from dicetune.data.tagged.corpus import cut_words
from dicetune.errors import quoted

WIDENED = "spans that begin or end inside a word: widened to whole words"
TRIMMED = "spans with white space at their ends: cut to their text"
MOVED = "spans that do not lie where their own text is: moved to its nearest place"
NO_WORD = "spans without any word: left out"
MET = "spans that meet inside one word: the word counts for the first of them"
COUNTED = "spans whose offsets count {name}: read so in the whole file"

UTF_16 = OffsetRule("UTF-16 code units", "utf-16-le")
_CHOSEN = {"characters": CHARACTERS, "utf-16": UTF_16}


class Aligned(NamedTuple):
    """A span of words, and the characters that it was made of."""

    span: EntitySpan
    start: int
    end: int


def counting_of(found: Sequence[tuple[str, Marked, Document]], export: Export) -> OffsetRule:
    """The way in which a file counts offsets, from all its spans with their texts."""
    if export.choice.offsets != "auto":
        return _CHOSEN[export.choice.offsets]
    told = [(span.text, span.start, text) for text, span, _ in found if span.text is not None]
    if told:
        rule = offset_rule(told)
        moved = len(told)
    else:
        parted = [item for item in found if _differ(item[0], item[1])]
        fits = {rule: sum(_on_borders(*item, rule) for item in parted) for rule in _CHOSEN.values()}
        rule = max(fits, key=lambda one: fits[one])
        moved = len(parted)
        if parted and fits[CHARACTERS] == fits[UTF_16]:
            text, span, document = parted[0]
            raise document.place.error(
                f"expected to tell what offsets count, got a span {span.start} to {span.end} "
                f"({quoted(span.type)}) behind a character that is two UTF-16 code units, such as "
                f"an emoji: {quoted(text[span.start : span.end])} by characters, "
                f"{quoted(text[slice(*_places(text, span, UTF_16))])} by UTF-16: say which, "
                "-o offsets=characters or -o offsets=utf-16"
            )
    if rule is not CHARACTERS:
        export.note(COUNTED.format(name=rule.name), count=moved)
    return rule


def align_spans(
    text: str,
    spans: Iterable[Marked],
    words: Sequence[tuple[int, int]],
    rule: OffsetRule,
    document: Document,
    export: Export,
) -> list[Aligned]:
    """The spans of one document as spans of words, in the order of their places."""
    ends = [end for _, end in words]
    begins = [begin for begin, _ in words]
    found = []
    for span in spans:
        begin, stop = _characters(text, span, rule, document, export)
        piece = text[begin:stop]
        if piece != piece.strip():
            _note(TRIMMED, piece, piece.strip(), document, export)
            begin, stop = begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())
        first, last = bisect_right(ends, begin), bisect_left(begins, stop)
        if begin >= stop or first >= last:
            _note(NO_WORD, text[begin:stop], "nothing", document, export)
            continue
        whole = text[begins[first] : ends[last - 1]]
        if (begins[first], ends[last - 1]) != (begin, stop):
            _note(WIDENED, text[begin:stop], whole, document, export)
        found.append(Aligned(EntitySpan(span.type, first, last), begin, stop))
    return sorted(found, key=lambda one: (one.start, one.end, one.span.type))


def disjoint_spans(
    found: Sequence[Aligned], text: str, document: Document, export: Export
) -> list[EntitySpan]:
    """Spans that share no word.

    Raises:
        DataError: where two spans overlap in the tool.
    """
    kept: list[Aligned] = []
    for one in found:
        before = kept[-1] if kept else None
        if before is not None and one.start < before.end:
            if one.span != before.span:
                raise document.place.error(
                    "expected entities side by side, which tags can spell, got "
                    f"{quoted(text[before.start : before.end])} ({before.span.type}) and "
                    f"{quoted(text[one.start : one.end])} ({one.span.type}), which overlap: task "
                    "mrc-ner takes them"
                )
            export.notes.add(TWICE, document.place)
            continue
        if before is not None and one.span.start < before.span.end:
            _note(MET, text[one.start : one.end], text[before.start : before.end], document, export)
            one = one._replace(span=one.span._replace(start=before.span.end))
            if one.span.start >= one.span.end:
                continue
        kept.append(one)
    return [one.span for one in kept]


def _characters(
    text: str, span: Marked, rule: OffsetRule, document: Document, export: Export
) -> tuple[int, int]:
    """The characters of a span; where its own text lies elsewhere, the nearest such place."""
    begin, stop = _places(text, span, rule)
    own = span.text
    if own is not None and _letters(text[begin:stop]) != _letters(own):
        found = align_answer(own, begin, text)
        if found is None:
            raise document.place.error(
                f"expected {quoted(own)} ({span.type}) at characters {span.start} to {span.end}, "
                f"got {quoted(text[begin:stop])}, and it is nowhere else in the text"
            )
        _note(MOVED, text[begin:stop], text[found[0] : found[1]], document, export)
        return found[0], found[1]
    if own is None and rule.place(span.end, text + "x") > len(text):
        raise document.place.error(
            f"expected a span inside the text of {len(text)} characters, got {span.start} to "
            f"{span.end} ({span.type}): mend it in the tool, or say what offsets count "
            "(-o offsets=characters or utf-16)"
        )
    return begin, min(stop, len(text))


def _places(text: str, span: Marked, rule: OffsetRule) -> tuple[int, int]:
    return rule.place(span.start, text), rule.place(span.end, text)


def _differ(text: str, span: Marked) -> bool:
    """Whether characters and UTF-16 code units say different things of a span."""
    return max(text, default="") > "\uffff" and _places(text, span, UTF_16) != span[1:3]


def _on_borders(text: str, span: Marked, document: Document, rule: OffsetRule) -> bool:
    words = cut_words(text) if document.words is None else document.words
    begin, stop = _places(text, span, rule)
    return any(a == begin for a, _ in words) and any(b == stop for _, b in words)


def _letters(text: str) -> str:
    r"""A text without white space: tools write a line end as a space, or as "\n"."""
    return "".join(text.replace("\\n", " ").split())


def _note(rule: str, given: str, read: str, document: Document, export: Export) -> None:
    """Count a span, and show it as it was and as it is read."""
    told = f"{quoted(given)} as {quoted(read)}"
    path = f"{document.place.path}: {told}" if document.place.path else told
    export.notes.add(rule, replace(document.place, path=path))
