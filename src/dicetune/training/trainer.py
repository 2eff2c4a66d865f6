"""ObjectiveTrainer: the transformers Trainer with any loss of ``dicetune.losses``.

Every objective takes the same path, also cross-entropy: the model runs without labels, its outputs
become ``LossInput``s, and the loss is applied to the inputs. Two runs with two losses therefore
differ in the loss and in nothing else. (In the stock trainer the model computes the loss, and token
heads average over the micro-batch, which is another objective under accumulation or on several
devices.)

An additive loss and its gradient are the same for any number of accumulation steps and processes.
A set-level loss, and any loss with hard negatives, is computed over the items of one forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput, EvalPrediction, TrainOutput

from dicetune.errors import InputError, listed, quoted
from dicetune.loss_input import IGNORED, Kind, LossInput, item_count
from dicetune.losses import AnyLoss, start_steps
from dicetune.tasks.outputs import join_batches
from dicetune.training.auto import AUTO, recipe_of
from dicetune.training.batches import EpochOfSampler, LengthGroupedSampler
from dicetune.training.callbacks import StopOnSignal
from dicetune.training.folder import follow_umask
from dicetune.training.objective import EvaluationLoss, Objective
from dicetune.training.processes import check_group

LossInputs = Callable[[Any, Mapping[str, Tensor]], list[LossInput]]
ItemCounts = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
ClassCounts = Tensor | Mapping[str, Tensor]
"""One tensor for all loss inputs, or a tensor for each name of an input."""

_POSITIONS = ("start_positions", "end_positions")
_OTHER_HEAD = "give loss_inputs= and item_counts= to ObjectiveTrainer for a head of your own"


class NonFiniteLossError(InputError):
    """Training stopped because the loss was NaN or infinite."""


class ObjectiveTrainer(Trainer):
    """A ``transformers.Trainer`` that trains with an objective of ``dicetune.losses``.

    Args:
        loss: a spec ("dice", "ce+0.5*tversky:alpha=0.3,beta=0.7"), the name of a recipe ("auto",
            the default), a ``Loss``, or a callable ``f(logits, target)`` that returns the mean loss
            or one loss an item (``dicetune.losses.OwnLoss``).
        start_loss: loss of the start phase, as ``loss``; by default there is no start phase.
        start_share: share of all steps that the start phase takes, in [0, 1).
        background: index of the negative class ("O"), for the standard heads.
        class_counts: training items of each class, for class-weighted losses, as in ``LossInput``;
            for several inputs a mapping from the name of the input to its tensor.
        loss_inputs: ``f(outputs, labels) -> list[LossInput]`` for heads that transformers does not
            have (it has heads for sequences, tokens and answers); needs ``item_counts``.
        item_counts: ``f(labels) -> {name of the input: number of items}``.
        hard_negatives: train on this number of hardest negatives for each positive
            (``hardest_negatives``); by default on all. Evaluation always uses all.
        length_grouped: put texts of similar length into a batch (default); ``False`` leaves the
            order to transformers.
        **trainer: all arguments of ``transformers.Trainer``.

    Raises:
        InputError: if options exclude each other, or the loss has no meaning for the head.
        NonFiniteLossError: during or after training, if a loss or a weight is NaN or infinite.

    Example:
        ``ObjectiveTrainer(model=model, args=args, loss="dice", train_dataset=data).train()``
    """

    # Each loss is already divided by the item count of its whole optimizer step.
    loss_is_scaled_for_ga = True
    compute_metrics: Callable[[EvalPrediction], dict[str, float]] | None

    def __init__(
        self,
        *positional: Any,
        loss: AnyLoss = AUTO,
        start_loss: AnyLoss | None = None,
        start_share: float | None = None,
        background: int | None = None,
        class_counts: ClassCounts | None = None,
        loss_inputs: LossInputs | None = None,
        item_counts: ItemCounts | None = None,
        hard_negatives: float | None = None,
        length_grouped: bool = True,
        **trainer: Any,
    ) -> None:
        if trainer.get("compute_loss_func") is not None:
            raise InputError("expected no compute_loss_func, got one: give it as loss= instead")
        if (loss_inputs is None) != (item_counts is None):
            raise InputError("expected loss_inputs= and item_counts= together, got only one")
        chosen = recipe_of(loss, start_loss, start_share)
        super().__init__(*positional, **trainer)
        check_group(self.args.world_size, self.args.process_index)
        if self.args.label_smoothing_factor:
            raise InputError(
                "expected label_smoothing_factor=0, got "
                f"{self.args.label_smoothing_factor}: the loss decides what is learnt"
            )
        # the stock filter replaces a NaN in the log by a mean while the weights are already lost
        self.args.logging_nan_inf_filter = False
        self.recipe = chosen
        self.objective = Objective(chosen.loss, hard_negatives).to(self.args.device)
        self.start_objective: Objective | None = None
        if chosen.start_loss is not None:
            start = Objective(chosen.start_loss, hard_negatives)
            self.start_objective = start.to(self.args.device)
        self._check_trainable()
        self.length_grouped = length_grouped
        self._standard_head = loss_inputs is None
        if loss_inputs is None or item_counts is None:
            config = getattr(self.model, "config", None)
            one_logit = getattr(config, "num_labels", None) == 1
            loss_inputs, item_counts = standard_head(background, one_logit)
        if class_counts is not None:
            loss_inputs = with_class_counts(loss_inputs, class_counts)
        self.loss_inputs: LossInputs = loss_inputs
        self.item_counts: ItemCounts = item_counts
        self.kinds: set[Kind] = set()
        self._micro_batches = 1
        self._evaluation: EvaluationLoss | None = None

    @property
    def phase(self) -> str:
        """The phase of the next step: "start" or "main"."""
        last = start_steps(self.recipe.start_share, self.state.max_steps)
        return "start" if self.state.global_step < last else "main"

    def _objective_now(self) -> Objective:
        start = self.start_objective if self.phase == "start" else None
        return start or self.objective

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            follow_umask(self.args.output_dir if output_dir is None else output_dir)

    def train(self, *positional: Any, **named: Any) -> TrainOutput:
        """The stock training, which then checks the weights and restores signal handlers."""
        try:
            output = super().train(*positional, **named)
        finally:
            for callback in self.callback_handler.callbacks:
                if isinstance(callback, StopOnSignal):
                    callback.restore()
        self._check_weights()
        return output

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The objective of this phase, on the model's outputs without labels."""
        labels = self._labels(inputs)
        outputs = model(**{name: value for name, value in inputs.items() if name not in labels})
        items = self.loss_inputs(outputs, labels)
        self.kinds = {item.kind for item in items}
        if model.training:
            objective = self._objective_now()
            if self.state.global_step == 0:
                self._check_first_step(items, self.item_counts(labels))
            loss = objective.share(
                items, num_items_in_batch, self._micro_batches, self.accelerator.num_processes
            )
            if not torch.isfinite(loss):
                facts = [_facts(item) for item in items]
                raise self._not_finite(
                    f"a finite loss, got {loss.item()} at step {self.state.global_step + 1}", facts
                )
        else:
            meter = EvaluationLoss(self.objective) if self._evaluation is None else self._evaluation
            meter.add(items)
            loss = torch.tensor(meter.value(lambda sums: sums), device=self.args.device)
        if not return_outputs:
            return loss
        # the stock loop expects the loss before outputs without names
        if not isinstance(outputs, Mapping):
            outputs = (loss, *(outputs if isinstance(outputs, tuple | list) else (outputs,)))
        return loss, outputs

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The micro-batches of one step, and the items of each input over all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._micro_batches = max(len(batches), 1)
        counts: dict[str, Tensor] = {}
        for batch in batches:
            for name, count in self.item_counts(self._labels(batch)).items():
                counts[name] = counts.get(name, torch.zeros((), device=device)) + count.to(device)
        if self.accelerator.num_processes > 1:
            counts = self.accelerator.reduce(counts, reduction="sum")
        return batches, counts

    def evaluation_loop(self, *positional: Any, **named: Any) -> EvalLoopOutput:
        """The stock loop, but the loss is of the whole set, and batches are joined once.

        The stock loss is averaged by batch. The stock loop copies all earlier outputs for each
        batch, which takes time with the square of the set.
        """
        self._evaluation = EvaluationLoss(self.objective)
        joins, scores = self.args.eval_do_concat_batches, self.compute_metrics
        self.args.eval_do_concat_batches = False
        if joins and scores is not None and not self.args.batch_eval_metrics:
            self.compute_metrics = lambda evaluation: scores(_joined(evaluation))
        try:
            output = super().evaluation_loop(*positional, **named)
            if joins:
                whole = _joined(output)
                output = output._replace(predictions=whole.predictions, label_ids=whole.label_ids)
            prefix = named.get("metric_key_prefix", "eval")
            key = f"{prefix}_loss"
            if output.metrics is not None and key in output.metrics:
                loss = output.metrics[key] = self._evaluation.value(self._over_ranks)
                if self.state.global_step and not math.isfinite(loss):
                    raise self._not_finite(
                        f"a finite loss, got {loss} for {prefix} after step "
                        f"{self.state.global_step}"
                    )
            return output
        finally:
            self._evaluation = None
            self.args.eval_do_concat_batches, self.compute_metrics = joins, scores

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.accelerator.num_processes == 1:
            return sums
        return self.accelerator.reduce(sums.to(self.args.device), reduction="sum").cpu()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        stock = self.args.train_sampling_strategy != "random"
        if stock or not self.length_grouped or not hasattr(dataset, "__len__"):
            return super()._get_train_sampler(dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        sampler = LengthGroupedSampler.of(dataset, self.args.train_batch_size, seed)
        self.add_callback(EpochOfSampler(sampler))
        return sampler

    def _check_first_step(self, items: list[LossInput], counts: Mapping[str, Tensor]) -> None:
        """Refuse a loss without meaning for the inputs, and wrong counts."""
        for objective in filter(None, (self.objective, self.start_objective)):
            objective.check(items)
        if counts.keys() != {item.name for item in items}:
            raise InputError(
                f"expected item_counts for {sorted(item.name for item in items)}, got "
                f"{sorted(counts)}: give each loss input's name its number of items"
            )
        for item in items:
            found, given = int(item_count(item)), int(counts[item.name])
            if found != given:
                raise InputError(
                    f"expected item_counts to count the {found} items of {quoted(item.name)}, got "
                    f"{given}: the loss is divided by it"
                )

    def _labels(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The labels of a batch; standard heads ignore positions beyond the window."""
        labels = {name: batch[name] for name in self.label_names if name in batch}
        for name in labels.keys() & set(_POSITIONS) if self._standard_head else ():
            # the heads of transformers take a column too
            target = labels[name].squeeze(-1) if labels[name].ndim > 1 else labels[name]
            window = batch.get("input_ids", batch.get("inputs_embeds"))
            if isinstance(window, Tensor):
                target = target.masked_fill(target >= window.shape[1], IGNORED)
            labels[name] = target
        return labels

    def _check_trainable(self) -> None:
        """Refuse a loss with trainable weights: only the model is trained and saved."""
        trained = {id(parameter) for parameter in self.model.parameters()}
        for objective in filter(None, (self.objective, self.start_objective)):
            for name, parameter in objective.loss.named_parameters():
                if parameter.requires_grad and id(parameter) not in trained:
                    raise InputError(
                        f"expected a loss without weights to train, got {quoted(name)} in "
                        f"{quoted(objective.loss.spec)}: only the model is trained; make it part "
                        "of the model, or a buffer, or call requires_grad_(False)"
                    )

    def _check_weights(self) -> None:
        """Refuse a trained model with a NaN, which no loss shows after the last step."""
        for name, weight in self.model.named_parameters():
            wrong = int((~torch.isfinite(weight)).sum())
            if wrong:
                raise self._not_finite(
                    f"finite weights, got {wrong} of {weight.numel()} that are not in "
                    f"{quoted(name)} after step {self.state.global_step}"
                )

    def _not_finite(self, expected: str, facts: Iterable[str] = ()) -> NonFiniteLossError:
        rate = self._get_learning_rate() if self.lr_scheduler is not None else None
        spec = self._objective_now().loss.spec
        where = "; ".join([f"{self.phase} phase, {spec}, learning rate {rate}", *facts])
        return NonFiniteLossError(
            f"expected {expected} ({where}): lower the learning rate, keep max_grad_norm at 1, or "
            "train in float32"
        )


def _joined(batches: EvalLoopOutput | EvalPrediction) -> EvalPrediction:
    """What the stock loop found, with the batches of each of its arrays joined."""
    names = ("predictions", "label_ids", "inputs", "losses")
    found = {name: getattr(batches, name, None) for name in names}
    return EvalPrediction(**{n: v and join_batches(v) for n, v in found.items()})


def _facts(item: LossInput) -> str:
    """Facts about the logits of an input that explain a non-finite loss."""
    logits = item.logits.detach().float()
    finite = torch.isfinite(logits)
    size = logits[finite].abs().max().item() if finite.any() else float("nan")
    return (
        f"{item.name}: logits {tuple(logits.shape)}, {(~finite).sum().item()} not finite, "
        f"largest size {size:.3g}"
    )


# loss inputs of the standard heads


def standard_head(background: int | None, one_logit: bool) -> tuple[LossInputs, ItemCounts]:
    """``loss_inputs`` and ``item_counts`` of transformers heads, by names and shapes of tensors.

    - sequence and token classification: integer ``labels`` beside ``logits`` with one more axis
      (``classes``), or float ``labels`` of the logits' shape (``labels``, a sigmoid each); for a
      head with one logit also float ``labels`` without the last axis (a sigmoid an item);
    - extractive question answering: ``start_positions`` and ``end_positions`` beside
      ``start_logits`` and ``end_logits`` (``positions``).

    Outputs may be a mapping, or a tuple that begins with the logits (``return_dict=False``).
    """

    def loss_inputs(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        if set(labels) == set(_POSITIONS):
            sides = _logits_of(outputs, "start_logits", "end_logits")
            return [
                LossInput(
                    name.removesuffix("_positions"),
                    logits,
                    labels[name],
                    kind="positions",
                    coefficient=0.5,
                )
                for name, logits in zip(_POSITIONS, sides, strict=True)
            ]
        if set(labels) != {"labels"}:
            raise InputError(
                "expected batches with the key 'labels', or 'start_positions' and 'end_positions', "
                f"got {sorted(labels) or 'neither'}: {_OTHER_HEAD}"
            )
        (logits,), target = _logits_of(outputs, "logits"), labels["labels"]
        if logits.shape[-1] == 1 and target.shape == logits.shape[:-1]:
            target = target[..., None]
        if target.shape == logits.shape:
            if not target.is_floating_point():
                raise InputError(
                    f"expected float labels of the logits' shape {tuple(logits.shape)} for a "
                    f"sigmoid each, got {target.dtype}: convert them with .float()"
                )
            return [LossInput("labels", logits, target, kind="labels")]
        if logits.shape[:-1] != target.shape:
            raise InputError(
                f"expected labels of shape {tuple(logits.shape[:-1])} (one class each) or "
                f"{tuple(logits.shape)} (one sigmoid each), got {tuple(target.shape)}"
            )
        return [LossInput("labels", logits, target, kind="classes", background=background)]

    def item_counts(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        counts = {}
        for name, target in labels.items():
            mask = target != IGNORED
            # an item is a row of labels
            if target.is_floating_point() and target.ndim > 1 and not one_logit:
                mask = mask.any(-1)
            counts[name.removesuffix("_positions")] = mask.sum()
        return counts

    return loss_inputs, item_counts


def _logits_of(outputs: Any, *names: str) -> list[Tensor]:
    """The outputs of these names, or the first outputs of a tuple."""
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if isinstance(outputs, Mapping):
        found = [outputs.get(name) for name in names]
        got = f"the keys {listed(outputs)}"
    elif isinstance(outputs, tuple | list):
        found = list(outputs[: len(names)])
        got = f"a {type(outputs).__name__} of {listed(type(item).__name__ for item in outputs)}"
    else:
        found, got = [], type(outputs).__name__
    tensors = [item for item in found if isinstance(item, Tensor)]
    if len(tensors) < len(names):
        raise InputError(
            f"expected outputs with {' and '.join(names)}, or a tuple that begins with them, got "
            f"{got}: {_OTHER_HEAD}"
        )
    return tensors


def with_class_counts(loss_inputs: LossInputs, class_counts: ClassCounts) -> LossInputs:
    """The same loss inputs with their class counts."""

    def counted(outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        items = []
        for item in loss_inputs(outputs, labels):
            counts = (
                class_counts.get(item.name) if isinstance(class_counts, Mapping) else class_counts
            )
            if counts is not None:
                item = replace(item, class_counts=counts.to(item.logits.device))
            items.append(item)
        return items

    return counted
