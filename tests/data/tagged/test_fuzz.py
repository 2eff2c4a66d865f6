"""Whatever a file holds, a reader returns a sound corpus or says what is wrong."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicetune.data import read_predictions, read_tokens
from dicetune.errors import DataError
from dicetune.problems.schemes import spans

FORMATS = ["auto", "conll", "conllu", "conll2012", "jsonl", "word_tag", "treebank"]
CELLS = st.sampled_from(
    [
        *("O", "B-X", "I-X", "E-X", "S-Y", "M-X", "PER", "B", "I", "a", "#", "-DOCSTART-"),
        *("1", "1-2", "2.1", "_", "{", "["),
        *("a_X", "b/Y", "(A", "b)", "((A", "(A b))", "<S>", "(X*", "*", "*)", "#begin document"),
        *("d 0 0 a N * - - - - * -", "d 0 1 a N * - - - - (X) -"),
        *("", "# c", "\u00a0", "\ufeff", '{"tokens": ["a"], "tags": ["O"]}', '{"tokens": 1}'),
    ]
)
ROWS = st.lists(CELLS, max_size=4).flatmap(
    lambda cells: st.sampled_from(["\t", " "]).map(lambda separator: separator.join(cells))
)
TEXTS = st.tuples(st.lists(ROWS, max_size=12), st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda pair: pair[1].join(pair[0]).encode()
)
FILES = TEXTS | st.binary(max_size=60) | TEXTS.map(gzip.compress)


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


def check_message(error, path):
    assert str(error).startswith(str(path))


@given(
    raw=FILES,
    tags_spell_spans=st.booleans(),
    format=st.sampled_from(FORMATS),
    scheme=st.sampled_from(["auto", "iob2", "iobes", "io"]),
    require_tags=st.booleans(),
)
@settings(max_examples=200)
def test_readers(path, raw, tags_spell_spans, format, scheme, require_tags):
    path.write_bytes(raw)
    try:
        corpus = read_tokens(
            path, spans=tags_spell_spans, format=format, scheme=scheme, require_tags=require_tags
        )
    except DataError as error:
        check_message(error, path)
        return
    assert len(corpus) > 0
    for sentence in corpus:
        assert sentence.tokens
        assert len(sentence.tags) == (len(sentence.tokens) if require_tags else 0)
        if corpus.scheme is not None:
            spans(sentence.tags, corpus.scheme)


@given(raw=FILES, spans=st.booleans())
@settings(max_examples=100)
def test_predictions(path, raw, spans):
    path.write_bytes(raw)
    try:
        found = read_predictions(path, spans=spans)
    except DataError as error:
        check_message(error, path)
        return
    assert all(len(s.gold) == len(s.predicted) for s in found)
