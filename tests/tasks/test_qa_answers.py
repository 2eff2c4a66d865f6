"""The best spans against a loop over every pair of positions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.tasks.qa_answers import best_spans

CONTEXT = "The pump at Quay Nine is down and Quay Nine waits"


def rows_of(windows, rng):
    """Random scores of windows that show the words of CONTEXT from one number to another."""
    words, place = [], 0
    for word in CONTEXT.split():
        words.append((place, place + len(word)))
        place += len(word) + 1
    rows = []
    for number, (first, last) in enumerate(windows):
        rows.append([*rng.normal(size=2), number, -1, -1])
        rows += [[*rng.normal(size=2), number, *words[n]] for n in range(first, last)]
    return np.array(rows, dtype=np.float32)


def loop(rows, max_answer, sigmoid):
    """All spans: text to its best score."""
    points = rows[:, :2].astype(float)
    if sigmoid:
        points = np.log(1 / (1 + np.exp(-points)))
    best, everything = {}, []
    for a in range(len(rows)):
        for b in range(a, min(a + max_answer, len(rows))):
            if rows[a, 2] == rows[b, 2] and rows[a, 3] >= 0 and rows[b, 3] >= 0:
                text = CONTEXT[int(rows[a, 3]) : int(rows[b, 4])]
                score = points[a, 0] + points[b, 1]
                everything.append(score)
                best[text] = max(best.get(text, -np.inf), score)
    nulls = [sum(points[n]) for n in range(len(rows)) if rows[n, 3] < 0]
    return best, everything, min(nulls)


@given(
    seed=st.integers(0, 10_000),
    windows=st.sampled_from([[(0, 11)], [(0, 6), (4, 11)], [(0, 3), (3, 3), (3, 11)], [(2, 2)]]),
    max_answer=st.integers(1, 12),
    count=st.integers(1, 80),
    sigmoid=st.booleans(),
    null=st.booleans(),
)
def test_every_span_is_looked_at(seed, windows, max_answer, count, sigmoid, null):
    rows = rows_of(windows, np.random.default_rng(seed))
    found = best_spans(
        rows, CONTEXT, max_answer=max_answer, count=count, sigmoid=sigmoid, null=null
    )
    best, everything, null_score = loop(rows, max_answer, sigmoid)
    assert found.null_score == pytest.approx(null_score)
    expected = sorted(best.values(), reverse=True)[:count]
    assert [span.score for span in found.spans] == pytest.approx(expected)
    assert len({span.text for span in found.spans}) == len(found.spans)
    whole = sum(np.exp(everything)) + (np.exp(null_score) if null else 0.0)
    for span in found.spans:
        assert best[span.text] == pytest.approx(span.score)
        assert CONTEXT[span.start : span.end] == span.text
        share = np.exp(span.score) / (1.0 if sigmoid else whole)
        assert span.probability == pytest.approx(share)
    if null:
        assert found.null_probability == pytest.approx(
            np.exp(null_score) / (1.0 if sigmoid else whole)
        )


def test_ties_go_to_the_first_in_the_text():
    rows = np.array([[0, 0, 0, -1, -1], [1, 1, 0, 0, 3], [1, 1, 0, 4, 8]], dtype=np.float32)
    found = best_spans(rows, CONTEXT, max_answer=1, count=1)
    assert found.spans[0].text == "The"


def test_a_span_does_not_leave_its_window():
    rows = np.array(
        [[0, 0, 0, -1, -1], [9, 0, 0, 0, 3], [0, 0, 1, -1, -1], [0, 9, 1, 4, 8]], dtype=np.float32
    )
    assert {span.text for span in best_spans(rows, CONTEXT, max_answer=9, count=9).spans} == {
        "The",
        "pump",
    }


def test_large_scores_do_not_overflow():
    rows = np.array([[0, 0, 0, -1, -1], [1e4, 1e4, 0, 0, 3], [-1e4, 0, 0, 4, 8]], dtype=np.float32)
    for sigmoid in (False, True):
        found = best_spans(rows, CONTEXT, max_answer=2, count=3, sigmoid=sigmoid)
        assert found.spans[0].probability == pytest.approx(1.0)
        assert all(np.isfinite(span.probability) for span in found.spans)
