"""Several runs at a time: the same summary as one at a time, but for times, and the same stop."""

import sys
from pathlib import Path

import pytest

from dicetune.comparison import local
from dicetune.comparison.compare import make_plan
from dicetune.comparison.execute import execute
from dicetune.comparison.local import Local
from dicetune.comparison.places import Job, make_all
from dicetune.comparison.runs import Progress
from dicetune.errors import InputError, InterruptedRunError
from dicetune.records import read_json
from local_runs import Ended, Here
from summaries import without_times


class Slow(Ended):
    """A run that is asked a number of times before it ends, and notes how it is stopped."""

    def __init__(self, asked, said):
        super().__init__(0)
        self.asked, self.said = asked, said

    def poll(self):
        self.asked -= 1
        return None if self.asked > 0 else self.code

    def interrupt(self):
        self.said.append("interrupt")
        self.code, self.asked = 130, 0

    def kill(self):
        self.said.append("kill")


class Two(Here):
    """Two runs at a time, which are the ``runs`` in their order."""

    def __init__(self, *runs):
        self.runs, self.started = list(runs), []

    def room(self):
        return 2

    def start(self, config, flags):
        self.started.append(config.name)
        return self.runs.pop(0)


def chain(*names, made=None):
    for name in names:
        ended = yield Job(Path(name), run=name)
        if made is not None:
            made.append((name, ended.reason))


def test_a_place_is_kept_full_and_a_chain_goes_on_in_its_order():
    made, most = [], []
    place = Two(Slow(3, []), Slow(9, []), Slow(2, []), Slow(2, []))
    work = [chain("a", "b", made=made), chain("c", made=made), chain("d", made=made)]
    make_all(place, work, lambda current: most.append(len(current)))
    assert place.started == ["a", "c", "b", "d"]
    assert sorted(made) == [(name, None) for name in "abcd"]
    assert max(most) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("changed")])
def test_all_runs_are_stopped_and_save_before_an_error_leaves(error, log):
    said = []

    def watch(current):
        raise error

    expected = InterruptedRunError if error is KeyboardInterrupt else InputError
    place = Two(Slow(9, said), Slow(9, said))
    with pytest.raises(expected):
        make_all(place, [chain("a"), chain("b")], watch)
    assert said == ["interrupt", "interrupt"]


def test_a_run_that_was_stopped_by_a_signal_stops_the_others():
    said = []
    stopped = Slow(2, [])
    stopped.code = 130
    with pytest.raises(InterruptedRunError):
        make_all(Two(stopped, Slow(99, said)), [chain("a"), chain("b")], lambda current: None)
    assert said == ["interrupt"]


def test_cores_and_devices_are_divided(monkeypatch):
    monkeypatch.setattr(local, "_cores", lambda: 5)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7")
    assert Local()._environment(0) == {}
    assert Local(2)._environment(1) == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "GPU-7"}
    assert Local(7)._environment(2) == {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "3"}
    assert Local(2).said() == ["2 runs at a time, 2 threads each, on GPU 3, GPU-7 in turn"]
    assert (Local().said(), Local(2).flags) == ([], ("--jobs", "2"))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert Local(2)._environment(0) == {}
    assert Local(2).said() == ["2 runs at a time, 4 threads each"]
    with pytest.raises(InputError, match="expected at least 1 run at a time, got --jobs 0"):
        Local(0)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert local.can_fork() == (sys.platform == "linux")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    assert not local.can_fork()


def test_two_runs_at_a_time_give_the_summary_of_one_at_a_time(files, tmp_path, log):
    plan = make_plan(files.config, ["ce", "dice"], 1, command="dicetune compare …")
    most = []

    def show(progress: Progress):
        most.append(len(progress.of("running")))

    execute(plan, tmp_path / "one" / "c", place=Here())
    assert execute(plan, tmp_path / "two" / "c", place=Local(2), show=show).exit_code == 0
    assert max(most) == 2
    assert "2 runs at a time, 1 thread each" in log.messages
    records = [read_json(path) for path in (tmp_path / "two").rglob("run.json")]
    assert {record["training"]["threads"] for record in records} == {1}
    one, two = (without_times(tmp_path / name / "c") for name in ("one", "two"))
    assert one.replace(b"/one/", b"/two/") == two
