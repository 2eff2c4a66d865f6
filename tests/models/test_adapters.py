"""LoRA: what is trained, what is saved, and that a run resumes; encoders and decoders."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

import dicetune
from dicetune.errors import InputError
from dicetune.models.adapters import LowRank, merged_weights
from dicetune.records import read_json
from dicetune.training import RunConfig, run
from tiny import TEXTS, tiny_bert

NER = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n" * 4
TEXT = "label\ttext\nspam\tthe pump at Quay Nine\nham\tall quiet\n" + "ham\tall is fine\n" * 6
PAIR = "label\ttext\ttext_b\n1\tthe pump\tthe pump at Quay\n0\tall quiet\tdown again\n" * 1
PAIR += "0\tall quiet\tthe scanner\n" * 6
LABELS = "text\tlabels\n" + "quay is down\tfear,joy\n" * 100 + "gate is up\t\n" * 2
DATA = {
    "ner": ("a.conll", NER),
    "text": ("a.tsv", TEXT),
    "pair": ("a.tsv", PAIR),
    "multilabel": ("a.tsv", LABELS),
}


def tiny_qwen(folder):
    """A random decoder of the Qwen3 type, whose tokenizer has no padding and no separators."""
    pieces = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", model_max_length=128
    )
    config = Qwen3Config(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=128,
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    tiny_bert(folder / "bert", texts=[*TEXTS, NER.replace(" O", "")])
    tiny_qwen(folder / "qwen")
    for task, (name, text) in DATA.items():
        (folder / task).mkdir()
        (folder / task / name).write_text(text, encoding="utf-8")
    return folder


def config(place, out, task="ner", model="bert", **others):
    file = str(place / task / DATA[task][0])
    trainer = {
        "max_steps": 6,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 4,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "eval_steps": 3,
        "save_steps": 3,
        "use_cpu": True,
        **others.pop("trainer", {}),
    }
    values = {"task": task, "train": file, "dev": file, "model": str(place / model)}
    values |= {"loss": "ce", "lora": "r=4", "out": str(out), "trainer": trainer, **others}
    return RunConfig.from_mapping(values)


def test_the_options_are_read_and_checked():
    assert LowRank.of("") == LowRank(16, 32, 0.1, (), True)
    for text, said in [
        ("rank=3", "unknown option of lora 'rank'"),
        ("r=x", "expected r of lora as in"),
        ("merge=maybe", "expected merge of lora as in"),
        ("r=0", "expected lora with r of at least 1"),
        ("dropout=1", "dropout in"),
    ]:
        with pytest.raises(InputError, match=said):
            RunConfig("ner", "a", dev="b", lora=text)
    with pytest.raises(InputError, match="expected lora or add_characters, got both"):
        RunConfig("ner", "a", dev="b", lora="r=4", add_characters=True)


def test_adapters_and_head_learn_and_are_merged(place, tmp_path):
    record = run(config(place, tmp_path / "run"))
    assert record.model["trained"] < record.model["parameters"] / 2
    before = load_file(place / "bert" / "model.safetensors")
    after = load_file(tmp_path / "run" / "model.safetensors")
    assert not any("lora" in name or "base_layer" in name for name in after)
    changed = {name for name in after if name in before and not after[name].equal(before[name])}
    assert {name.rpartition(".")[2] for name in changed if name.startswith("bert.")} == {"weight"}
    assert "bert.encoder.layer.0.attention.self.query.weight" in changed
    assert "bert.embeddings.word_embeddings.weight" not in changed
    assert {"classifier.weight", "classifier.bias"} <= changed
    # a rank of 4 at most
    name = "bert.encoder.layer.0.attention.self.query.weight"
    difference = torch.linalg.svdvals((after[name] - before[name]).double())
    assert (difference > 1e-6 * difference[0]).sum() <= 4


def test_merged_weights_compute_the_same(place):
    torch.manual_seed(1)
    model = AutoModelForTokenClassification.from_pretrained(place / "bert")
    LowRank(r=2, target=("query", "dense")).put_into(model)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    ids = torch.arange(12).view(2, 6)
    adapted = model.eval()(ids).logits
    plain = AutoModelForTokenClassification.from_pretrained(place / "bert").eval()
    unlike = plain(ids).logits
    plain.load_state_dict(merged_weights(model))
    torch.testing.assert_close(plain(ids).logits, adapted)
    assert not torch.allclose(unlike, adapted)


def test_a_stopped_run_resumes_to_the_same_weights(place, tmp_path):
    run(config(place, tmp_path / "whole"))
    part = config(place, tmp_path / "part", keep_checkpoints=True)
    run(part)
    (tmp_path / "part" / "run.json").unlink()
    for path in (tmp_path / "part" / "checkpoints" / "checkpoint-6").iterdir():
        path.unlink()
    run(part, resume=True)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "part")]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_without_a_merge_the_adapters_are_kept_and_loaded(place, tmp_path):
    run(config(place, tmp_path / "merged"))
    run(config(place, tmp_path / "kept", lora="r=4,merge=no"))
    names = {path.name for path in (tmp_path / "kept").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names
    assert "model.safetensors" not in names
    text = "the pump at Quay Nine"
    answers = [dicetune.load(tmp_path / name)(text) for name in ("merged", "kept")]
    assert answers[0][0].probabilities == pytest.approx(answers[1][0].probabilities, abs=1e-5)
    with pytest.raises(InputError, match="with adapters alone: train it with --lora merge=yes"):
        run(config(place, tmp_path / "next", model=str(tmp_path / "kept")))
    run(config(place, tmp_path / "kept", lora="r=4,merge=no"), overwrite=True)
    tiny_bert(tmp_path / "other", labels=5)
    stored = read_json(tmp_path / "kept" / "adapter_config.json")
    stored["r"] = 2
    (tmp_path / "kept" / "adapter_config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError, match="expected adapters of the encoder that they were"):
        dicetune.load(tmp_path / "kept")


@pytest.mark.parametrize("task", DATA)
def test_decoders(task, place, tmp_path):
    """With gradient checkpointing, and without padding or separators in the tokenizer."""
    more = {"trainer": {"gradient_checkpointing": True}} if task == "ner" else {}
    record = run(config(place, tmp_path / "run", task, "qwen", lora="target=q_proj/v_proj", **more))
    assert record.training["steps"] == 6
    model = dicetune.load(tmp_path / "run")
    texts = ["the pump at Quay Nine", "all quiet"]
    asked = (texts, ["the pump", "down"]) if task == "pair" else (texts,)
    together = model(*asked)
    alone = [model(*([part[n]] for part in asked))[0] for n in range(2)]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    assert not Path(tmp_path / "run" / "adapter_config.json").exists()


def test_an_unknown_target_is_refused_before_the_folder_is_made(place, tmp_path):
    with pytest.raises(InputError, match=r"linear layers of the encoder \(dense, key, query"):
        run(config(place, tmp_path / "run", lora="target=q_proj"))
    assert not (tmp_path / "run").exists()


def test_an_optimizer_of_a_missing_package_is_refused(place, tmp_path):
    with pytest.raises(InputError, match=r"(?i)expected trainer keys .*bitsandbytes"):
        run(config(place, tmp_path / "run", trainer={"optim": "adamw_8bit"}))
    assert not (tmp_path / "run").exists()


def test_a_head_without_a_bias_starts_even_unless_the_prior_is_asked_for(place, tmp_path):
    asked = {"task": "multilabel", "model": "qwen", "lora": None, "loss": "auto", "max_dev": 6}
    found = run(config(place, tmp_path / "run", **asked)).objective
    assert found["prior_bias"] is False
    assert "it has no bias that could hold a share" in found["auto"]["start"]
    with pytest.raises(InputError, match="no bias can be set there"):
        run(config(place, tmp_path / "other", prior_bias=True, **asked))
