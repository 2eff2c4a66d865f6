"""Document: one text of an annotation tool with what one annotator said of it.

Every tool's parser gives documents, in the order of its file. Which of them are gold is decided
here, by the same rules for all tools: annotations that were cancelled, rejected or never made are
left out and counted, and of several annotators of one text one has to be chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dicetune.data.files.json_objects import is_name, whole_characters
from dicetune.data.files.text import NoteBook, Place, Reader
from dicetune.data.tagged.corpus import Column
from dicetune.data.texts.columns import TEXT_NAMES
from dicetune.errors import DataError, InputError, listed, quoted

OFFSETS = ("auto", "characters", "utf-16")
"""How a file counts the characters in front of a span; "auto" finds out."""

DIVIDED = "texts divided among several annotators, one for each text: all are read"
OF_OTHERS = "texts that the chosen annotator did not annotate: left out"


class Marked(NamedTuple):
    """A span as a tool has it: its label, its offsets, and its text where the export says it."""

    type: str
    start: int
    end: int
    text: str | None = None


@dataclass(frozen=True)
class Document:
    """One annotation of one text."""

    place: Place  # with the name of the task in the tool
    id: str | None
    values: Mapping[str, Any]  # the text and all that came with it, by name
    layers: Mapping[str, Sequence[Marked]] = field(default_factory=dict)  # spans, by their layer
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)  # labels, by their control
    words: tuple[tuple[int, int], ...] | None = None  # the tool's own words, in characters
    starts: tuple[int, ...] = ()  # the words with which sentences begin, where the tool knows them
    annotator: str | None = None
    task: Hashable = None  # equal for all annotations of one text; ``None`` where there is one
    left_out: str | None = None  # the rule by which the annotation is no gold
    unmarked: bool = False  # whether nobody looked for spans


@dataclass(frozen=True)
class ExportChoice:
    """What a user chose of an export."""

    annotator: int | str | None = None
    offsets: str = "auto"

    def refuse(self, source: str) -> None:
        """Refuse the choice for a file that is no export, or has nothing to choose from."""
        for name, value in (("annotator", self.annotator), ("offsets", self.offsets)):
            if value not in (None, "auto"):
                raise InputError(
                    f"expected no {name} for {source}, got {quoted(value)}: it is for exports of "
                    "annotation tools that leave it open, leave it out"
                )


@dataclass(frozen=True)
class Export(Reader):
    """The input of a parser: a file or folder, the choices of the user, and a notebook."""

    path: str | Path
    lines: Sequence[str]  # none for a format that is no text
    source: str
    text_column: Column = None
    layer: Column = None
    choice: ExportChoice = field(default_factory=ExportChoice)
    gold: bool = True
    notes: NoteBook = field(default_factory=NoteBook)

    def text_of(self, document: Document) -> str:
        """The text that spans are counted in: the chosen value, a known name, or the only text."""
        values, chosen = document.values, self.text_column
        texts = [name for name, value in values.items() if isinstance(value, str) and name != "id"]
        known = [name for name in TEXT_NAMES if name in values]
        name = str(chosen) if chosen is not None else (known or texts or [""])[0]
        if name not in values or (chosen is None and not known and len(texts) > 1):
            raise document.place.error(
                f"expected a text, {'one of several' if texts else 'named text'}, got "
                f"{listed(values) or 'nothing'}: give -o token_column=NAME"
            )
        return checked_text(values[name], name, document.place)


def checked_text(value: Any, name: str, place: Place) -> str:
    """A text of whole characters, as the value of a name."""
    if not isinstance(value, str) or not whole_characters(value):
        raise place.error(f"expected a text under {quoted(name)}, got {quoted(value)}")
    return value


def checked_name(value: Any, place: Place) -> str | None:
    """An id as text; ``None`` for none."""
    if value is None:
        return None
    if not is_name(value):
        raise place.error(f"expected a text or a whole number as id, got {quoted(value)}")
    return str(value)


def record_name(record: Mapping[str, Any], number: int | None) -> str:
    """What an object of an export is called: its id, the hash of its input, else its number."""
    known = (record.get(key) for key in ("id", "_input_hash"))
    return next((str(name) for name in known if name is not None), str(number))


def marked(kind: Any, start: Any, end: Any, text: Any, place: Place) -> Marked:
    """A span, of which the label is a text and the offsets are whole numbers."""
    if not isinstance(kind, str) or not kind.strip() or not whole_characters(kind):
        raise place.error(f"expected the label of a span as text, got {quoted(kind)}")
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        raise place.error(
            f"expected the offsets of a span {quoted(kind)} in plain text, two whole numbers from "
            f"0, got {quoted(start)} and {quoted(end)}"
        )
    own = text if isinstance(text, str) and text and whole_characters(text) else None
    return Marked(kind, start, end, own)


def labels_of(value: Any, what: str, place: Place) -> list[str]:
    """A list of labels that are texts."""
    if not isinstance(value, list) or not all(
        isinstance(label, str) and label.strip() and whole_characters(label) for label in value
    ):
        raise place.error(f"expected a list of labels {what}, got {quoted(value)}")
    return value


def objects_of(record: Mapping[str, Any], key: str, place: Place) -> list[Mapping[str, Any]]:
    """The list of objects under a key; none where there is no such key."""
    value = record.get(key)
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise place.error(f"expected a list of objects under {quoted(key)}, got {quoted(value)}")
    return value


def chosen_documents(found: Iterable[Document], export: Export) -> list[Document]:
    """The documents that are gold; to be predicted, one document of each text.

    Raises:
        DataError: several annotators of one text, of whom none is chosen; two annotations of one
            text by one annotator; an annotator who is not in the file.
    """
    if not export.gold:
        first: dict[Hashable, Document] = {}
        for number, document in enumerate(found):
            key = ("alone", number) if document.task is None else ("task", document.task)
            first.setdefault(key, document)
        return list(first.values())
    kept = []
    for document in found:
        if document.left_out is None:
            kept.append(document)
        else:
            export.notes.add(document.left_out, document.place)
    names = Counter(d.annotator for d in kept if d.annotator is not None)
    shown = listed(f"{name} ({count} texts)" for name, count in names.most_common())
    chosen = export.choice.annotator
    if chosen is not None:
        if str(chosen) not in names:
            raise export.error(
                f"expected one of the annotators {shown or '(the file names none)'}, got "
                f"{quoted(chosen)}: mend -o annotator="
            )
        tasks = {d.task for d in kept if d.annotator == str(chosen)}
        for document in kept:
            if document.task not in tasks:
                export.notes.add(OF_OTHERS, document.place)
        kept = [d for d in kept if d.annotator == str(chosen)]
    _check_once(kept, shown, export)
    if chosen is None and len(names) > 1:
        export.note(DIVIDED, count=len(kept))
    return kept


def _check_once(kept: Sequence[Document], shown: str, export: Export) -> None:
    """Refuse several annotations of one text."""
    first: dict[Hashable, Document] = {}
    for document in kept:
        if document.task is None:
            continue
        other = first.setdefault(document.task, document)
        if other is document:
            continue
        who = {other.annotator, document.annotator}
        if len(who) > 1 and None not in who:
            raise DataError(
                document.place.source,
                f"expected one annotator of each text, got several (first {document.place}): "
                f"{shown}. Choose one, such as -o annotator={min(map(str, who))}",
            )
        raise document.place.error(
            f"expected one annotation of each text, got a second one (first at {other.place}): "
            "export one annotator alone, or delete one of them in the tool"
        )
