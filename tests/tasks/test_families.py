"""Every task with every family's tokenizer and model: gold comes back, and a batch goes through."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from dicetune.data import (
    Corpus,
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    GoldAnswer,
    Question,
    QuestionCorpus,
    Sentence,
    TextCorpus,
    TextExample,
    to_characters,
)
from dicetune.loss_input import item_count
from dicetune.models import load_model, load_tokenizer, subword_counter
from dicetune.tasks import TASKS
from dicetune.training.batches import PaddingCollator
from families import FAMILIES, HEADS
from tiny import sure_outputs

TEXT = (
    "The pump at Quay Nine is down again and nobody knows why . Atlas Sync lost the queue at "
    "04:10 , restarted twice , then recovered . Dock four is fine ; ähm , 東京 isn't ."
)
SURE, SURELY_NOT = 0.0, -50.0
tokenizer_of = cache(load_tokenizer)


@dataclass(frozen=True)
class Case:
    """One task: what it reads, what a sure model would put out, what comes back, and its model."""

    task: Any
    data: Any
    gold_outputs: Any
    expected: list
    labels: int = 3


def columns(features, key, padding):
    """The targets of all windows as one array, padded on the right."""
    width = max(len(feature[key]) for feature in features)
    return np.array([[*f[key], *[padding] * (width - len(f[key]))] for f in features])


def tagged():
    words = TEXT.split() * 3
    tags = ["B-A" if n % 5 == 1 else "I-A" if n % 5 == 2 else "O" for n in range(len(words))]
    sentences = (
        Sentence(tuple(words), tuple(tags)),
        Sentence(("pump", "\u200b", "\U0001f600"), ("B-A", "I-A", "O")),
    )
    corpus = Corpus(sentences, "a", scheme="iob2", found_scheme="iob2")
    task = TASKS["ner"].of(corpus)
    return Case(task, corpus, lambda e: sure_outputs(e, 3), [list(s.tags) for s in sentences])


def segmented():
    words = ["東京", "the", "ä", "Quay", "\U0001f600\u200b", "."] * 6
    tags = ["NR", "DT", "X", "NR", "X", "PU"] * 6
    corpus = to_characters(Corpus((Sentence(tuple(words), tuple(tags)),), "a"))
    task = TASKS["seg-pos"].of(corpus)
    expected = [list(sentence.tags) for sentence in corpus]
    return Case(task, corpus, lambda e: sure_outputs(e, len(task.labels)), expected)


def queried():
    """Nested entities of two types, some in the overlap of two windows."""
    words = TEXT.split() * 2
    spans = [EntitySpan("SITE", n, n + 2) for n in range(0, len(words) - 3, 5)]
    spans += [EntitySpan("PUMP", n, n + 1) for n in range(1, len(words), 7)]
    spans.append(EntitySpan("SITE", 1, 2))
    whole = EntitySentence(
        tuple(words), tuple(sorted(spans, key=lambda s: (s.start, s.end, s.type)))
    )
    short = EntitySentence(("pump", "\u200b", "\U0001f600"), (EntitySpan("PUMP", 0, 3),))
    corpus = EntityCorpus(
        (whole, short, EntitySentence(("down",))), "a", queries={"SITE": "at", "PUMP": "the"}
    )
    task = TASKS["mrc-ner"].of(corpus)

    def outputs(encoded):
        starts = columns(encoded.features, "answer_starts", -1)
        ends = columns(encoded.features, "answer_ends", -1)
        sure = np.full(starts.shape, 9.0)
        return np.stack([starts, ends, sure, sure, sure], axis=-1)

    return Case(task, corpus, outputs, [list(sentence.spans) for sentence in corpus])


def labelled(name):
    """Texts, of which one is longer than any window, and one almost nothing."""
    texts = [TEXT * 2, "pump", "\u200b", "Quay Nine isn't \U0001f600", "東京"]
    second = [TEXT, "down", "x", TEXT * 3, "."] if name == "pair" else [None] * 5
    several = [("a", "c"), (), ("b",), ("a", "b", "c"), ("c",)]
    labels = several if name == "multilabel" else [("a",), ("b",), ("b",), ("c",), ("a",)]
    examples = map(TextExample, texts, second, labels)
    corpus = TextCorpus(tuple(examples), "a")
    task = TASKS[name].of(corpus, TASKS[name].Options())

    def outputs(encoded):
        gold = np.array([feature["labels"] for feature in encoded.features])
        right = gold == 1 if gold.ndim == 2 else gold[:, None] == np.arange(3)
        return np.where(right, -0.1, SURELY_NOT)

    return Case(task, corpus, outputs, list(labels))


def asked(form):
    context = f"{TEXT} {TEXT.lower()}"
    questions = []
    for number, answer in enumerate(["The", "Quay Nine", "ähm", "東"]):
        start = context.index(answer)
        gold = GoldAnswer(answer, start, start + len(answer))
        questions.append(Question(str(number), "nobody knows why", context, (gold,)))
    questions.append(Question("none", "is it fine \U0001f600", context, impossible=True))
    questions.append(Question("short", "\u200b", "pump  down\u00a0", (GoldAnswer("down", 6, 10),)))
    data = QuestionCorpus(tuple(questions), "a")
    task = TASKS["qa"].of(data, TASKS["qa"].Options(form=form))

    def outputs(encoded):
        positions = np.arange(max(len(f["input_ids"]) for f in encoded.features))
        return tuple(
            np.where(
                positions == np.array([[f[f"{side}_positions"]] for f in encoded.features]),
                50.0 if form == "sigmoid" else SURE,
                SURELY_NOT,
            )
            for side in ("start", "end")
        )

    expected = [question.answers[0].text if question.answers else "" for question in data]
    return Case(task, data, outputs, expected, labels=2)


CASES = {
    "ner": tagged(),
    "seg-pos": segmented(),
    "mrc-ner": queried(),
    "text": labelled("text"),
    "pair": labelled("pair"),
    "multilabel": labelled("multilabel"),
    "qa": asked("softmax"),
    "qa-sigmoid": asked("sigmoid"),
}


def said(task, predictions):
    """Predictions as what is compared: texts, labels, or lists of them."""
    names = ("text", "labels")
    return [next((getattr(p, n) for n in names if hasattr(p, n)), p) for p in predictions]


def source_of(task, name, saved_family):
    """The saved model that has the task's head, or one whose encoder it takes."""
    heads = [head for head, auto_class in HEADS.items() if auto_class is task.auto_class]
    return saved_family(name, heads[0] if heads else "token")  # mrc-ner puts its own on any encoder


