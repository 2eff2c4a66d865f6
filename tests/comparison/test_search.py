"""The search: as many trials for each loss, the given configuration first, resumed to the same."""

import math
import random
import sys
from dataclasses import replace

import pytest

from dicetune.comparison import search as searching
from dicetune.comparison.compare import make_plan
from dicetune.comparison.competitor import LEARNING_RATE, PlannedLoss
from dicetune.comparison.plan import DataFile, Plan, Search
from dicetune.comparison.search import space_of, with_values
from dicetune.errors import InputError
from dicetune.losses import LOSSES, build
from dicetune.records import write_json

PLAN = Plan(
    task="ner",
    metric="f1",
    files={split: DataFile(f"{split}.conll", None, 9) for split in ("train", "dev", "test")},
    model={"name": "minilm", "sha256": None},
    objectives={"auto": PlannedLoss("ce+dice", {"start_loss": "ce", "start_share": 0.1})},
    seeds=(1,),
    baseline="auto",
    trainer={"learning_rate": 1e-4},
    search=Search(5, 0),
)


def search(plan, out, name, trials):
    """The plan with what a search found, whose trials are made by ``trials``."""
    steps = searching.search(plan, out, name)
    try:
        trial = next(steps)
        while True:
            trial = steps.send(trials(trial.folder, trial.config, trial.title))
    except StopIteration as end:
        return plan.with_found(name, *end.value)


class Trials:
    """Trials whose dev score falls with the distance of the learning rate from 2e-4."""

    def __init__(self, fails=(), stops=()):
        self.configs, self.fails, self.stops = [], fails, list(stops)

    def __call__(self, folder, config, what):
        self.configs.append(config)
        number = int(folder.name.split("-")[1])
        if number in self.stops:
            self.stops.remove(number)
            raise KeyboardInterrupt
        if number in self.fails:
            write_json(folder.with_name(f"{folder.name}.failed.json"), {"reason": "why"})
            return "why"
        folder.mkdir(exist_ok=True)
        distance = abs(math.log(config["trainer"]["learning_rate"] / 2e-4))
        write_json(folder / "metrics.json", {"dev": {"f1": 1 - distance / 10}})
        return None


def test_the_best_trial_becomes_the_objective_and_a_failed_trial_keeps_its_reason(tmp_path, log):
    trials = Trials(fails=[2])
    plan = search(PLAN, tmp_path, "auto", trials)
    first, *_ = trials.configs
    assert (first["loss"], first["trainer"]["learning_rate"]) == ("ce+dice", 1e-4)
    assert (first["start_loss"], first["seed"], "test" in first) == ("ce", 0, False)
    found = plan.search.found["auto"]
    scores = [row["dev"] for row in found["trials"]]
    assert len(scores) == 5
    assert (scores[2], found["trials"][2]["reason"]) == (None, "why")
    best = found["trials"][found["best"] - 1]
    assert best["dev"] == max(score for score in scores if score is not None) >= scores[0]
    settings = {**PLAN.objectives["auto"].settings, LEARNING_RATE: best["learning_rate"]}
    assert plan.objectives == {"auto": PlannedLoss(best["loss"], settings)}
    assert "trial 3 of 5" in log.messages[2]
    assert log.messages[2].endswith("failed: why")


def test_the_first_trial_is_the_given_configuration_to_the_last_digit(tmp_path):
    trials = Trials()
    rate = 1.23456789e-4
    given = PlannedLoss("tversky:alpha=0.333333333")
    plan = replace(PLAN, objectives={"own": given}, trainer={"learning_rate": rate})
    search(plan, tmp_path, "own", trials)
    first, *others = trials.configs
    assert (first["loss"], first["trainer"]["learning_rate"]) == (given.loss, rate)
    assert all(len(f"{one['trainer']['learning_rate']:.9g}") <= 9 for one in others)


@pytest.mark.filterwarnings("ignore:form='literal'")
@pytest.mark.parametrize("name", LOSSES)
def test_every_value_that_is_searched_fits_every_input_that_the_loss_fits(name):
    loss = build(name)
    rng = random.Random(0)
    for kind, background in (
        ("classes", None),
        ("classes", 0),
        ("labels", None),
        ("positions", None),
    ):
        try:
            loss.check_kind(kind, background)
        except InputError:
            continue
        space = space_of(PlannedLoss(name), 1e-4)
        for trial in range(1, 6):
            drawn = {key: rng.uniform(one.low, one.high) for key, (_, one) in space.items()}
            chosen = with_values(PlannedLoss(name), drawn, trial)
            build(chosen.loss).check_kind(kind, background)
            if len(space) > 1:
                assert chosen.loss != name


def test_a_rate_of_its_own_is_where_the_search_of_a_competitor_begins(tmp_path):
    own = PlannedLoss("ce", {LEARNING_RATE: 3e-4, "sampler": "balanced"})
    trials = Trials()
    plan = search(replace(PLAN, objectives={"own": own}), tmp_path, "own", trials)
    assert trials.configs[0]["trainer"]["learning_rate"] == 3e-4
    assert {config["sampler"] for config in trials.configs} == {"balanced"}
    rates = [config["trainer"]["learning_rate"] for config in trials.configs]
    assert all(3e-4 / 5.01 < rate < 3e-4 * 5.01 for rate in rates)
    assert set(plan.objectives["own"].settings) == set(own.settings)


def test_a_stopped_search_goes_on_to_the_same_values(tmp_path):
    stopped, whole = Trials(stops=[3]), Trials()
    with pytest.raises(KeyboardInterrupt):
        search(PLAN, tmp_path / "a", "auto", stopped)
    resumed = search(PLAN, tmp_path / "a", "auto", stopped)
    assert resumed == search(PLAN, tmp_path / "b", "auto", whole)
    assert stopped.configs[3:] == [whole.configs[3], *whole.configs[3:]]


def test_where_every_trial_failed_the_loss_is_compared_as_it_was_given(tmp_path):
    plan = search(PLAN, tmp_path, "auto", Trials(fails=range(5)))
    assert plan.objectives == PLAN.objectives
    assert plan.search.found["auto"]["best"] is None


def test_a_search_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"expected optuna for --search, got none: pip install"):
        make_plan({"task": "ner", "train": "sample"}, ["ce", "dice"], 1, search=2)
