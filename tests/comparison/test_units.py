"""Documents as units: where the data names them, they are resampled whole."""

import numpy as np
import pytest

from comparisons import make_comparison
from dicetune.comparison.plan import Plan
from dicetune.comparison.results import read_results
from dicetune.comparison.runs import FinishedRun
from dicetune.comparison.statistics.estimate import Runs, by_document, estimate
from dicetune.comparison.summary import summarise
from dicetune.records import PREDICTIONS_FILE, read_json_lines, write_json_lines


def with_documents(folder, document_of, **how):
    """A comparison whose rows name documents."""
    make_comparison(folder, "spans", seeds=range(1, 6), units=60, tuned=False, **how)
    for run in (folder / "cells").iterdir():
        rows = list(read_json_lines(run / PREDICTIONS_FILE))
        named = [
            row | ({} if (document := document_of(number)) is None else {"document": document})
            for number, row in enumerate(rows)
        ]
        write_json_lines(run / PREDICTIONS_FILE, named)
    return folder


def test_documents_are_resampled_whole(tmp_path):
    folder = with_documents(tmp_path / "c", lambda number: f"d{number % 15}")
    found = summarise(folder)
    assert found["sampled_title"] == "documents"
    assert found["units_title"] == "sentences"
    assert "new seeds and new documents" in found["method"][0]
    assert "The 15 documents that the sentences are from" in found["method"][-1]

    plan = Plan.load(folder)
    results = read_results(plan, folder, FinishedRun.of_plan(plan, folder))
    documents = [f"d{number % 15}" for number in range(60)]
    ce, dice = (
        Runs.of_counts(
            by_document(competitor.counts, documents),
            lambda sums: results.problem.score(sums, "f1"),
        )
        for competitor in results.competitors
    )
    assert dice.influence.shape == (5, 15)
    expected = estimate([dice.minus(ce)])
    (row,) = found["comparisons"]
    assert row["interval"] == pytest.approx([expected.low, expected.high])
    plain = summarise(with_documents(tmp_path / "p", lambda number: None))
    assert plain["sampled_title"] == "sentences"
    assert np.isclose(plain["competitors"][0]["mean"], found["competitors"][0]["mean"])
    assert plain["comparisons"][0]["interval"] != row["interval"]


@pytest.mark.parametrize(
    ("document_of", "said"),
    [
        (lambda number: f"d{number % 4}", "from 4 documents, too few to resample"),
        (lambda number: f"d{number}", None),  # every sentence is one: they are the sentences
        (lambda number: "d" if number % 2 else None, None),  # not all are known
    ],
)
def test_else_sentences_are(document_of, said, tmp_path):
    found = summarise(with_documents(tmp_path / "c", document_of))
    assert found["sampled_title"] == "sentences"
    assert any(said in line for line in found["method"]) if said else len(found["method"]) == 5
