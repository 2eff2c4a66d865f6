"""Extractive question answering: documents, JSON lines and data sets to a QuestionCorpus.

- **squad**: one JSON document, ``{"data": [{"title", "paragraphs": [{"context", "qas": [{"id",
  "question", "answers": [{"text", "answer_start"}], "is_impossible"}]}]}]}``, or a list of such
  articles. SQuAD 1.1 and 2.0, Quoref, CMRC 2018, COVID-QA. (Quoref lists the parts of an answer
  that stands in several places as several answers: they are read as alternatives.)
- **cmrc**: CMRC 2018 as first published, ``[{"context_id", "context_text", "qas": [{"query_id",
  "query_text", "answers": ["...", ...]}]}]``: answers without offsets, placed where they stand.
- **jsonl**: one question a line with its context, answers as in ``squad`` or as ``{"text": [...],
  "answer_start": [...]}``, or one article of ``squad``, or one paragraph of ``cmrc`` a line.
- **hub**: a data set of the ``datasets`` library, rows as in JSON lines (``squad``, ``squad_v2``).

A question without answers is unanswerable, as in the official script. Where the offsets of a file
count something else than characters (``offset_rule``), all of them are read so. Those that still do
not fit are aligned by ``align_answer``; every such case is counted in the notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dicetune.data.files.hub import load_split, names_data_set
from dicetune.data.files.text import NoteBook, read_lines, source_name
from dicetune.data.questions.align import NOWHERE, align_answer
from dicetune.data.questions.corpus import GoldAnswer, Question, QuestionCorpus
from dicetune.data.questions.offsets import OffsetRule, offset_rule
from dicetune.data.questions.records import (
    DOCUMENTS,
    Record,
    document_format,
    document_records,
    is_json_lines,
    line_records,
    read_document,
    row_records,
)
from dicetune.data.questions.spot import Spot, keys_of
from dicetune.errors import DataError, InputError, quoted, unknown_name

QUESTION_FORMATS = (*DOCUMENTS, "jsonl", "hub")

NO_QUESTION = "questions without text: kept"
BLANK_ANSWER = "answers without text: not read"
FLAGGED = "questions marked is_impossible that have answers: read as answerable"
UNFLAGGED = "questions without answers that are not marked is_impossible: read as unanswerable"


def read_questions(
    path: str | Path, *, format: str = "auto", gold: bool = True, split: str | None = None
) -> QuestionCorpus:
    """The questions of a file or data set.

    Args:
        path: a file (gzip too, ``-`` is stdin), or a data set as ``read_tokens`` takes it.
        format: one of ``QUESTION_FORMATS``; ``auto`` looks at the content.
        gold: ``False`` reads questions to be answered: answers need not be there and are not read.
        split: which split of a ``datasets`` data set.

    Raises:
        DataError: what is wrong, in which line or at which place of the document.
        InputError: an unknown format, a split of a file.
    """
    if format not in ("auto", *QUESTION_FORMATS):
        raise unknown_name("format of questions", format, ("auto", *QUESTION_FORMATS))
    source = source_name(path)
    if format == "hub" or (format == "auto" and names_data_set(path)):
        records, format = row_records(load_split(path, split), source), "hub"
    elif split is not None:
        raise InputError(
            f"split {quoted(split)} was given for {quoted(Path(path))}, which is one file: "
            f"leave it out, "
            "or use format 'hub' for a data set with splits"
        )
    else:
        lines = read_lines(path)
        if format == "jsonl" or (format == "auto" and is_json_lines(lines)):
            records, format = line_records(lines, source), "jsonl"
        else:
            document = read_document(lines, source)
            format = document_format(document) if format == "auto" else format
            records = document_records(document, source, format)
    notes = NoteBook()
    asked = list(_asked(records, gold))
    rule = offset_rule(
        (text, start, own.question.context)
        for own in asked
        for _, text, start in own.answers
        if start is not None and text.strip()
    )
    questions = tuple(_aligned(own, rule, notes) if gold else own.question for own in asked)
    if not questions:
        raise DataError(source, "expected questions, got none: check the file and the format")
    if gold:
        _check_gold(asked, questions, source)
    return QuestionCorpus(questions, source, notes.notes(), gold, format)


def _check_gold(asked: Sequence[_Asked], questions: Sequence[Question], source: str) -> None:
    """Refuse a file whose answers were taken out, or belong to other contexts."""
    answers = [answer for question in questions for answer in question.answers]
    if not answers and not any(own.flag is True for own in asked):
        raise DataError(
            source,
            f"expected gold answers, got none in {len(questions)} questions: check the file; "
            "to have it answered use predict",
        )
    if answers and all(answer.start is None for answer in answers):
        raise DataError(
            source,
            "expected answers that stand in their contexts, got none among "
            f"{len(answers)} (first {quoted(answers[0].text)}): check that answers and contexts "
            "belong together",
        )


@dataclass(frozen=True)
class _Asked:
    """A question whose answers are not yet placed.

    Args:
        question: without answers.
        spot: where it stands.
        flag: what the file says of its being impossible, if anything.
        answers: place, text and offset of each.
    """

    question: Question
    spot: Spot
    flag: object
    answers: tuple[tuple[Spot, str, int | None], ...]


def _asked(records: Iterable[Record], gold: bool) -> Iterator[_Asked]:
    seen: dict[str, Spot] = {}
    named = None
    for number, record in enumerate(records, 1):
        values, spot, layout = record.values, record.spot, record.layout
        text = spot.value(values, layout.question, str)
        context = record.paragraph_spot.value(record.paragraph, layout.context, str)
        if not context.strip():
            raise record.paragraph_spot.error("expected a context, got an empty text")
        if not text.strip() and not gold:
            raise spot.error("expected a question, got an empty text")
        has_id = layout.id in values
        if named not in (None, has_id):
            raise spot.error(f"expected {quoted(layout.id)} in every question or in none")
        named = has_id
        name = spot.name(values, layout.id) if has_id else str(number)
        if name in seen:
            raise spot.error(
                f"expected each id once, got {quoted(name)} again, first at {seen[name]}"
            )
        seen[name] = spot
        title = None if record.title is None else str(record.title)
        question = Question(
            name, text, context, title=title, line=spot.line, place=spot.path or None
        )
        flag = values.get("is_impossible")
        is_read = gold and not (flag is True and "answers" not in values)
        yield _Asked(question, spot, flag, tuple(_pairs(record)) if is_read else ())


def _aligned(asked: _Asked, rule: OffsetRule, notes: NoteBook) -> Question:
    """The question with its answers where they stand."""
    context, found = asked.question.context, []
    if not asked.question.question.strip():
        notes.add(NO_QUESTION, str(asked.spot))
    for spot, text, offset in asked.answers:
        if not text.strip():
            notes.add(BLANK_ANSWER, str(asked.spot))
            continue
        start = offset if offset is None else rule.place(offset, context)
        if start is not None and start >= len(context):
            raise spot.error(
                f"expected an answer_start inside the context's {len(context)} characters "
                f"(or -1 where it is unknown), got {offset} for {quoted(text)}"
            )
        if start != offset:
            notes.add(rule.note, str(asked.spot))
        aligned = align_answer(text, start, context)
        if aligned is None:
            notes.add(NOWHERE, str(asked.spot))
            found.append(GoldAnswer(text))
            continue
        first, last, repair = aligned
        if repair is not None:
            notes.add(repair, str(asked.spot))
        found.append(GoldAnswer(text, first, last))
    if asked.flag is True and found:
        notes.add(FLAGGED, str(asked.spot))
    if asked.flag is False and not found:
        notes.add(UNFLAGGED, str(asked.spot))
    return replace(asked.question, answers=tuple(found), impossible=not found)


def _pairs(record: Record) -> Iterator[tuple[Spot, str, int | None]]:
    """Place, text and offset of each answer, from any spelling."""
    if "answers" not in record.values:
        raise record.spot.error(f"expected 'answers', got {keys_of(record.values)}")
    answers, spot = record.values["answers"], record.spot.inside("answers")
    if isinstance(answers, Mapping) and record.layout.placed:
        texts = spot.value(answers, "text", list)
        starts = spot.value(answers, "answer_start", list)
        if len(texts) != len(starts):
            raise spot.error(
                f"expected one answer_start for each text, got {len(texts)} texts and "
                f"{len(starts)} offsets"
            )
        pairs = zip(texts, starts, strict=True)
        answers = [{"text": text, "answer_start": start} for text, start in pairs]
    if not isinstance(answers, list):
        raise spot.error(f"expected a list of answers, got {quoted(answers)}")
    for number, answer in enumerate(answers):
        own = record.spot.inside(f"answers[{number}]")
        if not record.layout.placed:
            yield own, own.text(answer), None
            continue
        start = own.value(own.mapping(answer), "answer_start", int)
        yield own, own.value(answer, "text", str), None if start < 0 else start
