"""Suspicious labels: the score by hand, flipped labels found, words, and what is refused."""

import json

import numpy as np
import pytest

from dicetune.decide.suspicious import suspicious_labels
from dicetune.errors import InputError
from dicetune.problems import Answer, Label, LabelSet, Spans
from tiny import save_scores


@pytest.fixture
def folder(tmp_path):
    """Function from a problem, gold, probabilities and texts to a folder with dev scores."""

    def write(problem, gold, chances, **beside):
        rows = [
            {"split": "dev", "id": f"r{n}", "gold": right, "predicted": right}
            | {name: column[n] for name, column in beside.items()}
            for n, right in enumerate(gold)
        ]
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        save_scores(path, problem, [np.log(np.atleast_2d(np.array(c))) for c in chances])
        return tmp_path

    return write


def test_by_hand(folder):
    """t(a) = (0.9 + 0.8 + 0.4) / 3 = 0.7, t(b) = (0.65 + 0.2) / 2 = 0.425."""
    gold = ["a", "a", "a", "b", "b"]
    chances = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.35, 0.65], [0.8, 0.2]]
    place = folder(
        Label({"kind": "label", "metric": "macro_f1", "labels": ["a", "b"]}),
        gold,
        chances,
        text=list("vwxyz"),
    )
    found = suspicious_labels(place, 5)
    assert {name: round(value, 6) for name, value in found.thresholds.items()} == {
        "a": 0.7,
        "b": 0.425,
    }
    assert [one.id for one in found.suspects] == ["r2", "r4", "r1", "r0", "r3"]
    first, second = found.suspects[:2]
    assert (first.given, first.likely, first.text) == ("a", "b", "x")
    assert (first.chance, first.usual, first.score) == pytest.approx((0.4, 0.7, -0.3))
    assert (second.given, second.likely, second.score) == ("b", "a", pytest.approx(-0.225))
    assert all(one.likely is None for one in found.suspects[2:])
    assert (found.units, found.doubted) == (5, 2)
    assert [row["id"] for row in suspicious_labels(place, 2).to_dict()["suspects"]] == ["r2", "r4"]


def test_flipped_labels_come_first_also_of_a_hard_class(folder):
    """The model gives class 2 about 0.4, and its items are not suspicious for that."""
    chance = np.random.default_rng(0)
    truth = chance.choice(3, 400, p=[0.6, 0.3, 0.1])
    right = np.where(truth == 2, 0.4, 0.85) + chance.uniform(-0.1, 0.1, 400)
    table = np.full((400, 3), 0.0) + ((1 - right) / 2)[:, None]
    table[np.arange(400), truth] = right
    given = truth.copy()
    flipped = chance.choice(np.flatnonzero(truth < 2), 20, replace=False)
    given[flipped] = 1 - truth[flipped]
    names = ["x", "y", "z"]
    place = folder(
        Label({"kind": "label", "metric": "macro_f1", "labels": names}),
        [names[n] for n in given],
        table.tolist(),
    )
    found = suspicious_labels(place, 20)
    assert {one.row for one in found.suspects} == {*flipped.tolist()}
    assert 10 < found.doubted <= 20  # the other class must be as likely as where it is given


def test_one_of_several_labels(folder):
    gold = [["a"], ["a", "b"], [], ["b"]]
    chances = [[0.9, 0.1], [0.8, 0.1], [0.95, 0.1], [0.1, 0.9]]
    found = suspicious_labels(
        folder(
            LabelSet({"kind": "label_set", "metric": "macro_f1", "labels": ["a", "b"]}),
            gold,
            chances,
        ),
        2,
    )
    assert [(one.id, one.given, one.likely) for one in found.suspects] == [
        ("r2", "no a", "a"),
        ("r1", "b", "no b"),
    ]


def test_a_sentence_has_the_score_of_its_worst_word(folder):
    problem = Spans(
        {"kind": "spans", "metric": "f1", "labels": ["O", "B-X", "I-X"], "scheme": "iob2"}
    )
    sure, odd = [0.98, 0.01, 0.01], [0.02, 0.97, 0.01]
    gold = [["O", "O"], ["O", "O", "B-X"], ["O", "B-X"]]
    tokens = [["all", "quiet"], ["at", "Quay", "Nine"], ["see", "Bonn"]]
    chances = [[sure, sure], [sure, odd, odd], [sure, odd]]
    found = suspicious_labels(folder(problem, gold, chances, tokens=tokens), 3)
    first = found.suspects[0]
    assert (first.id, first.word, first.text) == ("r1", 1, "at [Quay] Nine")
    assert (first.given, first.likely, found.doubted) == ("O", "B-X", 1)


def test_what_has_no_probabilities_of_labels_is_refused(folder):
    with pytest.raises(InputError, match="expected a run with a probability of each label"):
        suspicious_labels(
            folder(
                Answer({"kind": "answer", "metric": "f1", "labels": []}),
                [["x"]],
                [[0.5] * 2],
                span=["x"],
                score=[1.0],
                null_score=[0.5],
            ),
            3,
        )
    with pytest.raises(InputError, match="expected at least 1 suspicious label"):
        suspicious_labels(
            folder(
                Label({"kind": "label", "metric": "macro_f1", "labels": ["a", "b"]}),
                ["a"],
                [[0.5, 0.5]],
            ),
            0,
        )