def assert_class_counts(item, counts):
    """They are those of the targets that the loss counts."""
    if item.kind == "positions":
        assert counts is None
        return
    alive = item.target != -100
    if item.mask is not None:
        alive &= item.mask[(...,) + (None,) * (item.target.ndim - item.mask.ndim)]
    if item.kind == "classes":
        known = item.target[alive]
        assert counts.tolist() == known.bincount(minlength=item.logits.shape[-1]).tolist()
        return
    for label in range(item.logits.shape[-1]):
        known = item.target[..., label][alive[..., label]]
        assert counts[label].tolist() == [int((known == side).sum()) for side in (0, 1)]


@pytest.mark.parametrize("max_length", [32, 48])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FAMILIES)
def test_gold_comes_back(saved_family, name, case, max_length):
    task, data = CASES[case].task, CASES[case].data
    tokenizer = tokenizer_of(source_of(task, name, saved_family))
    encoded = task.encode(data, tokenizer, max_length)
    assert all(len(feature["input_ids"]) <= max_length for feature in encoded.features)
    cut = encoded.facts.get("truncated", 0) or len(encoded.features) - len(data)
    assert cut > 0, "nothing here is longer than a window"
    assert encoded.facts.get("spans_in_no_window", 0) == 0
    decoded = task.decode(CASES[case].gold_outputs(encoded), encoded)
    predictions = task.predict(decoded, data)
    assert said(task, predictions) == CASES[case].expected


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FAMILIES)
def test_inspection_counts_the_unknown_as_training_does(saved_family, name, case):
    """Also a word of which a tokenizer leaves nothing, such as a lone zero-width space."""
    task, data = CASES[case].task, CASES[case].data
    tokenizer = tokenizer_of(source_of(task, name, saved_family))
    trained = task.encode(data, tokenizer, 48, training=True).facts
    (seen,) = task.inspect({"train": data}, subword_counter(tokenizer)).splits
    share = trained["unknown_subwords"] / trained["subwords"]
    assert seen.facts["unknown sub-words"] == pytest.approx(share, rel=1e-12)
    times = len(data.types) if case == "mrc-ner" else 1  # a sentence is asked for each type
    assert seen.facts["sub-words"] * times == trained["subwords"]
    if name == "bert":
        assert trained["unknown_subwords"] > 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_goes_through(saved_family, name, case):
    task, data = CASES[case].task, CASES[case].data
    source = source_of(task, name, saved_family)
    tokenizer, model = tokenizer_of(source), load_model(task.auto_class, source, task.labels)
    encoded = task.encode(data, tokenizer, 48)
    collate = PaddingCollator(tokenizer, {**task.targets, **task.extra_inputs})
    ignored = getattr(model.config, "keys_to_ignore_at_inference", ())
    for training in (True, False):
        model.train(training)
        batch = collate(encoded.features)
        targets = {key: batch.pop(key) for key in task.targets if key in batch}
        outputs = model(**batch)
        items = task.loss_inputs(outputs, targets)
        counts = task.item_counts(targets)
        assert {item.name: int(item_count(item)) for item in items} == {
            key: int(count) for key, count in counts.items()
        }
        classes = task.class_counts(targets)
        for item in items:
            assert torch.isfinite(item.logits).all()
            assert int(counts[item.name]) > 0
            # the model finds every right span among its candidates only while it trains
            if training or item.name != "match":
                assert_class_counts(item, classes.get(item.name))
    kept = tuple(value for key, value in outputs.items() if key not in ignored)
    shrunk = task.preprocess_logits(kept[0] if len(kept) == 1 else kept, None)
    arrays = [
        part.detach().numpy() for part in (shrunk if isinstance(shrunk, tuple) else (shrunk,))
    ]
    decoded = task.decode(arrays[0] if len(arrays) == 1 else tuple(arrays), encoded)
    assert len(task.predict(decoded, data)) == len(data)
