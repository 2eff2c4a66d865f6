"""The task protocol: every task has every member, and a new task needs nothing but its file."""

import inspect
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.tasks import TASKS, Task, build_options, describe_tasks
from dicetune.training import RunConfig, run

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
MEMBERS = [name for name in vars(Task) if not name.startswith("_")]
CLASS_MEMBERS = [name for name in Task.__annotations__ if name not in ("labels", "main_metric")]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_every_member_with_the_parameters_of_the_protocol(name):
    task = TASKS[name]
    assert task.name == name
    for member in (*MEMBERS, *CLASS_MEMBERS):
        assert hasattr(task, member), member
    for member in MEMBERS:
        expected, found = getattr(Task, member), getattr(task, member)
        if callable(expected):
            parameters = set(inspect.signature(found).parameters)
            assert parameters >= set(inspect.signature(expected).parameters), member


def test_a_new_task_writes_few_methods():
    assert len(Task.__abstractmethods__) <= 12


def test_a_task_may_read_no_predictions_of_other_tools(monkeypatch):
    class Bare(Task):
        name = "bare"

    monkeypatch.setattr(Bare, "__abstractmethods__", frozenset())
    task = Bare()
    for read in (lambda: task.score_file("a", None, None), lambda: task.match_source(None, [])):
        with pytest.raises(InputError, match="reads the predictions of other tools, got 'bare'"):
            read()
    with pytest.raises(InputError, match="with files for task 'bare', got the packaged sample"):
        task.sample()
    assert (task.settings(), task.head_biases(None), task.check(None)) == ({}, {}, None)


@pytest.mark.parametrize("name", TASKS)
def test_every_option_has_a_default_and_a_meaning(name):
    options = TASKS[name].Options
    assert is_dataclass(options)
    assert build_options(options, {}, use="train") == options()
    (described,) = describe_tasks(name)
    assert [row["option"] for row in described["options"]] == [f.name for f in fields(options)]
    for row in described["options"]:
        assert row["meaning"].endswith("."), row


def test_the_new_task_of_the_contributors_guide(tmp_path, saved_family, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(encoding="utf-8"), re.S)
    (code,) = (block for block in blocks if "ContentWordTask" in block)
    scope = {}
    exec("from dataclasses import replace\n" + code, scope)
    task = scope["ContentWordTask"]
    monkeypatch.setitem(TASKS, task.name, task)
    monkeypatch.chdir(tmp_path)
    Path("a.conll").write_text("The DET\npump NOUN\nis AUX\ndown ADV\n", encoding="utf-8")
    config = RunConfig(
        task=task.name,
        train="a.conll",
        dev="a.conll",
        model=saved_family("bert"),
        out="out",
        trainer={"max_steps": 1},
    )
    assert run(config).labels == ["C", "F"]
    assert json.loads(Path("out/metrics.json").read_text(encoding="utf-8"))["dev"]["support"] == 4
    (tagged,) = load("out")("The pump")
    assert set(tagged.tags) <= {"C", "F"}
