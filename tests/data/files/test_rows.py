"""Rows as columns: what was taken comes back, whole and in parts; lines are parsed when asked."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data.files.rows import Lists, Numbers, Once, Parsed, Rows, Texts
from dicetune.data.files.text import Lines

TEXTS = st.none() | st.text(max_size=3) | st.just("\ud800") | st.just("\xff")
NUMBERS = st.none() | st.integers(-(2**62), 2**62)
COLUMNS = {
    "texts": (Texts, TEXTS),
    "numbers": (Numbers, NUMBERS),
    "once": (Once, TEXTS | st.booleans()),
    "tuples": (lambda: Lists(Texts()), st.lists(TEXTS, max_size=3).map(tuple)),
    "lists": (lambda: Lists(Numbers(), list), st.lists(NUMBERS, max_size=3)),
}


@pytest.mark.parametrize("name", COLUMNS)
@given(data=st.data())
def test_what_was_taken_comes_back(name, data):
    make, values = COLUMNS[name]
    rows = data.draw(st.lists(values, max_size=6))
    column = make()
    for row in rows:
        column.append(row)
    assert column == rows
    assert rows == column
    assert column != [*rows, None]
    first, stop = sorted(data.draw(st.tuples(st.integers(-7, 7), st.integers(-7, 7))))
    assert column[first:stop] == rows[first:stop]
    assert column[first:stop][1:] == rows[first:stop][1:]
    assert column[stop::-2] == rows[stop::-2]
    for number in range(-len(rows), len(rows)):
        assert column[number] == rows[number]
    for number in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError):
            column[number]


def test_equal_values_are_one_object_and_counted():
    column = Once()
    for word in ("quay", "dock", "quay", "dock", "dock"):
        column.append("".join(word))
    assert column[0] is column[2]
    assert list(column.counts().items()) == [("quay", 2), ("dock", 3)]
    assert list(column[1:3].counts().items()) == [("dock", 1), ("quay", 1)]


def test_rows_of_any_sequences():
    rows = Rows(Fraction, numerator=Numbers(), denominator=Numbers())
    given = [Fraction(number, 7) for number in range(1, 6)]
    assert rows.extend(given) == given
    assert rows[1:4][-1] == given[3]
    assert Rows(lambda one, other: one * other, one=[1, 2], other=range(3, 5)) == [3, 8]


@given(st.lists(st.sampled_from(["", " ", "1", "[2]", '{"a": 3}', "null"])), st.integers(0, 9))
def test_lines_are_parsed_in_each_pass(lines, cut):
    for source in (lines, Lines("\n".join(lines).encode())):
        filled = [number for number, line in enumerate(lines, 1) if line.strip()]
        rows = Parsed(source, filled, json.loads)
        expected = [json.loads(line) for line in lines if line.strip()]
        assert rows == expected
        assert rows == expected
        assert rows[cut:] == expected[cut:]
        assert rows[:cut][1:] == expected[:cut][1:]
        assert [rows[number] for number in range(len(rows))] == expected
