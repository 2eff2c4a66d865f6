"""spaCy: a ``DocBin`` (file ``.spacy``), as ``spacy convert`` and Prodigy write it.

The words and the sentences are those of the file. Entities are the layer "ents"; each group of
``doc.spans``, whose spans may overlap, is a layer too, and is read where it is chosen or is alone.
Categories with a value of at least one half are labels. spaCy reads the file (extra ``spacy``): it
is msgpack, and holds no code and no pickle.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dicetune.data.exports.documents import Document, Export, Marked, labels_of, marked
from dicetune.data.files.text import Place, most_unpacked, read_bytes
from dicetune.errors import of_extra

ENTS = "ents"
SOME_MISSING = "words whose entity is not annotated: read as outside of entities"

_IS_LABEL = 0.5


def is_docbin(path: str | Path) -> bool:
    """Whether a path has the name of a DocBin."""
    return Path(path).suffix == ".spacy"


def parse_docbin(export: Export) -> Iterator[Document]:
    """The documents of a DocBin."""
    of_extra("spacy", "spacy", f"the file {export.source}")
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    raw = read_bytes(export.path)
    most = most_unpacked(len(raw))
    try:
        opened = zlib.decompressobj()
        opened.decompress(raw, most)
        too_much = bool(opened.unconsumed_tail)
        docs = [] if too_much else list(DocBin().from_bytes(raw).get_docs(Vocab()))
    except Exception as error:  # any type: the contents are whatever the bytes say
        raise export.error(
            f"expected a DocBin of spaCy, got a file that it cannot read ({error}): write it "
            "again with DocBin.to_disk()"
        ) from None
    if too_much:
        raise export.error(f"expected a DocBin of at most {most} bytes unpacked, got more")
    for number, doc in enumerate(docs, 1):
        yield _document(doc, str(number), export)


def write_docs(path: str | Path, files: Mapping[Path, Collection[int]]) -> None:
    """Write documents of a DocBin, by their numbers from 1, to files of their own."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    docs = list(DocBin().from_bytes(read_bytes(path)).get_docs(Vocab()))
    for file, numbers in files.items():
        own = [doc for number, doc in enumerate(docs, 1) if number in numbers]
        DocBin(docs=own, store_user_data=True).to_disk(file)


def _document(doc: Any, name: str, export: Export) -> Document:
    place = Place(export.source, path=f"doc {name}")
    tokens = [token for token in doc if token.text.strip()]  # white space is no word
    layers: dict[str, list[Marked]] = {ENTS: _spans(doc.ents, place)} if doc.ents else {}
    layers |= {key: _spans(group, place) for key, group in doc.spans.items()}
    cats = [name for name, value in doc.cats.items() if value >= _IS_LABEL]
    values: dict[str, Any] = {"text": doc.text, "id": name}
    choices = {"cats": labels_of(cats, "under 'cats'", place)} if doc.cats else {}
    if export.gold and doc.ents and (missing := sum(not token.ent_iob for token in tokens)):
        export.notes.add(SOME_MISSING, place, missing)
    return Document(
        place,
        name,
        {**values, **choices},
        layers,
        choices,
        words=tuple((token.idx, token.idx + len(token)) for token in tokens),
        starts=_starts(doc) if doc.has_annotation("SENT_START") else (),
        unmarked=not doc.has_annotation("ENT_IOB") and not doc.spans,
    )


def _spans(found: Any, place: Place) -> list[Marked]:
    return [marked(s.label_, s.start_char, s.end_char, s.text, place) for s in found]


def _starts(doc: Any) -> tuple[int, ...]:
    """The words with which sentences begin, but the first word."""
    found = []
    number, begins = 0, False
    for token in doc:
        begins = begins or bool(token.is_sent_start)
        if not token.text.strip():  # a sentence that begins with white space begins behind it
            continue
        if begins and number:
            found.append(number)
        number, begins = number + 1, False
    return tuple(found)
