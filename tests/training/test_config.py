"""RunConfig: round trips, and every wrong value named with what would do."""

import pytest

from dicetune.errors import DataError, InputError, InputTypeError
from dicetune.training.config import RunConfig, read_value, read_yaml

BASE = {"task": "ner", "train": "a.conll", "dev": "b.conll"}


def test_yaml_round_trip(tmp_path):
    config = RunConfig.from_mapping({**BASE, "trainer": {"learning_rate": 3e-5}, "seed": 7})
    (tmp_path / "c.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(tmp_path / "c.yaml") == config


def test_settings_reach_the_trainer_and_are_read_as_yaml():
    config = RunConfig.from_mapping(BASE).updated(
        {"trainer.learning_rate": "3e-5", "trainer.fp16": "false", "seed": 3}
    )
    assert config.trainer == {"learning_rate": 3e-5, "fp16": False}
    assert config.seed == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("3", 3), ("0.1", 0.1), ("true", True), ("dice", "dice"), ("[", "[")],
)
def test_values_from_the_command_line(text, value):
    assert read_value(text) == value


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
    ],
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises((InputError, InputTypeError), match=message):
        RunConfig.from_mapping({**BASE, **changes})


def test_missing_names():
    with pytest.raises(InputError, match="expected task and train in the configuration"):
        RunConfig.from_mapping({})


def test_a_broken_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("task: ner\ntrain: [a\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"c\.yaml:3: expected YAML"):
        read_yaml(path)
    path.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected 'name: value' lines, got list"):
        read_yaml(path)
    with pytest.raises(InputError, match=r"got '.*none\.yaml': No such file"):
        read_yaml(tmp_path / "none.yaml")
