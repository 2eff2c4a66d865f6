"""The packaged sample: figures, fixed splits, no leaks."""

import hashlib
import re
from collections import Counter

import pytest

from dicetune.data.tagged.read import SAMPLE_SPLITS, sample_corpora, sample_text
from dicetune.problems.schemes import convert, spans

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
ALL = [sentence for split in SAMPLE_SPLITS for sentence in CORPORA[split]]


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


@pytest.mark.parametrize("split", SAMPLE_SPLITS)
def test_the_split_is_fixed(split):
    digest = hashlib.sha256(sample_text(split).encode()).hexdigest()
    assert digest == SHA256[split], "the sample changed: scores are no longer comparable"


def test_sentences_are_counted_by_report():
    assert [s.id for s in CORPORA["dev"]][:2] == ["1.1", "1.2"]
    assert CORPORA["dev"].source == "sample:dev"
    assert len({s.id for s in CORPORA["train"]}) == len(CORPORA["train"])


def test_sizes_lengths_and_names():
    least = {"train": 400, "dev": 110, "test": 130}
    assert all(len(CORPORA[split]) >= size for split, size in least.items())
    assert len(ALL) >= 640
    lengths = [len(sentence.tokens) for sentence in ALL]
    assert max(lengths) <= 45
    assert sum(length < 7 for length in lengths) > 30
    assert sum(length > 22 for length in lengths) > 30
    assert sum(" " in name for _, name in mentions(ALL)) > len(mentions(ALL)) / 3


@pytest.mark.parametrize("split", SAMPLE_SPLITS)
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
    for split in SAMPLE_SPLITS:
        lines = sample_text(split).split("\n")
        for sentence in CORPORA[split]:
            assert list(sentence.tags) == convert(sentence.tags, "iob2", "iob2")
            words = list(sentence.tokens)
            for kind, start, end in spans(sentence.tags):
                words[start] = f"[[{words[start]}"
                words[end - 1] += f"|{kind}]]"
            assert " ".join(words) == lines[sentence.line - 1]


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
        (split, folded(s), set(grams(folded(s), 5)))
        for split in SAMPLE_SPLITS
        for s in CORPORA[split]
    ]
    assert len({tokens for _, tokens, _ in rows}) == len(rows), "a sentence occurs twice"
    for i, (split, tokens, parts) in enumerate(rows):
        for other_split, other_tokens, other in rows[:i]:
            if split != other_split:
                assert len(parts & other) < 0.5 * len(parts | other), (tokens, other_tokens)


def test_sentences_follow_no_template():
    openings = {grams(tuple(t.lower() for t in s.tokens), 3)[0] for s in ALL}
    assert len(openings) > 0.85 * len(ALL)
    sixes = Counter(gram for s in ALL if len(s.tokens) >= 6 for gram in grams(folded(s), 6))
    assert max(sixes.values()) <= 3
