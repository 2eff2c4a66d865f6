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
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from dicetune.data.files.text import Target, write_text
from dicetune.data.tagged.corpus import COMMENTS, Reading, Sentence, Tagged
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
_SPACES = re.compile(r"[ \t]+")
_LEAST_ROWS = 5
_LEAST_SHARE = 0.99


@dataclass
class Rows:
    """The rows of a sentence, the line of each, and the document where the file has documents."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    document: str | None = None


@dataclass(frozen=True)
class Table:
    """The rows of a column file by sentences, all of one width."""

    sentences: list[Rows]
    width: int
    reading: Reading

    @property
    def first_line(self) -> int:
        """The line of the first row."""
        return self.sentences[0].lines[0]

    def column(self, index: int, what: str) -> list[list[str]]:
        """The cells of one column by sentences; negative numbers count from the last column."""
        if not -self.width <= index < self.width:
            raise self.reading.error(
                f"expected a column {index} for the {what}, got {self.width} column"
                f"{'s' if self.width != 1 else ''} (numbered from 0)"
            )
        return [[row[index] for row in sentence.rows] for sentence in self.sentences]

    def words(self, tag_columns: int) -> list[list[str]]:
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
        if not any(word for sentence in words for word in sentence):
            return "an empty cell in every row"
        found = [[_NUMBER.fullmatch(word) for word in sentence] for sentence in words]
        if not all(match for sentence in found for match in sentence):
            return None
        numbers = [[int(match[1]) for match in sentence if match] for sentence in found]
        steps = {b - a for sentence in numbers for a, b in pairwise(sentence)}
        return "running numbers" if steps and steps <= {0, 1} else None


def parse_conll(reading: Reading) -> list[Sentence]:
    """Columns to sentences; the words are the first column and the tags the last by default."""
    tag_index = column_number(reading.tag_column, -1, "tag_column")
    table = parse_table(reading)
    if reading.wants_tags and table.width < 2:
        raise reading.error(
            "expected at least 2 columns, a word and its tag, got 1: separate them by a tab "
            "or a space",
            table.first_line,
        )
    words = table.words(int(reading.wants_tags))
    tags = table.column(tag_index, "tags") if reading.wants_tags else [[] for _ in words]
    return _without_positions(
        [
            Sentence(
                tuple(sentence_words),
                tuple(sentence_tags),
                line=rows.lines[0],
                lines=tuple(rows.lines),
                document=rows.document,
            )
            for rows, sentence_words, sentence_tags in zip(
                table.sentences, words, tags, strict=True
            )
        ],
        reading,
    )


def parse_table(reading: Reading) -> Table:
    """Lines to sentences of rows, all of one width."""
    numbered = [(number, line) for number, line in enumerate(reading.lines, 1) if line.strip()]
    plain = [line for _, line in numbered if not line.startswith(("# ", DOCUMENT))]
    sample = plain or [line for _, line in numbered if not line.startswith(DOCUMENT)]
    if not sample:
        raise reading.error("expected rows of a word and its tag, got none")
    _check_declared(numbered, reading)
    by_tab = 2 * sum("\t" in line for line in sample) >= len(sample)
    parted = [cells(line, by_tab) for line in sample]
    width, rows = Counter(map(len, parted)).most_common(1)[0]
    if 2 * rows < len(parted):
        raise reading.error(
            "the format cannot be told: expected JSON lines, CoNLL-U or one word a line with its "
            f"tag, got lines of {min(map(len, parted))} to {max(map(len, parted))} columns"
        )
    known = {row[-1] for row in parted}

    sentences = [Rows()]
    document: str | None = None
    for number, line in enumerate(reading.lines, 1):
        if not line.strip():
            sentences.append(Rows(document=document))
            continue
        row = cells(line, by_tab)
        # without a plain row, any row of the right width is a row
        is_row = len(row) == width and (by_tab or not plain or row[-1] in known)
        if row[0] == DOCUMENT:
            reading.note("document boundaries (-DOCSTART-): no sentences", number)
            document = str(int(document or 0) + 1)
            sentences.append(Rows(document=document))
        elif line.startswith("# ") and not is_row:
            reading.note(COMMENTS, number)
        elif len(row) != width:
            raise reading.error(_ragged(line, len(row), width, by_tab), number)
        else:
            sentences[-1].rows.append(row)
            sentences[-1].lines.append(number)
    filled = [sentence for sentence in sentences if sentence.rows]
    return Table(filled, _without_empty(filled, width, reading), reading)


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


def cells(line: str, by_tab: bool) -> list[str]:
    """The cells of one row, parted at each tab, or else at runs of spaces and tabs."""
    if by_tab:
        return line.split("\t")
    return _SPACES.split(line.rstrip(" \t"))


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


def _check_declared(numbered: Sequence[tuple[int, str]], reading: Reading) -> None:
    """Refuse lines that declare another layout, and a first row that names the columns."""
    for number, line in numbered:
        if _DECLARED.match(line):
            raise reading.error(
                f"expected rows of a word and its tag, got {quoted(line)}, which declares a layout "
                "that is not read: convert the file, or remove the line and choose the columns "
                "with token_column and tag_column",
                number,
            )
    number, line = numbered[0]
    if names_columns(line):
        raise reading.error(
            f"expected a word and its tag, got {quoted(line)}, which names the columns: remove "
            "the line, part the columns by tabs and the sentences by blank lines, and choose the "
            "columns by their numbers from 0, such as token_column=1",
            number,
        )


def _without_empty(sentences: list[Rows], width: int, reading: Reading) -> int:
    """Cut last columns that are empty in every row, beside a word and a tag; the width left."""
    rows = [row for sentence in sentences for row in sentence.rows]
    filled = max((n for row in rows for n, cell in enumerate(row, 1) if cell.strip()), default=0)
    left = max(filled, min(width, 2))
    if left < width:
        reading.note(EMPTY_COLUMN, sentences[0].lines[0])
        for row in rows:
            del row[left:]
    return left


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


def _without_positions(sentences: list[Sentence], reading: Reading) -> list[Sentence]:
    """The sentences with bare characters if the file has word-position digits, else unchanged."""
    words = [word for sentence in sentences for word in sentence.tokens]
    if len(words) < _LEAST_ROWS or 2 * sum(not word.isascii() for word in words) <= len(words):
        return sentences
    parted = [_part_positions(sentence.tokens) for sentence in sentences]
    if sum(fits for parts in parted for _, fits in parts) < _LEAST_SHARE * len(words):
        return sentences
    for sentence in sentences:
        for position in range(len(sentence.tokens)):
            reading.note(POSITIONS, sentence.line_of(position))
    return [
        replace(sentence, tokens=tuple(word for word, _ in parts))
        for sentence, parts in zip(sentences, parted, strict=True)
    ]


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
