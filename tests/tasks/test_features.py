"""Windows as columns: what was written comes back, in a few bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.tasks import TASKS, encoded, sequence, windows
from dicetune.tasks.encoded import FeatureWriter
from families import TOKENIZERS
from tiny import TEXTS

NUMBERS = st.integers(-(2**40), 2**40) | st.integers(-128, 127)
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {
            "input_ids": st.lists(NUMBERS, max_size=5),
            "labels": st.lists(st.floats(allow_nan=False), min_size=1, max_size=3),
            "start": NUMBERS,
        }
    ),
    max_size=6,
)


def written(rows):
    writer = FeatureWriter()
    for row in rows:
        writer.add(row)
    return writer.features()


@pytest.mark.parametrize("at_once", [2, encoded._AT_ONCE])
@given(rows=WINDOWS)
def test_what_was_written_comes_back(at_once, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoded, "_AT_ONCE", at_once)
        found = written(rows)
    assert list(found) == rows == found[:]
    assert len(found) == len(rows)
    assert found == rows
    assert found != [*rows, {"start": 1}]
    assert found.lengths.tolist() == [len(row["input_ids"]) for row in rows]
    longest, place = found.longest_first()
    assert list(longest) == sorted(rows, key=lambda row: -len(row["input_ids"]))
    assert [longest[at] for at in place.tolist()] == rows
    assert longest[1:3] == list(longest)[1:3]


@pytest.mark.parametrize("at_once", [2, encoded._AT_ONCE])
def test_the_first_window_does_not_tell_the_kind_of_a_column(monkeypatch, at_once):
    monkeypatch.setattr(encoded, "_AT_ONCE", at_once)
    labels = [[], [1, 2], [0.5, 3], [7]]
    rows = [{"input_ids": [5], "labels": one, "weight": len(one) / 2 or 0} for one in labels]
    assert list(written(rows)) == rows


def test_targets_at_places_of_sorted_windows():
    found, place = written([{"input_ids": [5]}, {"input_ids": [6, 7, 8]}]).longest_first()
    at = place[np.array([0, 1, 1])], np.array([0, 2, 0])
    labelled = found.with_targets("labels", -100, *at, np.array([1, 2, 300]))
    assert list(labelled) == [
        {"input_ids": [6, 7, 8], "labels": [300, -100, 2]},
        {"input_ids": [5], "labels": [1]},
    ]


def test_a_window_takes_few_bytes():
    rows = [{"input_ids": [30_000] * 40, "attention_mask": [1] * 40, "labels": [-100] * 40}] * 1000
    found = written(rows)
    columns = found.columns.values()
    starts = {id(column.starts): column.starts.nbytes for column in columns}
    held = sum(column.values.nbytes for column in columns) + sum(starts.values())
    assert held + found.order.nbytes < 180 * len(rows)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("question", [None, ["find", "sites"]])
def test_texts_are_tokenized_together_as_one_by_one(kind, question, monkeypatch):
    texts = [text.split() for text in TEXTS] + [["\u200b", "pump"], ["a"] * 60, ["", "quay"]]
    texts = texts if question else [*texts, []]

    def cut(some):
        asked = None if question is None else [question] * len(some)
        return windows.cut_windows(some, TOKENIZERS[kind], 30, 4, asked)

    alone = [cut([text]) for text in texts]
    for at_once in (3, 256):
        monkeypatch.setattr(windows, "_AT_ONCE", at_once)
        found = cut(texts)
        expected = sorted(
            (w for one in alone for w in one.inputs), key=lambda w: -len(w["input_ids"])
        )
        assert list(found.inputs) == expected
        assert found.subwords == [number for one in alone for number in one.subwords]
        assert found.unknown == sum(one.unknown for one in alone)
        positions = np.concatenate([one.places.position for one in alone])
        assert found.places.position.tolist() == positions.tolist()


@pytest.mark.parametrize("name", ["text", "pair", "multilabel"])
def test_texts_with_labels_too(name, monkeypatch):
    task = TASKS[name].restore(["a", "b"], {})
    data = task.ask({key: [*TEXTS, "a" * 40] for key in task.inputs})
    whole = task.encode(data, TOKENIZERS["wordpiece"], 24)
    monkeypatch.setattr(sequence, "_AT_ONCE", 2)
    again = task.encode(data, TOKENIZERS["wordpiece"], 24)
    assert again.features == whole.features
    assert again.facts == whole.facts
