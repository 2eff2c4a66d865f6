"""A loss from a user's own module: run where the user names it, recorded, and nowhere else."""

import json
import signal
import sys
from pathlib import Path

import pytest

from commands import command
from dicetune.comparison.compare import compare, make_plan
from dicetune.comparison.merge import compare_records
from dicetune.comparison.plan import Plan
from dicetune.errors import InputError, InterruptedRunError
from dicetune.predictor import load
from dicetune.records import read_json, sha256
from dicetune.training import NonFiniteLossError, RunConfig, run
from tiny import tiny_bert

TAGS = "the O\npump O\nat O\nquay B-SITE\nnine I-SITE\n\nis O\nquay B-SITE\ndown O\n\n" * 2
MODULE = """
import signal
import torch.nn.functional as F

calls = []

def plain(logits, target):
    calls.append("plain")
    return F.cross_entropy(logits, target)

def stopping(logits, target):
    if logits.requires_grad:
        signal.raise_signal(signal.SIGTERM)
    return F.cross_entropy(logits, target)
"""
LOSS = "ce+0.5*py(own_code:plain)"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("own_code.py").write_text(MODULE, encoding="utf-8")
    Path("data.conll").write_text(TAGS, encoding="utf-8")
    tiny_bert(Path("model"))
    yield tmp_path
    sys.modules.pop("own_code", None)


def values(**changes):
    files = {"task": "ner", "train": "data.conll", "dev": "data.conll", "model": "model"}
    trainer = {"max_steps": 2, "per_device_train_batch_size": 2, "use_cpu": True}
    return {**files, "trainer": trainer, **changes}


def config(**changes):
    return RunConfig.from_mapping(values(**{"out": "out", **changes}))


def test_the_record_keeps_what_code_it_was_and_readers_run_none_of_it(place, capsys):
    record = run(config(loss=LOSS, test="data.conll"))
    assert record.objective["loss"] == LOSS
    assert record.objective["code"] == {"py(own_code:plain)": sha256("own_code.py")}
    assert read_json(Path("out/run.json"))["objective"]["set"] is None  # it is a mean over items
    Path("own_code.py").write_text("raise SystemExit('never')", encoding="utf-8")
    del sys.modules["own_code"]
    assert load("out")("the pump at quay nine")
    for arguments in (["evaluate", "out", "data.conll"], ["tune", "out"]):
        assert command(*arguments) == 0, capsys.readouterr()
    compare_records(["out"], "records")
    assert "own_code" not in sys.modules


def test_a_resume_names_the_loss_again_and_finds_its_file_unchanged(place):
    changes = {"loss": LOSS, "trainer": {**values()["trainer"], "save_strategy": "steps"}}
    changes["trainer"] |= {"eval_strategy": "steps", "save_steps": 1, "eval_steps": 1}
    asked = config(**{**changes, "loss": f"{LOSS}+py(own_code:stopping)"})
    told = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    try:
        with pytest.raises(InterruptedRunError, match="stopped after step 1 of 2, which is saved"):
            run(asked)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]  # once the step is saved, the program's own handler is called
    with pytest.raises(InputError, match=r"another loss .*give `--config out.config.yaml --resume"):
        run(config(**{**changes, "loss": "auto"}), resume=True)
    with Path("own_code.py").open("a", encoding="utf-8") as file:
        file.write("# another\n")
    with pytest.raises(InputError, match=r"other files for py\(own_code:plain\), py\(own_code:"):
        run(asked, resume=True)


def test_a_comparison_goes_on_with_own_code_only_where_it_is_named_again(place):
    request = values(test="data.conll"), ["ce", LOSS], 1
    plan = make_plan(*request)
    names = [cell.id for cell in plan.runs]
    assert [name.rpartition("-")[0] for name in names] == [
        "ce-seed1",
        "ce-0.5-py-own-code-plain-seed1",
    ]
    Path("runs").mkdir()
    plan.save(Path("runs"))
    hidden = json.loads(Path("runs/comparison.json").read_text(encoding="utf-8"))
    hidden["objectives"]["ce"]["loss"] = "py(own_code:plain)"
    Path("hidden").mkdir()
    Path("hidden/comparison.json").write_text(json.dumps(hidden), encoding="utf-8")
    del sys.modules["own_code"]
    with pytest.raises(InputError, match=r"add --loss 'ce\+0.5\*py\(own_code:plain\)' if you"):
        compare("runs")
    for folder, losses in (("runs", ["focal"]), ("hidden", ["ce", "focal"])):
        with pytest.raises(InputError, match="named again"):
            compare(folder, values(test="data.conll"), losses=losses)
    assert "own_code" not in sys.modules
    with Path("own_code.py").open("a", encoding="utf-8") as file:
        file.write("# another\n")
    changed = make_plan(*request)
    assert changed.runs[0].id == names[0]
    assert changed.runs[1].id != names[1]
    with pytest.raises(InputError, match=r"another file of py\(own_code:plain\) \(it was changed"):
        changed.going_on_from(Plan.load(Path("runs")), Path("runs"))


def test_a_run_whose_last_step_spoils_the_weights_is_not_finished(place):
    with pytest.raises(NonFiniteLossError, match="expected a finite loss, got nan for eval after"):
        run(config(loss="ce", trainer={"max_steps": 1, "learning_rate": 1e40, "warmup_steps": 0}))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "expected RANK, LOCAL_RANK, .* beside WORLD_SIZE=2"),
        ({"RANK": "1"}, "as RANK=1 says, got 0"),
    ],
)
def test_a_run_that_would_train_beside_others_makes_nothing(place, monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message):
        run(config(loss="ce"))
    assert not Path("out").exists()
    with pytest.raises(InputError, match="each would work for itself"):
        make_plan(values(test="data.conll"), ["ce", "dice"])
