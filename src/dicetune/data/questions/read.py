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

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self

from dicetune.data.files.hub import load_split, names_data_set
from dicetune.data.files.json_objects import behind_space, is_name, json_objects, whole_characters
from dicetune.data.files.rows import Numbering, Rows, Texts
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
    question_columns,
)
from dicetune.errors import DataError, NoGoldError, listed, quoted, unknown_name

QUESTION_FORMATS = ("squad", "cmrc", "jsonl", "hub")

NO_QUESTION = "questions without text: kept"
BLANK_ANSWER = "answers without text: not read"
FLAGGED = "questions marked is_impossible that have answers: read as answerable"
UNFLAGGED = "questions without answers that are not marked is_impossible: read as unanswerable"

# a list, or an object with a list under "data" behind plain values
_LIST = re.compile(r'\s*(\{\s*(?:"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*,\s*)*"data"\s*:\s*)?\[')
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
            items, prefix = _items("\n".join(lines), source, format)
            del lines  # the text is enough
            if format == "auto":
                first = [] if prefix else list(islice(items, 1))
                is_cmrc = all(isinstance(item, Mapping) and _is_cmrc(item) for item in first)
                format = "cmrc" if first and is_cmrc else "squad"
                items = chain(first, items)
            records = _document_records(items, prefix, source, format)
    asked, notes = _Asked.of(records, gold), NoteBook()
    questions = asked.questions
    if not questions:
        raise DataError(source, "expected questions, got none: check the file and the format")
    if gold:
        rule = offset_rule(
            (answer.text, answer.start, question.context)
            for question in questions
            for answer in question.answers
            if answer.start is not None and answer.text.strip()
        )
        questions = question_columns(_placed(one, source, rule, notes) for one in questions)
        _check_gold(asked.questions, questions, source)
    return QuestionCorpus(questions, source, notes.notes(), gold, format, asked.table())


@dataclass(frozen=True)
class Spot(Place):
    """A place in a JSON document; reads the values there and names the place in errors."""

    @classmethod
    def of(cls, question: Question, source: str) -> Self:
        """The place of a question."""
        return cls(source, question.line, question.place or "")

    def inside(self, step: str) -> Self:
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

    def answers(self) -> Iterator[GoldAnswer]:
        """Each answer with its offset as its start, from any spelling."""
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
                # no context has more characters
                offset = None if start < 0 else min(start, sys.maxsize)
                yield GoldAnswer(place.value(answer, "text", str), offset)
            elif not isinstance(answer, str) or not whole_characters(answer):
                raise place.error(f"expected a text of whole characters, got {quoted(answer)}")
            else:
                yield GoldAnswer(answer)


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


def _items(text: str, source: str, format: str) -> tuple[Iterator[Any], str]:
    """The items of a document's list, and the key of the list."""
    begun = _LIST.match(text)
    if begun is not None and not (begun[1] and format == "cmrc"):
        return _parsed_items(text, begun.end(), source), "data" if begun[1] else ""
    document, prefix = _parsed(text, source), ""
    if format != "cmrc" and isinstance(document, dict):
        document, prefix = Spot(source).value(document, "data", list), "data"
    if not isinstance(document, list):
        layout = "SQuAD's layout ('data', 'paragraphs', 'qas') or a list of articles"
        if format == "cmrc":
            layout = f"CMRC's layout (a list of objects with {quoted(_CMRC.context)} and 'qas')"
        raise Spot(source).error(f"expected {layout}, got {quoted(document)}")
    return iter(document), prefix


def _parsed_items(text: str, begin: int, source: str) -> Iterator[Any]:
    """The items of a list from its first on, each parsed when it is asked for."""
    decoder, place = json.JSONDecoder(), behind_space(text, begin)
    more = not text.startswith("]", place)
    with contextlib.suppress(ValueError, RecursionError):
        while more:
            item, place = decoder.raw_decode(text, place)
            yield item
            place = behind_space(text, place)
            more = text.startswith(",", place)
            place = behind_space(text, place + more)
        json.loads(text[:begin] + text[place:])  # what is around the items
        return
    _parsed(text, source)  # says what is wrong


def _parsed(text: str, source: str) -> Any:
    try:
        return json.loads(text)
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


