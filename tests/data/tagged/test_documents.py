"""Of which document each sentence is, and that predictions say it."""

import pytest

from dicetune.data import read_tokens
from dicetune.tasks import TASKS

CONLLU = """\
# newdoc id = a
# sent_id = a-1
1\thi\thi\tINTJ\t_\t_\t0\t_\t_\t_

1\tyou\tyou\tPRON\t_\t_\t0\t_\t_\t_

# newdoc
1\tgo\tgo\tVERB\t_\t_\t0\t_\t_\t_
"""
CONLL2012 = """\
#begin document (bc/x); part 000
bc/x 0 0 Quay NNP (TOP* - - - - (LOC* -
bc/x 0 1 Nine NNP *) - - - - *) -

bc/x 0 0 down RB (TOP*) - - - - * -

#end document
#begin document (bc/x); part 001
bc/x 1 0 again RB (TOP*) - - - - * -

#end document
"""
FILES = {
    "a.conll": (
        "-DOCSTART- O\n\nhi O\n\nyou O\n\n-DOCSTART- O\n\nQuay B-LOC\n", True, ["1", "1", "2"]
    ),
    "b.conll": ("hi O\n\nQuay B-LOC\n", True, [None, None]),
    "a.conllu": (CONLLU, False, ["a", "a", "line 7"]),
    "a.conll2012": (CONLL2012, True, ["bc/x:0", "bc/x:0", "bc/x:1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_readers_say_of_which_document_a_sentence_is(name, tmp_path):
    text, spans, expected = FILES[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    corpus = read_tokens(tmp_path / name, spans=spans)
    assert [sentence.document for sentence in corpus] == expected


@pytest.mark.parametrize("name", ["a.conll", "b.conll"])
def test_rows_say_it_where_it_is_known(name, tmp_path):
    text, _, expected = FILES[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    corpus = read_tokens(tmp_path / name, spans=True)
    task = TASKS["ner"].restore(["O", "B-LOC", "I-LOC"], {})
    rows = list(task.rows(corpus, [sentence.tags for sentence in corpus]))
    assert [row.get("document") for row in rows] == expected
    assert all("document" in row or None in expected for row in rows)
