"""Files of predicted labels, of this tool and of others."""

import pytest

from dicetune.data import TextCorpus, TextExample, read_text_predictions
from dicetune.errors import DataError, InputError


def gold(*labels, ids=None):
    examples = [
        TextExample("x", labels=(label,), id=ids[n] if ids else None)
        for n, label in enumerate(labels)
    ]
    return TextCorpus(tuple(examples), "gold.tsv")


def both(found):
    return [(a[0], b[0]) for a, b in zip(found.gold, found.predicted, strict=True)]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('{"text": "x", "gold": "a", "predicted": "b"}\n{"gold": "c", "predicted": "c"}\n', {}),
        ('{"label": "a", "pred": "b"}\n{"label": "c", "pred": "c"}\n', {}),
        ("text\tgold\tpredicted\nx\ta\tb\ny\tc\tc\n", {}),
        ("prediction,label\nb,a\nc,c\n", {}),
        ("x\ta\tb\ny\tc\tc\n", {}),
        ("b\tx\ta\nc\ty\tc\n", {"gold_column": 2, "predicted_column": 0}),
        ("mine,right\nb,a\nc,c\n", {"gold_column": "right", "predicted_column": "mine"}),
    ],
)
def test_one_file(file, text, options):
    assert both(read_text_predictions(file(text), **options)) == [("a", "b"), ("c", "c")]


@pytest.mark.parametrize(
    "text",
    [
        "b\nc\n",
        '{"label": "b"}\n{"label": "c"}\n',
        "text\tpredicted\nx\tb\ny\tc\n",
        "name,label\nx,b\ny,c\n",
        "name\tlabel\nx\tb\ny\tc\n",
    ],
)
def test_two_files(file, text):
    assert both(read_text_predictions(file(text), gold("a", "c"))) == [("a", "b"), ("c", "c")]


def test_two_files_are_joined_by_id_where_both_have_the_same(file):
    path = file('{"id": "2", "predicted": "c"}\n{"id": "1", "predicted": "b"}\n')
    assert both(read_text_predictions(path, gold("a", "c", ids="12"))) == [("a", "b"), ("c", "c")]
    assert both(read_text_predictions(path, gold("a", "c"))) == [("a", "c"), ("c", "b")]


def test_a_repeated_id_is_noted_where_the_gold_has_none(file):
    path = file('{"id": "1", "predicted": "a"}\n{"id": "1", "predicted": "c"}\n')
    found = read_text_predictions(path, gold("a", "c"))
    assert found.predicted == found.gold
    assert any("come again, and none in gold.tsv" in note.rule for note in found.notes)


def test_ids_that_pair_up_in_part_are_refused(file):
    right = gold("a", "c", ids="12")
    for other, what in (("9", "which gold.tsv does not have"), ("2", "again")):
        path = file(f'{{"id": "2", "predicted": "c"}}\n{{"id": "{other}", "predicted": "b"}}\n')
        with pytest.raises(DataError, match=f"got '{other}', {what}") as caught:
            read_text_predictions(path, right)
        assert caught.value.line == 2


def test_ids_of_another_kind_are_joined_by_order_and_noted(file):
    path = file('{"id": "x", "predicted": "c"}\n{"id": "y", "predicted": "b"}\n')
    found = read_text_predictions(path, gold("a", "c", ids="12"))
    assert both(found) == [("a", "c"), ("c", "b")]
    assert "joined by order" in found.notes[0].rule


def test_header(file):
    text = "truth,guess\na,a\nb,b\na,b\n"
    assert len(read_text_predictions(file(text))) == 4
    assert "header=on if that row" in read_text_predictions(file(text)).notes[0].rule
    for options in ({"gold_column": 0, "predicted_column": 1}, {"predicted_column": "guess"}):
        found = read_text_predictions(file(text), header="on", **{"gold_column": 0, **options})
        assert both(found) == [("a", "a"), ("b", "b"), ("a", "b")]
        assert not found.notes
    assert len(read_text_predictions(file("gold,pred\na,a\n"), header="off")) == 2
    with pytest.raises(DataError, match="column for the predicted labels"):
        read_text_predictions(file(text), header="on")
    with pytest.raises(DataError, match="rows below the header"):
        read_text_predictions(file("gold,pred\n"))
    with pytest.raises(InputError, match="unknown header 'maybe'"):
        read_text_predictions(file(text), header="maybe")


def test_several_labels_and_numbers(file):
    found = read_text_predictions(
        file('{"gold": ["joy"], "predicted": []}\n{"gold": "0,1", "predicted": [1]}\n'),
        several=True,
        names=("joy", "fear"),
    )
    assert found.gold == (("joy",), ("joy", "fear"))
    assert found.predicted == ((), ("fear",))


def test_probabilities(file):
    row = '{"gold": "a", "predicted": "a", "probabilities": {"a": %s}}\n'
    found = read_text_predictions(file(row % 0.9 + row % 0.8))
    assert [chances["a"] for chances in found.probabilities] == [0.9, 0.8]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{"gold": "a"}\n', "predicted labels", 1),
        ('{"predicted": "a"}\n', "gold labels", 1),
        ('[{"gold": "a", "predicted": "a"},\n', "of a list, write each object on a line", 1),
        ('[{"gold": "a", "predicted": "a"}]\n', "a list: write each object on a line", 1),
        ('{"gold": "a", "predicted": "a"}\n{"gold": "a"}\n', "the key 'predicted'", 2),
        ('{"gold": "a", "predicted": ""}\n', "a label, got an empty one", 1),
        (
            '{"gold": "a", "predicted": "a", "probabilities": {"a": "high"}}\n',
            "expected a probability from 0 to 1 for 'a', got 'high'",
            1,
        ),
        (
            '{"gold": "a", "predicted": "a", "probabilities": {"a": NaN}}\n',
            "expected a probability from 0 to 1 for 'a', got nan",
            1,
        ),
        ("a\tb\nc\n", "expected 2 cells", 2),
        ("a\nb\n", "at least 2 columns, the last for the predicted labels, got 1", None),
    ],
)
def test_bad_input(file, text, message, line):
    with pytest.raises(DataError, match=message) as caught:
        read_text_predictions(file(text))
    assert caught.value.line == line


def test_labels_that_the_gold_never_has(file):
    with pytest.raises(DataError, match=r"labels as gold\.tsv has them \(a, c\), got others alone"):
        read_text_predictions(file("9\n8\n"), gold("a", "c"))
    (note,) = read_text_predictions(file("a\n8\n"), gold("a", "c")).notes
    assert "that gold.tsv never has, such as '8': wrong (1; first at" in str(note)


def test_bad_choices(file):
    with pytest.raises(DataError, match=r"each of the 2 texts of gold\.tsv, got 1"):
        read_text_predictions(file("a\n"), gold("a", "b"))
    with pytest.raises(InputError, match="unknown format of predictions 'xml'"):
        read_text_predictions(file("a\n"), format="xml")
    with pytest.raises(DataError, match="a file of gold beside labels alone"):
        read_text_predictions(file("a\n"), format="lines")
