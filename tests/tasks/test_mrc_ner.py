"""MrcNerTask: from sentences with nested entities to logits and back."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import EntityCorpus, EntitySentence, EntitySpan
from dicetune.errors import DataError, InputError
from dicetune.models import select_spans
from dicetune.tasks.mrc_ner import MrcNerOptions, MrcNerTask
from dicetune.training.batches import PaddingCollator
from families import TOKENIZERS, unigram, unigram_cls_last

TOKENIZERS = {**TOKENIZERS, "unigram": unigram(), "cls last": unigram_cls_last()}
SURE = 30.0


def _place(span):
    return span.start, span.end, span.type


def corpus_of(*sentences, **options):
    made = [
        EntitySentence(
            tuple(words), tuple(EntitySpan(*s) for s in sorted(spans, key=lambda s: s[1:]))
        )
        for words, spans in sentences
    ]
    return EntityCorpus(tuple(made), "a.json", **options)


CORPUS = corpus_of((["Pump", "at", "Quay", "Nine"], [("site", 2, 4)]))


def batch_of(task, encoded, tokenizer):
    paddings = {**task.targets, **task.extra_inputs}
    return PaddingCollator(tokenizer, paddings)(encoded.features)


def gold_outputs(task, batch):
    """What a model would put out that is sure of each target."""
    logits = {
        f"{side}_logits": (2.0 * (batch[f"{side}_labels"] == 1) - 1) * SURE
        for side in ("start", "end")
    }
    spans = select_spans(
        **logits,
        mask=batch["candidate_mask"],
        max_words=task.max_span_words,
        count=task.options.candidates,
    )
    outputs = {**logits, "span_positions": spans, "span_logits": torch.zeros(spans.shape[:2])}
    *_, match = task.loss_inputs(outputs, batch)
    outputs["span_logits"] = (2.0 * match.target[..., 0] - 1) * SURE
    return outputs


def predict_gold(task, corpus, tokenizer, max_length):
    encoded = task.encode(corpus, tokenizer, max_length)
    if not encoded.features:
        return encoded, task.predict(task.decode(np.zeros((0, 1, 5)), encoded), corpus)
    outputs = gold_outputs(task, batch_of(task, encoded, tokenizer))
    shrunk = task.preprocess_logits(tuple(outputs.values()), None).numpy()
    return encoded, task.predict(task.decode(shrunk, encoded), corpus)


def test_worked_example():
    task = MrcNerTask({"site": "Find sites"}, max_span_words=2, options=MrcNerOptions(candidates=4))
    tokenizer = TOKENIZERS["wordpiece"]
    encoded = task.encode(CORPUS, tokenizer, 40)
    (feature,) = encoded.features
    pieces = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    words = ["pump", "at", "quay", "nine"]
    places = [pieces.index(word) for word in words]
    assert [i for i, flag in enumerate(feature["candidate_mask"]) if flag] == places
    assert [feature["start_labels"][i] for i in places] == [0, 0, 1, 0]
    assert [feature["end_labels"][i] for i in places] == [0, 0, 0, 1]
    assert set(feature["start_labels"]) == {0, 1, -100}
    assert (feature["answer_starts"], feature["answer_ends"]) == ([places[2]], [places[3]])
    batch = batch_of(task, encoded, tokenizer)
    outputs = gold_outputs(task, batch)
    start, end, match = task.loss_inputs(outputs, batch)
    assert [item.name for item in (start, end, match)] == ["start", "end", "match"]
    assert {item.kind for item in (start, end, match)} == {"labels"}
    assert start.logits.shape == (1, len(pieces), 1)
    assert match.logits.shape == (1, 4, 1)
    assert match.target.sum() == 1
    counts = task.item_counts(batch)
    assert {name: int(count) for name, count in counts.items()} == {
        "start": 4,
        "end": 4,
        "match": 4,
    }
    (scores,) = task.decode(task.preprocess_logits(tuple(outputs.values()), None).numpy(), encoded)
    assert scores.shape == (4, 6)
    assert [0, 2, 4, SURE, SURE, SURE] in scores.tolist()
    predicted = task.predict([scores], CORPUS)
    assert predicted == [[EntitySpan("site", 2, 4)]]
    assert task.score(CORPUS, predicted)["f1"] == 1.0
    (row,) = task.rows(CORPUS, predicted)
    assert row["gold"] == row["predicted"] == [{"type": "site", "start": 2, "end": 4}]
    (answer,) = task.answers(CORPUS, predicted, [scores])
    assert answer.entities[0].text == "Quay Nine"
    assert answer.entities[0].score == pytest.approx(1.0)


@st.composite
def corpora(draw):
    """Sentences of any characters, some longer than a window, with nested and crossing spans."""
    sentences = []
    for _ in range(draw(st.integers(1, 3))):
        words = draw(st.lists(st.text(max_size=6), max_size=40))
        spans = {
            (draw(st.sampled_from(["A", "B-C"])), start, start + length)
            for start in draw(st.lists(st.integers(0, max(len(words) - 1, 0)), max_size=5))
            if start + (length := draw(st.integers(1, 6))) <= len(words)
        }
        sentences.append((words, spans))
    return corpus_of(*sentences)


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(corpus=corpora(), max_length=st.integers(24, 48))
def test_decoding_gold_outputs_gives_the_gold(kind, corpus, max_length):
    options = MrcNerOptions(candidates=200)
    task = MrcNerTask({"A": "x y", "B-C": "z"}, max_span_words=5, options=options)
    encoded, predicted = predict_gold(task, corpus, TOKENIZERS[kind], max_length)
    found = [set(spans) for spans in predicted]
    gold = [set(sentence.spans) for sentence in corpus]
    assert all(spans <= right for spans, right in zip(found, gold, strict=True))
    # what is not found is counted: longer than the limit, or whole in no window
    missed = sum(len(right - spans) for spans, right in zip(found, gold, strict=True))
    lost = encoded.facts.get("spans_too_long", 0) + encoded.facts.get("spans_in_no_window", 0)
    assert missed == lost
    assert encoded.facts["spans_too_long"] == sum(
        span.end - span.start > 5 for spans in gold for span in spans
    )


def test_a_repeated_mention_is_found_at_its_own_place():
    words = ["Quay", "and", "dock", "and", "Quay"]
    corpus = corpus_of((words, [("site", 4, 5)]))
    task = MrcNerTask.of(corpus)
    _, predicted = predict_gold(task, corpus, TOKENIZERS["wordpiece"], 64)
    assert predicted == [[EntitySpan("site", 4, 5)]]


def test_in_a_long_text_each_span_counts_once_from_the_window_with_most_context():
    words = ["pump"] * 60
    corpus = corpus_of((words, [("site", 20, 22)]))
    options = MrcNerOptions(candidates=500, stride=10)
    task = MrcNerTask({"site": "x"}, max_span_words=3, options=options)
    encoded = task.encode(corpus, TOKENIZERS["wordpiece"], 30)
    assert len(encoded.features) > 2
    batch = batch_of(task, encoded, TOKENIZERS["wordpiece"])
    outputs = gold_outputs(task, batch)
    outputs["span_logits"] = torch.arange(len(encoded.features)).float()[:, None].expand(-1, 500)
    (scores,) = task.decode(task.preprocess_logits(tuple(outputs.values()), None).numpy(), encoded)
    places = scores[:, 1:3].astype(int).tolist()
    assert len({tuple(place) for place in places}) == len(places)
    places_of = encoded.back
    for (start, end), window in zip(places, scores[:, 5].astype(int), strict=True):
        context = {
            number: min(
                start - places_of.first[number] if places_of.first[number] else 99,
                places_of.last[number] - end if places_of.last[number] < 60 else 99,
            )
            for number in range(len(encoded.features))
            if places_of.first[number] <= start and end <= places_of.last[number]
        }
        assert context[window] == max(context.values())


def test_padding_and_batch_order_change_nothing():
    corpus = corpus_of((["pump"], []), (["the", "pump", "at", "Quay"], [("site", 3, 4)]))
    task = MrcNerTask.of(corpus)
    for order in (corpus, corpus_of(*((s.tokens, s.spans) for s in reversed(corpus.sentences)))):
        encoded = task.encode(order, TOKENIZERS["wordpiece"], 40)
        outputs = gold_outputs(task, batch_of(task, encoded, TOKENIZERS["wordpiece"]))
        shrunk = task.preprocess_logits(tuple(outputs.values()), None).numpy()
        padded = np.concatenate([shrunk, np.full((2, 7, 5), -100.0)], axis=1)
        plain, other = task.decode(shrunk, encoded), task.decode(padded, encoded)
        assert all((a == b).all() for a, b in zip(plain, other, strict=True))
        assert task.predict(plain, order) == [list(s.spans) for s in order]


def test_text_without_gold_has_no_targets():
    task = MrcNerTask.of(CORPUS)
    asked = task.ask({"text": ["Pump at Quay Nine.", ["Quay", "Nine"], ""]})
    encoded = task.encode(asked, TOKENIZERS["wordpiece"], 64)
    assert not any(set(feature) & set(task.targets) for feature in encoded.features)
    assert not any("gold_starts" in feature for feature in encoded.features)
    scores = np.array([[0, 2, 4, 3.0, 2.0, 1.0]], dtype=np.float32)
    none = np.zeros((0, 6), dtype=np.float32)
    predicted = task.predict([scores, none, none], asked)
    plain, words, empty = task.answers(asked, predicted, [scores, none, none])
    assert plain.to_dict()["text"] == "Pump at Quay Nine."
    (entity,) = plain.entities
    assert (entity.text, entity.start, entity.end) == ("Quay Nine", 8, 17)
    assert entity.score == pytest.approx(1 / (1 + np.exp(-1)))
    assert words.to_dict() == {"tokens": ["Quay", "Nine"], "entities": []}
    assert empty.to_dict() == {"text": "", "entities": []}
    lines = task.render(asked, [plain, words, empty], "jsonl").split("\n")
    assert [json.loads(line)["entities"] for line in lines[:-1]] == [
        [plain.to_dict()["entities"][0]],
        [],
        [],
    ]


def test_flat_decoding_keeps_the_likeliest_of_one_type():
    rows = np.array(
        [
            [0, 0, 3, 1.0, 1.0, 1.0],
            [0, 2, 4, 2.0, 2.0, 2.0],
            [0, 4, 5, 0.5, 0.5, 0.5],
            [1, 0, 3, 1.0, 1.0, 1.0],
            [0, 1, 2, 9.0, 9.0, -0.1],
        ],
        dtype=np.float32,
    )
    queries = {"A": "x", "B": "y"}
    every = MrcNerTask(queries).predict([rows], None)[0]
    assert every == [("A", 0, 3), ("B", 0, 3), ("A", 2, 4), ("A", 4, 5)]
    flat = MrcNerTask(queries, options=MrcNerOptions(nested=False)).predict([rows], None)[0]
    assert flat == [("B", 0, 3), ("A", 2, 4), ("A", 4, 5)]


def test_negatives_are_left_out_of_training_alone_and_always_the_same_ones():
    sentences = [(["pump", str(n)], [("site", 0, 1)] if n % 10 == 0 else []) for n in range(100)]
    corpus = corpus_of(*sentences)
    options = MrcNerOptions(negative_share=0.5)
    task = MrcNerTask.of(corpus, options, labels=["site", "time"])
    tokenizer = TOKENIZERS["wordpiece"]
    encoded = task.encode(corpus, tokenizer, 40, training=True)
    kept = encoded.facts["pairs"]
    assert kept + encoded.facts["dropped_pairs"] == 200
    assert 70 < kept - 10 < 120
    assert encoded.facts["spans_in_no_window"] == 0
    assert task.encode(corpus, tokenizer, 40, training=True).features == encoded.features
    assert task.encode(corpus, tokenizer, 40).facts["pairs"] == 200
    nothing = MrcNerTask.of(corpus, MrcNerOptions(negative_share=0.0), ["site", "time"])
    assert nothing.encode(corpus, tokenizer, 40, training=True).facts["pairs"] == 10
    assert len(task.decode(np.zeros((kept, 1, 5)), encoded)) == 100


def test_weights_become_coefficients():
    task = MrcNerTask({"site": "x"}, options=MrcNerOptions(start=0.5, end=2, match=0.0))
    encoded = task.encode(CORPUS, TOKENIZERS["wordpiece"], 40)
    batch = batch_of(task, encoded, TOKENIZERS["wordpiece"])
    inputs = task.loss_inputs(gold_outputs(task, batch), batch)
    assert [item.coefficient for item in inputs] == [0.5, 2, 0.0]


def test_the_queries_of_the_data_are_kept_and_saved():
    corpus = corpus_of((["a"], [("X", 0, 1)]), queries={"X": "Find the x.", "Y": "Find the y."})
    task = MrcNerTask.of(corpus)
    assert task.queries == {"X": "Find the x.", "Y": "Find the y."}
    again = MrcNerTask.restore(task.labels, json.loads(json.dumps(task.settings())))
    assert again.settings() == task.settings()
    assert list(task.texts(corpus)) == ["a", "Find", "the", "x.", "Find", "the", "y."]


def test_a_file_of_queries(file):
    path = file("site\tWhere?\nother\tWhat?\n", "queries.tsv")
    options = MrcNerOptions(queries=str(path))
    task = MrcNerTask.of(CORPUS, options)
    assert task.queries == {"site": "Where?"}
    assert MrcNerTask.restore(["site"], {"queries": str(path)}).queries == {"site": "Where?"}
    path.write_text("other\tWhat?\n")
    with pytest.raises(DataError, match=r"expected a query for every type, got none for site"):
        MrcNerTask.of(CORPUS, options)


def test_longest_span_is_that_of_training_up_to_a_limit():
    corpus = corpus_of((["a"] * 50, [("X", 0, 7), ("X", 0, 50)]))
    assert MrcNerTask.of(corpus).max_span_words == 32
    assert MrcNerTask.of(corpus, MrcNerOptions(max_span_words=3)).max_span_words == 3
    encoded = MrcNerTask.of(corpus).encode(corpus, TOKENIZERS["wordpiece"], 300)
    assert encoded.facts["spans_too_long"] == 1
    assert encoded.notes == (
        "1 of 2 entities are longer than max_span_words=32 and cannot be found",
    )


def test_more_entities_than_candidates_are_counted():
    corpus = corpus_of((["a", "b", "c"], [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)]))
    task = MrcNerTask.of(corpus, MrcNerOptions(candidates=2))
    encoded = task.encode(corpus, TOKENIZERS["wordpiece"], 40)
    assert encoded.facts["spans_beyond_candidates"] == 1
    assert encoded.notes == (
        "1 of 3 entities are more than the candidates=2 of their window: raise candidates",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negative_share": 1.5}, "expected negative_share from 0 to 1, got 1.5"),
        ({"start": -1}, "expected start of at least 0, got -1"),
        ({"start": 0, "end": 0, "match": 0}, "expected a weight above 0 for start, end or match"),
        ({"max_span_words": 0}, "expected max_span_words of at least 1, got 0"),
        ({"max_span_words": "long"}, "unknown max_span_words 'long'"),
        ({"candidates": 0}, "expected candidates of at least 1"),
        ({"stride": -1}, "expected stride of at least 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        MrcNerOptions(**options)


def test_types_that_the_model_does_not_know():
    task = MrcNerTask.of(CORPUS)
    other = EntityCorpus((EntitySentence(("a",), (EntitySpan("X", 0, 1),), line=7),), "dev.json")
    with pytest.raises(DataError, match=r"dev.json:7: expected entities of the types .*\(site\)"):
        task.check(other)


def test_training_data_and_models_without_types():
    with pytest.raises(InputError, match="expected entities in the 1 training sentences"):
        MrcNerTask.of(corpus_of((["a"], [])))
    with pytest.raises(InputError, match="expected the names of entity types as labels"):
        MrcNerTask.restore(["LABEL_0", "LABEL_1"], {})
    assert MrcNerTask.restore(["ORG"], {}).queries["ORG"].startswith("Find organizations")


def test_a_query_that_fills_the_window():
    task = MrcNerTask({"site": "pump " * 40})
    with pytest.raises(InputError, match=r"expected a question of fewer than .*; shorten it or"):
        task.encode(CORPUS, TOKENIZERS["wordpiece"], 30)


def test_files_of_predictions(file, tmp_path, log):
    task = MrcNerTask.of(CORPUS)
    rows = [json.dumps(row) for row in task.rows(CORPUS, [[EntitySpan("site", 2, 4)]])]
    path = file("\n".join(rows) + "\n", "predictions.jsonl")
    assert MrcNerTask.score_file(path, None, MrcNerOptions())["f1"] == 1.0
    gold = tmp_path / "gold.jsonl"
    entities = [{"type": "site", "start": 2, "end": 4}, {"type": "site", "start": 0, "end": 1}]
    gold.write_text(json.dumps({"tokens": CORPUS.sentences[0].tokens, "entities": entities}) + "\n")
    scores = MrcNerTask.score_file(path, gold, MrcNerOptions())
    assert (scores["precision"], scores["recall"]) == (1.0, 0.5)
    log.clear()
    gold.write_text(gold.read_text().replace("]}", ', {"type": "site", "start": 0, "end": 1}]}'))
    MrcNerTask.score_file(path, gold, MrcNerOptions())
    assert any("spans given twice" in line for line in log.messages)
    # spans of a text count characters, those of the gold words
    path.write_text('{"text": "Pump at Quay Nine", "entities": []}\n')
    with pytest.raises(DataError, match=r"predictions.jsonl:1: expected the words under tokens"):
        MrcNerTask.score_file(path, gold, MrcNerOptions())


def test_real_corpus_equals_the_tagging_reader(real_data):
    from dicetune.data import read_tokens, spans

    path = real_data("ncbi_disease/devel.tsv")
    corpus = MrcNerTask.read(path, MrcNerOptions())
    tagged = read_tokens(path)
    assert [list(s.spans) for s in corpus] == [spans(s.tags, "iob2") for s in tagged]
    assert [s.tokens for s in corpus] == [s.tokens for s in tagged]
    few = corpus.first(60)
    task = MrcNerTask.of(corpus)
    encoded, predicted = predict_gold(task, few, TOKENIZERS["wordpiece"], 400)
    lost = encoded.facts["spans_in_no_window"]
    assert task.score(few, predicted)["correct"] == encoded.facts["spans"] - lost
    assert lost < 5
