"""CoNLL columns: one word a line, its tags beside it, a blank line after each sentence.

What is read, and by which rule:

- **Separator.** Tab if most rows hold one (words may then hold spaces), else runs of spaces and
  tabs. No other white space separates: U+00A0 and U+3000 are parts of words.
- **Sentence break.** A line of nothing but white space.
- **Columns.** The most frequent number of columns is the file's; a row that differs is an error.
- **Document boundary.** A row that starts with ``-DOCSTART-`` ends a sentence and is no sentence.
- **Comments.** A line that starts with ``#`` and a space and lacks the file's number of columns.
  Where spaces separate, a comment may have that number by chance: the line is a row only if its
  last column also occurs on a line without ``#``. ``# O`` is a word with a tag.
- **Names of columns.** A first row of names (``token tag``, ``Sentence #,Word,POS,Tag``) and a
  line that declares another layout (CoNLL-U Plus, WebAnno, brat) are errors, never words.
- **Empty last columns.** Where every row ends in a tab, nothing behind that tab is a column.
- **Empty words.** A row whose word is empty keeps its place and tag; the word is ``""``.
- **Word-position digits** (Weibo NER): each row is a character and its place in its segmented word,
  科0 技1 有0 限1. The digits are no text. They are cut where the whole file is of that kind: at
  least 99 of 100 rows end in 0 or in one more than the row before, and most rows begin with
  something other than ASCII.

What ``write_conll`` writes is read back the same. What columns cannot hold (a tab in a word) is
refused before anything is written.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from dicetune.data.files.rows import Numbering
from dicetune.data.files.text import Target, write_text
from dicetune.data.tagged.corpus import COMMENTS, Reading, Tagged
from dicetune.data.tagged.kept import cells
from dicetune.data.tagged.sentences import Numbered, Sentence, Sentences
from dicetune.errors import InputError, quoted

DOCUMENT = "-DOCSTART-"
EMPTY_COLUMN = "empty last columns: left out (every row ends in a tab)"
POSITIONS = "word-position digits after a character (科0 技1): taken off"
_DECLARED = re.compile(r"# global\.columns|#FORMAT=WebAnno|T\d+\t\S+ \d+ \d+[\d ;]*\t")
_WORD_NAMES = {"word", "words", "token", "tokens", "form", "text"}
_TAG_NAMES = {
    *("tag", "tags", "ne", "ner", "label", "labels", "entity", "iob", "bio", "pos", "upos", "xpos"),
    *("gold", "predicted", "prediction", "pred"),
}
_NUMBER = re.compile(r"([0-9]{1,9})(?:[-.][0-9]+)?")
_LEAST_ROWS = 5
_LEAST_SHARE = 0.99


@dataclass(frozen=True)
class Table:
    """The rows of a column file by sentences, all of one width."""

    names: Sequence[str]  # of the numbers of cells
    cells: np.ndarray  # (rows, columns)
    starts: np.ndarray  # (sentences + 1,) where the rows of each sentence begin
    lines: np.ndarray  # (rows,)
    documents: Sequence[str | None]  # of each sentence, where the file has documents
    reading: Reading

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.cells.shape[1])

    @property
    def first_line(self) -> int:
        """The line of the first row."""
        return int(self.lines[0])

    def column(self, index: int, what: str) -> Numbered:
        """The cells of one column; negative numbers count from the last column."""
        if not -self.width <= index < self.width:
            raise self.reading.error(
                f"expected a column {index} for the {what}, got {self.width} column"
                f"{'s' if self.width != 1 else ''} (numbered from 0)"
            )
        return Numbered(self.names, self.cells[:, index]).compact()

    def words(self, tag_columns: int) -> Numbered:
        """The column of words: as chosen, else the first column, if it can hold words."""
        chosen = self.reading.token_column
        if chosen is None and (found := self._no_words(tag_columns)):
            raise self.reading.error(
                f"expected words in the first column, got {found}: choose the column of the words, "
                "token_column=1 for example (token_column=0 takes the first all the same)",
                self.first_line,
            )
        return self.column(column_number(chosen, 0, "token_column"), "words")

    def _no_words(self, tag_columns: int) -> str | None:
        """What the first column holds where it can hold no words."""
        if self.width <= tag_columns + 1:
            return None  # no column but the first one is left for the words
        words = self.column(0, "words")
        if not any(words.names):
            return "an empty cell in every row"
        found = [_NUMBER.fullmatch(word) for word in words.names]
        numbers = [int(match[1]) for match in found if match]
        if len(numbers) < len(found):
            return None
        within = np.ones(len(self.lines), dtype=bool)
        within[self.starts[:-1]] = False
        steps = np.diff(np.array(numbers)[words.numbers])[within[1:]]
        return "running numbers" if len(steps) and set(np.unique(steps)) <= {0, 1} else None

    def sentences(self, words: Numbered, tags: Numbered | None) -> Sentences:
        """The sentences of a column of words and a column of tags, or none."""
        untagged = Numbered((), np.full(len(self.lines), -1, dtype=np.int8))
        begins = self.lines[self.starts[:-1]]
        return Sentences.of_columns(
            words, tags or untagged, self.starts, begins, self.lines, (), self.documents
        )


def parse_conll(reading: Reading) -> Iterable[Sentence]:
    """Columns to sentences; the words are the first column and the tags the last by default."""
    tag_index = column_number(reading.tag_column, -1, "tag_column")
    table = parse_table(reading)
    if reading.wants_tags and table.width < 2:
        raise reading.no_gold(
            "expected at least 2 columns, a word and its tag, got 1: separate them by a tab "
            "or a space",
            table.first_line,
        )
    words = table.words(int(reading.wants_tags))
    tags = table.column(tag_index, "tags") if reading.wants_tags else None
    return _without_positions(table.sentences(words, tags), reading)


def rows_of(lines: Iterable[str], no_rows: str | tuple[str, ...] = "# ") -> Iterator[str]:
    """Lines that are not blank and begin with none of some texts."""
    return (line for line in lines if line.strip() and not line.startswith(no_rows))


def parse_table(reading: Reading) -> Table:
    """Lines to sentences of rows, all of one width."""
    lines = reading.lines
    no_rows: tuple[str, ...] = ("# ", DOCUMENT)
    if is_plain := any(rows_of(lines, no_rows)):
        has_tab = Counter("\t" in line for line in rows_of(lines, no_rows))
    else:
        no_rows = (DOCUMENT,)
        has_tab = Counter("\t" in line for line in rows_of(lines, no_rows))
    if not has_tab:
        raise reading.error("expected rows of a word and its tag, got none")
    _check_declared(reading)
    by_tab = 2 * has_tab[True] >= has_tab.total()
    widths = Counter(len(cells(line, by_tab)) for line in rows_of(lines, no_rows))
    width, rows = widths.most_common(1)[0]
    if 2 * rows < has_tab.total():
        raise reading.error(
            "the format cannot be told: expected JSON lines, CoNLL-U or one word a line with its "
            f"tag, got lines of {min(widths)} to {max(widths)} columns"
        )
    # without a plain row, any row of the right width is a row
    known: set[str] | None = None
    if is_plain and not by_tab and any(line.startswith("# ") for line in lines):
        known = {cells(line, by_tab)[-1] for line in rows_of(lines, no_rows)}

    found, line_numbers, starts = array("i"), array("i"), array("q", [0])
    number_of = Numbering()
    documents: list[str | None] = []
    document: str | None = None
    for number, line in enumerate(chain(lines, [""]), 1):
        row = cells(line, by_tab) if line.strip() else [""]
        if row == [""] or row[0] == DOCUMENT:
            if len(line_numbers) > starts[-1]:
                starts.append(len(line_numbers))
                documents.append(document)
            if row[0] == DOCUMENT:
                reading.note("document boundaries (-DOCSTART-): no sentences", number)
                document = str(int(document or 0) + 1)
            continue
        is_row = len(row) == width and (known is None or row[-1] in known)
        if line.startswith("# ") and not is_row:
            reading.note(COMMENTS, number)
        elif len(row) != width:
            raise reading.error(_ragged(line, len(row), width, by_tab), number)
        else:
            found.extend(map(number_of.__getitem__, row))
            line_numbers.append(number)
    table = Table(
        list(number_of),
        np.asarray(found).reshape(-1, width),
        np.asarray(starts),
        np.asarray(line_numbers),
        documents,
        reading,
    )
    return _without_empty(table)


def names_columns(line: str) -> bool:
    """Whether a first row names the columns: one of words and one of tags."""
    separator = next((mark for mark in "\t,;" if mark in line), None)
    names = [name.strip("\"' ").lower() for name in line.split(separator)]
    return (
        "o" not in names
        and not _WORD_NAMES.isdisjoint(names)
        and any(not _TAG_NAMES.isdisjoint(re.split("[-_]", name)) for name in names)
    )


def column_number(value: int | str | None, default: int, name: str) -> int:
    """The number of a column, given as a number or as text; ``default`` for ``None``."""
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise InputError(
            f"expected {name} to be a number (0 is the first column, -1 the last) for a file of "
            f"columns, got {quoted(value)}"
        ) from None


def write_conll(
    target: Target, sentences: Iterable[Sentence], predicted: Tagged | None = None
) -> None:
    """Write word TAB tag, or word TAB gold TAB predicted, and a blank line after each sentence.

    ``predicted`` holds tags to write as the last column, one list for each sentence.
    """
    given, out = list(sentences), []
    if predicted is not None and len(predicted) != len(given):
        raise InputError(
            f"expected predicted tags for {len(given)} sentences, got {len(predicted)}"
        )
    for number, sentence in enumerate(given):
        tags = () if predicted is None else predicted[number]
        columns = [sentence.tokens, *(column for column in (sentence.tags, tags) if column)]
        if len(columns) == 1 and sentence.tokens:
            raise InputError(f"sentence {number}: expected tags or predicted tags, got neither")
        if wrong := [column for column in columns if len(column) != len(sentence.tokens)]:
            raise InputError(
                f"sentence {number}: expected {len(sentence.tokens)} tags, one for each word, "
                f"got {len(wrong[0])}"
            )
        for row in zip(*columns, strict=True):
            _check_row(row, number)
            out.append("\t".join(row) + "\n")
        out.append("\n")
    text = "".join(out)
    # a reader drops one byte order mark, so a file that begins with U+FEFF needs a second one
    write_text(target, "\ufeff" + text if text.startswith("\ufeff") else text)


def _check_declared(reading: Reading) -> None:
    """Refuse lines that declare another layout, and a first row that names the columns."""
    first: tuple[int, str] | None = None
    for number, line in enumerate(reading.lines, 1):
        if first is None and line.strip():
            first = number, line
        if line.startswith(("#", "T")) and _DECLARED.match(line):
            raise reading.error(
                f"expected rows of a word and its tag, got {quoted(line)}, which declares a layout "
                "that is not read: convert the file, or remove the line and choose the columns "
                "with token_column and tag_column",
                number,
            )
    if first is not None and names_columns(first[1]):
        raise reading.error(
            f"expected a word and its tag, got {quoted(first[1])}, which names the columns: remove "
            "the line, part the columns by tabs and the sentences by blank lines, and choose the "
            "columns by their numbers from 0, such as token_column=1",
            first[0],
        )


def _without_empty(table: Table) -> Table:
    """Cut last columns that are empty in every row, beside a word and a tag."""
    is_blank = np.array([not name.strip() for name in table.names])
    left = table.width
    while left > 2 and is_blank[table.cells[:, left - 1]].all():
        left -= 1
    if left == table.width:
        return table
    table.reading.note(EMPTY_COLUMN, table.first_line)
    return replace(table, cells=table.cells[:, :left])


def _ragged(line: str, got: int, width: int, by_tab: bool) -> str:
    separator = "tabs" if by_tab else "spaces"
    shown = line if len(line) <= 60 else line[:57] + "..."
    return (
        f"expected {width} columns separated by {separator}, as in most rows, got {got} in "
        f"{quoted(shown)}: mend the row (a comment starts with '# ', a sentence ends with a "
        "blank line)"
    )


def _check_row(row: Sequence[str], number: int) -> None:
    for cell in row:
        if "\t" in cell or "\n" in cell:
            raise InputError(
                f"sentence {number}: a column cannot hold the tab or line end in {quoted(cell)}: "
                "write JSON lines instead"
            )
    for tag in row[1:]:
        if not tag.strip() or tag != tag.strip():
            raise InputError(
                f"sentence {number}: expected a tag without white space around it, got "
                f"{quoted(tag)}"
            )
    if row[0] == DOCUMENT:
        raise InputError(
            f"sentence {number}: the word {DOCUMENT} means a document boundary in column files: "
            "write JSON lines instead"
        )


def _without_positions(sentences: Sentences, reading: Reading) -> Iterable[Sentence]:
    """The sentences with bare characters if the file has word-position digits, else unchanged."""
    words = sentences.words
    is_other = np.array([not word.isascii() for word in words.names])
    count = len(words.numbers)
    if count < _LEAST_ROWS or 2 * int(is_other[words.numbers].sum()) <= count:
        return sentences
    parted = (_part_positions(sentence.tokens) for sentence in sentences)
    if sum(fits for parts in parted for _, fits in parts) < _LEAST_SHARE * count:
        return sentences
    for place in range(count):
        reading.note(POSITIONS, sentences.line_at(place))
    return (
        replace(sentence, tokens=tuple(word for word, _ in _part_positions(sentence.tokens)))
        for sentence in sentences
    )


def _part_positions(words: Sequence[str]) -> list[tuple[str, bool]]:
    """Each word without its position, and whether the position follows from the row before."""
    parts = []
    last = -1
    for word in words:
        digits = next((d for d in (str(last + 1), "0") if word.endswith(d) and word != d), None)
        if digits is not None:
            last = int(digits)
            parts.append((word.removesuffix(digits), True))
        elif len(word) > 1 and word[-1] in "0123456789":
            last = int(word[-1])
            parts.append((word[:-1], False))
        else:
            last = -1
            parts.append((word, False))
    return parts
