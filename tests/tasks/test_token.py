"""TokenTask: from words to logits and back, for spans and for labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import Corpus, Sentence, to_tags
from dicetune.tasks import TASKS
from families import TOKENIZERS
from tiny import sure_outputs

SENTENCE = Sentence(
    ("Pump", "down", "at", "Quay", "Nine"), ("O", "O", "O", "B-SITE", "I-SITE"), line=1
)
CORPUS = Corpus((SENTENCE,), "a.conll", scheme="iob2", found_scheme="iob2")


def test_worked_example():
    task = TASKS["ner"].of(CORPUS)
    assert task.labels == ("O", "B-SITE", "I-SITE")
    encoded = task.encode(CORPUS, TOKENIZERS["wordpiece"], 24)
    (feature,) = encoded.features
    words = TOKENIZERS["wordpiece"].convert_ids_to_tokens(feature["input_ids"])
    labelled = [
        (word, label) for word, label in zip(words, feature["labels"], strict=True) if label != -100
    ]
    assert [label for _, label in labelled] == [0, 0, 0, 1, 2]
    assert not any(word.startswith("##") for word, _ in labelled)
    batch = {name: torch.tensor([value]) for name, value in feature.items()}
    logits = torch.zeros(1, len(words), 3)
    (item,) = task.loss_inputs({"logits": logits}, {"labels": batch["labels"]})
    assert (item.name, item.kind, item.background) == ("tags", "classes", 0)
    assert task.item_counts({"labels": batch["labels"]})["tags"] == 5
    assert task.class_counts({"labels": batch["labels"]})["tags"].tolist() == [3, 1, 1]
    predicted = task.predict(task.decode(sure_outputs(encoded, len(task.labels)), encoded), None)
    assert predicted == [list(SENTENCE.tags)]
    assert task.score(CORPUS, predicted)["f1"] == 1.0


def test_part_of_speech_has_no_background_and_is_scored_by_accuracy():
    corpus = Corpus((Sentence(("a", "b", "c"), ("X", "Y", "X")),), "a")
    task = TASKS["pos"].of(corpus)
    assert (task.labels, task.background, task.main_metric) == (("X", "Y"), None, "accuracy")
    assert task.score(corpus, [["X", "X", "X"]])["accuracy"] == pytest.approx(2 / 3)


@st.composite
def corpora(draw):
    """Sentences of any characters, some longer than a window, with random spans."""
    sentences = []
    for _ in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.text(max_size=8), min_size=1, max_size=60))
        cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
        spans = [
            (draw(st.sampled_from(["A", "B-C"])), a, b)
            for a, b in zip(cuts[::2], cuts[1::2], strict=False)
        ]
        sentences.append(Sentence(tuple(words), tuple(to_tags(spans, len(words), "iob2"))))
    return Corpus(tuple(sentences), "random", scheme="iob2", found_scheme="iob2")


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(corpus=corpora(), max_length=st.integers(8, 40))
def test_decoding_gold_outputs_gives_the_gold(kind, corpus, max_length):
    task = TASKS["ner"](["O", "B-A", "I-A", "B-B-C", "I-B-C"], "iob2")
    encoded = task.encode(corpus, TOKENIZERS[kind], max_length)
    labelled = sum(label != -100 for feature in encoded.features for label in feature["labels"])
    assert labelled == encoded.facts["words"] == sum(len(s.tokens) for s in corpus)
    predicted = task.predict(task.decode(sure_outputs(encoded, len(task.labels)), encoded), None)
    assert predicted == [list(sentence.tags) for sentence in corpus]


def test_padding_and_batch_order_do_not_change_an_output():
    task = TASKS["ner"](["O", "B-A", "I-A"], "iob2")
    sentences = [Sentence(("pump",)), Sentence(("the", "pump", "at", "quay", "nine"))]
    encoded = task.encode(sentences, TOKENIZERS["wordpiece"], 24)
    width = len(encoded.features[0]["input_ids"])
    outputs = np.random.default_rng(0).normal(size=(2, width, 3))
    padded = np.concatenate([outputs, np.full((2, 7, 3), -100.0)], axis=1)
    for plain, other in zip(
        task.decode(outputs, encoded), task.decode(padded, encoded), strict=True
    ):
        assert (plain == other).all()
    turned = task.encode(sentences[::-1], TOKENIZERS["wordpiece"], 24)
    assert [len(text) for text in task.decode(outputs, turned)] == [5, 1]
    assert (task.decode(outputs, turned)[1] == task.decode(outputs, encoded)[0]).all()


def test_real_corpus_survives_short_windows(real_data):
    from dicetune.data import read_tokens

    corpus = read_tokens(real_data("wnut17/wnut17train.conll"))
    task = TASKS["ner"].of(corpus)
    encoded = task.encode(corpus, TOKENIZERS["wordpiece"], 20)
    assert encoded.facts["windows"] > len(corpus)
    predicted = task.predict(task.decode(sure_outputs(encoded, len(task.labels)), encoded), None)
    assert task.score(corpus, predicted)["f1"] == 1.0
