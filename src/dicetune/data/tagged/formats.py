"""Which format a path holds: by its content, and by its name only where there is no file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from dicetune.data.files.hub import names_data_set
from dicetune.data.files.open_text import read_lines
from dicetune.data.tagged.conll2012 import is_conll2012
from dicetune.data.tagged.treebank import is_treebank
from dicetune.data.tagged.words_tags import is_word_tags
from dicetune.errors import DataError, quoted

FORMATS = ("conll", "conllu", "conll2012", "jsonl", "word_tag", "treebank", "hub")

# before a tab it is a word of columns
_JSON_BEGINS = re.compile(r'\s*(\[\s*)?\{\s*"[^"\t]*"\s*:[^\t]*')
_CONLLU_ID = re.compile(r"\d+([-.]\d+)?")


def detect_format(path: str | Path) -> tuple[str, list[str]]:
    """The format of a path and, where it is a file, its lines.

    - A folder with a data set that ``datasets`` saved, or with Parquet or Arrow files: ``hub``.
    - No such file, and the name of a data set with a split (``name:split``): ``hub``.
    - The first line is a JSON object: ``jsonl``.
    - The name ends in ``.conllu``, or the first row has ten columns by tabs and a number as its
      first: ``conllu``.
    - ``#begin document`` comes first, or a row with the columns of OntoNotes: ``conll2012``.
    - The first line, markup aside, opens a tree with a bracket: ``treebank``.
    - Each word has a tag after ``_`` or ``/``, and some lines have several words: ``word_tag``.
    - Else ``conll``, if rows have at least two columns or each line is one word.

    Raises:
        DataError: no such file, a folder of something else, or no format that fits.
    """
    if names_data_set(path):
        return "hub", []
    lines = read_lines(path)
    return format_of(lines, path), lines


def format_of(lines: Sequence[str], path: str | Path) -> str:
    """The format of the lines of a file: one of ``FORMATS`` but ``hub``.

    Args:
        lines: of the file, one of them not blank.
        path: the file, whose name is asked where the lines leave it open.

    Raises:
        DataError: JSON that is no JSON lines, or none where the name promises it.

    Example:
        >>> format_of(['{"tokens": ["in", "Bonn"]}'], "-")
        'jsonl'
    """
    file = Path(path)
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith(("{", "[")):
        kind = _json_kind(first, file.name)
        if kind == "object":
            return "jsonl"
        if kind == "other":
            raise DataError(
                path,
                "expected JSON lines, one object a line, got JSON of another shape: "
                "convert it, for example a list with `jq -c '.[]'`, or give the format",
                line=1,
            )
        if kind == "damaged":
            raise DataError(
                path,
                f"expected JSON, got {quoted(first)}: mend the line, or give the format",
                line=lines.index(first) + 1,
            )
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    name = file.name.removesuffix(".gz")
    if name.endswith(".conllu") or (rows and _is_conllu(rows[0])):
        return "conllu"
    if is_conll2012(lines):
        return "conll2012"
    if is_treebank(lines):
        return "treebank"
    if name.endswith((".json", ".jsonl", ".ndjson")):
        raise DataError(
            path,
            f"expected JSON lines, one object a line, got {quoted(first[:40])}: check the file, "
            "or give the format",
            line=1,
        )
    return "word_tag" if is_word_tags(lines) else "conll"


def _json_kind(line: str, name: str) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        if _JSON_BEGINS.fullmatch(line):
            return "damaged"
        # JSON that goes on over lines is none by its first line; a lone bracket is a word, too.
        return "other" if ".json" in name and line.strip() in ("[", "[{", "{") else None
    return "object" if isinstance(value, dict) else "other"


def _is_conllu(row: str) -> bool:
    cells = row.split("\t")
    return len(cells) == 10 and bool(_CONLLU_ID.fullmatch(cells[0]))
