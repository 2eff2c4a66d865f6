"""Competitors with settings of their own: the text, what it refuses, and a comparison of such."""

from dataclasses import fields, replace

import pytest

import dicetune
from comparisons import make_comparison
from dicetune.comparison.compare import SHARED, canonical_name, compare, make_plan, objective_of
from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.execute import describe
from dicetune.comparison.merge import compare_records
from dicetune.comparison.plan import Plan
from dicetune.errors import DicetuneError, InputError
from dicetune.records import read_json
from dicetune.training import prepare
from dicetune.training.config import RunConfig, with_changes
from local_runs import TRAINER

BALANCED = "ce with lr=0.001 sampler=balanced"
STARTED = "dice with start_share=.5 start_loss=ce set=running precision=bf16"
NAMES = [
    "ce",
    "ce with lr=1e-3 sampler=balanced",
    "dice with precision=bf16 set=running start_loss=ce start_share=0.5",
]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ce", "ce"),
        ("dice:smooth=1.0 + ce", "dice:smooth=1.0 + ce"),
        (BALANCED, NAMES[1]),
        (STARTED, NAMES[2]),
        (
            "focal:gamma=1.0  with trainer.weight_decay=0 lr=3e-05",
            "focal:gamma=1.0 with lr=3e-5 trainer.weight_decay=0",
        ),
        ("ce with 'class_weight.New York=2.50'", "ce with 'class_weight.New York=2.5'"),
        (
            "auto with prior_bias=True hard_negatives=3",
            "auto with hard_negatives=3 prior_bias=true",
        ),
        ("ce with trainer.lr_scheduler_type=cosine", "ce with trainer.lr_scheduler_type=cosine"),
    ],
)
def test_a_text_has_one_form_which_reads_back_to_the_same(text, name):
    assert canonical_name(text) == name == canonical_name(name)
    assert objective_of(text) == objective_of(name)


@pytest.mark.parametrize("value", [4e-4, 1.5e-4, 0.1, 0.25, 3e-5, 1.0, 100.0, 12.5, 1e-8, 0.0])
def test_a_number_is_short_and_keeps_its_value(value):
    text = str(PlannedLoss("ce", {"trainer.learning_rate": value})).partition("=")[2]
    assert float(text) == value
    assert len(text) <= len(f"{value:g}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ce with", "expected KEY=VALUE after 'with', got ''"),
        ("ce with sampler", "expected KEY=VALUE after 'with', got 'sampler'"),
        ("ce with lr=", "expected KEY=VALUE after 'with', got 'lr='"),
        ("ce with 'lr=1", "expected whole quotes"),
        ("ce with lr=1e-3 trainer.learning_rate=1e-4", "expected trainer.learning_rate once"),
        *(
            (f"ce with {key}", "equal for all losses of a comparison; give it beside the losses")
            for key in (
                *("epochs=3", "batch_size=8", "model=x", "decision=argmax", "max_train=9"),
                *("seed=3", "patience=2", "lora=r=8", "options.metric=f1", "loss=dice"),
                *("trainer.max_steps=9", "trainer.gradient_accumulation_steps=2"),
                *("trainer.eval_steps=9", "trainer.seed=3", "trainer.bf16=true"),
            )
        ),
        ("ce with precision=auto", "expected precision=fp32 or precision=bf16 after 'with'"),
        ("ce with precision=fp8", "unknown precision 'fp8'"),
        ("ce with start_loss=dice", "expected start_loss and start_share together"),
        ("dise with lr=1e-3", "unknown loss 'dise': did you mean 'dice'"),
        ("ce with lr=fast", "'ce with lr=fast': expected trainer.learning_rate as float"),
        ("ce with lr=1e-3, sampler=balanced", "expected trainer.learning_rate as float"),
        ("ce with samplr=balanced", "unknown configuration key 'samplr': did you mean 'sampler'"),
        ("ce with sampler=equal", "unknown sampler 'equal'"),
        ("ce with learning_rate=1", "give the key of the trainer (-s trainer.learning_rate"),
        ("ce with trainer.wheight_decay=1", "unknown trainer key 'wheight_decay'"),
        ("ce with class_weight.SITE=-1", "expected class_weight.SITE of at least 0"),
        (
            "ce with trainer.optim=adamm",
            "'ce with trainer.optim=adamm': expected trainer keys that",
        ),
        ("ce with class_weight.SPAM=2", "unknown label in class_weight 'SPAM'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(text, said, files, tmp_path):
    with pytest.raises(DicetuneError) as refused:
        compare(tmp_path / "c", files.config, losses=["ce", text], seeds=1)
    assert said in str(refused.value)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    "same", ["ce with lr=5e-3", "auto", "ce with set=batch", "ce with trainer.weight_decay=0.01"]
)
def test_a_competitor_that_is_the_same_run_is_refused(same, files, tmp_path):
    with pytest.raises(InputError, match=r"beside 'ce', which is the same: leave one out"):
        make_plan(files.config, ["ce", same], 1)
    plans = [make_plan(files.config, [first, "dice"], 1) for first in ("ce", same)]
    with pytest.raises(InputError, match=r"beside 'ce', which is the same"):
        plans[1].going_on_from(plans[0], tmp_path)


