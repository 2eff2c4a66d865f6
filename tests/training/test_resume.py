"""A run that was killed goes on to the same weights as one that was not."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from commands import command
from dicetune.records import read_json
from dicetune.training.callbacks import StopOnSignal
from tiny import tiny_bert
from training.run_worker import sends

WORKER = Path(__file__).with_name("run_worker.py")
WORDS = ["the", "pump", "at", "quay", "nine", "is", "down", "again", "and", "nobody", "knows"]


def write_corpus(path: Path, sentences: int) -> Path:
    """Sentences of many lengths, so that grouping by length has something to do."""
    rows = []
    for number in range(sentences):
        length = 3 + (7 * number) % 9
        words = [WORDS[(number + i) % len(WORDS)] for i in range(length)]
        tags = [
            "B-SITE" if word == "quay" else "I-SITE" if word == "nine" else "O" for word in words
        ]
        tags = [
            "B-SITE" if tag == "I-SITE" and (i == 0 or tags[i - 1] == "O") else tag
            for i, tag in enumerate(tags)
        ]
        rows += [f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)] + ["\n"]
    path.write_text("".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """The options of a short run: 6 steps an epoch, 3 epochs, a checkpoint every 2 steps."""
    folder = tmp_path_factory.mktemp("resume")
    tiny_bert(folder / "model")
    train = write_corpus(folder / "train.conll", 24)
    dev = write_corpus(folder / "dev.conll", 8)
    settings = {
        "num_train_epochs": 3,
        "per_device_train_batch_size": 4,
        "save_strategy": "steps",
        "eval_strategy": "steps",
        "save_steps": 2,
        "eval_steps": 2,
        "use_cpu": True,
    }
    options = [f"--set=trainer.{key}={value}" for key, value in settings.items()]
    return folder, [
        *("train", "ner", "--train", str(train), "--dev", str(dev)),
        *("--model", str(folder / "model"), "--loss", "dice", "--start-loss", "ce"),
        *("--start-share", "0.4", "--patience", "50", *options),
    ]


def killed(arguments, step):
    """Whether the command, in a process of its own, was killed after a step."""
    worker = [sys.executable, str(WORKER), str(step), *arguments]
    return subprocess.run(worker, capture_output=True, check=False).returncode == -signal.SIGKILL


def run(arguments, step=-1):
    """Exit code of the command in this process, where Ctrl-C is pressed after a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopOnSignal, "on_step_end", sends(signal.SIGINT, step))
        return command(*arguments)


@pytest.fixture(scope="module")
def uninterrupted(arguments):
    folder, options = arguments
    assert run([*options, "--out", str(folder / "whole")]) == 0
    return load_file(folder / "whole" / "model.safetensors")


def assert_same_weights(folder, weights):
    found = load_file(folder / "model.safetensors")
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        assert (found[name] == value).all(), name


def test_killed_in_the_first_and_in_later_epochs(arguments, uninterrupted, capsys):
    folder, options = arguments
    out = folder / "killed"
    options = [*options, "--out", str(out)]
    for resume, step in (([], 5), (["--resume"], 11)):
        assert killed([*options, *resume], step)
        assert not (out / "run.json").exists()
    assert run([*options, "--resume"]) == 0
    assert "resuming from checkpoint-10" in capsys.readouterr().err
    assert_same_weights(out, uninterrupted)
    assert not (out / "checkpoints").exists()


def test_stopped_by_ctrl_c_leaves_a_resumable_state_and_one_line(arguments, uninterrupted, capsys):
    folder, options = arguments
    out = folder / "stopped"
    options = [*options, "--out", str(out)]
    assert run(options, step=7) == 130
    assert {path.name for path in (out / "checkpoints" / "checkpoint-7").iterdir()} == {
        *("config.json", "model.safetensors", "optimizer.pt", "scheduler.pt"),
        *("rng_state.pth", "trainer_state.json"),
    }
    said = capsys.readouterr().err
    assert said.strip().splitlines()[-1] == (
        f"dicetune: stopped after step 7 of 18, which is saved; go on with --resume --out {out}"
    )
    assert "Traceback" not in said
    assert run([*options, "--resume"]) == 0
    assert "resuming from checkpoint-7" in capsys.readouterr().err
    assert_same_weights(out, uninterrupted)


@pytest.mark.parametrize("strategy", ["epoch", "steps"])
def test_ctrl_c_adds_no_evaluation_and_loses_none(arguments, strategy):
    # patience 1 at a learning rate of 0 counts evaluations: one more or less ends the run elsewhere
    folder, options = arguments
    settings = {
        "save_strategy": strategy,
        "eval_strategy": strategy,
        "save_steps": 4,
        "eval_steps": 4,
        "learning_rate": 0.0,
    }
    options = [
        *options,
        *("--patience", "1", "--loss", "ce+dice"),
        *(f"--set=trainer.{key}={value}" for key, value in settings.items()),
    ]
    # the start phase, 8 steps of 18, is over when the first evaluation is counted
    whole, out = folder / f"{strategy}-whole", folder / f"{strategy}-stopped"
    assert run([*options, "--out", str(whole)]) == 0
    history = read_json(whole / "run.json")["training"]["history"]
    for resume, step in (([], 4), (["--resume"], 9)):
        assert run([*options, "--out", str(out), *resume], step) == 130
    assert run([*options, "--out", str(out), "--resume"]) == 0
    found = read_json(out / "run.json")["training"]["history"]
    assert [row["step"] for row in found] == [row["step"] for row in history]
    assert [row["eval_loss"] for row in found] == [row["eval_loss"] for row in history]
    assert_same_weights(out, load_file(whole / "model.safetensors"))


def test_changed_data_is_not_resumed(arguments, capsys):
    folder, options = arguments
    dev = write_corpus(folder / "dev2.conll", 8)
    options = [*options, "--dev", str(dev), "--out", str(folder / "changed")]
    assert run(options, step=3) == 130
    write_corpus(dev, 9)
    assert run([*options, "--resume"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "got other files for dev: start a new run" in said


def test_another_configuration_is_not_resumed(arguments, uninterrupted, capsys):
    folder, options = arguments
    assert run([*options, "--out", str(folder / "whole"), "--resume"]) == 2
    assert "which is finished" in capsys.readouterr().err
