"""Extractive question answering: documents, JSON lines and data sets to a QuestionCorpus.

- **squad**: one JSON document, ``{"data": [{"title", "paragraphs": [{"context", "qas": [{"id",
  "question", "answers": [{"text", "answer_start"}], "is_impossible"}]}]}]}``, or a list of such
  articles. SQuAD 1.1 and 2.0, Quoref, CMRC 2018, COVID-QA. (Quoref lists the parts of an answer
  that has several places as several answers: the parts are read as alternatives.)
- **cmrc**: CMRC 2018 as first published, ``[{"context_id", "context_text", "qas": [{"query_id",
  "query_text", "answers": ["...", ...]}]}]``: answers without offsets.
- **jsonl**: one question a line with its context, answers as in ``squad`` or as ``{"text": [...],
  "answer_start": [...]}``, or one article of ``squad``, or one paragraph of ``cmrc`` a line.
- **hub**: a data set of the ``datasets`` library, rows as in JSON lines (``squad``, ``squad_v2``).

A question without answers is unanswerable, as in the official script. ``offsets`` finds the places
of answers; every repair is counted in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicetune.data.files.hub import load_split, names_data_set
from dicetune.data.files.json_objects import is_name, json_objects, whole_characters
from dicetune.data.files.tables import InputTable
from dicetune.data.files.text import NoteBook, Place, read_lines, source_name
from dicetune.data.questions.corpus import (
    NOWHERE,
    GoldAnswer,
    OffsetRule,
    Question,
    QuestionCorpus,
    align_answer,
    offset_rule,
)
from dicetune.errors import DataError, NoGoldError, listed, quoted, unknown_name

QUESTION_FORMATS = ("squad", "cmrc", "jsonl", "hub")

NO_QUESTION = "questions without text: kept"
BLANK_ANSWER = "answers without text: not read"
FLAGGED = "questions marked is_impossible that have answers: read as answerable"
UNFLAGGED = "questions without answers that are not marked is_impossible: read as unanswerable"

_KINDS = {str: "a text", int: "a whole number", list: "a list"}


def read_questions(path: str | Path, *, format: str = "auto", gold: bool = True) -> QuestionCorpus:
    """The questions of a file or data set; without ``gold``, answers are not read."""
    if format not in ("auto", *QUESTION_FORMATS):
        raise unknown_name("format of questions", format, ("auto", *QUESTION_FORMATS))
    source = source_name(path)
    if format == "hub" or (format == "auto" and names_data_set(path)):
        records, format = _row_records(load_split(path), source), "hub"
    else:
        lines = read_lines(path)
        if format == "jsonl" or (format == "auto" and _is_json_lines(lines)):
            records, format = _line_records(lines, source), "jsonl"
        else:
            document = _read_document(lines, source)
            if format == "auto":
                first = document[0] if isinstance(document, list) and document else None
                format = "cmrc" if isinstance(first, Mapping) and _is_cmrc(first) else "squad"
            records = _document_records(document, source, format)
    notes = NoteBook()
    asked = list(_asked(records, gold))
    rule = offset_rule(
        (text, start, item.question.context)
        for item in asked
        for _, text, start in item.answers
        if start is not None and text.strip()
    )
    questions = tuple(item.with_places(rule, notes) if gold else item.question for item in asked)
    if not questions:
        raise DataError(source, "expected questions, got none: check the file and the format")
    if gold:
        _check_gold(asked, questions, source)
    table = None
    if any(item.more for item in asked):
        rows = [{"id": q.id, "question": q.question, **i.more} for i in asked for q in [i.question]]
        table = InputTable.of(rows, frozenset({"id", "question"}))
    return QuestionCorpus(questions, source, notes.notes(), gold, format, table)


@dataclass(frozen=True)
class Spot(Place):
    """A place in a JSON document; reads the values there and names the place in errors."""

    def inside(self, step: str) -> Spot:
        """The place one step further in."""
        return replace(self, path=f"{self.path}.{step}" if self.path else step)

    def mapping(self, value: Any) -> Mapping[str, Any]:
        """The value, which must be an object."""
        if not isinstance(value, Mapping):
            raise self.error(f"expected an object, got {quoted(value)}")
        return value

    def value(self, mapping: Mapping[str, Any], key: str, kind: type) -> Any:
        """The value under a key: it must be there and a text, a number or a list."""
        if key not in mapping:
            raise self.error(f"expected {quoted(key)}, got {_keys_of(mapping)}")
        value = mapping[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"expected {_KINDS[kind]} under {quoted(key)}, got {quoted(value)}")
        if isinstance(value, str) and not whole_characters(value):
            raise self.error(f"expected whole characters under {quoted(key)}, got {quoted(value)}")
        return value


@dataclass(frozen=True)
class _Layout:
    """The keys of a question's parts, and whether its answers have offsets."""

    id: str
    question: str
    context: str
    has_offsets: bool = True