def test_every_shared_key_is_a_key_of_the_configuration_and_a_new_key_is_free():
    keys = {entry.name for entry in fields(RunConfig)}
    assert keys >= {*SHARED}
    own = keys - {*SHARED}
    assert own >= {"sampler", "set", "prior_bias", "hard_negatives", "class_weight"}
    assert own <= prepare._FREE  # what only one competitor has makes no run read the data again


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "dice:average=micro with set=running",
            "expected classes='foreground' with average='micro' over a softmax",
        ),
        ("gce:q_pos=0", "classes without a background, where no item is negative"),
        ("ce with hard_negatives=3", "expected a background class"),
    ],
)
def test_a_loss_that_does_not_fit_the_task_is_refused_before_another_trains(
    files, tmp_path, name, said
):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text("ham\tat nine\nspam\twin now\n", encoding="utf-8")
    paths = {split: str(tmp_path / f"{split}.tsv") for split in ("train", "dev", "test")}
    config = {"task": "text", "model": files.config["model"], **paths}
    with pytest.raises(InputError) as refused:
        make_plan(config, ["ce", name], 1)
    assert str(refused.value).startswith(f"'{name}': ")
    assert said in str(refused.value)


def test_a_plan_without_settings_has_the_runs_that_it_had(files):
    plan = make_plan(files.config, ["ce", BALANCED], 1)
    assert plan.config_of("ce", 1) == {**plan.base(), "loss": "ce", "seed": 1}
    alone = make_plan(files.config, ["ce", "dice"], 1)
    assert alone.runs[0] == plan.runs[0]
    own = {"trainer.learning_rate": 1e-3, "sampler": "balanced", "class_weight.SITE": 2.0}
    weighted = PlannedLoss("ce", own)
    asked = replace(plan, objectives={"x": weighted}, settings={"class_weight": {"O": 0.5}})
    expected = with_changes(asked.base(), own) | {"loss": "ce", "seed": 4}
    assert asked.config_of("x", 4) == expected
    assert asked.settings == {"class_weight": {"O": 0.5}}


def test_one_run_has_its_settings_beside_its_loss(files, tmp_path):
    config = {**files.config, "loss": BALANCED, "out": str(tmp_path / "run")}
    with pytest.raises(InputError, match="only the losses of `dicetune compare` have settings"):
        dicetune.train(config=config)


@pytest.fixture(scope="module")
def done(files):
    """A finished comparison of a loss, of the same with settings, and of one with a start phase."""
    from local_runs import Here

    out = files.folder / "settings"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dicetune.comparison.execute.Local", Here)
        outcome = compare(out, files.config, losses=["ce", BALANCED, STARTED], seeds=2)
    return out, outcome


