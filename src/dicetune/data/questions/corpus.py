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
from dicetune.data.questions.align import ELSEWHERE, NOWHERE, RESPELLED
from dicetune.data.questions.offsets import OTHER_RULES
from dicetune.writing import words


@dataclass(frozen=True)
class GoldAnswer:
    """One gold answer.

    Args:
        text: as the file gives it; what predictions are compared with.
        start: its first character in the context, or ``None`` where it stands nowhere in it.
        end: one past its last character, or ``None``.
    """

    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Question:
    """One question.

    Args:
        id: the file's name for it; where a file names none, its number from 1.
        question: what is asked; empty in a few published rows.
        context: the text that answers it, if any does.
        answers: gold answers, each of them right; none where it is unanswerable, and none where
            gold was not read.
        impossible: whether the context holds no answer.
        title: of the article, where the file has one.
        line: 1-based line in JSON lines, row of a data set, ``None`` in a JSON document.
        place: where it stands in a JSON document ("data[3].paragraphs[0].qas[2]").
    """

    id: str
    question: str
    context: str
    answers: tuple[GoldAnswer, ...] = ()
    impossible: bool = False
    title: str | None = None
    line: int | None = None
    place: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class QuestionCorpus:
    """The questions of one file or split.

    Args:
        questions: in the order of the file.
        source: the file or data set.
        notes: what was repaired or odd, counted.
        gold: whether answers were read.
        format: of the file: "squad", "jsonl" or "hub"; "text" for plain values.
    """

    questions: tuple[Question, ...]
    source: str
    notes: tuple[Note, ...] = ()
    gold: bool = True
    format: str = "text"

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def first(self, count: int) -> Self:
        """The same source with its first questions alone."""
        return replace(self, questions=self.questions[:count])

    def place_of(self, question: Question) -> str:
        """Where a question stands: "file:line", or the file and the place in its document.

        Example:
            >>> asked = Question("q1", "Where?", "At Quay Nine.", place="data[0]")
            >>> QuestionCorpus((asked,), "a.json").place_of(asked)
            'a.json: data[0]'
        """
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

    Example:
        >>> asked = Question("q1", "Where?", "The pump at Quay Nine", impossible=True)
        >>> found = inspect_questions({"train": QuestionCorpus((asked,), "a.json")})
        >>> found.splits[0].labels["unanswerable"], found.splits[0].ratio
        (1, None)
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
