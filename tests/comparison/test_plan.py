"""The plan: ids that stay, what may be added, what is refused."""

from dataclasses import replace

import pytest

from dicetune.comparison.compare import seeds_of
from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.plan import DataFile, Plan, PlannedRun, Search, digests_of, run_id
from dicetune.comparison.runs import check_files
from dicetune.errors import DataError, InputError
from dicetune.records import read_json, write_json

PLAN = Plan(
    task="ner",
    metric="f1",
    files={split: DataFile(f"{split}.conll", split * 8, 9) for split in ("train", "dev", "test")},
    model={"name": "minilm", "sha256": "ab" * 32},
    objectives={"ce": PlannedLoss("ce"), "auto": PlannedLoss("ce+dice")},
    seeds=(1, 2),
    baseline="ce",
    trainer={"learning_rate": 1e-4, "num_train_epochs": 3},
)


def ids(plan):
    return [run.id for run in plan.runs]


def test_runs_are_losses_times_seeds_a_seed_of_every_loss_first():
    assert [(run.loss, run.seed) for run in PLAN.runs] == [
        *(("ce", 1), ("auto", 1), ("ce", 2), ("auto", 2))
    ]
    assert len(set(ids(PLAN))) == 4
    assert all(one.startswith(("ce-seed", "ce-dice-seed")) for one in ids(PLAN))


def test_the_same_run_has_the_same_id_wherever_its_files_lie():
    moved = {split: replace(file, path=f"/x/{file.path}") for split, file in PLAN.files.items()}
    away = replace(PLAN, files=moved, model={**PLAN.model, "name": "/y"}, settings={"note": "z"})
    assert ids(away) == ids(PLAN)
    assert ids(replace(PLAN, trainer={**PLAN.trainer, "num_train_epochs": 3.0})) == ids(PLAN)


@pytest.mark.parametrize(
    "change",
    [
        {"trainer": {**PLAN.trainer, "learning_rate": 2e-4}},
        {"files": {**PLAN.files, "test": DataFile("test.conll", "other", 9)}},
        {"files": {**PLAN.files, "dev": DataFile("dev.conll", "dev" * 8, 8)}},
        {"model": {"name": "minilm", "sha256": "cd" * 32}},
        {"options": {"scheme": "iob2"}},
        {"settings": {"max_train": 4}},
    ],
)
def test_what_decides_a_run_changes_its_id_and_is_refused_in_the_same_folder(change, tmp_path):
    changed = replace(PLAN, **change)
    assert not set(ids(changed)) & set(ids(PLAN))
    with pytest.raises(InputError, match=r"expected the plan of the comparison in .* got another"):
        changed.going_on_from(PLAN, tmp_path)


def test_a_refusal_says_what_differs(tmp_path):
    changed = replace(PLAN, trainer={**PLAN.trainer, "num_train_epochs": 8}, task="pos")
    with pytest.raises(InputError) as refused:
        changed.going_on_from(PLAN, tmp_path)
    assert "task (ner then, pos now)" in str(refused.value)
    assert "trainer.num_train_epochs (3 then, 8 now)" in str(refused.value)


def test_the_content_of_a_file_among_the_options_counts_and_not_its_place(tmp_path):
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    one, same, other = (
        run_id({"loss": "ce", "seed": 1, "options": {"queries": str(tmp_path / name)}}, {}, "m")
        for name in "abc"
    )
    assert one == same != other


def test_a_file_among_the_options_that_changed_is_refused_and_the_ids_stay(tmp_path):
    queries = tmp_path / "queries.yaml"
    queries.write_text("SITE: where?", encoding="utf-8")
    options = {"queries": str(queries)}
    planned = replace(PLAN, options=options, option_files=digests_of(options))
    planned.save(tmp_path)
    before = ids(planned)
    queries.write_text("SITE: who?", encoding="utf-8")
    assert ids(Plan.load(tmp_path)) == before
    now = replace(planned, option_files=digests_of(options))
    with pytest.raises(InputError, match=r"options\.queries \(the file .* was changed\)"):
        now.going_on_from(Plan.load(tmp_path), tmp_path)
    with pytest.raises(InputError, match=r"expected the queries file of the comparison"):
        check_files(replace(planned, files={}), tmp_path, "a run")
    queries.unlink()
    assert ids(Plan.load(tmp_path)) == before


