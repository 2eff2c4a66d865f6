"""Questions with their contexts and gold answers, as every reader of them returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from dicetune.data.files.text import Note
from dicetune.data.inspect import (
    QA_PAPER_RATIOS,
    Contents,
    Inspection,
    Item,
    Ratio,
    SubwordCounter,
    inspect_splits,
)
from dicetune.data.questions.offsets import ELSEWHERE, NOWHERE, OTHER_RULES, RESPELLED
from dicetune.problems.answer_text import words


@dataclass(frozen=True)
class GoldAnswer:
    """One gold answer: its text as the file gives it, and its place in the context."""

    text: str
    start: int | None = None  # None where the context does not hold the text
    end: int | None = None  # one past the last character


@dataclass(frozen=True)
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
class QuestionCorpus:
    """The questions of one file or split, in the order of the file."""

    questions: tuple[Question, ...]
    source: str
    notes: tuple[Note, ...] = ()
    gold: bool = True  # whether answers were read
    format: str = "text"  # of the file; "text" for plain values

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def first(self, count: int) -> Self:
        """The corpus cut to the first ``count`` questions."""
        return replace(self, questions=self.questions[:count])

    def place_of(self, question: Question) -> str:
        """The place of a question: "file:line", or the file and the place in its document."""
        if question.line is not None:
            return f"{self.source}:{question.line}"
        return f"{self.source}: {question.place}" if question.place else self.source


def inspect_questions(
    splits: Mapping[str, QuestionCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of a question answering set, the training split first.

    The ratio is that of the paper: words of the context, summed over questions, to the two
    positions, start and end, of each answerable question. A letter of a script without spaces
    between words, such as Chinese or Japanese, is a word.
    """
    contents = {name: _contents(corpus) for name, corpus in splits.items()}
    return inspect_splits(
        contents, count_subwords, "questions", "Questions", _difference, QA_PAPER_RATIOS
    )


def _contents(corpus: QuestionCorpus) -> Contents:
    items = [
        Item(
            (question.question, question.context),
            corpus.place_of(question),
            frozenset(answer.text for answer in question.answers) if corpus.gold else None,
            (f"{question.question} {question.context}",),
        )
        for question in corpus
    ]
    # of a context that several questions share, the place of the last question is told
    places = {question.context: corpus.place_of(question) for question in corpus}
    sizes = {context: len(words(context)) for context in places}
    answerable = sum(not question.impossible for question in corpus)
    answers = [answer for question in corpus for answer in question.answers]
    rules = {note.rule: note.count for note in corpus.notes}
    misses = (ELSEWHERE, RESPELLED, NOWHERE, *(rule.note for rule in OTHER_RULES))
    return Contents(
        corpus.source,
        items,
        {
            "questions": len(corpus),
            "articles": len({q.title for q in corpus if q.title is not None}),
            "contexts": len(sizes),
            "words of contexts": sum(sizes.values()),
            "answers": len(answers),
            "offsets that do not fit": sum(rules.get(rule, 0) for rule in misses),
            "answers not in the context": sum(answer.start is None for answer in answers),
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
