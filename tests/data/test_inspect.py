"""What a data set holds: worked by hand."""

import io
import json

import pytest
from rich.console import Console

from dicetune.data import Corpus, Inspection, Note, Ratio, Sentence, SplitReport, inspect_tokens
from dicetune.data.inspect import Conflict, Item, find_conflicts, find_leaks
from dicetune.terminal import inspection_tables


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
    assert train.facts == {
        "scheme": "iob2",
        "sentences": 4,
        "words": 10,
        "entities": 2,
        "duplicates inside": 1,
        "longest text": "5 words, train.conll:9",
        "longest in sub-words": None,
        "sub-words": None,
        "unknown sub-words": None,
    }
    assert found.labels_title == "Entities of each type"
    assert train.labels == {"LOC": 1, "PER": 1}
    assert (train.ratio.many, train.ratio.few) == (7, 3)
    assert train.ratio.value == pytest.approx(7 / 3)
    assert train.ratio.meaning == "O words : words in entities"
    assert test.facts["duplicates inside"] == 0
    assert train.notes[0].count == 2
    (leak,) = found.leaks
    assert (leak.split, leak.other, leak.count, leak.unit) == ("test", "train", 2, "sentences")
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

    facts = inspect_tokens({"train": TRAIN}, letters).splits[0].facts
    assert facts["longest in sub-words"] == len("Adasleptherforlong") + 1
    assert facts["sub-words"] == 9 + 2 + 2 + 19
    assert facts["unknown sub-words"] == pytest.approx(3 / 32)


def test_parts_of_speech():
    words = corpus("a", "a/DET b/NOUN c/NOUN d/NOUN", scheme=None)
    found = inspect_tokens({"train": words})
    assert found.splits[0].ratio.value == 3
    assert found.splits[0].ratio.meaning == ("most frequent label (NOUN) : rarest label (DET)")
    assert found.splits[0].ratio.name == "most frequent : rarest"
    assert found.splits[0].labels == {"NOUN": 3, "DET": 1}
    assert found.labels_title == "Words of each label"
    assert "entities" not in found.splits[0].facts
    assert found.splits[0].facts["scheme"] == "no spans"
    assert found.paper_ratios == {}


def test_sides_that_are_empty():
    assert inspect_tokens({"a": corpus("a", "x/O")}).splits[0].ratio is None
    assert inspect_tokens({"a": corpus("a", "x/N", scheme=None)}).splits[0].ratio is None
    untagged = Corpus((Sentence(("a",)),), "a")
    assert inspect_tokens({"a": untagged}).splits[0].labels == {}
    assert inspect_tokens({"a": Corpus((), "a")}).splits[0].facts["longest text"] is None


def test_a_scheme_that_was_converted_is_named():
    read = Corpus((Sentence(("Bonn",), ("B-LOC",)),), "a", "iob2", "iob1")
    assert inspect_tokens({"a": read}).splits[0].facts["scheme"] == "iob1, read as iob2"


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


def test_leaks_of_every_pair_of_splits():
    keys = {
        "train": [("a", "t:1"), ("b", "t:2")],
        "dev": [("b", "d:1"), ("b", "d:2"), ("c", "d:3")],
        "test": [("c", "e:1"), ("a", "e:2")],
    }
    leaks = find_leaks(keys, "pairs")
    assert [(one.split, one.other, one.count, one.places) for one in leaks] == [
        ("dev", "train", 2, ("d:1", "d:2")),
        ("test", "train", 1, ("e:2",)),
        ("test", "dev", 1, ("e:1",)),
    ]
    assert leaks[0].share == pytest.approx(2 / 3)
    assert {one.unit for one in leaks} == {"pairs"}
    assert find_leaks({"train": [], "test": [("a", "e:1")]}, "texts") == []


def test_conflicts_keep_one_place_for_each_gold():
    golds = [("a", 0), ("a", 0), ("a", 2), ("a", 1), ("b", 0), ("b", None), ("b", None)]
    items = [Item(key, f"t:{number}", gold) for number, (key, gold) in enumerate(golds, 1)]
    found = find_conflicts(items, lambda key, first, second: (key, f"{first} / {second}"))
    assert found == [Conflict("a", ("t:1", "t:3", "t:4"), "0 / 2")]


def test_label_ratio_leaves_out_labels_that_do_not_occur():
    ratio = Ratio.of_labels({"a": 0, "b": 2, "c": 6})
    assert (ratio.value, ratio.many, ratio.few) == (3.0, 6, 2)
    assert Ratio.of_labels({"a": 0, "b": 2}) is None
    assert Ratio.of(3, 0, "x") is None


def test_five_conflicts_are_kept_and_all_counted():
    words = corpus("a", *[f"w{number}/{tag}" for number in range(7) for tag in ("O", "B-X")])
    found = inspect_tokens({"train": words})
    assert (found.conflicts, len(found.conflict_examples)) == (7, 5)


def shown(found):
    stream = io.StringIO()
    console = Console(file=stream, width=120)
    for part in inspection_tables(found):
        console.print(part)
    return stream.getvalue()


def test_any_inspection_is_shown():
    splits = [
        SplitReport("train", "a[/b].json", {"questions": 1234, "gone": 0.5}, {"yes": 3}, None),
        SplitReport(
            "dev", "d.json", {"questions": 2, "odd": "word"}, {"no": 1}, Ratio.of(9, 2, "")
        ),
    ]
    text = shown(Inspection(splits, labels_title="Answers", paper_ratios={"SQuAD": 55.0}))
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if "│" in line}
    assert "1,234" in rows["questions"]
    assert "50.00%" in rows["gone"]
    assert "-" in rows["gone"]
    assert "word" in rows["odd"]
    assert "4.50 (9 : 2)" in rows["negative : positive"]
    assert "a[/b].json" in rows["file"]
    for part in ("Answers", "SQuAD 55.0"):
        assert part in text


def test_tagged_text_is_shown():
    text = shown(inspect_tokens({"train": TRAIN, "test": TEST}))
    for part in (
        "5 words, train.conll:9",
        "2.33 (7 : 3)",
        "2 sentences of test (66.7%) are also in train, first at test.conll:1, test.conll:5",
        "1 texts are labelled in more than one way:",
        "hi (train.conll:5, test.conll:1): 'hi': O / B-PER",
        "train: repaired (2; first at train.conll:1)",
        "CoNLL03 4.98",
    ):
        assert part in text
