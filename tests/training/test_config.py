"""RunConfig: round trips, and every wrong value named with what would do."""

import math
from dataclasses import fields
from inspect import signature

import pytest

from dicetune import commands
from dicetune.errors import DataError, InputError, InputTypeError
from dicetune.tasks.options import read_text
from dicetune.training.config import WITHOUT_FLAG, RunConfig, read_yaml, with_changes

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


@pytest.mark.parametrize(
    ("hint", "texts", "values"),
    [
        (int, ["3", "010", "-2"], [3, 10, -2]),
        (float, ["1e-4", "0.1", "3", "-inf"], [1e-4, 0.1, 3, -math.inf]),
        (bool, ["true", "False"], [True, False]),
        (int | None, ["none", "null", "", "7"], [None, None, None, 7]),
        (int | str | None, ["2", "010", "1e3", "null"], [2, "010", "1e3", "null"]),
    ],
)
def test_a_text_is_read_by_the_type_of_what_it_is_for(hint, texts, values):
    assert [read_text(hint, text) for text in texts] == values
    odd = ["1:30", "1_000", "0x10", "0o7", "2024-05-06", "no", "on", "~x", "[", "½", "٣"]
    assert [read_text(hint, text) for text in odd] == odd  # refused where no text is taken
    words = ["true", "null", "010", "1e3", "", " a "]
    assert [read_text(str, text) for text in words] == words


@pytest.mark.parametrize("positive", ["010", "1:30", "1_000", "0x10", "null", "true", "2024-05-06"])
def test_a_label_is_what_was_written(tmp_path, positive):
    flag = RunConfig.from_mapping({**BASE, "task": "text"}).updated({"options.positive": positive})
    path = tmp_path / "c.yaml"
    path.write_text(f"task: text\ntrain: a\ndev: b\noptions: {{positive: {positive}}}\n")
    assert flag.options == RunConfig.from_yaml(path).options == {"positive": positive}
    path.write_text(flag.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(path) == flag


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


def test_each_key_without_a_flag_is_known_as_one():
    flags = {*signature(commands.train).parameters, "options", "trainer"}
    assert {entry.name for entry in fields(RunConfig)} - flags == set(WITHOUT_FLAG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1e-3}, r"give the key of the trainer \(-s trainer.learning_rate=…"),
        ({"scheme": "io"}, r"give the option of the task \(-o scheme=…"),
        ({"options": {"learning_rate": 1}}, r"give the key of the trainer \(-s trainer.learning_r"),
        ({"options": {"max_length": 9}}, r"give max_length of the configuration \(--max-length"),
        ({"trainer": {"patience": 1}}, r"give patience of the configuration \(--patience"),
        ({"trainer": {"set": "step"}}, r"give set of the configuration \(-s set=…"),
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


def test_nothing_in_the_trainer_stays_nothing(tmp_path):
    path = tmp_path / "c.yaml"
    config = RunConfig.from_mapping({**BASE, "trainer": {"run_name": None}})
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(path) == config


def test_a_task_that_is_no_name_is_refused(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("task: {name: t}\ndataset: x\n", encoding="utf-8")
    with pytest.raises(InputError, match="unknown configuration key 'dataset'"):
        RunConfig.from_yaml(path)


def test_a_broken_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("task: ner\ntrain: [a\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"c\.yaml:3: expected YAML"):
        read_yaml(path)
    path.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected 'name: value' lines, got a sequence"):
        read_yaml(path)
    with pytest.raises(InputError, match=r"got '.*none\.yaml': No such file"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 2024-99-99\n", "expected seed as int, got '2024-99-99'"),
        ("seed: 0x_\n", "expected seed as int, got '0x_'"),
        ("seed: 1_000\n", "expected seed as int, got '1_000'"),
        ("seed: !!int x\n", r"c\.yaml:4: expected no tag"),
        ("note: !!python/object:os.system a\n", r"c\.yaml:4: expected no tag"),
        ("note: &a b\ndev: *a\n", r"c\.yaml:4: expected no anchor and no alias"),
        ("note: " + "[" * 3000, r"c\.yaml:4: expected at most 20 levels"),
        ("note: a\nnote: b\n", r"c\.yaml:5: expected each name once, got 'note' again"),
        ("? [a]\n: b\n", r"c\.yaml:4: expected a name before the colon"),
        ("note: '" + "a" * 1_000_001 + "'", "at most 1 MB"),
        ("--- \n", "expected YAML, got"),
        ("note: \xff\n", "expected UTF-8"),
    ],
)
def test_yaml_that_is_more_than_names_and_values_is_refused(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(f"task: ner\ntrain: a\ndev: b\n{text}", encoding="latin-1")
    with pytest.raises((InputError, InputTypeError), match=message):
        RunConfig.from_yaml(path)


@pytest.mark.parametrize("nothing", [None, "none", "null"])
def test_a_label_is_weighed_where_no_label_was(nothing):
    values = with_changes({"task": "text", "class_weight": nothing}, {"class_weight.spam": 2})
    assert values["class_weight"] == {"spam": 2}


def test_a_change_leaves_the_other_texts_of_a_mapping_as_they_are():
    values = with_changes({"options": {"positive": "007"}}, {"options.label_column": "1"})
    assert values["options"] == {"positive": "007", "label_column": "1"}
