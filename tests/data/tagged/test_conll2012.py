"""CoNLL-2012: the columns of OntoNotes."""

import pytest

from dicetune.data import read_tokens
from dicetune.data.tagged.conll2012 import entity_tags
from dicetune.data.tagged.corpus import Reading
from dicetune.errors import DataError, InputError

TEXT = """#begin document (bc/x_00); part 003
bc/x_00  3  0     In     IN  (TOP(S(PP*  -  -  -  Spkr1         *  (ARGM-LOC*    -
bc/x_00  3  1    New    NNP        (NP*  -  -  -  Spkr1     (GPE*           *  (12
bc/x_00  3  2   York    NNP         *))  -  -  -  Spkr1        *)          *)  12)
bc/x_00  3  3  -LRB-  -LRB-           *  -  -  -  Spkr1         *           *    -
bc/x_00  3  4    Ada    NNP     (NP*)))  -  -  -  Spkr1  (PERSON)     (ARG0*)    -

bc/x_00  3  0     hi     UH   (TOP(X*))  -  -  -  Spkr2         *    -

#end document
#begin document (bc/x_00); part 004
bc/x_00  4  0    bye     UH   (TOP(X*))  -  -  -  Spkr2         *    -

#end document
"""
NAME = "a.v4_gold_conll"


def test_by_hand(file):
    corpus = read_tokens(file(TEXT))
    assert corpus.format == "conll2012"
    first, second, third = corpus.sentences
    assert first.tokens == ("In", "New", "York", "(", "Ada")
    assert first.tags == ("O", "B-GPE", "I-GPE", "O", "B-PERSON")
    assert (first.line, first.line_of(4)) == (2, 6)
    assert [s.id for s in (first, second, third)] == ["bc/x_00:3:1", "bc/x_00:3:2", "bc/x_00:4:1"]
    assert (corpus.scheme, corpus.found_scheme) == ("iob2", "iob2")
    (note,) = corpus.notes
    assert note.rule.startswith("names of brackets (-LRB-)")
    assert note.count == 1


def test_parts_of_speech_and_columns(file):
    path = file(TEXT)
    corpus = read_tokens(path, spans=False)
    assert corpus.sentences[0].tags == ("IN", "NNP", "NNP", "-LRB-", "NNP")
    assert read_tokens(path, spans=False, tag_column=9).sentences[1].tags == ("Spkr2",)
    by_name = read_tokens(path, spans=False, token_column="lemma", tag_column="word")
    assert by_name.sentences[1].tokens == ("-",)
    assert by_name.sentences[1].tags == ("hi",)
    with pytest.raises(InputError, match="expected tag_column to be one of word, pos, lemma, ne"):
        read_tokens(path, tag_column="upos")
    with pytest.raises(DataError, match="a_conll:2: expected a column 40 for the tags, got 13"):
        read_tokens(file(TEXT, "a_conll"), tag_column=40)


def test_text_to_be_tagged_needs_no_tags(file):
    corpus = read_tokens(file(TEXT), require_tags=False)
    assert [s.tags for s in corpus] == [(), (), ()]


def test_rows_alone_are_known_by_their_columns(file):
    rows = "".join(line + "\n" for line in TEXT.split("\n") if not line.startswith("#"))
    assert read_tokens(file(rows)).format == "conll2012"


def test_comments_are_counted(file):
    corpus = read_tokens(file(TEXT.replace("#end document\n", "# made by hand\n", 1)))
    assert "comment lines: skipped" in {note.rule for note in corpus.notes}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "(PERSON)",
            "(PERSON*",
            r":6: expected the entity PERSON to be closed before the sentence",
        ),
        (
            "  *)          *)",
            "  *          *)",
            r":6: expected the entity GPE of line 3 to be clos",
        ),
        ("(GPE*", "*", r":4: expected an open entity, got '\*\)'"),
        ("  *)          *)", "  (X)     *)", r":4: expected the entity GPE of line 3 to be closed"),
        ("(PERSON)", "PERSON", r":6: expected an entity column such as .* got 'PERSON'"),
        ("(PERSON)", "(PERSON", r":6: expected an entity column such as .* got '\(PERSON'"),
        ("(PERSON)", "(A(B*)", r":6: expected an entity column such as"),
        ("(PERSON)", ")", r":6: expected an entity column such as"),
        ("(ARG0*)", "", r":6: expected 13 columns, as in the first row of the sentence, got 12"),
        ("Spkr2         *    -", "*", r":8: expected at least 12 columns \(CoNLL-2012\), got 10"),
        (" Ada ", " [WORD] ", r":6: expected a word, got \[WORD\]: this is a skeleton"),
    ],
)
def test_bad_input(file, old, new, message):
    assert old in TEXT
    with pytest.raises(DataError, match=message):
        read_tokens(file(TEXT.replace(old, new, 1)), format="conll2012")


def test_entities_that_touch():
    cells = ["(A*", "*", "*)", "(A)", "(B*)", "*"]
    tags = entity_tags(cells, range(6), Reading([], "a"))
    assert tags == ["B-A", "I-A", "I-A", "B-A", "B-B", "O"]
