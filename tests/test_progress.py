"""Progress: the bar of a run on a terminal and in a notebook, and nothing elsewhere."""

import io
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

import dicetune
from dicetune import progress, terminal
from dicetune.comparison.plan import PlannedRun
from dicetune.comparison.runs import Progress, RunState
from dicetune.training import RunConfig, run
from dicetune.training.callbacks import LineForEachEvaluation
from tiny import tiny_bert


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    model = tiny_bert(tmp_path_factory.mktemp("model"))
    trainer = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 2,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "use_cpu": True,
    }
    values = {"task": "ner", "train": "sample", "max_train": 4, "max_dev": 2, "max_test": 2}
    return {**values, "model": model, "trainer": trainer, "loss": "ce"}


def test_a_run_tells_where_it_is(settings, tmp_path):
    told = []
    record = run(RunConfig.from_mapping({**settings, "out": str(tmp_path / "a")}), show=told.append)
    steps = [now.step for now in told]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, told[-1].steps) == (0, record.training["steps"])
    assert told[0].loss is None
    assert told[-1].loss > 0
    history = record.training["history"]
    assert {now.dev for now in told if now.dev is not None} == {
        row["eval_f1_tuned"] for row in history
    }
    assert any(now.scoring for now in told)
    left = [now.seconds_left for now in told if now.step == steps[-1] and not now.scoring]
    assert left[-1] == 0.0
    assert all(now.seconds_left >= 0 for now in told if now.seconds_left is not None)


def test_a_bar_on_a_terminal_and_no_row_of_the_trainer(settings, tmp_path, monkeypatch, capfd):
    page = Console(file=io.StringIO(), force_terminal=True, width=100)
    for module in (progress, terminal):
        monkeypatch.setattr(module, "stderr", page)
    dicetune.train(config=settings, out=str(tmp_path / "a"), progress=True)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", page.file.getvalue())
    assert re.search(r"━.* step 6/6 · loss \d\.\d{3} · dev f1 \d+\.\d\d", text)
    printed = text + "".join(capfd.readouterr())
    assert "{'" not in printed
    assert "it/s" not in printed


def test_nothing_is_shown_elsewhere(settings, tmp_path, capfd):
    dicetune.train(config=settings, out=str(tmp_path / "a"))
    printed = "".join(capfd.readouterr())  # the lines of the log, where another test shows them
    assert "━" not in printed
    assert "\r" not in printed
    quiet = {**settings, "trainer": {**settings["trainer"], "disable_tqdm": True}}
    told = []
    run(RunConfig.from_mapping({**quiet, "out": str(tmp_path / "b")}), show=told.append)
    assert told == []


IN_A_KERNEL = """
import json
from ipykernel.inprocess import InProcessKernelManager
manager = InProcessKernelManager()
manager.start_kernel()
client = manager.client()
client.start_channels()
client.execute({code!r})
print(json.dumps([one["content"] for one in client.iopub_channel.get_msgs()], default=str))
"""


def outputs_of(code):
    """What a cell of a notebook shows, by a kernel in a process of its own."""
    command = [sys.executable, "-c", IN_A_KERNEL.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_notebook_shows_a_bar_in_its_cell_and_tables():
    code = """
import time
from dicetune.progress import training_bar, live_progress
from types import SimpleNamespace  # training.callbacks would load torch
def at(step, loss=None, dev=None):
    return SimpleNamespace(step=step, steps=70, loss=loss, dev=dev, metric="f1",
                           scoring=False, seconds_left=None)
with training_bar(None) as show:
    show(at(7, 0.5, 0.25))
    show(at(8))
    time.sleep(0.21)
    show(at(9))
with training_bar(False) as show:
    print(show)
from dicetune.tasks import describe_tasks
from dicetune.terminal import Finding, tasks_tables
Finding(describe_tasks(None), tasks_tables)
"""
    messages = outputs_of(code)
    pages = [m["data"]["text/html"] for m in messages if "text/html" in m.get("data", {})]
    bar = '<progress value="7" max="70"></progress> step 7/70 · loss 0.500 · dev f1 25.00'
    assert pages[:2] == ["", bar]
    assert "step 9/70" in pages[2]
    assert pages[3] == ""
    assert len(pages) == 5  # the picture that came too soon is left out
    assert "<table><caption>Tasks</caption>" in pages[4]
    assert [m["text"] for m in messages if m.get("name") == "stdout"] == ["None\n"]


def test_the_table_of_a_comparison_as_html():
    planned = PlannedRun("ce-seed1-0", "ce", "ce", 1)
    states = [RunState(planned, "running", step=1, steps=4), RunState(planned, "waiting")]
    page = terminal.html_table(progress.progress_table(Progress(tuple(states)), 9))
    assert "<td>ce</td><td>1</td><td>25%</td>" in page


def test_a_line_names_its_score_in_words(log):
    state = SimpleNamespace(is_world_process_zero=True, epoch=1.0, global_step=7, max_steps=14)
    scores = {"eval_macro_f1": 0.5, "eval_loss": 0.25}
    LineForEachEvaluation("macro_f1", "macro_f1").on_evaluate(None, state, None, scores)
    assert log.messages == ["epoch 1.00 · step 7/14 · dev macro f1 50.00 · dev loss 0.2500"]
