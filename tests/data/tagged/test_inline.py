"""Inline markup, read and written; the packaged sample: figures, fixed splits, no leaks."""

import hashlib
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data.tagged.corpus import Sentence
from dicetune.data.tagged.inline import (
    SPLITS,
    format_inline,
    parse_inline,
    read_inline,
    sample_corpora,
    sample_text,
)
from dicetune.errors import DataError, InputError
from dicetune.problems.schemes import spans, violations


def one(line):
    (sentence,) = parse_inline([line], "log.txt")
    return sentence


def test_entities_become_iob2_tags():
    sentence = one("At [[North Dock|SITE]] [[Pier Nine|SITE]] and\t[[FL-07|MACHINE]]  .")
    assert sentence.tokens == ("At", "North", "Dock", "Pier", "Nine", "and", "FL-07", ".")
    assert sentence.tags == (
        "O", "B-SITE", "I-SITE", "B-SITE", "I-SITE", "O", "B-MACHINE", "O",
    )  # fmt: skip


def test_reports_are_counted_and_lines_known(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"# title\n\nOne .\r\nTwo .\n# aside\nThree .\n \n\n[[Four|SITE]] .\n")
    corpus = read_inline(path)
    assert [(s.id, s.line) for s in corpus] == [("1.1", 3), ("1.2", 4), ("1.3", 6), ("2.1", 9)]
    assert (corpus.scheme, corpus.found_scheme, corpus.source) == ("iob2", "iob2", str(path))


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        (r"a \[[ b \]] c", ("a", "[[", "b", "]]", "c")),
        (r"\# 7 | x [1] y]", ("#", "7", "|", "x", "[1]", "y]")),
        (r"C:\temp \\[ \\", ("C:\\temp", "\\[", "\\")),
        (r"[[a\|b \[c\]|SITE]] #", ("a|b", "[c]", "#")),
        ("[[x | SITE ]]", ("x",)),
        ("a\u00a0b \u2028", ("a\u00a0b", "\u2028")),
    ],
)
def test_escapes_and_literal_marks(line, tokens):
    assert one(line).tokens == tokens


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("see [[Atlas|SERVICE] now", "expected ']]' after the entity opened at column 5, got the"),
        ("[[Atlas is [[Falcon|SERVICE]]", "entity opened at column 1 to be closed, got another"),
        ("[[a [[b|SITE]] c|SITE]]", "entity opened at column 1 to be closed, got another"),
        ("[[Atlas]] is up", "expected a type after '|', got the entity 'Atlas' without one"),
        ("[[Atlas|]] is up", "expected a type after '|', one word, got ''"),
        ("[[Atlas|TWO WORDS]]", "expected a type after '|', one word, got 'TWO WORDS'"),
        ("[[ |SITE]] is up", "expected words in the entity at column 1, got none"),
        ("[[|SITE]]", "expected words in the entity at column 1, got none"),
        ("[[a|b|SITE]]", "expected one '|' in the entity, got 2 in 'a|b|SITE'"),
        ("Atlas]] is up", "expected an open entity, got ']]' at column 6"),
        ("the([[Atlas|SERVICE]] )", "expected a space before the entity at column 5"),
        ("[[Atlas|SERVICE]]'s queue", "expected a space after the entity that ends at column 17"),
    ],
)
def test_broken_markup_names_file_and_line(line, message):
    with pytest.raises(DataError) as caught:
        parse_inline(["# log", "Fine .", line], "log.txt")
    assert str(caught.value).startswith("log.txt:3: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(r"write [[words|TYPE]], and \[[ for literal brackets")
    assert caught.value.line == 3


def test_no_sentences_is_an_error():
    with pytest.raises(DataError, match=r"log\.txt: expected sentences, got only comments"):
        parse_inline(["# only", "", " "], "log.txt")


words = st.text(st.sampled_from("ab[]|#\\'.é\u00a0"), min_size=1, max_size=6)
pieces = st.lists(
    st.tuples(st.lists(words, min_size=1, max_size=3), st.sampled_from(["", "A", "B-x"])),
    min_size=1,
    max_size=5,
)


@given(pieces)
def test_round_trip(parts):
    tokens, tags = [], []
    for own, kind in parts:
        tokens += own
        tags += [f"{'I' if i else 'B'}-{kind}" if kind else "O" for i in range(len(own))]
    sentence = Sentence(tuple(tokens), tuple(tags), 1, "1.1")
    assert one(format_inline(sentence)) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        Sentence(()),
        Sentence(("a", ""), ("O", "O")),
        Sentence(("a b",), ("O",)),
        Sentence(("a",), ("B-x|y",)),
        Sentence(("a",), ("E-SITE",)),
    ],
)
def test_what_a_line_cannot_hold_is_refused(sentence):
    with pytest.raises(InputError):
        format_inline(sentence)


SHA256 = {
    "train": "e9916e9d74805a15c3c9864ef1a55fcd1c6e0f2ee167986212eef3d3c5a6ccd7",
    "dev": "5eaf7cc1d99958b435724fdd99e73491286346ed948fecb081d6c7e0f4099844",
    "test": "498a6ddd713b218d407709e93b77e92371b390046003cd50c7714917590fe7a0",
}
AMBIGUOUS = """
    almanac anchor atlas beacon box compass copper crane dock falcon gate gull harbor lane lantern
    ledger magpie mercury mill nine north old orchard paper power signpost sparrow table tide yard
"""
CORPORA = sample_corpora()
ALL = [sentence for split in SPLITS for sentence in CORPORA[split]]


def folded(sentence):
    return tuple(re.sub(r"\d+", "0", token.lower()) for token in sentence.tokens)


def grams(tokens, size):
    return [tokens[i : i + size] for i in range(max(1, len(tokens) - size + 1))]


def mentions(corpus):
    return [
        (kind, " ".join(sentence.tokens[start:end]).lower())
        for sentence in corpus
        for kind, start, end in spans(sentence.tags)
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_the_split_is_fixed(split):
    digest = hashlib.sha256(sample_text(split).encode()).hexdigest()
    assert digest == SHA256[split], "the sample changed: scores are no longer comparable"


def test_sizes_lengths_and_names():
    sizes = [len(CORPORA[split]) for split in SPLITS]
    assert all(size >= least for size, least in zip(sizes, (400, 110, 130), strict=True))
    assert len(ALL) >= 640
    lengths = [len(sentence.tokens) for sentence in ALL]
    assert max(lengths) <= 45
    assert sum(length < 7 for length in lengths) > 30
    assert sum(length > 22 for length in lengths) > 30
    assert sum(" " in name for _, name in mentions(ALL)) > len(mentions(ALL)) / 3


@pytest.mark.parametrize("split", SPLITS)
def test_imbalance_of_each_split(split):
    corpus = CORPORA[split]
    tags = corpus.tag_counts
    entity = tags.total() - tags["O"]
    assert 12 <= tags["O"] / entity <= 16
    assert sum(set(s.tags) == {"O"} for s in corpus) > len(corpus) / 2
    counts = Counter(kind for kind, _ in mentions(corpus))
    assert sorted(counts) == ["MACHINE", "ORG", "SERVICE", "SITE"]
    assert min(counts.values()) >= 10


def test_tags_are_iob2_and_lines_are_as_written():
    for split in SPLITS:
        lines = sample_text(split).split("\n")
        for sentence in CORPORA[split]:
            assert not violations(sentence.tags, "iob2")
            assert format_inline(sentence) == lines[sentence.line - 1]


def test_ambiguous_words_occur_inside_and_outside_entities():
    inside, outside = Counter(), Counter()
    for sentence in ALL:
        for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
            (outside if tag == "O" else inside)[token.lower()] += 1
    assert [word for word in AMBIGUOUS.split() if not inside[word] or not outside[word]] == []


def test_one_name_has_one_type():
    kinds = {}
    for kind, name in mentions(ALL):
        kinds.setdefault(name, set()).add(kind)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("split", ["dev", "test"])
def test_some_names_are_never_seen_in_training(split):
    seen = set(mentions(CORPORA["train"]))
    found = mentions(CORPORA[split])
    assert 0.25 <= sum(mention not in seen for mention in found) / len(found) <= 0.5


def test_nothing_leaks_between_splits():
    rows = [
        (split, folded(s), set(grams(folded(s), 5))) for split in SPLITS for s in CORPORA[split]
    ]
    assert len({tokens for _, tokens, _ in rows}) == len(rows), "a sentence occurs twice"
    for i, (split, tokens, own) in enumerate(rows):
        for other_split, other_tokens, other in rows[:i]:
            if split != other_split:
                assert len(own & other) < 0.5 * len(own | other), (tokens, other_tokens)


def test_sentences_follow_no_template():
    openings = {grams(tuple(t.lower() for t in s.tokens), 3)[0] for s in ALL}
    assert len(openings) > 0.85 * len(ALL)
    sixes = Counter(gram for s in ALL if len(s.tokens) >= 6 for gram in grams(folded(s), 6))
    assert max(sixes.values()) <= 3
