"""Kills at any moment: real processes, and in the end the results of a comparison without them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file

from dicetune.comparison import execute
from dicetune.comparison.compare import make_plan
from dicetune.comparison.execute import execute as carry_out
from dicetune.comparison.plan import Plan
from local_runs import Here

WORKER = Path(__file__).with_name("carry_out.py")
LONG = {"max_steps": 120, "eval_steps": 4}


@pytest.fixture(scope="module")
def plan(files):
    config = {**files.config, "trainer": {**files.config["trainer"], **LONG}}
    return make_plan(config, ["ce", "dice"], 1)


@pytest.fixture(scope="module")
def uninterrupted(plan, files):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "Local", Here)
        carry_out(plan, files.folder / "whole")
    return files.folder / "whole"


def start(out):
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
    return found


def children(pid):
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def run_of(process):
    """The process of the current run, which the only child of the comparison has forked."""
    server = wait_for(lambda: children(process.pid))[0]
    return wait_for(lambda: children(server))[0]


def checkpoints(out):
    return [int(path.name.split("-")[1]) for path in out.glob("cells/*/checkpoints/checkpoint-*")]


def is_gone(pid):
    """Whether a process has ended; a container may have nobody to take note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes below /proc")
def test_kills_and_ctrl_c_lose_nothing(plan, uninterrupted, tmp_path):
    out = tmp_path / "killed"
    out.mkdir()
    plan.save(out)

    # comparison and run at once, as a machine without memory or power ends them
    process = start(out)
    run = run_of(process)
    wait_for(lambda: checkpoints(out))
    os.kill(process.pid, signal.SIGKILL)
    os.kill(run, signal.SIGKILL)
    process.communicate()
    first = max(checkpoints(out))

    # the comparison alone: its run learns of the kill, saves and ends, and is in nobody's way
    process = start(out)
    run = run_of(process)
    wait_for(lambda: max(checkpoints(out), default=0) > first)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: is_gone(run))
    second = max(checkpoints(out))
    assert "go on with --resume" in next(out.glob("cells/*.log")).read_text(encoding="utf-8")

    # Ctrl-C
    process = start(out)
    wait_for(lambda: max(checkpoints(out), default=0) > second)
    os.kill(process.pid, signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    assert f"0 of 2 runs are done and kept; go on with: dicetune compare --out {out}" in said
    third = max(checkpoints(out))
    assert third >= second

    # to the end, in this process from here on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "Local", Here)
        outcome = carry_out(Plan.load(out), out)
    assert outcome.exit_code == 0
    logs = "".join(path.read_text(encoding="utf-8") for path in out.glob("cells/ce*.log"))
    assert f"resuming from checkpoint-{third}" in logs
    for one in plan.runs:
        expected, found = (
            load_file(one.folder(place) / "scores.safetensors") for place in (uninterrupted, out)
        )
        for name, values in expected.items():
            assert (found[name] == values).all(), name
    for name in ("summary.json", "report.html"):
        assert (out / name).is_file()


@pytest.mark.parametrize(("kills", "why"), [("3", ""), ("4", " (out of memory?)")])
def test_a_killed_run_is_a_failed_one_with_its_reason_and_resumes(
    kills, why, plan, tmp_path, monkeypatch
):
    from dicetune.comparison import local, one_run
    from dicetune.comparison.folder import failure_of
    from dicetune.comparison.places import Job, make_all

    made = []

    def steps():
        made.append((yield Job(config)))

    config = tmp_path / "run.yaml"
    config.write_text("", encoding="utf-8")
    (tmp_path / "killed.py").write_text(
        "import os, pathlib, signal\nprint('at work', flush=True)\n"
        f"pathlib.Path('{tmp_path}/vmstat').write_text('pgfault 9\\noom_kill {kills}\\n')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    counts = tmp_path / "vmstat"
    counts.write_text("pgfault 8\noom_kill 3\n", encoding="utf-8")
    monkeypatch.setattr(one_run, "_COUNTS", counts)
    monkeypatch.setattr(local, "MODULE", "killed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reason = f"killed by signal 9{why}; last said: at work"
    place = local.Local()
    with place.opened(None, []):
        make_all(place, [steps()], lambda current: None)
    assert [one.reason for one in made] == [reason]
    assert failure_of(tmp_path / "run") == reason


def test_one_comparison_at_a_time_in_a_folder(tmp_path, log):
    from dicetune.errors import InputError
    from dicetune.records import locked

    with (
        locked(tmp_path),
        pytest.raises(InputError, match="nobody else works in"),
        locked(tmp_path, patience=0.1),
    ):
        pass
    assert log.messages == [f"waiting for another process that works in {tmp_path}"]
    with locked(tmp_path, patience=0.1) as descriptors:
        assert len(descriptors) == 1


@pytest.mark.parametrize("after", ["before it forks", "during a run"])
def test_the_end_of_what_forks_the_runs_ends_no_comparison(files, tmp_path, after):
    """A run begins in a process of its own, goes on without its end being told, or resumes."""
    from dicetune.comparison.local import Local, can_fork
    from dicetune.comparison.places import Job, make_all

    if not can_fork():
        pytest.skip("runs are not forked here")
    during = after == "during a run"
    place, made = Local(1 + during), []
    trainer = {**files.config["trainer"], **({"max_steps": 60} if during else {})}

    def steps(name):
        config = tmp_path / f"{name}.yaml"
        values = {**files.config, "trainer": trainer, "loss": "ce"}
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        made.append((yield Job(config, ("--keep-model",))).reason)

    def watch(current):
        states = tmp_path.glob("*/checkpoints/checkpoint-*/trainer_state.json")
        begun = len({state.parents[2] for state in states}) == len(names)
        if place._server.lives and (begun or not during):
            place._server._process.kill()
            if during:
                os.kill(place._server._replies[0]["process"], signal.SIGKILL)

    names = ["killed", "kept"][: 1 + during]
    with place.opened(None, []):
        make_all(place, [steps(name) for name in names], watch)
    assert made == [None] * len(names)
    for name in names:
        assert (tmp_path / name / "run.json").is_file()
        log = (tmp_path / f"{name}.log").read_text(encoding="utf-8")
        assert ("resuming from checkpoint-" in log) == (during and name == "killed")