_SQUAD = _Layout("id", "question", "context")
_CMRC = _Layout("query_id", "query_text", "context_text", has_offsets=False)


@dataclass(frozen=True)
class _Record:
    """One question as in the file, and the object with its context: paragraph or question."""

    values: Mapping[str, Any]
    spot: Spot
    paragraph: Mapping[str, Any]
    paragraph_spot: Spot
    title: Any = None
    layout: _Layout = _SQUAD

    def named(self) -> dict[str, Any]:
        """What ``predict`` keeps beside id and question: title, keys of question and paragraph."""
        layout = self.layout
        used = {"id", "question", "title", "qas", layout.id, layout.question, layout.context}
        both = {**self.paragraph, **self.values}
        more = {name: value for name, value in both.items() if name not in used}
        return more if self.title is None else {"title": self.title, **more}

    def answers(self) -> Iterator[tuple[Spot, str, int | None]]:
        """Place, text and offset of each answer, from any spelling."""
        answers, spot = self.values["answers"], self.spot.inside("answers")
        if isinstance(answers, Mapping) and self.layout.has_offsets:
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
            place = self.spot.inside(f"answers[{number}]")
            if self.layout.has_offsets:
                start = place.value(place.mapping(answer), "answer_start", int)
                yield place, place.value(answer, "text", str), None if start < 0 else start
            elif not isinstance(answer, str) or not whole_characters(answer):
                raise place.error(f"expected a text of whole characters, got {quoted(answer)}")
            else:
                yield place, answer, None


def _keys_of(mapping: Mapping[str, Any]) -> str:
    return f"the keys {listed(mapping)}" if mapping else "no keys"


def _is_json_lines(lines: Sequence[str]) -> bool:
    """Whether the first line is a whole question, paragraph or article."""
    first = next(line for line in lines if line.strip())
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "data" not in value


def _read_document(lines: Sequence[str], source: str) -> Any:
    try:
        return json.loads("\n".join(lines))
    except json.JSONDecodeError as error:
        raise DataError(
            source,
            "expected a JSON document in SQuAD's or CMRC's layout or JSON lines, got no JSON "
            f"({error.msg}, column {error.colno}): check how the file was made",
            line=error.lineno,
        ) from None
    except RecursionError:
        message = "expected a JSON document, got one that is nested too deep"
        raise DataError(source, message) from None


def _document_records(document: Any, source: str, format: str) -> Iterator[_Record]:
    spot, prefix = Spot(source), ""
    if format == "squad" and isinstance(document, dict):
        document, prefix = spot.value(document, "data", list), "data"
    if not isinstance(document, list):
        layout = "SQuAD's layout ('data', 'paragraphs', 'qas') or a list of articles"
        if format == "cmrc":
            layout = f"CMRC's layout (a list of objects with {quoted(_CMRC.context)} and 'qas')"
        raise spot.error(f"expected {layout}, got {quoted(document)}")
    read = _paragraph if format == "cmrc" else _articles
    for number, item in enumerate(document):
        yield from read(item, spot.inside(f"{prefix}[{number}]"))


def _line_records(lines: Sequence[str], source: str) -> Iterator[_Record]:
    for place, record in json_objects(lines, source):
        read = _paragraph if _is_cmrc(record) else _articles
        yield from read(record, Spot(source, place.line))


def _row_records(rows: Iterable[Mapping[str, Any]], source: str) -> Iterator[_Record]:
    for number, row in enumerate(rows, 1):
        spot = Spot(source, number)
        yield _Record(row, spot, row, spot, row.get("title"))


def _articles(item: Any, spot: Spot) -> Iterator[_Record]:
    """The questions of an article, of a paragraph, or of one object that is a question."""
    item = spot.mapping(item)
    title = item.get("title")
    if "paragraphs" in item:
        for number, paragraph in enumerate(spot.value(item, "paragraphs", list)):
            place = spot.inside(f"paragraphs[{number}]")
            yield from _paragraph(paragraph, place, _SQUAD, title)
    elif "qas" in item:
        yield from _paragraph(item, spot, _SQUAD, title)
    elif "question" in item:
        yield _Record(item, spot, item, spot, title)
    else:
        raise spot.error(
            "expected 'paragraphs' (an article) or 'question' and 'context', got " + _keys_of(item)
        )


