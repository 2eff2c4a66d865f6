r"""brat: stand-off annotations, a file ``.ann`` beside each text ``.txt``; one pair, or a folder.

::

    T1<TAB>SITE 0 9<TAB>Quay Nine
    T2<TAB>PART 15 20;30 34<TAB>valve seat
    R1<TAB>Has Arg1:T1 Arg2:T2

Only text-bound annotations (T) are read; relations, events, attributes and notes are counted. A
discontinuous span whose fragments are parted by white space alone, as brat writes a span over two
lines, is one span; other discontinuous spans are no spans of words, and are counted and left out.
A folder is read with its sub-folders; each document is named by its path in the folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from dicetune.data.exports.documents import Document, Export, Marked, marked
from dicetune.data.files.text import Place, no_utf8, read_bytes
from dicetune.errors import DataError, quoted

BROKEN = "discontinuous spans: left out, as words in between do not belong to them"
ALONE = "texts .txt without annotations .ann beside them: not read"
OTHER = "annotations that are no spans (relations, events, attributes, notes): not read"

_SPAN = re.compile(r"(T\S*)\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)(?:\t(.*))?")
_OTHER = ("R", "E", "A", "M", "N", "#", "*")


def is_brat(path: str | Path) -> bool:
    """Whether a path is a file of annotations, or a folder with such files."""
    folder = Path(path)
    return folder.suffix == ".ann" or (
        folder.is_dir() and next(folder.rglob("*.ann"), None) is not None
    )


def brat_files(folder: str | Path) -> list[Path]:
    """The annotations and texts of a folder, in the order of their names."""
    found = (path for path in Path(folder).rglob("*") if path.suffix in (".ann", ".txt"))
    return sorted(path for path in found if path.is_file())


def write_brat(folder: str | Path, parts: Mapping[Path, Iterable[str]]) -> None:
    """Copy documents, by their names, into a folder for each part."""
    for part, names in parts.items():
        for name in names:
            for ending in (".ann", ".txt"):
                file = part / f"{name}{ending}"
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(folder) / f"{name}{ending}", file)


def parse_brat(export: Export) -> Iterator[Document]:
    """The documents of a folder in the order of their names, or of one pair of files."""
    given = Path(export.path)
    if given.is_dir():
        found = brat_files(given)
        files = [path for path in found if path.suffix == ".ann"]
        if not files:
            raise export.error(
                "expected files .ann beside their texts .txt, got none in the folder"
            )
        read = {*files, *(path.with_suffix(".txt") for path in files)}
        for text in sorted({*found} - read):
            export.notes.add(ALONE, Place(str(text)))
    else:
        files = [given.with_suffix(".ann")]
    for file in files:
        name = file.relative_to(given) if given.is_dir() else Path(file.name)
        yield _document(file, name.with_suffix("").as_posix(), export)


def _document(file: Path, name: str, export: Export) -> Document:
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        raise DataError(file, f"expected its text in {quoted(beside)}, got no such file")
    text = _decoded(beside)
    spans = []
    for number, line in enumerate(_decoded(file).split("\n") if export.gold else (), 1):
        line = line.removesuffix("\r")
        place = Place(str(file), number)
        match = _SPAN.fullmatch(line)
        if match:
            span = _span(match, text, place, export)
            spans += [] if span is None else [span]
        elif line.startswith(_OTHER):
            export.notes.add(OTHER, place)
        elif line.strip():
            raise place.error(
                f"expected an annotation such as T1<TAB>SITE 0 9<TAB>Quay Nine, got {quoted(line)}"
            )
    layers = {"T": spans} if spans else {}
    return Document(Place(str(beside)), name, {"text": text, "id": name}, layers)


def _span(match: re.Match[str], text: str, place: Place, export: Export) -> Marked | None:
    """A span from its first to its last fragment; ``None`` where they are parted by words."""
    pairs = [[int(n) for n in pair.split(" ")] for pair in match[3].split(";")]
    if any(text[before[1] : after[0]].strip() for before, after in pairwise(pairs)):
        export.notes.add(BROKEN, Place(place.source, place.line, f"{match[1]} {match[2]}"))
        return None
    return marked(match[2], pairs[0][0], pairs[-1][1], match[4], place)


def _decoded(path: Path) -> str:
    """The text of a file with its line ends as they are, which offsets count."""
    raw = read_bytes(path)
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise no_utf8(raw, error.start, path) from None
