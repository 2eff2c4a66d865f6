"""Questions with their contexts and gold answers, as every reader of them returns them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from dicetune.data.files.notes import Note


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
