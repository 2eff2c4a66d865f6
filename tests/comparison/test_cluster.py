"""A Ray cluster of two nodes: the summary of this machine, also after the loss of a node."""

import contextlib
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import yaml
from safetensors.numpy import load_file

from dicetune import compare
from dicetune.comparison.compare import make_plan
from dicetune.comparison.execute import execute, place_named
from dicetune.errors import InputError, InterruptedRunError
from dicetune.records import read_json
from dicetune.training.config import RunConfig
from dicetune.training.folder import check_place, last_checkpoint
from local_runs import Here
from summaries import without_times

pytest.importorskip("ray", reason="needs Ray: pip install 'dicetune[ray]'")
from dicetune.comparison.cluster import Cluster

LONG = {"max_steps": 600, "eval_steps": 40}
"""Some seconds: the loss of a node falls between a first checkpoint and the end."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Nodes:
    """Two nodes with one CPU each, in a session of their own."""

    def __init__(self, folder):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.groups, self.temporary = [], Path(folder, "runs")
        self.temporary.mkdir()
        self.start(f"--head --port={port} --include-dashboard=false --temp-dir={folder}")
        self.start(f"--address={self.address}")

    def start(self, flags):
        small = "--num-cpus=1 --object-store-memory=80000000 --disable-usage-stats"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *flags.split()]
        started = subprocess.Popen(
            [*command, *small.split()],
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, _ = started.communicate()
        assert started.returncode == 0, said
        self.groups.append(started.pid)

    def runs_on_the_last(self):
        """Ids of the runs whose process descends from the last node."""
        found = set()
        for process in psutil.process_iter(["cmdline"]):
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                command = process.info["cmdline"] or []
                if "dicetune.comparison.one_run" in command and any(
                    os.getpgid(above.pid) == self.groups[-1] for above in process.parents()
                ):
                    found.add(Path(command[3]).stem)
        return found

    def keep_nothing(self):
        """Whether no run leaves its folder, a few seconds after its end."""
        for _ in range(600):
            if not list(self.temporary.glob("dicetune-*")):
                return True
            time.sleep(0.05)
        return False

    def lose(self):
        """Kill all processes of the last node."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.groups.pop(), signal.SIGKILL)


@pytest.fixture(scope="module")
def nodes():
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        found = Nodes(folder)  # a short path: Ray's sockets lie below it
        try:
            yield found
        finally:
            while found.groups:
                found.lose()


def test_the_loss_of_a_node_costs_a_run_at_most_its_last_checkpoint(nodes, files, tmp_path, log):
    config = {**files.config, "trainer": {**files.config["trainer"], **LONG}}
    losses = ["ce", "dice with lr=4e-3 sampler=balanced"]
    plan = make_plan(config, losses, 1, command="dicetune compare …")
    execute(plan, tmp_path / "here" / "c", place=Here())
    out = tmp_path / "ray" / "c"

    lost = set()

    def show(progress):
        running = {
            state.planned.id
            for state in progress.of("running")
            if state.share < 1 and last_checkpoint(state.planned.folder(out))
        }
        if not lost and (there := running & nodes.runs_on_the_last()):
            lost.update(there)
            nodes.lose()

    place = Cluster(f"ray://{nodes.address}", cpus=1)
    outcome = execute(plan, out, place=place, show=show)
    assert outcome.exit_code == 0
    assert nodes.keep_nothing()
    assert any("on a Ray cluster of 2 nodes, 2 runs at a time" in line for line in log.messages)
    (name,) = lost
    assert any(f"the node of {name} was lost" in line for line in log.messages)
    assert "resuming from checkpoint-" in (out / "cells" / f"{name}.log").read_text()
    one, two = (without_times(tmp_path / place / "c") for place in ("here", "ray"))
    assert one.replace(b"/here/", b"/ray/") == two
    for planned in plan.runs:
        expected, found = (
            load_file(planned.folder(tmp_path / place / "c") / "scores.safetensors")
            for place in ("here", "ray")
        )
        assert all((found[name] == values).all() for name, values in expected.items())
        record = read_json(planned.folder(out) / "run.json")
        assert record["config"]["out"] == str(planned.folder(out))
        assert record["training"]["threads"] == 1


