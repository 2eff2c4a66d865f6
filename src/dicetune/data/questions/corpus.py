"""Questions with their contexts and gold answers, as every reader of them returns them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from dicetune.data.files.notes import Note


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
