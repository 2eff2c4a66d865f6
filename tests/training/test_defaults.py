"""Learning rate, epochs and batch size by the encoder and the data."""

import json

import pytest
from transformers import (
    AlbertConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    Qwen3Config,
    RobertaConfig,
)

from commands import command
from dicetune.comparison.compare import compare, make_plan
from dicetune.errors import InputError
from dicetune.models.encoder import encoder_size
from dicetune.training import RunConfig
from dicetune.training.config import TRAINER_DEFAULTS
from dicetune.training.defaults import BANDS, band_of, missing_keys, with_defaults, with_earlier
from dicetune.training.folder import CONFIG_FILE
from tiny import tiny_bert


def sizes(hidden, layers, heads, **others):
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
        **others,
    }


LARGE = sizes(1024, 24, 16)
MODERN = {"vocab_size": 50368, "pad_token_id": 50283}
# the configuration of a published encoder, its band, and the highest learning rate that its authors
# (named in training.defaults; ALBERT: Lan et al. 2020) fine-tune it with; for Qwen3 that of its own
# fine-tuning, for MiniLM, whose authors take 5e-5, what was measured here
KNOWN = [
    (BertConfig(**sizes(128, 2, 2)), "small", 3e-4),  # BERT-tiny
    (BertConfig(**sizes(384, 6, 12)), "small", 2e-4),  # MiniLM-L6
    (BertConfig(**sizes(384, 12, 12, vocab_size=250_037)), "small", 2e-4),  # multilingual MiniLM
    (ElectraConfig(**sizes(256, 12, 4), embedding_size=128), "small", 3e-4),
    (BertConfig(**sizes(512, 8, 8)), "medium-sized", 3e-4),  # BERT-medium
    (DistilBertConfig(), "base-sized", 5e-5),
    (BertConfig(), "base-sized", 5e-5),
    (RobertaConfig(vocab_size=250_002), "base-sized", 3e-5),  # XLM-R
    (DebertaV2Config(**sizes(384, 12, 6, vocab_size=128_100)), "small", 5e-5),
    (DebertaV2Config(**sizes(768, 12, 12, vocab_size=128_100)), "base-sized", 3e-5),
    (AlbertConfig(**sizes(768, 12, 12)), "base-sized", 5e-5),
    (AlbertConfig(**sizes(4096, 12, 64)), "large", 1e-5),
    (ModernBertConfig(**MODERN), "base-sized", 8e-5),
    (BertConfig(**LARGE), "large", 5e-5),
    (RobertaConfig(**LARGE), "large", 2e-5),
    (DebertaV2Config(**LARGE), "large", 1e-5),
    (DebertaV2Config(**sizes(1536, 48, 24, vocab_size=128_100)), "very large", 3e-6),
    (Qwen3Config(**sizes(1024, 28, 16, num_key_value_heads=8)), "large", 1e-5),
]


@pytest.mark.parametrize(("config", "name", "most"), KNOWN, ids=lambda one: str(one)[:20])
def test_the_rate_is_never_above_what_the_family_bears(config, name, most):
    band = band_of(encoder_size(config))
    assert band.name == name
    assert band.rate <= most


def test_a_family_with_a_lower_rate_gets_the_steps_of_an_encoder_with_such_a_rate():
    small = DebertaV2Config(**sizes(384, 12, 6, vocab_size=128_100))
    assert band_of(encoder_size(small)).steps == band_of(encoder_size(BertConfig())).steps == 500
    large = DebertaV2Config(**LARGE)
    assert band_of(encoder_size(large)).steps == band_of(encoder_size(BertConfig(**LARGE))).steps


