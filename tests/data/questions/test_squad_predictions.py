"""Answer files: the official document, JSON lines, and what does not fit."""

import json

import pytest

from dicetune.data import NoteBook, match_answers, read_answers
from dicetune.data.questions.predictions import MISSING, UNKNOWN
from dicetune.errors import DataError
from dicetune.scoring import evaluate
from tiny import squad

NAME = "p.json"


def test_the_official_document_on_one_line_and_on_several(file):
    content = {"q1": "Quay Nine", "q2": ""}
    for text in (json.dumps(content), json.dumps(content, indent=2)):
        assert [(row.id, row.text) for row in read_answers(file(text))] == list(content.items())


def test_lines_of_a_run(file):
    row = {
        "id": "q1",
        "split": "dev",
        "gold": ["Quay Nine"],
        "predicted": "",
        "span": "Quay",
        "score": 3.0,
        "null_score": 5,
    }
    (found,) = read_answers(file(row))
    assert (found.text, found.gold, found.span, found.null_odds) == (
        "",
        ("Quay Nine",),
        "Quay",
        2.0,
    )


def test_lines_of_other_tools(file):
    lines = '{"id": 7, "prediction_text": "a"}\n\n{"id": "8", "prediction_text": "b"}\n'
    rows = read_answers(file(lines))
    assert [(row.id, row.text, row.gold, row.null_odds) for row in rows] == [
        ("7", "a", None, None),
        ("8", "b", None, None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{\n", r"p.json:\d: expected JSON"),
        ("[1]", "got a list"),
        ({"q1": ["a"]}, "expected a text for 'q1', got"),
        ('{"id": 1}\n{"id": 2}', "p.json:1: expected a key for the answer"),
        ('{"predicted": "a"}\n{"predicted": "a"}', "p.json:1: expected an 'id' in each line"),
        ('{"id": true, "predicted": "a"}', "p.json:1: expected an 'id' in each line, got True"),
        ('{"id": " ", "predicted": "a"}', "p.json:1: expected an 'id' in each line, got ' '"),
        ('{"id": 1, "predicted": "a", "score": "x"}', "p.json:1: expected a number under 'score'"),
        ('{"id": 1, "predicted": 3}', "p.json:1: expected a text under 'predicted', got 3"),
        ('{"id": 1, "predicted": "a", "gold": "a"}', "expected a list of texts under 'gold'"),
        ('{"id": 1, "predicted": "a"}\n{"id": 1, "predicted": "a"}', "got '1' again"),
        ('{"id": 1, "predicted": "a"}\n{', "p.json:2: .*got no JSON"),
        ("", "empty file"),
    ],
)
def test_bad_files(file, content, message):
    with pytest.raises(DataError, match=message):
        read_answers(file(content))


def test_answers_are_brought_to_the_order_of_the_questions(file):
    rows, notes = read_answers(file({"a": "1", "b": "2"})), NoteBook()
    assert [row.text for row in match_answers(rows, ["b", "a"], "p.json", notes)] == ["2", "1"]
    assert not notes.notes()


def test_missing_answers_are_wrong_and_unknown_ones_ignored(file, log):
    """A question without gold too: saying nothing of it is not saying that it has no answer."""
    asked = [("a", "?", "Quay"), ("b", "?", "Nine"), ("c", "?", None), ("d", "?", None)]
    gold = file(squad("At Quay Nine.", *asked), "gold.json")
    answers = file({"a": "Quay", "c": "", "x": "2", "y": "3"})
    scores = evaluate(answers, gold, task="qa")
    assert (scores["exact"], scores["total"]) == (0.5, 4)
    assert scores["has_answer"]["exact"] == scores["no_answer"]["exact"] == 0.5
    assert [line.split(" (2; first at")[0] for line in log.messages] == [
        f"{MISSING} (first 'b', 'd')",
        f"{UNKNOWN} (first 'x', 'y')",
    ]
    odds = file({"a": -2, "c": 3}, "odds.json")
    scores = evaluate(answers, gold, task="qa", options={"null_odds": str(odds)})
    assert scores["best_exact"] == {"score": 0.5, "threshold": -2.0}
    with pytest.raises(DataError, match=r"4 questions .* got 1 of unknown ids alone \(first 'x'\)"):
        evaluate(file({"x": ""}), gold, task="qa")


def test_an_id_may_come_again_in_another_split(file):
    lines = [
        {"id": name, "split": split, "predicted": split}
        for split in ("dev", "test")
        for name in ("a", "b", *(["c"] if split == "test" else []))
    ]
    path = file("\n".join(map(json.dumps, lines)))
    found = match_answers(read_answers(path, split="dev"), "ab", "p", NoteBook())
    assert {row.text for row in found} == {"dev"}
    found = match_answers(read_answers(path, split="test"), "abcd", "p", NoteBook())
    assert [row.text for row in found] == ["test", "test", "test", None]
    with pytest.raises(DataError, match="expected one answer for each id, got 'a' again"):
        read_answers(file(json.dumps(lines[0]) + "\n" + json.dumps(lines[0])))


def test_null_odds_of_the_official_script(file):
    gold = squad("At Quay Nine.", ("a", "Where?", "Quay Nine"), ("b", "Who?", None))
    right, answers = file(gold, "gold.json"), file({"a": "Quay Nine", "b": "At"}, "answers.json")
    odds = file({"a": -2.5, "b": 3}, "odds.json")
    plain = evaluate(answers, right, task="qa")
    assert "best_f1" not in plain
    # answering where the odds are at most -2.5 leaves b unanswered, as it should be
    scores = evaluate(answers, right, task="qa", options={"null_odds": str(odds)})
    assert scores["f1"] == plain["f1"] == 0.5
    assert scores["best_f1"] == {"score": 1.0, "threshold": -2.5}
    for threshold, f1 in [(-2.5, 1.0), (3, 0.5), (-3, 0.5)]:
        found = evaluate(
            answers, right, task="qa", options={"null_odds": str(odds), "null_threshold": threshold}
        )
        assert found["f1"] == f1
    with pytest.raises(DataError, match=r"beside each answer for null_threshold=1, got none for 2"):
        evaluate(answers, right, task="qa", options={"null_threshold": 1})
    for text, message in [
        ('{"a": 1}', r"got none for 1 \(first 'b'\): give the file that was written"),
        ('{"a": 1, "b": "x"}', "expected a number for 'b', got 'x'"),
        ('{"a": NaN, "b": 1}', "expected a number for 'a', got nan"),
        ("[1]", r"expected \{id: number\}, got a list"),
        ('{"a": 1,\n"b": }', r"odds\.json:2: expected JSON"),
    ]:
        odds.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            evaluate(answers, right, task="qa", options={"null_odds": str(odds)})
