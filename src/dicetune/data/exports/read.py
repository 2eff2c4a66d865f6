"""Exports of annotation tools to corpora: which tool wrote a file, and what each task reads of it.

Format -> documents (one file for each tool) -> those that are gold -> their spans as words
(``align``) -> sentences, or rows of texts with labels. A document stays one example unless the
export knows its sentences.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dicetune.data.entities.corpus import EntitySentence, EntitySpan, sorted_once
from dicetune.data.exports.align import Aligned, align_spans, counting_of, disjoint_spans
from dicetune.data.exports.brat import is_brat, parse_brat, write_brat
from dicetune.data.exports.docbin import is_docbin, parse_docbin, write_docs
from dicetune.data.exports.documents import (
    Document,
    Export,
    ExportChoice,
    chosen_documents,
    record_name,
)
from dicetune.data.exports.label_studio import is_label_studio, json_records, parse_label_studio
from dicetune.data.exports.lines import is_doccano, is_prodigy, parse_doccano, parse_prodigy
from dicetune.data.files.json_objects import is_name
from dicetune.data.files.text import read_lines, write_parts
from dicetune.data.tagged.corpus import NO_WORDS, PlainCorpus, cut_words
from dicetune.data.tagged.sentences import Sentence
from dicetune.data.texts.columns import TextColumns
from dicetune.errors import DataError, listed, quoted
from dicetune.problems.schemes import to_tags

_PARSERS: dict[str, Callable[[Export], Iterable[Document]]] = {
    "label-studio": parse_label_studio,
    "doccano": parse_doccano,
    "prodigy": parse_prodigy,
    "brat": parse_brat,
    "spacy": parse_docbin,
}
EXPORTS = tuple(_PARSERS)
NO_TEXTS = ("brat", "spacy")
"""Exports that are no lines of text: a folder, or a binary file."""

UNMARKED = "documents that nobody annotated with spans: left out"
IN_SPAN = "sentence borders inside a span: ignored"
NO_LABEL = "texts without a label: left out"

_IN_CHARACTERS = ("prodigy", "spacy")
_TELL = {"label-studio": is_label_studio, "prodigy": is_prodigy, "doccano": is_doccano}

Words = Sequence[tuple[int, int]]


def export_at(path: str | Path) -> str | None:
    """The tool whose export a path is, as far as its name or its folder tells."""
    return "spacy" if is_docbin(path) else "brat" if is_brat(path) else None


def export_in(lines: Sequence[str]) -> str | None:
    """The tool whose export lines are, by their first object; ``None`` for any other file."""
    first = next((line for line in lines if line.strip()), "").lstrip()
    if not first.startswith(("{", "[")):
        return None
    try:
        record = json.loads(first) if first[0] == "{" else next(json_records(lines, ""))[1]
    except (ValueError, RecursionError, StopIteration, DataError):
        return None
    return next((name for name, tells in _TELL.items() if tells(record)), None)


def export_of(path: str | Path) -> str | None:
    """The tool whose export a path is, by its name or its contents."""
    if (named := export_at(path)) or not Path(path).is_file():
        return named
    try:
        return export_in(read_lines(path))
    except DataError:  # no text
        return None


def write_export(
    path: str | Path, format: str, entries: Sequence[Any], files: Mapping[Path, Sequence[int]]
) -> None:
    """Write parts of an export as the tool wrote it; ``files`` has the numbers of the entries."""
    if format == "brat":
        write_brat(path, {folder: [entries[n].id for n in own] for folder, own in files.items()})
        return
    if format == "spacy":
        write_docs(path, {f: {_document_of(entries[n]) for n in own} for f, own in files.items()})
        return
    lines = read_lines(path)
    records = list(json_records(lines, str(path)))
    names = [
        record_name(record, number if format == "label-studio" else place.line)
        for number, (place, record) in enumerate(records, 1)
    ]
    is_list = next(line for line in lines if line.strip()).lstrip().startswith("[")
    wanted = {f: {entries[n].id or str(entries[n].line) for n in own} for f, own in files.items()}
    if missing := set().union(*wanted.values()) - {*names}:
        raise DataError(
            path,
            f"expected the tool's own ids to part an export, got {listed(sorted(missing), most=3)}"
            ": leave -o id_column= out",
        )
    for file, own in wanted.items():
        kept = [record for name, (_, record) in zip(names, records, strict=True) if name in own]
        rows = [kept] if is_list else kept
        write_parts(file, (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def export_documents(export: Export, format: str) -> list[Document]:
    """The documents of an export that are gold, or all texts where it is to be predicted."""
    if format in _IN_CHARACTERS:
        replace(export.choice, annotator=None).refuse(f"files of {format}, which count characters")
    found = chosen_documents(_PARSERS[format](export), export)
    if not found:
        why = listed(str(note) for note in export.notes.notes()) or "nothing in the file"
        raise export.error(f"expected annotated texts, got none ({why})")
    return found


def tagged_sentences(export: Export, format: str) -> Iterator[Sentence]:
    """Sentences with tags in IOB2, of spans side by side."""
    for document, text, words, found in _aligned(export, format):
        spans = disjoint_spans(found, text, document, export)
        for part, name, inside in _parts(document, words, spans, export):
            tokens = tuple(text[a:b] for a, b in part)
            tags = tuple(to_tags(inside, len(tokens)))
            line, named = document.place.line, _named(document, text)
            yield Sentence(tokens, tags, line, name, document=named)


def entity_sentences(export: Export, format: str) -> Iterator[EntitySentence]:
    """Sentences with spans that may overlap."""
    for document, text, words, found in _aligned(export, format):
        spans = sorted_once([one.span for one in found], document.place, export.notes)
        for part, name, inside in _parts(document, words, spans, export):
            tokens = tuple(text[a:b] for a, b in part)
            line = document.place.line
            yield EntitySentence(tokens, tuple(inside), name, line, _named(document, text))


def plain_export(export: Export, format: str) -> PlainCorpus:
    """The texts of an export with their words; its annotations are not read."""
    sentences, texts, places = [], [], []
    for document in export_documents(export, format):
        text = export.text_of(document)
        for part, name, _ in _parts(document, _words(document, text), (), export):
            begin = part[0][0] if document.starts else 0
            end = part[-1][1] if document.starts else len(text)
            tokens = tuple(text[a:b] for a, b in part)
            line = document.place.line
            sentences.append(Sentence(tokens, (), line, name, document=_named(document, text)))
            texts.append(text[begin:end])
            places.append(tuple((a - begin, b - begin) for a, b in part))
    cut: dict[str, Any] = {"texts": tuple(texts), "places": tuple(places)}
    notes = export.notes.notes()
    return PlainCorpus(tuple(sentences), export.source, notes=notes, format=format, **cut)


def label_rows(export: Export, format: str) -> tuple[list[tuple[int, dict[str, Any]]], TextColumns]:
    """Each text with its labels and all that came with it, and the names of both if they are clear.

    A document has the line on which it begins, else its number.
    """
    documents = export_documents(export, format)
    layers = {name for document in documents for name in document.layers}
    named = (name for document in documents for name in document.choices)
    controls = [name for name in dict.fromkeys(named) if name not in layers]
    if not controls and format != "label-studio" and layers:
        raise export.error(
            f"expected labels of texts, got spans alone ({format}): tasks ner and mrc-ner read them"
        )
    rows = [(d.place.line or number, {**d.values}) for number, d in enumerate(documents, 1)]
    texts = {
        name
        for _, row in rows
        for name, value in row.items()
        if isinstance(value, str) and name not in ("id", *controls)
    }
    text = next(iter(texts)) if len(texts) == 1 else None
    return rows, TextColumns(text, label=controls[0] if len(controls) == 1 else None)


def _aligned(export: Export, format: str) -> Iterator[tuple[Document, str, Words, list[Aligned]]]:
    """The documents with their texts, their words, and the spans of the chosen layer."""
    documents = []
    for document in export_documents(export, format):
        if document.unmarked:
            export.notes.add(UNMARKED, document.place)
        else:
            documents.append(document)
    layer = _layer(documents, export)
    texts = [export.text_of(document) for document in documents]
    pairs = list(zip(documents, texts, strict=True))
    spans = [(t, span, d) for d, t in pairs for span in d.layers.get(layer, ())]
    if format in _IN_CHARACTERS:
        export = replace(export, choice=ExportChoice(offsets="characters"))
    rule = counting_of(spans, export)
    for document, text in pairs:
        words = _words(document, text)
        if not words:
            export.notes.add(NO_WORDS, document.place)
            continue
        marks = document.layers.get(layer, ())
        yield document, text, words, align_spans(text, marks, words, rule, document, export)


def _layer(documents: Sequence[Document], export: Export) -> str:
    """The name of the spans that are read."""
    names = list(dict.fromkeys(name for document in documents for name in document.layers))
    chosen = export.layer
    if chosen is not None and str(chosen) not in names:
        raise export.error(
            f"expected spans named {quoted(chosen)}, got {listed(names) or 'none'}: mend "
            "-o tag_column="
        )
    if chosen is None and len(names) > 1:
        raise export.error(
            f"expected spans of one kind, got {listed(names)}: choose one, such as "
            f"-o tag_column={names[0]}"
        )
    labelled = {name for document in documents for name, found in document.choices.items() if found}
    if labelled and not names:
        raise export.error(
            "expected spans, got labels of whole texts alone: task text or multilabel reads them"
        )
    if both := labelled.intersection(names):
        raise export.error(
            f"expected spans under {listed(both)}, got labels of whole texts in some rows: export "
            "each kind of project by itself"
        )
    return str(chosen) if chosen is not None else next(iter(names), "")


def _words(document: Document, text: str) -> Words:
    return cut_words(text) if document.words is None else document.words


def _named(document: Document, text: str) -> str | None:
    """The document that a text belongs to, as the export names it, else the text itself."""
    named = (document.values.get(key) for key in ("document_id", "doc_id", "document"))
    return next((str(name) for name in named if is_name(name) and name != text), document.id)


def _document_of(entry: Any) -> int:
    """The number of the document that an entry is, or is a part of."""
    return int(getattr(entry, "document", None) or entry.id)


def _parts(
    document: Document, words: Words, spans: Sequence[EntitySpan], export: Export
) -> Iterator[tuple[Words, str | None, list[EntitySpan]]]:
    """The sentences of a document with their names and spans: one where it knows no sentences."""
    starts = [0]
    for start in document.starts:
        if any(span.start < start < span.end for span in spans):
            export.notes.add(IN_SPAN, document.place)
        else:
            starts.append(start)
    for number, (first, stop) in enumerate(zip(starts, [*starts[1:], len(words)], strict=True), 1):
        name = document.id if len(starts) == 1 else f"{document.id or ''}.{number}"
        inside = [
            span._replace(start=span.start - first, end=span.end - first)
            for span in spans
            if first <= span.start < stop
        ]
        yield words[first:stop], name, inside
