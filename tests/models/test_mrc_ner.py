"""MrcNerModel on every family, and the spans that its match head scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, T5Config

import dicetune.models
from dicetune.errors import InputError
from dicetune.models import (
    MrcNerConfig,
    MrcNerModel,
    load_model,
    load_tokenizer,
    position_limit,
    select_spans,
    span_count,
)
from families import FAMILIES

LABELS = ["LOC", "PER"]
HEADS = {"start.weight", "start.bias", "end.weight", "end.bias"}


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request, saved_family, tmp_path_factory):
    """An encoder folder, a model on it, and the folder of that model."""
    folder = tmp_path_factory.mktemp("models")
    encoder = saved_family(request.param)
    torch.manual_seed(1)
    model = load_model(MrcNerModel, encoder, LABELS)
    model.save_pretrained(folder / "model")
    load_tokenizer(encoder).save_pretrained(folder / "model")
    return encoder, model, str(folder / "model")


def batch_of(tokenizer, texts):
    tokenizer.padding_side = "right"
    batch = tokenizer(
        [["Find", "gate"]] * len(texts),
        texts,
        is_split_into_words=True,
        padding=True,
        return_tensors="pt",
    )
    mask = torch.zeros_like(batch["input_ids"])
    for row in range(len(texts)):
        previous = None
        for place, (part, word) in enumerate(
            zip(batch.sequence_ids(row), batch.word_ids(row), strict=True)
        ):
            mask[row, place] = part == 1 and word != previous
            previous = word if part == 1 else None
    names = [name for name in tokenizer.model_input_names if name in batch]
    return {**{name: batch[name] for name in names}, "candidate_mask": mask}


def test_new_heads_stand_on_the_encoder_as_it_was_saved(saved):
    encoder, model, _ = saved
    plain = AutoModel.from_pretrained(encoder).state_dict()
    kept = model.backbone.state_dict()
    assert kept.keys() <= plain.keys()
    assert all(torch.equal(kept[name], plain[name]) for name in kept)
    assert model.backbone.config._attn_implementation in ("sdpa", "eager")
    assert (model.config.num_labels, model.config.id2label) == (2, dict(enumerate(LABELS)))
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_missing_heads_are_reported(saved):
    _, found = MrcNerModel.from_pretrained(saved[0], output_loading_info=True)
    assert set(found["missing_keys"]) >= HEADS
    assert all(not name.startswith("backbone") for name in found["missing_keys"])


@pytest.mark.parametrize("loader", [AutoModel, MrcNerModel])
def test_a_saved_model_comes_back_the_same(saved, loader):
    _, model, folder = saved
    again, found = loader.from_pretrained(folder, output_loading_info=True, use_safetensors=True)
    assert type(again) is MrcNerModel
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    ours, theirs = model.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert again.config.id2label == dict(enumerate(LABELS))
    assert again.config.max_span_words == model.config.max_span_words


def test_a_saved_model_is_trained_on_for_other_types(saved):
    again = load_model(MrcNerModel, saved[2], ["A", "B", "C"])
    assert again.config.id2label == {0: "A", 1: "B", 2: "C"}
    assert torch.equal(again.start.weight, saved[1].start.weight)


def test_sizes_come_with_the_call(saved):
    for folder in (saved[0], saved[2]):
        model = MrcNerModel.from_pretrained(folder, max_span_words=3, candidates_per_window=5)
        assert (model.config.max_span_words, model.config.candidates_per_window) == (3, 5)


def test_padding_and_batch_order_change_nothing(saved):
    encoder, model, _ = saved
    tokenizer = load_tokenizer(encoder)
    short, long = ["Dock", "four"], ["The", "pump", "at", "gate", "2", "is", "down", "again", "."]
    with torch.inference_mode():
        alone = model(**batch_of(tokenizer, [short]))
        both = model(**batch_of(tokenizer, [long, short]))
        turned = model(**batch_of(tokenizer, [short, long]))
    width = alone.start_logits.shape[1]
    for name in ("start_logits", "end_logits"):
        torch.testing.assert_close(both[name][1, :width], alone[name][0], rtol=1e-4, atol=1e-5)
    for other in (alone, turned):
        # spans whose scores differ by rounding may change places: compare span by span
        ours, theirs = by_span(both, 1), by_span(other, 0)
        assert ours.keys() == theirs.keys()
        for span, logit in ours.items():
            torch.testing.assert_close(logit, theirs[span], rtol=1e-4, atol=1e-5)


def by_span(output, row):
    """Match logits of one window by the places of the span."""
    spans = map(tuple, output.span_positions[row].tolist())
    logits = dict(zip(spans, output.span_logits[row], strict=True))
    logits.pop((-1, -1), None)
    return logits


def test_gold_is_among_the_candidates_in_training_and_not_looked_at_otherwise(saved):
    encoder, _, folder = saved
    model = MrcNerModel.from_pretrained(folder, candidates_per_window=1)
    batch = batch_of(load_tokenizer(encoder), [["The", "pump", "at", "gate", "2", "is", "down"]])
    places = batch["candidate_mask"][0].nonzero()[:, 0]
    for first in range(len(places)):
        gold = {"gold_starts": places[first].view(1, 1), "gold_ends": places[-1].view(1, 1)}
        model.train()
        assert model(**batch, **gold).span_positions.tolist() == [
            [[int(places[first]), int(places[-1])]]
        ]
        model.eval()
        with torch.inference_mode():
            assert torch.equal(model(**batch, **gold).span_positions, model(**batch).span_positions)


def test_every_head_has_a_gradient(saved):
    encoder, _, folder = saved
    model = MrcNerModel.from_pretrained(folder).train()
    output = model(**batch_of(load_tokenizer(encoder), [["The", "pump", "is", "down"]]))
    (output.start_logits.sum() + output.end_logits.sum() + output.span_logits.sum()).backward()
    for head in (model.start, model.end, model.match[0], model.match[3]):
        assert head.weight.grad.abs().sum() > 0
    assert model.get_input_embeddings().weight.grad.abs().sum() > 0
    assert not output.span_positions.requires_grad


def test_half_precision_gives_finite_outputs(saved):
    encoder, _, folder = saved
    model = MrcNerModel.from_pretrained(folder)
    batch = batch_of(load_tokenizer(encoder), [["The", "pump", "is", "down"], ["Dock"]])
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(**batch)
    assert all(torch.isfinite(output[name]).all() for name in output)


def test_vocabulary_and_limit_are_the_encoders(saved):
    encoder, _, folder = saved
    model = MrcNerModel.from_pretrained(folder)
    tokenizer = load_tokenizer(folder)
    plain = AutoModel.from_pretrained(encoder)
    assert model.config.vocab_size == plain.config.vocab_size
    assert position_limit(model.config, tokenizer) == position_limit(plain.config, tokenizer)
    model.resize_token_embeddings(model.config.vocab_size + 7, mean_resizing=False)
    assert model.config.vocab_size == plain.config.vocab_size + 7
    assert len(model.get_input_embeddings().weight) == model.config.vocab_size


def test_an_encoder_decoder_is_refused():
    with pytest.raises(InputError, match="expected an encoder such as BERT or RoBERTa, got the"):
        MrcNerModel(MrcNerConfig(T5Config(d_model=8, num_layers=1, num_heads=1, d_ff=8)))


def test_the_configuration_survives_plain_data():
    config = MrcNerConfig({"model_type": "roberta", "vocab_size": 99}, max_span_words=7)
    again = MrcNerConfig.from_dict(config.to_dict())
    assert (again.text_config.model_type, again.vocab_size, again.max_span_words) == (
        "roberta",
        99,
        7,
    )
    assert dicetune.models.MrcNerConfig is MrcNerConfig


LOGITS = torch.tensor([[2.0, -1.0, 3.0]]), torch.tensor([[1.0, 2.0, -5.0]])


def by_two_loops(start, end, mask, max_words, count, gold=()):
    """The same for one window of plain lists."""
    places = [place for place, word in enumerate(mask) if word]
    found = []
    for first in range(len(places)):
        for length in range(max_words):
            if first + length < len(places):
                a, b = places[first], places[first + length]
                score = float("inf") if (a, b) in gold else min(start[a], end[b])
                found.append((-score, length, first, [a, b]))
    spans = [row[-1] for row in sorted(found)][:count]
    return spans + [[-1, -1]] * (count - len(spans))


def test_worked_example():
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=6)
    # 1..2 and 2..2 score -5 both: the shorter one first
    assert spans.tolist() == [[[0, 1], [0, 0], [1, 1], [2, 2], [1, 2], [-1, -1]]]


def test_gold_comes_first_even_where_it_is_unlikely():
    gold = {"gold_starts": torch.tensor([[2, -1]]), "gold_ends": torch.tensor([[2, -1]])}
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=2, **gold)
    assert spans.tolist() == [[[2, 2], [0, 1]]]


def test_gold_that_is_too_long_or_turned_round_is_no_candidate():
    gold = {"gold_starts": torch.tensor([[0, 2]]), "gold_ends": torch.tensor([[2, 0]])}
    spans = select_spans(*LOGITS, torch.ones(1, 3), max_words=2, count=1, **gold)
    assert spans.tolist() == [[[0, 1]]]


@given(data=st.data())
def test_against_two_loops(data):
    width, max_words, count = (data.draw(st.integers(1, n)) for n in (12, 6, 20))
    numbers = st.lists(st.integers(-3, 3), min_size=width, max_size=width)  # many ties
    rows = [(data.draw(numbers), data.draw(numbers)) for _ in range(2)]
    masks = [data.draw(st.lists(st.booleans(), min_size=width, max_size=width)) for _ in range(2)]
    golds = []
    for mask in masks:
        places = [place for place, word in enumerate(mask) if word]
        pairs = [(a, b) for i, a in enumerate(places) for b in places[i : i + max_words]]
        golds.append(data.draw(st.lists(st.sampled_from(pairs), max_size=3)) if pairs else [])
    most = max(1, *map(len, golds))
    starts, ends = (
        torch.tensor([[pair[side] for pair in g] + [-1] * (most - len(g)) for g in golds])
        for side in (0, 1)
    )
    spans = select_spans(
        torch.tensor([row[0] for row in rows], dtype=torch.float32),
        torch.tensor([row[1] for row in rows], dtype=torch.float32),
        torch.tensor(masks),
        max_words=max_words,
        count=count,
        gold_starts=starts,
        gold_ends=ends,
    )
    expected = [
        by_two_loops(*row, mask, max_words, count, set(gold))
        for row, mask, gold in zip(rows, masks, golds, strict=True)
    ]
    assert spans.tolist() == expected
    words = torch.tensor([sum(mask) for mask in masks])
    assert ((spans[..., 0] >= 0).sum(1) == span_count(words, max_words).clamp(max=count)).all()


def test_every_pair_of_two_likely_ends_is_looked_at_while_there_is_room():
    # one end of great weight does not push out pairs whose ends are both believed in
    start, end = torch.full((1, 20), -1.0), torch.full((1, 20), -9.0)
    start[0, 4], end[0, 5] = 0.1, 0.1
    start[0, 15] = 50.0
    spans = select_spans(start, end, torch.ones(1, 20), max_words=8, count=1)
    assert spans.tolist() == [[[4, 5]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_infinite_logits_of_half_precision_count_as_spans(dtype):
    start = torch.full((1, 3), -torch.inf, dtype=dtype)
    spans = select_spans(start, start, torch.ones(1, 3), max_words=2, count=5)
    assert (spans >= 0).all()


def test_no_word_at_all():
    spans = select_spans(*LOGITS, torch.zeros(1, 3), max_words=2, count=2)
    assert spans.tolist() == [[[-1, -1], [-1, -1]]]


def test_memory_grows_with_the_window_and_not_with_its_square():
    long = torch.randn(1, 4096)
    spans = select_spans(long, long, torch.ones(1, 4096), max_words=16, count=32)
    assert spans.shape == (1, 32, 2)