def test_a_start_that_is_asked_for_is_another_run_than_a_start_by_the_data():
    """``prior_bias`` has three values: true, false, and nothing."""
    found = [ids(replace(PLAN, settings={"prior_bias": value})) for value in (None, False, True)]
    assert found[0] == ids(PLAN)
    assert len({*map(tuple, found)}) == 3


def test_a_name_whose_loss_changed_says_how_to_go_on(tmp_path):
    """``auto`` was ce+dice in version 0.1.0."""
    now = replace(PLAN, objectives={"ce": PlannedLoss("ce"), "auto": PlannedLoss("dice")})
    with pytest.raises(InputError) as refused:
        now.going_on_from(PLAN, tmp_path)
    said = str(refused.value)
    assert "compare with --loss ce+dice in a new folder" in said
    assert "give this folder to --from" in said


def test_losses_and_seeds_are_added_and_nothing_is_lost(tmp_path):
    more = replace(PLAN, objectives={"focal": PlannedLoss("focal")}, seeds=(3,), baseline="focal")
    grown = more.going_on_from(PLAN, tmp_path)
    assert list(grown.objectives) == ["ce", "auto", "focal"]
    assert (grown.seeds, grown.baseline) == ((1, 2, 3), "focal")
    assert set(ids(grown)) >= set(ids(PLAN))
    assert len(grown.runs) == 9


def test_a_plan_is_read_back_as_it_was(tmp_path):
    search = Search(3, 0, {"ce": {"best": 1, "trials": []}})
    for plan in (PLAN, replace(PLAN, search=search, notes=("one",), external={"x": {"file": "y"}})):
        plan.save(tmp_path)
        assert Plan.load(tmp_path) == plan
    merged = replace(PLAN, merged=(PlannedRun("a", "ce", "ce", 1),))
    merged.save(tmp_path)
    assert Plan.load(tmp_path).runs == (PlannedRun("a", "ce", "ce", 1),)
    with pytest.raises(InputError, match="merged records"):
        PLAN.going_on_from(merged, tmp_path)
    with pytest.raises(DataError, match=r"without comparison\.json"):
        Plan.load(tmp_path / "none")


def test_a_plan_of_an_earlier_version_has_the_runs_that_it_had(tmp_path):
    """Ids as they were before a loss had settings of its own."""
    assert [one.rpartition("-")[2] for one in ids(PLAN)] == [
        *("3f7699c3", "18d3605f", "bb81545e", "656da020")
    ]
    PLAN.save(tmp_path)
    written = read_json(tmp_path / "comparison.json")
    once = {"loss": "ce+0.5*dice", "start_loss": "ce", "start_share": 0.25, "learning_rate": 0.0003}
    written |= {"objectives": {"a": once}, "seeds": [3], "baseline": "a"}
    written["settings"] = {"class_weight": {"x": 2.0}}
    del written["name"]  # of a later version too
    write_json(tmp_path / "comparison.json", written)
    plan = Plan.load(tmp_path)
    assert ids(plan) == ["ce-0.5-dice-seed3-e9916fca"]
    assert str(plan.objectives["a"]) == "ce+0.5*dice with lr=3e-4 start_loss=ce start_share=0.25"


def test_what_a_search_found_becomes_the_configuration(tmp_path):
    searching = replace(PLAN, search=Search(2, 0))
    found = searching.with_found(
        "auto", PlannedLoss("ce+0.5*dice", {"trainer.learning_rate": 3e-4}), {"best": 2}
    )
    config = found.config_of("auto", 1)
    assert (config["loss"], config["trainer"]["learning_rate"]) == ("ce+0.5*dice", 3e-4)
    assert found.config_of("ce", 1)["trainer"]["learning_rate"] == 1e-4
    assert searching.going_on_from(found, tmp_path).objectives == found.objectives
    with pytest.raises(InputError, match=r"number of trials \(2 then, 0 now\)"):
        PLAN.going_on_from(found, tmp_path)
    with pytest.raises(InputError, match="other seeds than the seed of the search, got 0"):
        replace(searching, seeds=(0, 1)).going_on_from(found, tmp_path)


@pytest.mark.parametrize("given", [0, -1, [], [1, 1], [-1, 2], ["a"], True])
def test_seeds_that_are_none(given):
    with pytest.raises(InputError, match="seed"):
        seeds_of(given)
