"""What would go to the Hub, and the names that are fetched; no connection is opened."""

import json

import pytest
import yaml

import dicetune
from commands import command
from dicetune.errors import InputError
from dicetune.predictor import load


def test_what_would_go_has_a_card_and_no_data(trained_ner, tmp_path, capsys):
    folder, _ = trained_ner
    said = {"language": ["en"], "licence": "apache-2.0", "datasets": ["conll2003"]}
    found = dicetune.push(folder, "me/my-model", dry_run=True, **said)
    assert found.missing == ()
    assert {"model.safetensors", "config.json", "tokenizer.json", "run.json"} <= found.sizes.keys()
    for name in ("predictions.jsonl", "tuned.jsonl", "scores.safetensors", "config.yaml"):
        assert name not in found.sizes
    head = yaml.safe_load(found.card.split("---")[1])
    assert (head["license"], head["language"], head["datasets"]) == (
        "apache-2.0", ["en"] if isinstance(head["language"], list) else "en", ["conll2003"],
    )  # fmt: skip
    (index,) = head["model-index"]
    assert index["name"] == "my-model"
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    values = {row["type"]: row["value"] for row in index["results"][0]["metrics"]}
    assert values["f1"] == metrics["test"]["f1"]
    assert "## Intended use and limits" in found.card
    assert 'dicetune.load("hf:me/my-model")' in found.card
    assert str(folder.parent) not in found.card
    assert command("push", folder, "me/my-model", "--dry-run") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the card lacks language, licence, datasets" in out
    assert "would go to me/my-model; nothing went" in out


def test_the_record_that_goes_names_no_folder_of_this_machine(trained_ner):
    from dicetune.hub import Described, pushed_files

    folder, _ = trained_ner
    text = pushed_files(folder, "me/my-model", Described())["run.json"]
    assert str(folder.parent) not in text
    assert json.loads(text)["config"]["train"] == "train.conll"


def test_names_and_places_that_cannot_be_are_refused(trained_ner, tmp_path):
    folder, _ = trained_ner
    with pytest.raises(InputError, match="expected a name on the Hub, such as me/my-model"):
        dicetune.push(folder, "my-model", dry_run=True)
    with pytest.raises(InputError, match="expected the folder of a finished run"):
        dicetune.push(tmp_path, "me/my-model", dry_run=True)
    with pytest.raises(InputError, match="expected hf:OWNER/NAME, got 'hf:model'"):
        load("hf:model")
    with pytest.raises(InputError, match="expected a model of the Hub that can be reached"):
        load("hf:me/no-such-model")
    with pytest.raises(InputError, match="expected the folder of a saved model"):
        load("me/no-such-model")
