"""Questions with their contexts and gold answers, and how an answer finds its place.

Files count offsets in several ways, or write wrong ones.

**The rule of a file** (``offset_rule``). JavaScript, Java and C# count UTF-16 code units, other
tools count UTF-8 bytes, and a change of line ends after the annotation counts each line end once
too often or too seldom. Every offset after such a character is then wrong, except where the same
word is there by chance. So the rule is found from all answers of a file together, and applied to
all of them.

**One answer** (``align_answer``). Published files have offsets that point elsewhere (covidqa: 234
of 1,380) or nowhere (CMRC: -1 in 193 of 9,657), and some layouts have none. In this order:

1. The context holds the text at the offset.
2. It holds the text elsewhere: the place nearest to the offset is taken, or the first place where
   there is no offset.
3. It holds the text in another spelling. Unicode compatibility forms (NFKD), zero-width characters
   and runs of white space are normalized, and the nearest such place is taken.
4. It does not hold the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from dicetune.data.files.rows import Lists, Numbers, Once, Rows, Texts
from dicetune.data.files.tables import InputTable
from dicetune.data.files.text import Entries, Note, Place
from dicetune.data.inspect import Contents, Inspection, Item, Ratio, SubwordCounter, inspect_splits
from dicetune.problems.answer_text import words

ELSEWHERE = "answers whose offset does not fit: the nearest place with the same text was taken"
UNPLACED = "answers without an offset: placed where the context has their text"
AMBIGUOUS = "answers without an offset whose text occurs several times: the first place was taken"
RESPELLED = "answers that the context spells with other white space or Unicode forms: aligned to it"
NOWHERE = "answers that are nowhere in their context: scored by their text, not trained on"

PAPER_RATIOS = {"SQuAD1.1": 55.9, "SQuAD2.0": 82.0, "QuoRef": 169.0}
"""Negatives to positives, Table 1 of the paper (Li et al., ACL 2020)."""

_LISTS = ("paragraphs", "qas")
_PAIR = "\0"  # replaces a line end of two characters that an offset counts as one
_WIDTH = {"utf-32-le": 4, "utf-16-le": 2, "utf-8": 1}  # bytes of one unit


@dataclass(frozen=True, slots=True)
class GoldAnswer:
    """One gold answer: its text as the file gives it, and its place in the context."""

    text: str
    start: int | None = None  # None where the context does not hold the text
    end: int | None = None  # one past the last character


@dataclass(frozen=True, slots=True)
class Question:
    """One question with the context that it is asked about."""

    id: str  # its number from 1 where the file has no ids
    question: str  # empty in a few published rows
    context: str
    answers: tuple[GoldAnswer, ...] = ()  # each of them is right
    impossible: bool = False  # whether the context holds no answer
    title: str | None = None  # of the article
    line: int | None = None  # from 1: a line of JSON lines, a row of a data set
    place: str | None = field(default=None, compare=False, repr=False)  # in a JSON document


@dataclass(frozen=True)
class QuestionCorpus(Entries[Question]):
    """The questions of one file or split, in the order of the file."""

    parts: ClassVar[tuple[str, ...]] = ("questions", "table")

    questions: Sequence[Question]  # kept as columns
    source: str
    notes: tuple[Note, ...] = ()
    gold: bool = True  # whether answers were read
    format: str = "text"  # of the file; "text" for plain values
    table: InputTable | None = None  # title and further keys of questions to be answered

    def __post_init__(self) -> None:
        object.__setattr__(self, "questions", question_columns(self.questions))

    @property
    def is_labelled(self) -> bool:
        """Whether answers were read."""
        return self.gold

    def ties_of(self, entry: Question) -> list[Hashable]:
        """The question with its context, and the context alone."""
        return [(entry.question, entry.context), entry.context]

    def strata_of(self, entry: Question) -> list[str]:
        """Whether there is an answer."""
        return ["unanswerable" if entry.impossible else "answerable"]

    @property
    def is_document(self) -> bool:  # type: ignore[override]
        """Whether the file is one JSON document."""
        return any(question.line is None for question in self)

    def kept_of(self, entries: Sequence[Question], document: Any) -> Any:
        """The document with these questions; what then holds none is left out."""
        kept = {question.place for question in entries}

        def cut(items: Sequence[Any], place: str) -> list[Any]:
            found = []
            for number, item in enumerate(items):
                at = f"{place}[{number}]"
                inner = {key: cut(item[key], f"{at}.{key}") for key in _LISTS if key in item}
                if any(inner.values()) if inner else at in kept:
                    found.append({**item, **inner})
            return found

        if isinstance(document, dict):
            return {**document, "data": cut(document["data"], "data")}
        return cut(document, "")

    def place_of(self, question: Question) -> str:
        """The place of a question: "file:line", or the file and the place in its document."""
        path = question.place if question.line is None else None
        return str(Place(self.source, question.line, path or ""))


def question_columns(questions: Iterable[Question]) -> Rows[Question]:
    """Questions as columns; each context is kept once."""
    if isinstance(questions, Rows):
        return questions
    answers = Rows(GoldAnswer, text=Texts(), start=Numbers(), end=Numbers())
    columns = {"context": Once(), "answers": Lists(answers), "impossible": Once(), "title": Once()}
    more = {"line": Numbers(), "place": Texts()}
    return Rows(Question, id=Texts(), question=Texts(), **columns, **more).extend(questions)


def inspect_questions(
    splits: Mapping[str, QuestionCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of a question answering set, the training split first.

    The ratio is as in the paper: words of the context, summed over questions, to the two positions,
    start and end, of each answerable question. A letter of a script without spaces between words,
    such as Chinese or Japanese, is a word.
    """
    contents = {name: _contents(corpus) for name, corpus in splits.items()}
    return inspect_splits(
        contents, count_subwords, "questions", "Questions", _difference, PAPER_RATIOS
    )


