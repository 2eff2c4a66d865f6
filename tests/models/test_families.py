"""Every family and head: loads, aligns with its text, and gives a text the same output anywhere."""

import pytest
import torch
from tokenizers import Regex, pre_tokenizers
from transformers import AutoTokenizer

from dicetune.models import load_model, load_tokenizer, position_limit, with_characters
from families import FAMILIES, HEADS

TEXTS = [
    "The pump at Quay Nine is down again .",
    "Dock four is fine ; the scanner at gate 2 is not , ähm , 東京 isn't either .",
    "x",
]
SAME = 1e-5  # one computation in other batches; the wrong side of padding is 1e-2 to 1 off


@pytest.fixture(scope="module")
def tokenizers(saved_family):
    return {name: load_tokenizer(saved_family(name, "token")) for name in FAMILIES}


def outputs(model, batch):
    """One tensor: (texts, outputs), or (texts, positions, outputs)."""
    with torch.no_grad():
        found = model(**batch)
    if "logits" in found:
        return found["logits"]
    return torch.stack([found["start_logits"], found["end_logits"]], -1)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", FAMILIES)
def test_an_output_does_not_depend_on_padding_or_on_the_batch(saved_family, name, head):
    tokenizer = load_tokenizer(saved_family(name, head))
    model = load_model(HEADS[head], saved_family(name, head)).eval()
    if head != "sequence":  # positions are read back from the left; a whole text has no positions
        tokenizer.padding_side = "right"
    rows = [dict(tokenizer(text)) for text in TEXTS]
    alone = [outputs(model, {key: torch.tensor([row[key]]) for key in row})[0] for row in rows]
    together = outputs(model, tokenizer.pad(rows, return_tensors="pt"))
    wide = outputs(
        model, tokenizer.pad(rows[:1], padding="max_length", max_length=48, return_tensors="pt")
    )
    turned = outputs(model, tokenizer.pad(rows[::-1], return_tensors="pt")).flip(0)
    for number, one in enumerate(alone):
        for batch in (together, turned, wide):
            if number < len(batch):
                other = batch[number] if head == "sequence" else batch[number][: len(one)]
                torch.testing.assert_close(other, one, rtol=0, atol=SAME)
    batch = tokenizer.pad(rows, return_tensors="pt")
    batch["attention_mask"] = torch.ones_like(batch["attention_mask"])
    last = outputs(model, batch)[2]
    unmasked = last if head == "sequence" else last[: len(alone[2])]
    assert (unmasked - alone[2]).abs().max() > 100 * SAME  # what is held here can be seen


def test_left_padding_moves_what_a_family_reads(saved_family):
    """The trap that the side of padding is for: XLNet's whole-text head reads the last position."""
    folder = saved_family("xlnet", "sequence")
    tokenizer, model = load_tokenizer(folder), load_model(HEADS["sequence"], folder).eval()
    assert tokenizer.padding_side == "left"
    rows = [dict(tokenizer(text)) for text in TEXTS]
    right = load_tokenizer(folder)
    right.padding_side = "right"
    left, wrong = (outputs(model, t.pad(rows, return_tensors="pt")) for t in (tokenizer, right))
    assert (left[2] - wrong[2]).abs().max() > 1e-3


def test_limits(saved_family):
    found = {}
    for name in FAMILIES:
        model = load_model(HEADS["token"], saved_family(name, "token"))
        tokenizer = load_tokenizer(saved_family(name, "token"))
        found[name] = position_limit(model.config, tokenizer)
        text = "pump " * 200
        batch = tokenizer(text, truncation=True, max_length=found[name], return_tensors="pt")
        assert batch["input_ids"].shape[1] == found[name]
        assert torch.isfinite(outputs(model.eval(), batch)).all()
        tokenizer.model_max_length = int(1e30)  # what the library says where it knows nothing
        unknown = position_limit(model.config, tokenizer)
        assert unknown == (int(1e30) if name == "xlnet" else found[name])
    assert found == {**dict.fromkeys(FAMILIES, 64), "roberta": 48}


@pytest.mark.parametrize("name", FAMILIES)
def test_offsets_point_into_the_text(tokenizers, name):
    """The characters of a sub-word's offsets are its own, but for a space at their start."""
    tokenizer = tokenizers[name]
    for text in TEXTS:
        encoded = tokenizer(text, return_offsets_mapping=True)
        covered = set()
        for place, (start, end) in zip(
            encoded.sequence_ids(), encoded["offset_mapping"], strict=True
        ):
            if place is None:
                assert start == end == 0
                continue
            assert 0 <= start <= end <= len(text)
            covered |= set(range(start, end))
        assert {n for n, letter in enumerate(text) if letter != " "} <= covered


@pytest.mark.parametrize("name", FAMILIES)
def test_words_are_seen_as_in_running_text(tokenizers, name):
    tokenizer = tokenizers[name]
    for text in TEXTS:
        words = text.split()
        apart = tokenizer(words, is_split_into_words=True)
        assert apart["input_ids"] == tokenizer(text)["input_ids"]
        assert sorted(set(apart.word_ids()) - {None}) == list(range(len(words)))


def test_only_a_byte_level_step_that_sees_words_gets_the_prefix_space(tmp_path):
    tokenizer = FAMILIES["modernbert"][0]()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?\w+|[^\w\s]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "modernbert"}', encoding="utf-8")
    assert load_tokenizer(str(tmp_path)).tokenize("pump.") == ["p", "u", "m", "p", "."]


def test_segments_are_handed_over_where_a_model_has_them(tokenizers):
    segments = {
        name: tokenizer("pump", "quay").get("token_type_ids")
        for name, tokenizer in tokenizers.items()
    }
    assert segments["bert"] == [0, 0, 0, 1, 1]
    assert segments["roberta"] is segments["modernbert"] is None
    assert segments["xlnet"][-2:] == [1, 2]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_library_alone_reads_a_saved_tokenizer_alike(tokenizers, name, tmp_path):
    """What was set after loading is saved: a pipeline sees what training saw."""
    ours = tokenizers[name]
    ours.save_pretrained(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for given in [(TEXTS[1],), (TEXTS[0], TEXTS[2]), (TEXTS,)]:
        assert theirs(*given).data == ours(*given).data
    assert theirs.padding_side == ours.padding_side
    if name == "xlnet":
        assert theirs("pump")["token_type_ids"][-1] == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_new_characters_change_nothing_else(tokenizers, name):
    before = tokenizers[name]
    after, added = with_characters(before, ["the Ω pump"])
    assert added == (0 if name in ("roberta", "modernbert") else 1)
    assert after.padding_side == before.padding_side
    assert after("The pump", "quay").data == before("The pump", "quay").data
    assert after.unk_token_id not in after("Ω")["input_ids"]
