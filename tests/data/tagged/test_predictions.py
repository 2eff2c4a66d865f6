"""Prediction files of any tool."""

import pytest

from dicetune.data import read_predictions
from dicetune.errors import DataError, InputError
from dicetune.problems import Spans

NAME = "out.txt"


def test_conlleval_columns(file):
    """The layout of conlleval: the last two columns, spaces, CoNLL-2003's in between."""
    found = read_predictions(file("in IN O O\nBonn NNP B-LOC B-ORG\n\nhi UH O O\n"))
    assert found.gold == [("O", "B-LOC"), ("O",)]
    assert found.predicted == [("O", "B-ORG"), ("O",)]
    assert [s.tokens for s in found] == [("in", "Bonn"), ("hi",)]
    assert (found.scheme, found.found_scheme, len(found)) == ("iob2", "iob2", 2)


def test_columns_are_chosen(file):
    path = file("O\tin\tO\nB-LOC\tBonn\tO\n")
    found = read_predictions(path, token_column=1, gold_column=0, predicted_column=2)
    assert (found.gold, found.sentences[0].tokens) == ([("O", "B-LOC")], ("in", "Bonn"))


def test_json_lines(file):
    text = '{"id": "a", "gold": ["O", "B-X"], "predicted": ["B-X", "O"]}\n'
    found = read_predictions(file(text))
    assert found.sentences[0].id == "a"
    assert found.sentences[0].tokens == ()
    assert found.predicted == [("B-X", "O")]
    text = '{"tokens": ["a", "b"], "labels": ["X", "Y"], "predictions": ["Y", "Y"]}\n'
    found = read_predictions(file(text), task="pos")
    assert (found.gold, found.scheme) == ([("X", "Y")], None)


def test_tags_are_not_repaired_but_counted(file):
    """An I- without a B- is an entity for conlleval and none for strict scoring."""
    found = read_predictions(file("a\tB-X\tI-X\nb\tO\tO\nc\tB-X\tB-X\n"))
    assert found.predicted == [("I-X", "O", "B-X")]
    assert [(note.rule[:9], note.count) for note in found.notes] == [("predicted", 1)]
    assert Spans({}).scores(found.gold, found.predicted)["predicted"] == 1
    assert Spans({"convention": "conlleval"}).scores(found.gold, found.predicted)["predicted"] == 2


@pytest.mark.parametrize(
    ("rows", "gold", "predicted", "scheme"),
    [
        ("I-X I-X\nB-X I-X\n", ("B-X", "B-X"), ("B-X", "I-X"), "iob2"),  # iob1
        ("PER PER\nO LOC\n", ("B-PER", "O"), ("B-PER", "B-LOC"), "iob2"),
        ("B-X B-X\nM-X M-X\nE-X O\n", ("B-X", "I-X", "E-X"), ("B-X", "I-X", "O"), "iobes"),
        ("B-X U-X\nL-X U-X\n", ("B-X", "E-X"), ("S-X", "S-X"), "iobes"),
        ("O S-X\nO O\n", ("O", "O"), ("S-X", "O"), "iobes"),
    ],
)
def test_other_schemes(file, rows, gold, predicted, scheme):
    text = "".join(f"w {row}\n" for row in rows.splitlines())
    found = read_predictions(file(text))
    assert (found.gold, found.predicted, found.scheme) == ([gold], [predicted], scheme)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a O\nb B-X\n",
            r"out.txt:1: expected at least 3 columns \(word, gold, predicted\), got 2",
        ),
        ("a\tO\t\nb\tO\tO\n", "out.txt:1: expected a tag, got an empty one"),
        ("a O O\nb B-X S-X\n", r"out.txt:2: expected O or a tag of the scheme iob2 .*got 'S-X'"),
        ('{"gold": ["O"], "predicted": []}', "out.txt:1: .* got 1 gold and 0 predicted tags"),
        ('{"gold": ["O"]}', "out.txt:1: expected a key for the predicted tags .*, got gold"),
        ("1\ta" + "\t_" * 8, "expected columns or JSON lines with gold and predicted"),
    ],
)
def test_bad_files(file, text, message):
    with pytest.raises(DataError, match=message):
        read_predictions(file(text))


def test_unknown_names(file):
    path = file("a O O\n")
    with pytest.raises(InputError, match="unknown tagging task 'x'"):
        read_predictions(path, task="x")
    with pytest.raises(InputError, match="unknown format of predictions 'hub'"):
        read_predictions(path, format="hub")
    with pytest.raises(InputError, match=r"expected gold_column to be a number .*got 'gold'"):
        read_predictions(path, gold_column="gold")
