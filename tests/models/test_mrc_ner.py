"""MrcNerModel on every family: loading, saving, and what must not change an output."""

import pytest
import torch
from transformers import AutoModel, T5Config

import dicetune.models
from dicetune.errors import InputError
from dicetune.models import MrcNerConfig, MrcNerModel, load_model, load_tokenizer, position_limit
from families import FAMILIES, save_family

LABELS = ["LOC", "PER"]
HEADS = {"start.weight", "start.bias", "end.weight", "end.bias"}


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request, tmp_path_factory):
    """An encoder folder, a model on it, and the folder of that model."""
    folder = tmp_path_factory.mktemp("models")
    encoder = save_family(request.param, "token", folder / "encoder")
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
    own = model.backbone.state_dict()
    assert own.keys() <= plain.keys()
    assert all(torch.equal(own[name], plain[name]) for name in own)
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