def test_ctrl_c_ends_the_runs_and_this_machine_can_go_on(nodes, files, tmp_path):
    trainer = {**files.config["trainer"], "max_steps": 4_000, "eval_steps": 40}
    plan = make_plan({**files.config, "trainer": trainer}, ["ce", "dice"], 1)
    out = tmp_path / "c"

    def show(progress):
        if any(state.share > 0 for state in progress.of("running")):
            raise KeyboardInterrupt

    place = Cluster(f"ray://{nodes.address}", cpus=1, jobs=1)
    again = f"--on ray://{nodes.address} --cpus-per-run 1 --jobs 1"
    with pytest.raises(InterruptedRunError, match=re.escape(f"--out {out} {again}")):
        execute(plan, out, place=place, show=show)
    first, second = plan.runs
    folder = first.folder(out)
    said = folder.with_name(f"{folder.name}.log").read_text(encoding="utf-8")
    step = re.search(r"stopped after step (\d+) of 4000, which is saved", said)[1]
    assert last_checkpoint(folder).name == f"checkpoint-{step}"
    config = RunConfig.from_mapping(plan.config_of(first.loss, first.seed))
    check_place(config.updated({"out": str(folder)}), resume=True)
    assert not second.folder(out).exists()
    assert nodes.keep_nothing()


def test_a_killed_run_leaves_nothing_on_its_node(nodes, files, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump({**files.config, "loss": "ce"}), encoding="utf-8")
    place = Cluster(f"ray://{nodes.address}")
    with place.joined():
        started = place.start(config, ())
        while started.waits:
            assert started.poll() is None
            time.sleep(0.05)
        assert list(nodes.temporary.glob("dicetune-*"))
        started.kill()
        assert nodes.keep_nothing()


def test_what_cannot_be_is_said_before_anything_is_made(nodes, files, tmp_path):
    asked = {"config": files.config, "losses": ["ce", "dice"], "seeds": 1}
    closed = f"ray://127.0.0.1:{free_port()}"
    on = f"ray://{nodes.address}"
    for given, said in (
        ({"on": "rai"}, "expected --on ray or --on ray://HOST:PORT, got 'rai'"),
        (
            {"on": "ray://"},
            "expected --on ray, or --on ray://HOST:PORT such as ray://10.0.0.1:6379",
        ),
        ({"on": "ray://head"}, "such as ray://10.0.0.1:6379, got ray://head"),
        ({"on": closed}, f"got none for --on {closed} ([Errno 111] Connection refused)"),
        ({"cpus_per_run": 2}, "expected --on ray beside --cpus-per-run, got none"),
        ({"jobs": 0}, "expected at least 1 run at a time, got --jobs 0"),
        ({"on": "ray", "jobs": 0}, "expected at least 1 run at a time, got --jobs 0"),
        ({"on": "ray", "cpus_per_run": 0}, "expected at least 1 for --cpus-per-run, got 0"),
        ({"on": "ray", "gpus_per_run": -1}, "a whole number of them, for --gpus-per-run, such as"),
        ({"on": "ray", "gpus_per_run": 1.5}, "for --gpus-per-run, such as 0.5 or 2, got 1.5"),
        ({"on": "ray", "gpus_per_run": math.nan}, "such as 0.5 or 2, got nan"),
        ({"on": on, "cpus_per_run": 3}, "expected a node with 3 CPUs and 0 GPUs for a run, got n"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            compare(out=tmp_path / "c", **asked, **given)
        assert not (tmp_path / "c").exists()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "dicetune.comparison.cluster")
    with pytest.raises(InputError, match=re.escape("got none: pip install 'dicetune[ray]' here")):
        place_named("ray", None, None, None)