def test_each_competitor_is_trained_with_its_settings_and_named_by_them(done):
    out, outcome = done
    assert outcome.exit_code == 0
    plan = Plan.load(out)
    assert list(plan.objectives) == NAMES == list(dict.fromkeys(run.loss for run in plan.runs))
    keys = ("loss", "precision", "sampler", "set", "start_loss", "start_share")
    configs = {run.loss: read_json(run.folder(out) / "run.json")["config"] for run in plan.runs}
    assert {name: [config[key] for key in keys] for name, config in configs.items()} == {
        NAMES[0]: ["ce", "fp32", None, "batch", None, None],
        NAMES[1]: ["ce", "fp32", "balanced", "batch", None, None],
        NAMES[2]: ["dice", "bf16", None, "running", "ce", 0.5],
    }
    rates = [config["trainer"]["learning_rate"] for config in configs.values()]
    assert rates == [TRAINER["learning_rate"], 1e-3, TRAINER["learning_rate"]]
    rest = [
        {
            key: value
            for key, value in config.items()
            if key not in (*keys, "seed", "out", "trainer")
        }
        for config in configs.values()
    ]
    assert rest[0] == rest[1] == rest[2]
    assert len({run.id for run in plan.runs}) == len(plan.runs) == 6
    summary = outcome.summary
    assert [row["loss"] for row in summary["competitors"][:3]] == NAMES
    assert all(row["objective"] == row["loss"] for row in summary["competitors"])
    assert set(summary["curves"]) == set(NAMES)
    assert summary["recommendation"]["loss"] in NAMES
    for name in ("report.html", "summary.md"):
        assert NAMES[1] in (out / name).read_text(encoding="utf-8").replace("<wbr>", "")
    assert dicetune.load(out / "best")("the pump")


@pytest.mark.usefixtures("in_process")
def test_it_goes_on_by_any_form_of_the_text_and_nothing_is_trained_again(done, files, log):
    out, _ = done
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/run.json")}
    other = "ce with sampler=balanced trainer.learning_rate=1e-3"
    outcome = compare(out, losses=[other], baseline=other)
    assert outcome.summary["baseline"] == NAMES[1]
    assert {path: path.stat().st_mtime_ns for path in out.glob("cells/*/run.json")} == before
    assert "6 are done" in log.messages[0]
    again = compare_records([out], baseline="ce")
    assert again.summary["baseline"] == "ce"
    assert compare_records([out], baseline=BALANCED).summary["baseline"] == NAMES[1]


def test_its_name_is_quoted_in_sentences_and_a_repeated_row_is_nowhere(tmp_path):
    name = "dice with lr=4e-4 set=running"
    folder = make_comparison(tmp_path / "c", losses=("ce", name), seeds=(1, 2, 3), units=60)
    finding = dicetune.compare(sources=[folder])
    first, *rest = finding.summary["verdict"]
    assert first.startswith(f"Use all 3 seeds of “{name}” together: ")
    assert any(line.startswith(f"“{name}” +") for line in rest)
    assert finding.summary["repeats"] == [f"{name}, tuned"]
    table, *lines = (" ".join(str(part).split()) for part in str(finding).split("┘"))
    assert "ce, tuned" in table
    assert f"{name}, tuned" not in table
    assert f"The row “{name}, tuned” is left out" in lines[0]


def test_a_run_of_train_takes_the_name_of_the_competitor_that_it_is(done, files, tmp_path):
    out, _ = done
    plan = Plan.load(out)
    for name in NAMES:
        config = plan.config_of(name, 3) | {"out": str(tmp_path / "run")}
        dicetune.train(config=config, overwrite=(tmp_path / "run").exists())
        merged = compare_records([out, tmp_path / "run"], tmp_path / f"m{NAMES.index(name)}")
        runs = Plan.load(merged.folder).runs
        assert [run.seed for run in runs if run.loss == name] == [1, 2, 3]
        assert runs[-1].id == replace(plan, seeds=(3,)).runs[NAMES.index(name)].id
        assert not any("differ in more than the loss" in n for n in merged.summary["how"]["notes"])


def test_the_heads_of_a_loss_with_its_own_start_are_not_called_open(files):
    config = {**files.config, "task": "ner"}
    plan = replace(make_plan(config, ["ce", "dice"], 1), task="mrc-ner")

    def is_open(*texts):
        objectives = {text: objective_of(text) for text in texts}
        lines = describe(replace(plan, objectives=objectives), files.folder)
        return any("one half" in line for line in lines)

    assert is_open("ce", "dice")
    assert is_open("ce", "ce with prior_bias=false", "dice")
    assert not is_open("ce with prior_bias=false", "dice")
    assert not is_open("ce", "ce with lr=1e-3")
    assert is_open("ce", "ce with start_loss=dice start_share=0.4")
