"""What a data set holds: worked by hand."""

import json

import pytest

from dicetune.data import Corpus, Note, Sentence, inspect_tokens


def corpus(name, *texts, scheme="iob2", notes=()):
    sentences, line = [], 1
    for text in texts:
        pairs = [pair.split("/") for pair in text.split()]
        words, tags = zip(*pairs, strict=True)
        sentences.append(Sentence(tuple(words), tuple(tags), line))
        line += len(pairs) + 1
    return Corpus(tuple(sentences), name, scheme, scheme, notes)


TRAIN = corpus(
    "train.conll",
    "in/O New/B-LOC York/I-LOC",
    "hi/O",
    "hi/O",
    "Ada/B-PER slept/O here/O for/O long/O",
    notes=(Note("repaired", 2, ("train.conll:1",)),),
)
TEST = corpus("test.conll", "hi/B-PER", "bye/O", "in/O New/B-LOC York/I-LOC")


def test_by_hand():
    found = inspect_tokens({"train": TRAIN, "test": TEST})
    train, test = found.splits
    assert (train.sentences, train.words) == (4, 10)
    assert train.labels == {"O": 7, "B-LOC": 1, "I-LOC": 1, "B-PER": 1}
    assert train.entities == {"LOC": 1, "PER": 1}
    assert (train.ratio.many, train.ratio.few) == (7, 3)
    assert train.ratio.value == pytest.approx(7 / 3)
    assert train.ratio.meaning == "O words : words in entities"
    assert (train.duplicates, test.duplicates) == (1, 0)
    assert (train.longest_words, train.longest_place) == (5, "train.conll:9")
    assert (train.longest_subwords, train.unknown_share) == (None, None)
    assert train.notes[0].count == 2
    (leak,) = found.leaks
    assert (leak.split, leak.other, leak.count) == ("test", "train", 2)
    assert leak.share == pytest.approx(2 / 3)
    assert leak.places == ("test.conll:1", "test.conll:5")
    assert found.conflicts == 1
    (conflict,) = found.conflict_examples
    assert conflict.text == "hi"
    assert conflict.places == ("train.conll:5", "test.conll:1")
    assert conflict.differences == "'hi': O / B-PER"
    assert found.paper_ratios == {"CoNLL03": 4.98, "OntoNotes5.0": 8.18}


def test_subwords_are_counted_by_the_callers_function():
    def letters(words):
        text = "".join(words)
        return len(text), text.count("o")

    split = inspect_tokens({"train": TRAIN}, letters).splits[0]
    assert split.longest_subwords == len("Adasleptherforlong") + 1
    assert split.subwords == 9 + 2 + 2 + 19
    assert split.unknown_share == pytest.approx(3 / 32)


def test_parts_of_speech():
    words = corpus("a", "a/DET b/NOUN c/NOUN d/NOUN", scheme=None)
    found = inspect_tokens({"train": words})
    assert found.splits[0].ratio.value == 3
    assert found.splits[0].ratio.meaning == ("most frequent label (NOUN) : rarest label (DET)")
    assert found.splits[0].entities == {}
    assert found.paper_ratios == {}


def test_sides_that_are_empty():
    assert inspect_tokens({"a": corpus("a", "x/O")}).splits[0].ratio is None
    assert inspect_tokens({"a": corpus("a", "x/N", scheme=None)}).splits[0].ratio is None
    untagged = Corpus((Sentence(("a",)),), "a")
    assert inspect_tokens({"a": untagged}).splits[0].labels == {}
    assert inspect_tokens({"a": Corpus((), "a")}).splits[0].longest_place == ""


def test_plain_data():
    found = inspect_tokens({"train": TRAIN, "test": TEST}).to_dict()
    assert json.loads(json.dumps(found))["splits"][0]["ratio"]["many"] == 7


def test_a_warning_above_five_percent_of_unknown_subwords():
    words = corpus("a", *["in/O New/B-LOC"] * 10)
    for unknown, warned in ((1, False), (2, True)):
        counts = iter([(2, 1)] * unknown + [(2, 0)] * (10 - unknown))
        found = inspect_tokens({"train": words}, lambda tokens, counts=counts: next(counts))
        assert bool(found.warnings) == warned
    assert found.warnings[0].startswith("train: 10.0% of the sub-words are unknown")
    assert "--add-characters" in found.warnings[0]