def _document_records(
    items: Iterable[Any], prefix: str, source: str, format: str
) -> Iterator[_Record]:
    read, spot = _paragraph if format == "cmrc" else _articles, Spot(source)
    for number, item in enumerate(items):
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
    """Questions as the file has them: offsets for starts, its is_impossible, else ``None``."""

    questions: Rows[Question]
    more: Texts  # what else the output of ``predict`` keeps, as JSON

    @classmethod
    def of(cls, records: Iterable[_Record], gold: bool) -> Self:
        """The questions of records, checked one by one."""
        asked, seen = cls(question_columns(()), Texts()), Numbering()
        all_have_ids = None
        bare: _Record | None = None  # the first one without a key for answers
        has_answers = False
        for number, record in enumerate(records):
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
            name = str(values[layout.id] if has_id else number + 1)
            if seen[name] < number:
                first = Spot.of(asked.questions[seen[name]], spot.source)
                raise spot.error(
                    f"expected each id once, got {quoted(name)} again, first at {first}"
                )
            flag = values.get("is_impossible")
            flag = flag if isinstance(flag, bool) else None
            is_read = gold and "answers" in values
            has_answers = has_answers or is_read or flag is True
            if gold and not is_read and flag is not True and bare is None:
                bare = record
            answers = tuple(record.answers()) if is_read else ()
            title = None if record.title is None else str(record.title)
            # the types say what a question is once its answers have places
            unplaced: Any = flag if gold else False
            asked.questions.append(
                Question(
                    name, text, context, answers, unplaced, title, spot.line, spot.path or None
                )
            )
            asked.more.append("" if gold else json.dumps(record.named(), default=str))
        if bare is not None:
            spot, message = bare.spot, f"expected 'answers', got {_keys_of(bare.values)}"
            if has_answers:
                raise spot.error(message)
            said = f"{spot.path}: {message}".removeprefix(": ")
            raise NoGoldError(spot.source, said, line=spot.line)
        return asked

    def table(self) -> InputTable | None:
        """What else questions to be answered have; ``None`` where none has anything."""
        if all(more in ("", "{}") for more in self.more):
            return None

        def row(question: Question, more: str) -> dict[str, Any]:
            return {"id": question.id, "question": question.question, **json.loads(more)}

        rows = Rows(row, question=self.questions, more=self.more)
        return InputTable.of(rows, frozenset({"id", "question"}))


def _placed(question: Question, source: str, rule: OffsetRule, notes: NoteBook) -> Question:
    """The question with its answers at their places in the context."""
    context, found, own = question.context, [], Spot.of(question, source)
    if not question.question.strip():
        notes.add(NO_QUESTION, own)
    for number, answer in enumerate(question.answers):
        text, offset = answer.text, answer.start
        if not text.strip():
            notes.add(BLANK_ANSWER, own)
            continue
        start = offset if offset is None else rule.place(offset, context)
        if start is not None and start >= len(context):
            raise own.inside(f"answers[{number}]").error(
                f"expected an answer_start inside the context's {len(context)} characters "
                f"(or -1 where it is unknown), got {offset} for {quoted(text)}"
            )
        if start != offset:
            notes.add(rule.note, own)
        first, last, repair = align_answer(text, start, context) or (None, None, NOWHERE)
        if repair is not None:
            notes.add(repair, own)
        found.append(GoldAnswer(text, first, last))
    if question.impossible is True and found:
        notes.add(FLAGGED, own)
    if question.impossible is False and not found:
        notes.add(UNFLAGGED, own)
    return replace(question, answers=tuple(found), impossible=not found)


def _check_gold(asked: Sequence[Question], questions: Sequence[Question], source: str) -> None:
    """Refuse a file whose answers were removed, or belong to other contexts."""
    count = sum(len(question.answers) for question in questions)
    if not count and not any(question.impossible for question in asked):
        raise NoGoldError(
            source,
            f"expected gold answers, got none in {len(questions)} questions: check the file; "
            "to have it answered use predict",
        )
    answers = (answer for question in questions for answer in question.answers)
    if count and all(answer.start is None for answer in answers):
        first = next(question.answers[0] for question in questions if question.answers)
        raise DataError(
            source,
            f"expected answers that are in their contexts, got none among {count} (first "
            f"{quoted(first.text)}): check that answers and contexts belong together",
        )
