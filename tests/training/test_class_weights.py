"""Weights of classes by label reach the losses in the order of the model's outputs."""

import pytest

from dicetune.errors import InputError, InputTypeError
from dicetune.losses import recipe
from dicetune.records import read_json
from dicetune.training import RunConfig, run
from dicetune.training.prepare import weighted
from tiny import tiny_bert

TEXTS = "text\tlabel\nthe pump\tbad\nall is fine\tgood\nthe queue\tbad\nnobody knows\todd\n"


def test_a_run_weighs_the_classes_that_are_named(tmp_path):
    tiny_bert(tmp_path / "model")
    (tmp_path / "a.tsv").write_text(TEXTS, encoding="utf-8")
    path = tmp_path / "run.yaml"
    path.write_text(
        f"task: text\ntrain: {tmp_path}/a.tsv\ndev: {tmp_path}/a.tsv\nmodel: {tmp_path}/model\n"
        f"out: {tmp_path}/run\nloss: ce+dice\nstart_loss: focal\nstart_share: 0.5\n"
        "class_weight: {odd: 2.5}\ntrainer: {max_steps: 2, use_cpu: true}\n",
        encoding="utf-8",
    )
    config = RunConfig.from_yaml(path).updated({"class_weight.bad": "0"})
    assert config.class_weight == {"odd": 2.5, "bad": 0}
    run(config)
    record = read_json(tmp_path / "run" / "run.json")
    assert record["labels"] == ["bad", "good", "odd"]
    assert record["objective"]["loss"] == "ce:class_weight=0/1/2.5+dice:class_weight=0/1/2.5"
    assert record["objective"]["start_loss"] == "focal:class_weight=0/1/2.5"
    assert RunConfig.from_yaml(tmp_path / "run" / "config.yaml") == config


@pytest.mark.parametrize(
    ("loss", "weights", "message"),
    [
        ("ce", {"spma": 2}, "unknown label in class_weight 'spma': did you mean 'spam'"),
        ("ce:class_weight=1/2", {"spam": 2}, "got 'ce:class_weight=1/2' with its own"),
        ("ce+mom", {"spam": 2}, "got 'mom' with no such option"),
        ("ce", {"spam": 0, "ham": 0}, "at least one weight > 0"),
    ],
)
def test_weights_that_mean_nothing(loss, weights, message):
    with pytest.raises(InputError, match=message):
        weighted(recipe(loss), weights, ["ham", "spam"])


@pytest.mark.parametrize("weight", ["heavy", True, -1, "nan", None])
def test_a_weight_is_a_number(weight):
    with pytest.raises((InputError, InputTypeError), match=r"expected class_weight\.spam"):
        RunConfig.from_mapping(
            {"task": "text", "train": "a", "dev": "b", "class_weight": {"spam": weight}}
        )
