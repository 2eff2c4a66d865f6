"""A budget in minutes: as many seeds as fit, the same for every loss, over resumes."""

import pytest

import dicetune
from dicetune.comparison import execute, execution
from dicetune.comparison.compare import compare, make_plan
from dicetune.comparison.plan import Plan
from dicetune.errors import InputError, InterruptedRunError
from dicetune.records import read_json, write_json
from local_runs import Here, run_here

ROUND = 20.0
"""Seconds of one run of each of two losses, by the clock of these tests."""


@pytest.fixture
def clock(monkeypatch):
    """Runs are made here, and each takes 10 seconds."""
    now = [0.0]

    def run(*args, **how):
        now[0] += ROUND / 2
        return run_here(*args, **how)

    monkeypatch.setattr(execute, "Local", lambda: Here(run))
    monkeypatch.setattr(execution.time, "monotonic", lambda: now[0])
    return now


def test_as_many_seeds_as_fit_and_more_with_a_larger_budget(clock, tmp_path, files, log):
    out = tmp_path / "c"
    compare(out, files.config, losses=["ce", "dice"], budget=2.5 * ROUND / 60)
    plan = Plan.load(out)
    assert plan.seeds == (1, 2)
    assert plan.spent == {"runs": pytest.approx(2 * ROUND)}
    assert log.messages[1].startswith("a budget of 0.833333 minutes: as many seeds as fit")
    assert "1 seed took 20 s of 0.833333 minutes; another takes about 20 s" in log.messages
    assert any(m.endswith("another takes about 20 s, which is too much") for m in log.messages)
    said = "no exact test over seeds with 2 seeds: 6 seeds need about --budget 2"
    assert said in log.messages
    note = "gave 2 seeds of every loss; an exact test over seeds needs 6"
    assert any(note in one for one in read_json(out / "summary.json")["how"]["notes"])
    compare(out)  # nothing fits, nothing is made
    assert clock[0] == 2 * ROUND
    compare(out, budget=3 * ROUND / 60)
    assert Plan.load(out).seeds == (1, 2, 3)
    assert clock[0] == 3 * ROUND
    compare(out, seeds=4)  # a number of seeds ends the budget
    assert (Plan.load(out).seeds, Plan.load(out).budget) == ((1, 2, 3, 4), None)


def test_a_budget_below_one_round_makes_one_seed_of_every_loss(clock, tmp_path, files):
    outcome = compare(tmp_path / "c", files.config, losses=["ce", "dice"], budget=0.01)
    assert [run.planned.seed for run in outcome.runs] == [1, 1]
    assert {run.state for run in outcome.runs} == {"done"}


def test_what_a_stopped_run_took_is_counted(clock, tmp_path, files, monkeypatch):
    def stop(*args, **how):
        clock[0] += 7
        raise InterruptedRunError("stopped")

    made = execute.Local
    monkeypatch.setattr(execute, "Local", lambda: Here(stop))
    out = tmp_path / "c"
    with pytest.raises(InterruptedRunError):
        compare(out, files.config, losses=["ce", "dice"], budget=2 * ROUND / 60)
    assert Plan.load(out).spent == {"runs": 7.0}
    monkeypatch.setattr(execute, "Local", made)
    compare(out)
    assert Plan.load(out).seeds == (1,)  # 27 of 40 seconds are spent


def test_runs_of_a_plan_without_times_took_what_their_records_say(clock, tmp_path, files, log):
    out = tmp_path / "c"
    compare(out, files.config, losses=["ce", "dice"], seeds=1)
    earlier = read_json(out / "comparison.json")
    for key in ("budget", "spent"):  # as version 0.1.0 wrote it
        del earlier[key]
    write_json(out / "comparison.json", earlier)
    for path in (out / "cells").glob("*/run.json"):
        record = read_json(path)
        record["training"]["seconds"] = 9.0
        write_json(path, record)
    compare(out, budget=0.5)
    assert "1 seed took 18 s of 0.5 minutes; another takes about 18 s, which is too much" in (
        log.messages
    )
    assert Plan.load(out).seeds == (1,)
    assert any(" × 1 seed (1)" in line for line in log.messages)


def test_the_seed_of_a_search_is_never_added(files, tmp_path):
    plan = make_plan(files.config, ["ce", "dice"], [0, 2], search=1, budget=5)
    assert plan.search.seed == 1
    assert plan.with_another_seed().seeds == (0, 2, 3)
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan
    earlier = read_json(tmp_path / "comparison.json")
    for key in ("budget", "spent"):  # as version 0.1.0 wrote it
        del earlier[key]
    write_json(tmp_path / "comparison.json", earlier)
    assert (Plan.load(tmp_path).budget, Plan.load(tmp_path).spent) == (None, {})


def test_the_verb_and_a_configuration_take_a_budget(files, tmp_path):
    for given in (
        {"config": {**files.config, "budget": "-1"}},
        {"config": files.config, "budget": -1},
    ):
        with pytest.raises(InputError, match="expected a budget of minutes above 0, such as 90"):
            dicetune.compare(**given, out=tmp_path / "c")


@pytest.mark.parametrize("budget", [0, -3, float("nan"), float("inf")])
def test_no_budget(files, budget, tmp_path):
    with pytest.raises(InputError, match="expected a budget of minutes above 0, such as 90"):
        compare(tmp_path / "c", files.config, budget=budget)
    with pytest.raises(InputError, match="expected --seeds or --budget, got both"):
        compare(tmp_path / "c", files.config, budget=budget, seeds=3)
