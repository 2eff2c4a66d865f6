"""The mean of the weights of the last steps: what is evaluated, kept and resumed."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from dicetune.errors import InputError
from dicetune.training import RunConfig, run
from dicetune.training.averaging import AveragingTrainer
from dicetune.training.folder import OWN_WEIGHTS
from local_runs import SENTENCES, TRAINER
from tiny import tiny_bert
from training.test_trainer import items, tagger, trainer_of

STEPS = {"max_steps": 9, "save_steps": 3, "eval_steps": 3, "logging_steps": 1}
BY_STEPS = {"save_strategy": "steps", "eval_strategy": "steps"}


class Watch(TrainerCallback):
    """The weights after each step."""

    def __init__(self):
        self.after = []

    def on_step_end(self, args, state, control, model, **_):
        self.after.append({n: w.detach().double() for n, w in model.named_parameters()})


def trained(folder, share, *, resume=None, loss="ce", **changes):
    """A finished training, and the weights after each of its steps."""
    watch = Watch()
    options = {"average": share, "callbacks": [watch], "loss": loss, "background": 0}
    trainer = trainer_of(folder, options=options, **{**STEPS, **BY_STEPS, **changes})
    trainer.train(resume_from_checkpoint=resume)
    return trainer, watch.after


def mean_of(steps):
    return {name: sum(each[name] for each in steps) / len(steps) for name in steps[0]}


def assert_close(model, weights):
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.detach().double(), weights[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("share", "last"), [(0.34, 3), (0.5, 4), (1.0, 9), (1e-6, 1)])
def test_the_model_is_the_mean_after_each_of_the_last_steps(tmp_path, share, last):
    trainer, after = trained(tmp_path, share)
    assert_close(trainer.model, mean_of(after[-last:]))


def test_the_optimizer_goes_on_from_its_own_weights(tmp_path):
    plain, steps = trained(tmp_path / "plain", None)
    averaged, same = trained(tmp_path / "averaged", 1.0)
    assert_close(plain.model, steps[-1])
    for one, other in zip(steps, same, strict=True):
        assert all((one[name] == other[name]).all() for name in one)
    losses = [
        [row["loss"] for row in trainer.state.log_history if "loss" in row]
        for trainer in (plain, averaged)
    ]
    assert losses[0] == losses[1]


def test_evaluations_and_checkpoints_have_the_mean(tmp_path):
    trainer, after = trained(tmp_path, 0.5)  # of steps 6 to 9
    dev = {r["step"]: r["eval_loss"] for r in trainer.state.log_history if "eval_loss" in r}
    for step, expected in ((3, after[2]), (6, after[5]), (9, mean_of(after[5:]))):
        saved = load_file(tmp_path / f"checkpoint-{step}" / "model.safetensors")
        own = tmp_path / f"checkpoint-{step}" / OWN_WEIGHTS
        for name, weight in expected.items():
            torch.testing.assert_close(saved[name].double(), weight, rtol=1e-5, atol=1e-7)
        assert own.is_file() == (step >= 6)
        if step >= 6:
            assert all((w.double() == after[step - 1][n]).all() for n, w in load_file(own).items())
        model = tagger()
        model.load_state_dict({name: weight.float() for name, weight in expected.items()})
        fresh = trainer_of(tmp_path / "fresh", model, options={"loss": "ce", "background": 0})
        assert fresh.evaluate()["eval_loss"] == pytest.approx(dev[step], rel=1e-5)


@pytest.mark.parametrize("step", [3, 6])
def test_a_resume_goes_on_exactly(tmp_path, step):
    whole, _ = trained(tmp_path / "whole", 0.5)
    shutil.copytree(tmp_path / "whole" / f"checkpoint-{step}", tmp_path / f"checkpoint-{step}")
    resumed, after = trained(tmp_path / "more", 0.5, resume=str(tmp_path / f"checkpoint-{step}"))
    assert len(after) == 9 - step
    for (name, one), other in zip(
        whole.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def test_the_best_checkpoint_is_a_mean_where_it_is_of_the_last_share(tmp_path):
    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss"}
    trainer, after = trained(tmp_path, 0.5, learning_rate=1e-3, **best)
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-9")
    assert_close(trainer.model, mean_of(after[5:]))


def test_a_resume_with_another_average_is_refused(tmp_path):
    trained(tmp_path, 0.5)
    for share, step, here, there in (
        (None, 9, "none", "0.5"),
        (1.0, 3, "1", "none"),
        (0.34, 9, "0.34", "0.5"),
    ):
        with pytest.raises(InputError, match=f"has average={here}, got average={there} in"):
            trained(tmp_path / "more", share, resume=str(tmp_path / f"checkpoint-{step}"))


def test_the_record_says_of_how_many_steps_the_model_is_the_mean_or_that_it_is_none(tmp_path):
    tiny_bert(tmp_path / "model")
    (tmp_path / "a.conll").write_text(SENTENCES * 3, encoding="utf-8")
    places = {"model": str(tmp_path / "model"), "train": str(tmp_path / "a.conll")}
    trainer = {**TRAINER, "max_steps": 6, "eval_steps": 2, "save_steps": 2}
    still = {**trainer, "learning_rate": 0.0}  # the first evaluation is as good as any

    def note(out, average, trainer):
        config = RunConfig("ner", dev=places["train"], average=average, out=str(tmp_path / out),
                           trainer=trainer, **places)  # fmt: skip
        record = run(config)
        step = record.training["best_step"]
        return step, next(one for one in record.notes if f"(step {step})" in one)

    step, said = note("all", 1.0, trainer)
    assert said.endswith(f"is the mean of the weights of {step} steps")
    step, said = note("none", 0.34, still)
    assert step == 2
    assert said.endswith("is no mean of weights: it is older than the last 34% of the steps")


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(InputError, match=rf"average in \(0, 1\].*, got {share:g}"):
        trained(tmp_path, share)
    with pytest.raises(InputError, match=rf"average in \(0, 1\], got {share:g}"):
        RunConfig("ner", "sample", average=share)


def test_a_plain_trainer_averages_too(tmp_path):
    """``AveragingTrainer`` needs no objective."""
    data = items()
    args = trainer_of(tmp_path, **STEPS).args
    watch = Watch()
    trainer = AveragingTrainer(
        model=tagger(), args=args, train_dataset=data, average=0.5, callbacks=[watch]
    )
    trainer.train()
    assert_close(trainer.model, mean_of(watch.after[5:]))
