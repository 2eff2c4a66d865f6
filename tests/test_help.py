"""The help: the options of a task, panels and defaults; tables in 80 columns."""

import io
import json
import re

import pytest
from rich.console import Console

from commands import command as run
from dicetune.commands import app
from dicetune.losses import table
from dicetune.records import write_json
from dicetune.tasks import TASKS, describe_tasks
from dicetune.terminal import losses_tables, plain_table, tasks_tables
from tiny import tiny_bert

PANELS = ["Arguments", "Data", "Model", "Loss and decision", "Training"]


@pytest.fixture
def help_of(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")

    def asked(*arguments):
        code = run(*arguments, "--help")
        shown = capsys.readouterr()
        assert code == 0, shown.err
        assert max(map(len, shown.out.splitlines())) <= 80
        return shown.out

    return asked


def options_in(text):
    return re.findall(r"^│ +(\w+)= ", text, re.MULTILINE)


@pytest.mark.parametrize("task", TASKS)
def test_the_options_of_a_task_with_their_defaults(task, help_of):
    (told,) = describe_tasks(task)
    found = help_of("train", task)
    expected = [
        row for row in told["options"] if row["for"] == "all" or "train" in row["for"].split(", ")
    ]
    assert options_in(found) == [row["option"] for row in expected]
    panel = found[found.index(f"Options of {task}") : found.index("─ Run ─")]
    defaults = [row["default"] for row in expected if row["default"]]
    assert re.findall(r"\[default: \(([^)]*)\)\]", panel) == defaults


def test_panels_and_defaults_of_train(help_of):
    found = help_of("train", "-o", "stride=8", "ner", "--train", "a")
    assert re.findall(r"╭─ ([\w ]+?) ─", found) == [*PANELS, "Options of ner", "Run"]
    assert re.search(r"--max-train +N +Train on the first N examples. \[default: \(all\)\]", found)
    assert help_of("compare", "qa").count("Options of qa") == 1


@pytest.mark.parametrize("name", [one.callback.__name__ for one in app.registered_commands])
def test_a_flag_without_a_value_shows_none(name, help_of):
    flags = [line for line in help_of(name).splitlines() if "--help" not in line]
    assert not [line for line in flags if "<bool>" in line or "--no-" in line]


def test_without_a_task_the_help_says_where_its_options_are(help_of):
    words = " ".join(help_of("train").replace("│", " ").split())
    assert "`dicetune train TASK --help` lists them" in words
    words = " ".join(help_of("predict", "runs/none").replace("│", " ").split())
    assert "`dicetune predict --task TASK --help` lists them" in words


def test_each_command_lists_the_options_that_it_takes(help_of, tmp_path):
    assert "n_best" in options_in(help_of("predict", "--task", "qa"))
    assert options_in(help_of("inspect")) == options_in(help_of("inspect", "--task", "ner"))
    write_json(tmp_path / "run.json", {"config": {"task": "qa"}})
    assert options_in(help_of("predict", tmp_path)) == options_in(
        help_of("predict", "--task", "qa")
    )
    assert "gold_column" in options_in(help_of("evaluate", "--task", "ner"))


def test_an_unknown_task_is_named(capsys):
    assert run("train", "nre", "--help") == 2
    assert "unknown task 'nre': did you mean 'ner'" in capsys.readouterr().err


def shown(part, width):
    page = Console(width=width, file=io.StringIO(), highlight=False)
    page.print(part)
    return page.file.getvalue()


@pytest.mark.parametrize("part", range(2), ids=["first", "second"])
@pytest.mark.parametrize("made", ["tasks", "losses", *TASKS])
def test_tables_fit_80_columns_and_keep_words_whole(made, part):
    if made == "losses":
        table_shown = losses_tables(table())[part]
    else:
        table_shown = tasks_tables(describe_tasks(made if made in TASKS else None))[part]
    text = shown(table_shown, 80)
    assert max(map(len, text.splitlines())) <= 80
    words = set(re.split(r"[\s│┃]+", text))
    for column in getattr(table_shown, "columns", ()):
        for cell in column.cells:
            assert set(str(cell).replace("\\[", "[").split()) <= words


def test_a_table_too_wide_for_its_words_is_folded():
    rows = [{"a": "x" * 60, "b": "y" * 60}]
    assert max(map(len, shown(plain_table(rows), 80).splitlines())) <= 80


def test_flags_of_their_own_are_keys_of_the_trainer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_bert(tmp_path / "model")
    files = ("--data", "sample", "--max-train", "4", "-s", "max_dev=2", "-s", "max_test=2")
    short = ("--epochs", "1", "--lr", "1e-3", "--batch-size", "4", "--model", "model")
    arguments = ("train", "ner", *files, *short, "-s", "trainer.use_cpu=true", "--out", "run")
    assert run(*arguments, "-s", "trainer.learning_rate=2e-3") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--lr or -s trainer.learning_rate, got both with different values (0.001 and" in said
    assert run(*arguments, "-s", "trainer.learning_rate=0.001") == 0
    trainer = json.loads((tmp_path / "run" / "run.json").read_text())["config"]["trainer"]
    assert trainer["num_train_epochs"] == 1
    assert trainer["learning_rate"] == 1e-3
    assert trainer["per_device_train_batch_size"] == 4