def _contents(corpus: QuestionCorpus) -> Contents:
    def item(question: Question) -> Item:
        return Item(
            (question.question, question.context),
            corpus.place_of(question),
            frozenset(answer.text for answer in question.answers) if corpus.gold else None,
            (f"{question.question} {question.context}",),
        )

    # a context that several questions share has the place of the last of these questions
    places = {question.context: corpus.place_of(question) for question in corpus}
    sizes = {context: len(words(context)) for context in places}
    answerable = sum(not question.impossible for question in corpus)
    rules = {note.rule: note.count for note in corpus.notes}
    misses = (ELSEWHERE, RESPELLED, NOWHERE, *(rule.note for rule in OTHER_RULES))
    return Contents(
        corpus.source,
        Rows(item, question=corpus.questions),
        {
            "questions": len(corpus),
            "articles": len({q.title for q in corpus if q.title is not None}),
            "contexts": len(sizes),
            "words of contexts": sum(sizes.values()),
            "answers": sum(len(question.answers) for question in corpus),
            "offsets that do not fit": sum(rules.get(rule, 0) for rule in misses),
            "answers not in the context": sum(
                answer.start is None for question in corpus for answer in question.answers
            ),
        },
        {"answerable": answerable, "unanswerable": len(corpus) - answerable},
        Ratio.of(
            sum(sizes[question.context] for question in corpus),
            2 * answerable,
            "words of the context, of each question : start and end of each answerable question",
        ),
        corpus.notes,
        parts={"contexts": list(places.items())},
    )


def _difference(key: Any, first: frozenset[str], second: frozenset[str]) -> tuple[str, str]:
    """The question, and the two sets of answers."""

    def shown(gold: frozenset[str]) -> str:
        return ", ".join(map(repr, sorted(gold))) or "unanswerable"

    return key[0], f"{shown(first)} / {shown(second)}"


@dataclass(frozen=True)
class OffsetRule:
    """A way to count offsets."""

    name: str  # of what is counted
    encoding: str = "utf-32-le"  # whose units are counted; the units of UTF-32 are characters
    ends: str = ""  # the line ends where offsets were counted, if they were others than now

    @property
    def note(self) -> str:
        """The rule in one sentence."""
        return (
            f"answers whose offset counts {self.name}, as in the whole file: read so, "
            "also where the same text stood at the offset by chance"
        )

    def place(self, offset: int, context: str) -> int:
        """The character that an offset means; an offset inside a character means the character."""
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


class _Known(NamedTuple):
    text: str
    offset: int
    context: str


def offset_rule(answers: Iterable[tuple[str, int, str]]) -> OffsetRule:
    """The way in which a file counts offsets, from text, offset and context of all answers."""
    known = Rows(_Known, text=Texts(), offset=Numbers(), context=Once())
    known.extend(_Known(*answer) for answer in answers if answer[0] in answer[2])
    is_plain = all(context.startswith(text, offset) for text, offset, context in known)
    best, most = CHARACTERS, 0
    for rule in () if is_plain else OTHER_RULES:
        # a rule must mend more of the offsets that it moves than it spoils
        alone = against = 0
        for text, offset, context in known:
            place = rule.place(offset, context)
            if place != offset:
                fits = context.startswith(text, place)
                alone += fits and not context.startswith(text, offset)
                against += not fits
        if alone > against and alone - against > most:
            best, most = rule, alone - against
    return best


def align_answer(text: str, start: int | None, context: str) -> tuple[int, int, str | None] | None:
    """First character, one past the last, and the repair, if any; ``None`` for a text not found."""
    if start is not None and context.startswith(text, start):
        return start, start + len(text), None
    places = [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]
    best = _nearest(places, start)
    if best is not None:
        unplaced = UNPLACED if len(places) == 1 else AMBIGUOUS
        return best, best + len(text), unplaced if start is None else ELSEWHERE
    needle, _ = _level(text)
    level, origin = _level(context)
    if not needle:
        return None
    # only whole characters: an expanded one (ﬁ to f, i) is taken or left
    ends = {n for n, place in enumerate(origin) if n == 0 or place != origin[n - 1]}
    ends.add(len(level))
    found = {
        origin[match.start()]: origin[match.start() + len(needle) - 1] + 1
        for match in re.finditer(f"(?={re.escape(needle)})", level)
        if match.start() in ends and match.start() + len(needle) in ends
    }
    best = _nearest(found, start)
    return None if best is None else (best, found[best], RESPELLED)


def _level(text: str) -> tuple[str, list[int]]:
    """The text with a normalized spelling, and the place of each character in the text."""
    characters: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        if unicodedata.category(character) == "Cf":
            continue
        for part in unicodedata.normalize("NFKD", character):
            new = " " if part.isspace() else part
            if new == " " and (not characters or characters[-1] == " "):
                continue
            characters.append(new)
            origin.append(place)
    while characters and characters[-1] == " ":
        characters.pop()
        origin.pop()
    return "".join(characters), origin


def _nearest(places: Iterable[int], start: int | None) -> int | None:
    goal = start or 0
    return min(places, key=lambda place: (abs(place - goal), place), default=None)