def test_larger_encoders_get_lower_rates_and_no_fewer_steps():
    rates, steps = [band.rate for band in BANDS], [band.steps for band in BANDS]
    assert rates == sorted(rates, reverse=True)
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("hidden", "parameters", "examples", "expected"),
    [
        (384, 10e6, 436, (2e-4, 32, 15)),  # 14 steps an epoch: 15 epochs have 210
        (384, 10e6, 50_000, (2e-4, 32, 5)),
        (384, 10e6, 200, (2e-4, 16, 16)),  # 7 x 20 steps of 32 are too few, 13 x 20 of 16 enough
        (384, 10e6, 5, (2e-4, 8, 20)),
        (768, 85e6, 2_490, (3e-5, 32, 7)),
        (1024, 300e6, 2_490, (1e-5, 32, 11)),
        (1024, 300e6, 100_000, (1e-5, 32, 3)),
    ],
)
def test_small_data_has_enough_steps(hidden, parameters, examples, expected):
    from dicetune.models.encoder import EncoderSize

    chosen, said = missing_keys({}, EncoderSize(hidden, int(parameters)), examples)
    assert tuple(chosen.values()) == expected
    assert f"{expected[2]} epochs: for {examples:,} training examples" in said
    # a given batch size decides the epochs; accumulation makes fewer steps
    key = "per_device_train_batch_size"
    given = {key: expected[1] // 2, "gradient_accumulation_steps": 2}
    other, _ = missing_keys(given, EncoderSize(hidden, int(parameters)), examples)
    assert (key in other, other["num_train_epochs"]) == (False, expected[2])


def test_a_run_writes_them_down_and_a_resume_keeps_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_bert(tmp_path / "model")
    caps = ("--max-train", "4", "-s", "max_dev=2", "-s", "max_test=2", "-s", "trainer.use_cpu=true")
    arguments = ("train", "ner", "--data", "sample", "--model", "model", "--loss", "ce", *caps)
    assert command(*arguments, "--epochs", "1", "--out", "run") == 0
    said = "learning rate 2e-4, batches of 8: for 4 training examples and a small encoder"
    assert said in " ".join(capsys.readouterr().err.split())
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    trainer = record["config"]["trainer"]
    assert (trainer["learning_rate"], trainer["per_device_train_batch_size"]) == (2e-4, 8)
    assert any(said in note for note in record["notes"])
    config = RunConfig.from_yaml(tmp_path / "run" / CONFIG_FILE)
    assert config.trainer == trainer
    asked = config.updated({"trainer": {"use_cpu": True}})
    assert with_earlier(asked, tmp_path / "run") == (config, True)
    earlier = config.updated({"trainer": {"use_cpu": True, "num_train_epochs": 2}})
    (tmp_path / "run" / CONFIG_FILE).write_text(earlier.to_yaml(), encoding="utf-8")
    kept, _ = with_earlier(asked, tmp_path / "run")
    assert kept == earlier  # of an earlier version: what is not there stays a constant
    assert TRAINER_DEFAULTS["learning_rate"] == 2e-4
    assert with_earlier(asked, tmp_path) == (asked, False)


@pytest.mark.parametrize(
    ("given", "hidden", "rate", "epochs"),
    [
        ({"task": "pair"}, 32, 5e-5, 16),  # 32 steps an epoch: 16 epochs have 512
        ({"task": "pair"}, 768, 3e-5, 16),
        ({"task": "pair"}, 1024, 1e-5, 13),  # 63 steps of 16 an epoch
        ({"task": "pair", "lora": "r=4"}, 32, 2e-4, 16),
        ({"task": "pair", "trainer": {"learning_rate": 1e-3}}, 32, 1e-3, 16),
        ({"task": "text"}, 32, 2e-4, 7),
        ({"task": "ner"}, 32, 2e-4, 7),
    ],
)
def test_pairs_of_texts_bear_less_than_a_small_encoder_does(tmp_path, given, hidden, rate, epochs):
    BertConfig(**sizes(hidden, 2, 2)).save_pretrained(tmp_path)
    config = RunConfig.from_mapping({"train": "a.tsv", "dev": "b.tsv", **given})
    settled, said = with_defaults(config, str(tmp_path), 1000)
    assert settled.trainer["learning_rate"] == rate
    assert settled.trainer["num_train_epochs"] == epochs
    chosen = f"learning rate {rate:.0e}".replace("e-0", "e-") in "".join(said)
    assert chosen == ("trainer" not in given)
    assert said[0].endswith(", task pair") == (given["task"] == "pair")


def test_a_comparison_writes_them_into_its_plan(tmp_path, log):
    tiny_bert(tmp_path / "model")
    values = {"task": "ner", "train": "sample", "model": str(tmp_path / "model"), "max_train": 40}
    plan = make_plan(values, ["ce", "dice"], 1)
    assert plan.trainer["learning_rate"] == 2e-4
    assert plan.trainer["num_train_epochs"] == 20
    assert plan.trainer["per_device_train_batch_size"] == 8
    assert "20 epochs: for 40 training examples" in "".join(log.messages)
    steps = make_plan({**values, "trainer": {"max_steps": 9}}, ["ce", "dice"], 1)
    assert steps.trainer["max_steps"] == 9
    embedded = make_plan({**values, "model": "minilm"}, ["ce", "dice"], 1)
    assert embedded.trainer["learning_rate"] == 3e-4  # measured for the packaged sample


def test_a_comparison_that_goes_on_keeps_those_of_its_plan(tmp_path):
    tiny_bert(tmp_path / "model")
    values = {"task": "ner", "train": "sample", "model": str(tmp_path / "model"), "max_train": 40}
    constants = ("learning_rate", "num_train_epochs", "per_device_train_batch_size")
    before = {key: TRAINER_DEFAULTS[key] for key in constants}  # as an earlier version planned
    make_plan({**values, "trainer": before}, ["ce", "dice"], 1).save(tmp_path)
    with pytest.raises(InputError, match=r"got another max_length \(None then, 32 now\): give"):
        compare(tmp_path, {**values, "max_length": 32}, losses=["ce", "dice"], seeds=1)