def _paragraph(
    item: Any, spot: Spot, layout: _Layout = _CMRC, title: Any = None
) -> Iterator[_Record]:
    item = spot.mapping(item)
    title = item.get("title") if layout is _CMRC else title
    for number, values in enumerate(spot.value(item, "qas", list)):
        place = spot.inside(f"qas[{number}]")
        yield _Record(place.mapping(values), place, item, spot, title, layout)


def _is_cmrc(item: Mapping[str, Any]) -> bool:
    named = "context_id" in item and "qas" in item and _SQUAD.context not in item
    return named or _CMRC.context in item


@dataclass(frozen=True)
class _Asked:
    """A question whose answers have no places yet."""

    question: Question
    spot: Spot
    flag: object  # the file's is_impossible
    answers: tuple[tuple[Spot, str, int | None], ...]  # place, text and offset
    more: dict[str, Any]  # of a question to be answered

    def with_places(self, rule: OffsetRule, notes: NoteBook) -> Question:
        """The question with its answers at their places in the context."""
        context, found = self.question.context, []
        if not self.question.question.strip():
            notes.add(NO_QUESTION, self.spot)
        for spot, text, offset in self.answers:
            if not text.strip():
                notes.add(BLANK_ANSWER, self.spot)
                continue
            start = offset if offset is None else rule.place(offset, context)
            if start is not None and start >= len(context):
                raise spot.error(
                    f"expected an answer_start inside the context's {len(context)} characters "
                    f"(or -1 where it is unknown), got {offset} for {quoted(text)}"
                )
            if start != offset:
                notes.add(rule.note, self.spot)
            first, last, repair = align_answer(text, start, context) or (None, None, NOWHERE)
            if repair is not None:
                notes.add(repair, self.spot)
            found.append(GoldAnswer(text, first, last))
        if self.flag is True and found:
            notes.add(FLAGGED, self.spot)
        if self.flag is False and not found:
            notes.add(UNFLAGGED, self.spot)
        return replace(self.question, answers=tuple(found), impossible=not found)


def _asked(records: Iterable[_Record], gold: bool) -> Iterator[_Asked]:
    seen: dict[str, Spot] = {}
    all_have_ids = None
    bare: _Record | None = None  # the first one without a key for answers
    has_answers = False
    for number, record in enumerate(records, 1):
        values, spot, layout = record.values, record.spot, record.layout
        text = spot.value(values, layout.question, str)
        context = record.paragraph_spot.value(record.paragraph, layout.context, str)
        if not context.strip():
            raise record.paragraph_spot.error("expected a context, got an empty text")
        if not text.strip() and not gold:
            raise spot.error("expected a question, got an empty text")
        has_id = layout.id in values
        if all_have_ids not in (None, has_id):
            raise spot.error(f"expected {quoted(layout.id)} in every question or in none")
        all_have_ids = has_id
        if has_id and not is_name(values[layout.id]):
            raise spot.error(
                f"expected a text or a whole number under {quoted(layout.id)}, got "
                f"{quoted(values[layout.id])}: write one, or leave the key out of all"
            )
        name = str(values[layout.id] if has_id else number)
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
        is_read = gold and "answers" in values
        has_answers = has_answers or is_read or flag is True
        if gold and not is_read and flag is not True and bare is None:
            bare = record
        answers = tuple(record.answers()) if is_read else ()
        yield _Asked(question, spot, flag, answers, {} if gold else record.named())
    if bare is not None:
        spot, message = bare.spot, f"expected 'answers', got {_keys_of(bare.values)}"
        if has_answers:
            raise spot.error(message)
        raise NoGoldError(spot.source, f"{spot.path}: {message}".removeprefix(": "), line=spot.line)


def _check_gold(asked: Sequence[_Asked], questions: Sequence[Question], source: str) -> None:
    """Refuse a file whose answers were removed, or belong to other contexts."""
    answers = [answer for question in questions for answer in question.answers]
    if not answers and not any(item.flag is True for item in asked):
        raise NoGoldError(
            source,
            f"expected gold answers, got none in {len(questions)} questions: check the file; "
            "to have it answered use predict",
        )
    if answers and all(answer.start is None for answer in answers):
        raise DataError(
            source,
            "expected answers that are in their contexts, got none among "
            f"{len(answers)} (first {quoted(answers[0].text)}): check that answers and contexts "
            "belong together",
        )
