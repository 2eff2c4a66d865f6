"""CoNLL-U: multi-word rows, empty nodes, comments, the choice of column."""

import pytest

from dicetune.data import read_tokens
from dicetune.errors import DataError, InputError


def row(number, form, upos="X", xpos="xx"):
    return f"{number}\t{form}\t_\t{upos}\t{xpos}\t_\t_\t_\t_\t_\n"


TEXT = (
    "# newdoc id = d1\n# sent_id = d1-1\n# text = Don't go\tnow .\n"
    + row("1-2", "Don't", "_", "_")
    + row(1, "Do", "AUX", "VB")
    + row(2, "n't", "PART", "RB")
    + row(3, "go", "VERB", "VB")
    + row("3.1", "away", "ADV", "RB")
    + "\n"
    + row(1, "New\u00a0York", "PROPN", "NNP")
    + row(2, "in a", "ADP", "IN")
)
NAME = "a.conllu"


def test_columns_that_are_declared(file):
    standard = "# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC\n"
    assert read_tokens(file(standard + TEXT), spans=False).tag_counts
    with pytest.raises(DataError, match=r":1: expected the columns of CoNLL-U .* got 'ID UPOS"):
        read_tokens(file("# global.columns = ID UPOS FORM\n" + TEXT), spans=False)


@pytest.mark.parametrize("name", ["a.conllu", "a.txt", "a.conllu.gz"])
def test_by_hand(file, name):
    corpus = read_tokens(file(TEXT, name), spans=False)
    first, second = corpus
    assert (first.tokens, first.tags) == (("Do", "n't", "go"), ("AUX", "PART", "VERB"))
    assert (first.id, first.line, first.line_of(2)) == ("d1-1", 5, 7)
    assert (second.tokens, second.id) == (("New\u00a0York", "in a"), None)
    assert [(note.rule, note.count) for note in corpus.notes] == [
        ("multi-word rows (1-2): skipped, their syntactic words are read", 1),
        ("empty nodes (24.1): skipped", 1),
    ]
    assert corpus.scheme is None


def test_line_ends_and_comments_do_not_matter(file):
    bare = "".join(line for line in TEXT.splitlines(keepends=True) if not line.startswith("#"))
    for text in (bare, TEXT.replace("\n", "\r\n"), TEXT + "\n\n"):
        assert [s.tokens for s in read_tokens(file(text), spans=False)] == [
            ("Do", "n't", "go"),
            ("New\u00a0York", "in a"),
        ]


@pytest.mark.parametrize("column", ["xpos", "XPOS", 4])
def test_the_column_is_chosen(file, column):
    assert read_tokens(file(TEXT), spans=False, tag_column=column).sentences[0].tags == (
        "VB",
        "RB",
        "VB",
    )


def test_entity_tags_are_not_guessed(file):
    with pytest.raises(DataError, match=r"expected entity tags, got CoNLL-U, .*use task 'pos'"):
        read_tokens(file(TEXT))
    assert len(read_tokens(file(TEXT), require_tags=False)) == 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (TEXT + "1\tshort\n", 12, "expected 10 columns separated by tabs, got 2"),
        (TEXT + row("x", "y"), 12, "expected a word number such as 7, 1-2 or 24.1 .*got 'x'"),
        (TEXT + row(3, "y", "_"), 12, r"expected a tag in column 3, got '_' for 'y'.*\(upos, xpos"),
    ],
)
def test_bad_rows(file, text, line, message):
    with pytest.raises(DataError, match=rf"a.conllu:{line}: {message}"):
        read_tokens(file(text), spans=False)


def test_unknown_column(file):
    with pytest.raises(InputError, match=r"expected tag_column to be one of form, .*got 'ner'"):
        read_tokens(file(TEXT), spans=False, tag_column="ner")
