"""seg-pos: from words to logits of characters and back, and files of predictions."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import (
    Corpus,
    Sentence,
    corpus_words,
    inspect_segmentation,
    spans,
    to_characters,
    to_tags,
)
from dicetune.errors import DataError, InputError
from dicetune.tasks import SegPosTask
from dicetune.tasks.segmentation import SegPosOptions, WordPaths
from families import TOKENIZERS
from tiny import sure_outputs

WORDS = Corpus((Sentence(("上海", "的"), ("NR", "DEG"), line=1),), "a.txt")
CORPUS = to_characters(WORDS)
NAME = "gold.txt"
GOLD = "上海_NR 的_DEG\n人_NN\n"


def test_worked_example():
    task = SegPosTask.of(CORPUS)
    assert task.labels == tuple(f"{letter}-{tag}" for tag in ("DEG", "NR") for letter in "BIES")
    assert task.background is None
    encoded = task.encode(CORPUS, TOKENIZERS["wordpiece"], 24)
    (feature,) = encoded.features
    assert feature["labels"] == [-100, 4, 6, 3, -100]
    assert encoded.facts["words"] == 3
    logits = torch.zeros(1, 5, 8)
    (item,) = task.loss_inputs({"logits": logits}, {"labels": torch.tensor([feature["labels"]])})
    assert (item.kind, item.background) == ("classes", None)
    scores = task.decode(sure_outputs(encoded, len(task.labels)), encoded)
    predicted = task.predict(scores, CORPUS)
    assert predicted == [["B-NR", "E-NR", "S-DEG"]]
    assert task.score(CORPUS, predicted)["f1"] == 1.0
    assert next(iter(task.rows(CORPUS, predicted)))["predicted"] == predicted[0]
    answers = task.answers(CORPUS, predicted, scores)
    assert (answers[0].tokens, answers[0].tags) == (["上海", "的"], ["NR", "DEG"])
    assert answers[0].probabilities == pytest.approx([1.0, 1.0])
    assert task.render(CORPUS, answers, "word_tag") == "上海_NR 的_DEG\n"
    row = json.loads(task.render(CORPUS, answers, "jsonl"))
    assert (row["tokens"], row["tags"]) == (["上海", "的"], ["NR", "DEG"])


def test_a_word_is_right_where_its_ends_and_its_tag_are():
    task = SegPosTask.of(CORPUS)
    scores = task.score(CORPUS, [["B-NR", "E-NR", "S-NR"]])
    assert (scores["f1"], scores["word_f1"]) == (0.5, 1.0)
    assert scores["per_type"]["DEG"]["f1"] == 0
    scores = task.score(CORPUS, [["S-NR", "S-NR", "S-DEG"]])
    assert scores["precision"] == pytest.approx(1 / 3)
    assert scores["recall"] == scores["word_recall"] == 0.5


def test_arg_max_that_spells_no_words_is_mended_by_the_likeliest_words():
    task = SegPosTask(["B-N", "I-N", "E-N", "S-N"], "iobes")
    text = to_characters(Corpus((Sentence(("abc",)),), "a"))
    scores = np.log([[[0.6, 0.1, 0.1, 0.2], [0.4, 0.1, 0.3, 0.2], [0.1, 0.1, 0.3, 0.5]]])
    assert task.predict(scores, text) == [["B-N", "E-N", "S-N"]]


def test_plain_text_is_cut_at_white_space():
    task = SegPosTask(["B-N", "I-N", "E-N", "S-N"], "iobes")
    data = task.ask({"text": ["ab cd", "", "ab"]})
    assert [len(s.tokens) for s in data] == [4, 0, 2]
    glued = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    last = np.log([[0.1, 0.1, 0.7, 0.1]])
    scores = [np.vstack([glued, last]), np.zeros((0, 4)), np.vstack([glued[:1], last])]
    predicted = task.predict(scores, data)
    answers = task.answers(data, predicted, scores)
    assert task.render(data, answers, "word_tag") == "ab_N cd_N\n\nab_N\n"
    assert json.loads(task.render(data, answers, "jsonl").split("\n")[0])["text"] == "ab cd"


WORD = st.text(min_size=1, max_size=6)


@st.composite
def corpora(draw):
    """Sentences of any characters, some longer than a window."""
    sentences = []
    for _ in range(draw(st.integers(1, 3))):
        words = draw(st.lists(WORD, min_size=1, max_size=20))
        tags = [draw(st.sampled_from(["NN", "B-V"])) for _ in words]
        sentences.append(Sentence(tuple(words), tuple(tags)))
    return to_characters(Corpus(tuple(sentences), "random"))


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(corpus=corpora(), max_length=st.integers(8, 40))
def test_decoding_gold_outputs_gives_the_gold(kind, corpus, max_length):
    task = SegPosTask([f"{letter}-{tag}" for tag in ("NN", "B-V") for letter in "BIES"], "iobes")
    encoded = task.encode(corpus, TOKENIZERS[kind], max_length)
    predicted = task.predict(task.decode(sure_outputs(encoded, len(task.labels)), encoded), corpus)
    assert predicted == [list(sentence.tags) for sentence in corpus]
    scores = task.score(corpus, predicted)
    assert scores["f1"] == scores["word_f1"] == 1.0


def test_restored_labels():
    task = SegPosTask.of(CORPUS)
    again = SegPosTask.restore(task.labels, task.settings())
    assert (again.labels, again.scheme) == (task.labels, "iobes")
    assert SegPosTask.restore(task.labels, {}).scheme == "iobes"
    for labels in (["O", "B-A", "I-A"], ["NOUN", "VERB"], ["B-A", "I-A", "E-A"]):
        with pytest.raises(InputError, match="expected labels B-, I-, E- and S- of each part"):
            SegPosTask.restore(labels, {})


def test_splits_are_read_and_checked(file):
    train = SegPosTask.read(file(GOLD), SegPosOptions())
    task = SegPosTask.of(train)
    task.check(train)
    other = SegPosTask.read(file("上_VV 海_NN\n", "dev.txt"), SegPosOptions())
    with pytest.raises(DataError, match=r"dev.txt:1: expected labels that .* got 'S-VV'"):
        task.check(other)
    text = SegPosTask.read(file("上海 的\n", "text.txt"), SegPosOptions(), gold=False)
    assert text.sentences[0].tokens == ("上", "海", "的")
    tagged = SegPosTask.read(file(GOLD), SegPosOptions(), gold=False)
    assert [(s.tokens, s.tags) for s in tagged] == [(("上", "海", "的"), ()), (("人",), ())]
    found = SegPosTask.inspect({"train": train}, lambda text: (len(text), 0))
    assert (
        found.to_dict()
        == inspect_segmentation({"train": train}, lambda text: (len(text), 0)).to_dict()
    )


def test_other_columns_of_conllu(file):
    row = "{}\t{}\t_\t{}\t{}" + "\t_" * 5
    text = "\n".join([row.format(1, "上海", "PROPN", "NNP"), row.format(2, "的", "PART", "DEC")])
    path = file(text + "\n", "a.conllu")
    assert SegPosTask.read(path, SegPosOptions()).sentences[0].tags[-1] == "S-PART"
    xpos = SegPosTask.read(path, SegPosOptions(tag_column="xpos"))
    assert corpus_words(xpos) == [[("上海", "NNP"), ("的", "DEC")]]


def test_predictions_of_any_tool(file):
    predictions = file("上海_NR 的_NN\n人_NN\n", "own.txt")
    scores = SegPosTask.score_file(predictions, file(GOLD), SegPosOptions())
    assert (scores["f1"], scores["word_f1"]) == (pytest.approx(2 / 3), 1.0)
    slashes = file("上/NR 海/NR 的/DEG\n人/NN\n", "own.txt")
    assert SegPosTask.score_file(slashes, file(GOLD), SegPosOptions())["word_f1"] == pytest.approx(
        4 / 7
    )


def test_predictions_of_a_run(file):
    task = SegPosTask.of(CORPUS)
    rows = task.rows(CORPUS, [["B-NR", "E-NR", "S-NR"]])
    path = file("".join(json.dumps(row) + "\n" for row in rows), "predictions.jsonl")
    assert SegPosTask.score_file(path, None, SegPosOptions())["f1"] == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("上海_NR 的_NN\n", r"own.txt: expected 2 sentences as in .*gold.txt, got 1"),
        ("上海_NR 的_NN\n入_NN\n", r"own.txt:2: expected the text of .*gold.txt:2, '人', got '入'"),
        ("上海_NR 的\n人_NN\n", r"own.txt:1: expected words with their tags"),
    ],
)
def test_predictions_that_do_not_fit_the_gold(file, text, message):
    with pytest.raises(DataError, match=message):
        SegPosTask.score_file(file(text, "own.txt"), file(GOLD), SegPosOptions(), format="word_tag")


def test_predictions_without_gold(file):
    with pytest.raises(InputError, match=r"expected a file of gold words beside .*word_tag holds"):
        SegPosTask.score_file(file(GOLD), None, SegPosOptions())
    row = json.dumps({"tokens": ["a", "b"], "gold": ["O", "S-N"], "predicted": ["O", "S-N"]})
    with pytest.raises(InputError, match="expected characters with labels B-, I-, E-, S-"):
        SegPosTask.score_file(file(row + "\n", "a.jsonl"), None, SegPosOptions())


def test_real_treebank_survives_short_windows(real_data):
    corpus = SegPosTask.read(real_data("ud_zh_14/zh-ud-test.conllu"), SegPosOptions()).first(100)
    task = SegPosTask.of(corpus)
    encoded = task.encode(corpus, TOKENIZERS["wordpiece"], 20)
    assert encoded.facts["windows"] > len(corpus)
    predicted = task.predict(task.decode(sure_outputs(encoded, len(task.labels)), encoded), corpus)
    assert task.score(corpus, predicted)["f1"] == 1.0


LABELS = [f"{letter}-{tag}" for tag in ("N", "V") for letter in "SEIB"]
FOLLOWERS = {"": "BS", "B": "IE", "I": "IE", "E": "BS", "S": "BS"}


def spells_words(labels, breaks):
    """Whether each label may follow the one before it."""
    before = ""
    for place, label in enumerate(labels):
        letter = label[0]
        if letter not in FOLLOWERS[before[:1]]:
            return False
        if letter in "IE" and (label[2:] != before[2:] or place in breaks):
            return False
        before = label
    return before[:1] in ("", "E", "S")


def best_of_all(scores, breaks):
    """The best sum of any labels that spell words, by trying each."""
    sums = (
        sum(scores[place, number] for place, number in enumerate(numbers))
        for numbers in product(range(len(LABELS)), repeat=len(scores))
        if spells_words([LABELS[number] for number in numbers], breaks)
    )
    return max(sums)


@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.sets(st.integers(1, 4), max_size=2))
def test_no_other_words_are_likelier(length, seed, breaks):
    scores = np.random.default_rng(seed).normal(size=(length, len(LABELS)))
    words = WordPaths(LABELS).best(scores, breaks)
    tags = to_tags(words, length, "iobes")
    assert spells_words(tags, breaks)
    total = sum(scores[place, LABELS.index(tag)] for place, tag in enumerate(tags))
    assert total == pytest.approx(best_of_all(scores, breaks))


@given(st.lists(st.tuples(st.sampled_from("NV"), st.integers(1, 6)), max_size=20))
def test_labels_that_spell_words_stay(words):
    ends = np.cumsum([length for _, length in words]).astype(int)
    gold = [(tag, end - length, end) for (tag, length), end in zip(words, ends, strict=True)]
    count = int(ends[-1]) if words else 0
    scores = np.full((count, len(LABELS)), -9.0)
    for place, tag in enumerate(to_tags(gold, count, "iobes")):
        scores[place, LABELS.index(tag)] = -0.1
    assert WordPaths(LABELS).best(scores) == gold
    assert spans(to_tags(gold, count, "iobes"), "iobes") == gold


def test_a_break_ends_a_word():
    labels = ["B-N", "I-N", "E-N", "S-N"]
    scores = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]])
    assert WordPaths(labels).best(scores) == [("N", 0, 2)]
    assert WordPaths(labels).best(scores, {1}) == [("N", 0, 1), ("N", 1, 2)]


def test_no_characters():
    assert WordPaths(LABELS).best(np.zeros((0, len(LABELS)))) == []
