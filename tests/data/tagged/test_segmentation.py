"""Words to labelled characters and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import (
    Corpus,
    Sentence,
    corpus_words,
    inspect_segmentation,
    plain_corpus,
    read_tokens,
    to_characters,
    word_breaks,
)
from dicetune.data.tagged.segmentation import from_characters
from dicetune.errors import InputError

# letters, combining marks, characters beyond the basic plane, joiners, white space inside words
WORD = st.text(min_size=1, max_size=5) | st.sampled_from(
    [
        "e\u0301",
        "\U00020000\U0001f469\u200d\U0001f680",
        "New York",
        "\u3000",
        "\ufeff",
        "\u0939\u093f",
    ]
)
TAG = st.sampled_from(["NN", "NN-SHORT", "O", "B-X", "_", "-LRB-"])
SENTENCE = st.lists(st.tuples(WORD, TAG), min_size=1, max_size=8)


def words_corpus(*sentences):
    return Corpus(
        tuple(
            Sentence(tuple(w for w, _ in one), tuple(t for _, t in one), line)
            for line, one in enumerate(sentences, 1)
        ),
        "a.txt",
    )


@given(st.lists(SENTENCE, min_size=1, max_size=4))
def test_there_and_back(sentences):
    corpus = to_characters(words_corpus(*sentences))
    assert corpus_words(corpus) == sentences
    for sentence, words in zip(corpus, sentences, strict=True):
        assert "".join(sentence.tokens) == "".join(word for word, _ in words)
        assert all(len(token) == 1 for token in sentence.tokens)
        assert len(sentence.tags) == len(sentence.tokens)


@given(st.lists(st.tuples(st.characters(), st.sampled_from("BIES"), TAG), min_size=1))
def test_every_character_is_in_one_word_whatever_the_labels(rows):
    characters = [character for character, _, _ in rows]
    words = from_characters(characters, [f"{letter}-{tag}" for _, letter, tag in rows])
    assert "".join(word for word, _ in words) == "".join(characters)
    assert all(word for word, _ in words)


def test_labels_that_spell_no_words():
    labels = ["I-A", "E-A", "E-A", "B-A", "S-B", "B-A", "E-B", "I-B"]
    assert from_characters("abcdefgh", labels) == [
        ("ab", "A"),
        ("c", "A"),
        ("d", "A"),
        ("e", "B"),
        ("f", "A"),
        ("g", "B"),
        ("h", "B"),
    ]
    with pytest.raises(InputError, match="expected the tag 'O' or a letter"):
        from_characters("a", ["NN"])


def test_by_hand():
    rows = Sentence(("上海", "1994", "", "a b"), ("NR", "CD", "X", "NN"), 7, lines=(7, 8, 9, 10))
    corpus = to_characters(Corpus((rows,), "a.conll"))
    (sentence,) = corpus.sentences
    assert sentence.tokens == tuple("上海1994a b")
    assert sentence.tags == (
        *("B-NR", "E-NR", "B-CD", "I-CD", "I-CD", "E-CD"),
        *("B-NN", "I-NN", "E-NN"),
    )
    assert sentence.lines == (7, 7, 8, 8, 8, 8, 10, 10, 10)
    assert (corpus.scheme, corpus.found_scheme) == ("iobes", "iobes")
    assert [(note.rule.split(":")[0], note.count, note.places) for note in corpus.notes] == [
        ("empty words", 1, ("a.conll:9",)),
        ("words with white space inside", 1, ("a.conll:10",)),
    ]
    assert word_breaks(corpus) == [frozenset()]


def test_words_without_tags():
    corpus = to_characters(Corpus((Sentence(("上海", "的")), Sentence(())), "a"))
    assert corpus.scheme is None
    assert [s.tokens for s in corpus] == [("上", "海", "的"), ()]


def test_the_first_of_plain_sentences_keep_their_texts():
    corpus = plain_corpus(["Quay Nine", "at four", "down"])
    first = corpus.first(2)
    assert (len(first), first.texts, len(first.places)) == (2, ("Quay Nine", "at four"), 2)


def test_plain_text():
    """White space ends a word and is none; what it was cut into before does not matter."""
    corpus = to_characters(plain_corpus([" 上海 it's\u3000的", "", ["a b", "c"]]))
    assert [s.tokens for s in corpus] == [tuple("上海it's的"), (), tuple("a bc")]
    assert word_breaks(corpus) == [frozenset({2, 6}), frozenset(), frozenset()]
    assert corpus.places[0][2] == (4, 5)


def test_inspection_by_hand():
    train = words_corpus([("上海", "NR"), ("的", "DEG")], [("上海", "NR")], [("人", "NN")])
    test = words_corpus([("上", "VV"), ("海", "NN")], [("我", "PN")])
    found = inspect_segmentation({"train": to_characters(train), "test": to_characters(test)})
    report = found.splits[0]
    assert report.facts["sentences"] == 3
    assert report.facts["characters"] == 6
    assert report.facts["words"] == 4
    assert report.facts["longest text"] == "3 characters, a.txt:1"
    assert report.labels == {"NR": 2, "DEG": 1, "NN": 1}
    assert report.ratio.value == 2
    assert found.labels_title == "Words of each part of speech"
    (leak,) = found.leaks
    assert (leak.count, leak.places) == (1, ("a.txt:1",))
    (conflict,) = found.conflict_examples
    assert (conflict.text, conflict.differences) == ("上海", "'上': B-NR / S-VV")
    assert found.paper_ratios == {}


@pytest.mark.parametrize(
    ("split", "sentences", "words", "characters"),
    [("train", 3997, 98608, 156309), ("dev", 500, 12663, 20000), ("test", 500, 12012, 19206)],
)
def test_chinese_treebank_of_ud_14(real_data, split, sentences, words, characters):
    path = real_data(f"ud_zh_14/zh-ud-{split}.conllu")
    for column in (None, "xpos"):
        read = read_tokens(path, spans=False, tag_column=column)
        corpus = to_characters(read)
        facts = inspect_segmentation({split: corpus}).splits[0].facts
        assert (facts["sentences"], facts["words"]) == (sentences, words)
        assert facts["characters"] == characters
        assert corpus.notes == ()
        assert corpus_words(corpus) == [list(zip(s.tokens, s.tags, strict=True)) for s in read]
