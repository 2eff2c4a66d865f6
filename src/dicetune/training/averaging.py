"""AveragingTrainer: a Trainer that evaluates and keeps the mean of the weights of its last steps.

    mean_n = (w_1 + … + w_n) / n,    w_k the weights after step k of the last share of all steps

The optimizer goes on from its own weights. In the last share of the steps, evaluations see the
mean, and a checkpoint holds the mean as its model and the weights of the optimizer beside it, from
which a resume goes on. The mean is that of Polyak and Juditsky ("Acceleration of Stochastic
Approximation by Averaging", 1992), over the tail of a training as by Izmailov et al. ("Averaging
Weights Leads to Wider Optima and Better Generalization", UAI 2018).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import EvalLoopOutput, TrainOutput

from dicetune.errors import InputError, quoted
from dicetune.training.folder import OWN_WEIGHTS


class MeanOfWeights(TrainerCallback):
    """The mean of the trained weights after each of the last steps.

    Args:
        share: share of all steps, from the end, in (0, 1].
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self._mean: dict[str, Tensor] = {}

    def steps(self, state: TrainerState) -> int:
        """Number of steps in the mean: 0 or less before the last share."""
        return averaged_steps(self.share, state.global_step, state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        """Count the weights of a step."""
        steps = self.steps(state)
        if steps == 1:
            self.take(model)
        elif steps > 1:
            for name, weight in trained(model).items():
                self._mean[name].lerp_(weight.to(self._mean[name].dtype), 1 / steps)

    def put_into(self, model: nn.Module) -> dict[str, Tensor]:
        """Give the model the mean, and return the weights that it had."""
        own = {name: weight.clone() for name, weight in trained(model).items()}
        put(self._mean, model)
        return own

    def take(self, model: nn.Module) -> None:
        """Go on with the weights of the model as the mean."""
        self._mean = {  # in single precision at least: small shares of weights are added
            name: weight.to(torch.promote_types(weight.dtype, torch.float32), copy=True)
            for name, weight in trained(model).items()
        }


def averaged_steps(share: float, step: int, steps: int) -> int:
    """Number of steps whose weights are in the mean after a step, of so many; below 1 none.

    Example:
        >>> averaged_steps(0.33, 190, 200), averaged_steps(0.33, 100, 200)
        (56, -34)
    """
    return step - steps + max(round(share * steps), 1)


def trained(model: nn.Module) -> dict[str, Tensor]:
    """The weights that are trained, by name, without their gradients."""
    named = model.named_parameters()
    return {name: weight.detach() for name, weight in named if weight.requires_grad}


def put(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    """Give the model these weights."""
    for name, weight in trained(model).items():
        weight.copy_(weights[name])


class AveragingTrainer(Trainer):
    """A ``transformers.Trainer`` with the mean of the weights of its last steps; see the module.

    Args:
        average: share of all steps, from the end, whose weights are averaged, in (0, 1]; by
            default nothing is averaged.

    Raises:
        InputError: for another share, or weights that are spread over processes; for a resume
            from a checkpoint of a training with another ``average``.
    """

    def __init__(self, *positional: Any, average: float | None = None, **trainer: Any) -> None:
        if average is not None and not 0 < average <= 1:
            raise InputError(f"expected average in (0, 1], a share of the steps, got {average:g}")
        super().__init__(*positional, **trainer)
        if average is not None and (self.is_fsdp_enabled or self.is_deepspeed_enabled):
            raise InputError(
                "expected no average with FSDP or DeepSpeed, got one: no process has all weights"
            )
        self._mean = None if average is None else MeanOfWeights(average)
        if self._mean is not None:
            self.add_callback(self._mean)

    @property
    def _bare(self) -> nn.Module:
        model: nn.Module = self.accelerator.unwrap_model(self.model)
        return model

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[dict[str, Tensor]]:
        """The model has the mean within, in the last share of a training; yields its own weights.

        Elsewhere the model is as it is, and nothing is yielded.
        """
        mean = self._mean
        if mean is None or not self.is_in_train or mean.steps(self.state) <= 0:
            yield {}
            return
        own = mean.put_into(self._bare)
        try:
            yield own
        finally:
            put(own, self._bare)

    def evaluation_loop(self, *positional: Any, **named: Any) -> EvalLoopOutput:
        """The stock loop, on the mean."""
        with self._averaged():
            return super().evaluation_loop(*positional, **named)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The stock saving, of the mean, and of the weights of the optimizer beside it."""
        with self._averaged() as own:
            super()._save(output_dir, state_dict)
        if self._mean is not None and own and self.args.should_save:
            place = Path(self.args.output_dir if output_dir is None else output_dir)
            weights = {name: each.contiguous() for name, each in own.items()}
            save_file(weights, place / OWN_WEIGHTS, {"average": f"{self._mean.share:g}"})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The stock loading, which finds the mean; then the weights of the optimizer."""
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        place = Path(resume_from_checkpoint)
        state = TrainerState.load_from_json(str(place / TRAINER_STATE_NAME))
        began = "none"
        if (place / OWN_WEIGHTS).is_file():
            with safe_open(place / OWN_WEIGHTS, "pt") as kept:
                began = kept.metadata()["average"]
        mean = None if self._mean is None or self._mean.steps(state) <= 0 else self._mean
        if began != (expected := "none" if mean is None else f"{mean.share:g}"):
            raise InputError(
                f"expected a checkpoint whose mean of weights has average={expected}, got "
                f"average={began} in {quoted(place)}: give the average that its training had"
            )
        if mean is not None:
            mean.take(self._bare)
            put(load_file(place / OWN_WEIGHTS), self._bare)

    def train(self, *positional: Any, **named: Any) -> TrainOutput:
        """The stock training, which ends with the mean where no best checkpoint is loaded."""
        output = super().train(*positional, **named)
        mean = self._mean
        loaded = self.args.load_best_model_at_end and self.state.best_model_checkpoint
        if mean is not None and mean.steps(self.state) > 0 and not loaded:
            mean.put_into(self._bare)
        return output
