"""Tables: separator, quoting by evidence, physical lines."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import read_lines
from dicetune.data.files.tables import guess_separator, parse_grid
from dicetune.data.files.text import NoteBook
from dicetune.errors import DataError, InputError


def grid(text, **options):
    return parse_grid(text.split("\n"), "a.tsv", NoteBook(), **options)


def test_by_hand():
    found = grid("spam\tone\nham\ttwo")
    assert (found.rows, found.lines) == ([["spam", "one"], ["ham", "two"]], [1, 2])
    assert (found.separator, found.quoted, found.width) == ("\t", False, 2)


@pytest.mark.parametrize(
    ("text", "quoted", "rows"),
    [
        # a CSV writer's quotes: separators, doubled quotes and line ends inside
        ('a,"b, c"\nd,e', True, [["a", "b, c"], ["d", "e"]]),
        ('a,"say ""hi"""\nd,e', True, [["a", 'say "hi"'], ["d", "e"]]),
        ('a,"b\nc"\nd,e', True, [["a", "b\nc"], ["d", "e"]]),
        ('a,"b\n\nc"\nd,e', True, [["a", "b\n\nc"], ["d", "e"]]),
        ('"a","b"\n"c","d"', True, [["a", "b"], ["c", "d"]]),
        ('x,y\na,"b"\nc,"d"', True, [["x", "y"], ["a", "b"], ["c", "d"]]),
        ('a,"b, c"\nd,5" disk', True, [["a", "b, c"], ["d", '5" disk']]),
        # quotes that are quotes
        ('a,"b\nc,d', False, [["a", '"b'], ["c", "d"]]),
        ('a,"b" he said\nc,d', False, [["a", '"b" he said'], ["c", "d"]]),
        ('a,"b\nc,d"\ne,f', False, [["a", '"b'], ["c", 'd"'], ["e", "f"]]),
        ('a,"b"\nc,5" disk', False, [["a", '"b"'], ["c", '5" disk']]),
        ('a,"b"\nc,d\ne,f', False, [["a", '"b"'], ["c", "d"], ["e", "f"]]),
        ('a,b "c"\nd,e', False, [["a", 'b "c"'], ["d", "e"]]),
    ],
)
def test_quoting_is_decided_by_evidence(text, quoted, rows):
    found = grid(text)
    assert (found.quoted, found.rows) == (quoted, rows)


def test_quoting_can_be_said():
    assert grid('a,"b"\nc,d', quoting="off").rows == [["a", '"b"'], ["c", "d"]]
    assert grid('a,"b\nc,d"\ne,f', quoting="on").rows == [["a", "b\nc,d"], ["e", "f"]]
    with pytest.raises(InputError, match="unknown quoting 'yes'"):
        grid("a,b", quoting="yes")


@pytest.mark.parametrize("cell", ['"b', '"b" he said'])
def test_quoting_that_was_said_and_fails_is_refused(cell):
    with pytest.raises(DataError, match=r"closing quote.*quoting=off") as caught:
        grid(f"a,b\n\nc,{cell}", quoting="on")
    assert caught.value.line == 3


def test_lines_are_physical_lines_and_blank_ones_are_counted():
    notes = NoteBook()
    found = parse_grid(['a,"b', "", 'c"', "", "d,e"], "a.csv", notes)
    assert (found.rows, found.lines) == ([["a", "b\n\nc"], ["d", "e"]], [1, 5])
    assert [(note.count, note.places) for note in notes.notes()] == [(1, ("a.csv:4",))]


def test_a_ragged_row_is_refused_with_its_line():
    with pytest.raises(DataError, match=r"expected 2 cells separated by tabs.*got 3") as caught:
        grid('a\t"b\nc"\nd\te\nf\tg\th', quoting="on")
    assert caught.value.line == 4


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="expected rows, got none"):
        grid("\n\n")


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        (["a\tb", "c, d\te"], "\t"),
        (["a;b", "c, d;e"], ";"),
        (["a,b", "c,d; e"], ","),
        (['"a;b",c', "d,e"], ","),
        (["a"], ","),
    ],
)
def test_separators(lines, separator):
    assert guess_separator(lines) == separator


@pytest.mark.parametrize("cell", ["a\u00a0b", "\u2028", "a\x85b", "\u3000", "\x1c", " a ", ""])
def test_no_other_character_ends_a_cell_or_row(cell):
    assert grid(f"x\t{cell}\ny\tz").rows == [["x", cell], ["y", "z"]]


cells = st.text(st.characters(exclude_characters="\r", codec="utf-8"), max_size=8)


@given(
    st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6
        )
    ),
    st.sampled_from("\t,;"),
)
def test_what_a_csv_writer_writes_is_read_back(rows, separator):
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        rows
    )
    lines = stream.getvalue().split("\n")[:-1]
    found = parse_grid(lines, "a", NoteBook(), separator=separator, quoting="on")
    assert found.rows == rows


@pytest.mark.parametrize(
    ("file", "rows", "quoted"),
    [
        ("mrpc/msr_paraphrase_train.txt", 4077, False),
        ("mrpc/msr_paraphrase_test.txt", 1726, False),
        ("paws_wiki/dev.tsv", 8000, False),
        ("sms_spam/SMSSpamCollection", 5574, False),
        ("goemotions/train.tsv", 43410, True),
    ],
)
def test_published_files(real_data, file, rows, quoted):
    found = parse_grid(read_lines(real_data(file)), file, NoteBook())
    assert (len(found.rows), found.quoted, found.separator) == (rows, quoted, "\t")


@pytest.mark.parametrize(
    ("file", "quoted"),
    [
        ("mrpc/msr_paraphrase_train.txt", False),
        ("sms_spam/SMSSpamCollection", False),
        ("goemotions/test.tsv", True),
    ],
)
def test_a_part_of_a_file_is_read_as_the_whole(real_data, file, quoted):
    lines = read_lines(real_data(file))
    for begin in range(0, len(lines), 100):
        part = lines[begin : begin + 100]
        if any('\t"' in line or line.startswith('"') for line in part):
            assert parse_grid(part, file, NoteBook()).quoted == quoted, begin
