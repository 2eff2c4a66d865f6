"""What inspection says of labelled texts and pairs."""

import pytest

from dicetune.data import TextCorpus, TextExample, TextLayout, inspect_texts, read_texts


def corpus(*rows, source="a.tsv"):
    examples = [TextExample(*row, line=number) for number, row in enumerate(rows, 1)]
    return TextCorpus(tuple(examples), source)


def test_by_hand():
    train = corpus(
        ("one two", None, ("ham",)),
        ("one two", None, ("ham",)),
        ("three", None, ("ham",)),
        ("four", None, ("spam",)),
    )
    test = corpus(("three", None, ("spam",)), ("five", None, ("ham",)), source="b.tsv")
    found = inspect_texts({"train": train, "test": test}, lambda text: (len(text), 1))
    first = found.splits[0]
    assert first.facts == {
        "texts": 4,
        "words": 6,
        "characters": 23,
        "duplicates inside": 1,
        "longest text": "2 words, a.tsv:1",
        "longest in sub-words": 7,
        "sub-words": 23,
        "unknown sub-words": 4 / 23,
    }
    assert (first.labels, first.ratio.value) == ({"ham": 3, "spam": 1}, 3.0)
    assert first.ratio.meaning == "most frequent label (ham) : rarest label (spam)"
    (leak,) = found.leaks
    assert (leak.split, leak.other, leak.count, leak.share) == ("test", "train", 1, 0.5)
    assert (found.conflicts, found.conflict_examples[0].differences) == (1, "ham / spam")
    assert found.conflict_examples[0].places == ("a.tsv:3", "b.tsv:1")
    assert "unknown to the tokenizer" in found.warnings[0]


def test_pairs_are_the_same_in_either_order():
    pairs = corpus(("a b", "c", ("1",)), ("c", "a b", ("0",)), ("a b", "d", ("0",)))
    found = inspect_texts({"train": pairs})
    facts = found.splits[0].facts
    assert (facts["pairs"], facts["words"], facts["duplicates inside"]) == (3, 9, 1)
    assert (found.conflicts, found.conflict_examples[0].text) == (1, "a b | c")
    assert found.labels_title == "Pairs with each label"


def test_several_labels_and_labels_that_nothing_has():
    found = inspect_texts(
        {
            "train": TextCorpus(
                (TextExample("a", labels=("x", "y")), TextExample("b", labels=())),
                "a",
                names=("x", "y", "z"),
            )
        }
    )
    report = found.splits[0]
    assert report.facts["labels of a text"] == "1.00 on average, 0 to 2"
    assert report.labels == {"x": 1, "y": 1, "z": 0}
    assert report.ratio.value == 1.0


def test_texts_without_labels():
    found = inspect_texts({"test": TextCorpus((TextExample("a"),), "a")})
    assert (found.splits[0].ratio, found.splits[0].labels, found.conflicts) == (None, {}, 0)


def test_published_numbers(real_data):
    splits = {
        name: read_texts(real_data(f"goemotions/{name}.tsv"), several=True)
        for name in ("train", "test")
    }
    found = inspect_texts(splits)
    assert found.splits[0].ratio.value == pytest.approx(14219 / 77)
    assert [(leak.split, leak.count) for leak in found.leaks] == [("test", 37)]
    spam = inspect_texts({"all": read_texts(real_data("sms_spam/SMSSpamCollection"))}).splits[0]
    assert spam.ratio.value == pytest.approx(6.46, abs=0.005)
    assert spam.facts["duplicates inside"] == 403
    pairs = TextLayout(pair=True)
    mrpc = {
        name: read_texts(real_data(f"mrpc/msr_paraphrase_{name}.txt"), pairs)
        for name in ("train", "test")
    }
    assert inspect_texts(mrpc).leaks == ()
