"""RunConfig: round trips, and every wrong value named with what would do."""

import re

import pytest

from dicetune.errors import DataError, InputError, InputTypeError
from dicetune.training.config import RunConfig
from dicetune.training.yaml_values import read_yaml

BASE = {"task": "ner", "train": "a.conll", "dev": "b.conll"}


def test_yaml_round_trip(tmp_path):
    config = RunConfig.from_mapping({**BASE, "trainer": {"learning_rate": 3e-5}, "seed": 7})
    (tmp_path / "c.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(tmp_path / "c.yaml") == config


def test_settings_reach_the_trainer():
    config = RunConfig.from_mapping(BASE).updated(
        {"trainer.learning_rate": 3e-5, "trainer.fp16": False, "seed": 3}
    )
    assert config.trainer == {"learning_rate": 3e-5, "fp16": False}
    assert config.seed == 3


WRITTEN = [
    ("trainer.learning_rate", "1e-4", 1e-4),
    ("trainer.learning_rate", "3", 3),
    ("trainer.fp16", "false", False),
    ("trainer.max_steps", "0100", 100),
    ("trainer.report_to", "none", "none"),
    ("max_train", "010", 10),
    ("max_train", "null", None),
    ("prior_bias", "true", True),
    ("note", "true", "true"),
    ("note", "2024-01-01", "2024-01-01"),
    ("options.positive", "010", "010"),
    ("options.positive", "null", "null"),
    ("options.positive", "1e3", "1e3"),
    ("options.positive", "true", "true"),
    ("options.text_column", "1:30", "1:30"),
    ("options.text_column", "1", 1),
    ("options.label_names", "010", "010"),
]


@pytest.mark.parametrize(("key", "text", "value"), WRITTEN)
def test_a_text_means_what_its_type_says(tmp_path, key, text, value):
    base = {**BASE, "task": "text"}
    typed = RunConfig.from_mapping(base).updated({key: text})
    group, dot, name = key.rpartition(".")
    assert (getattr(typed, group)[name] if dot else getattr(typed, name)) == value
    # in a file it means the same, and again when it is written and read
    line = f"{group}: {{{name}: {text}}}" if dot else f"{key}: {text}"
    path = tmp_path / "c.yaml"
    path.write_text("".join(f"{own}: {base[own]}\n" for own in base) + line, encoding="utf-8")
    assert RunConfig.from_yaml(path) == typed
    path.write_text(typed.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(path) == typed


@pytest.mark.parametrize("text", ["0x10", "1_000", "1:30", "ten", "1.5", "2024-99-99", "9" * 5000])
def test_a_whole_number_is_decimal(text):
    with pytest.raises(InputTypeError, match="expected seed as int, got"):
        RunConfig.from_mapping({**BASE, "seed": text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: ner\na: !!int x\n", "c.yaml:2: expected no tag, got"),
        ("a: !!python/object/apply:os.system ['true']\n", "c.yaml:1: expected no tag"),
        ("a: " + "[" * 3000, "c.yaml:1: expected at most 20 levels"),
        ("a: &a [1]\nb: [*a, *a]\n", "c.yaml:1: expected no anchor and no alias"),
        ("a: 1\nb: *a\n", "c.yaml:2: expected no anchor and no alias"),
        ("a: 1\na: 2\n", "c.yaml:2: expected each name once, got 'a' again"),
        ("[1]: 2\n", "c.yaml:1: expected a name before the colon"),
        ("note: " + "x" * 1_100_000, "c.yaml: expected a configuration of at most 1 MB"),
        ("a: 1\n---\nb: 1\n", "c.yaml:2: expected YAML"),
        ("a: \0\n", "c.yaml: expected YAML"),
        ("", "c.yaml: expected 'name: value' lines, got nothing"),
    ],
)
def test_what_a_configuration_has_no_use_for(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(message)):
        read_yaml(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"token_column": 1}}, "expected no token_column beside the packaged sample"),
        ({"options": {"scheme": "iob2"}}, "expected no scheme beside the packaged sample"),
        ({"format": "conllu"}, "expected no format beside the packaged sample, got 'conllu'"),
    ],
)
def test_the_sample_is_read_in_one_way(changes, message):
    with pytest.raises(InputError, match=message):
        RunConfig.from_mapping({"task": "ner", "train": "sample", **changes})
    assert RunConfig(task="ner", train="sample", options={"stride": 8}).options == {"stride": 8}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lose": "ce"}, "unknown configuration key 'lose': did you mean 'loss'"),
        ({"task": "nre"}, "unknown task 'nre': did you mean 'ner'"),
        ({"seed": "one"}, "expected seed as int, got 'one'"),
        ({"seed": True}, "expected seed as int, got True"),
        ({"seed": -1}, "expected seed of at least 0, got -1"),
        ({"start_share": 1.5}, "expected 0 < start_share < 1, got 1.5"),
        ({"start_share": float("nan")}, "expected 0 < start_share < 1, got nan"),
        ({"max_train": 0}, "expected max_train of at least 1, got 0"),
        ({"dev": None}, "expected a dev file"),
        ({"train": "sample"}, "expected no dev and test beside the packaged sample"),
        ({"trainer": {"learning_rat": 1}}, "unknown trainer key 'learning_rat': did you mean"),
        ({"trainer": {"output_dir": "x"}}, r"trainer.output_dir cannot be set here: give out"),
        ({"trainer": {"learning_rate": float("nan")}}, "expected a finite number"),
        ({"trainer": [1]}, "expected trainer as dict, got"),
        (
            {"trainer": {"learning_rate": -1}},
            "expected trainer.learning_rate of at least 0, got -1",
        ),
        ({"trainer": {"num_train_epochs": 0}}, "expected trainer.num_train_epochs of more than 0"),
        ({"trainer": {"gradient_accumulation_steps": 0}}, "of at least 1, got 0"),
        ({"trainer": {"save_strategy": "no"}}, "expected trainer.save_strategy 'epoch' or 'steps'"),
        ({"trainer": {"save_total_limit": 1}}, "expected trainer.save_total_limit of at least 2"),
        ({"trainer": {"save_only_model": True}}, "a resume needs the optimizer's state"),
        ({1: 2}, "unknown configuration key 1"),
    ],
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises((InputError, InputTypeError), match=message):
        RunConfig.from_mapping({**BASE, **changes})


def test_numbers_and_words_in_a_file(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "task: ner\ntrain: a\ndev: b\ntrainer: {learning_rate: 3e-5, warmup_steps: 10}\n"
    )
    assert RunConfig.from_yaml(tmp_path / "c.yaml").trainer["learning_rate"] == 3e-5


def test_a_new_trainer_mapping_replaces_the_old_one():
    config = RunConfig.from_mapping({**BASE, "trainer": {"logging_steps": 5}})
    changed = config.updated({"trainer": {"save_steps": 2}, "trainer.eval_steps": 3})
    assert changed.trainer == {"save_steps": 2, "eval_steps": 3}


def test_missing_names():
    with pytest.raises(InputError, match="expected task and train in the configuration"):
        RunConfig.from_mapping({})


def test_a_broken_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("task: ner\ntrain: [a\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"c\.yaml:3: expected YAML"):
        read_yaml(path)
    path.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected 'name: value' lines, got a list"):
        read_yaml(path)
    with pytest.raises(InputError, match=r"got '.*none\.yaml': No such file"):
        read_yaml(tmp_path / "none.yaml")
