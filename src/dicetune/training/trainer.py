"""ObjectiveTrainer: the transformers Trainer with any loss of ``dicetune.losses``.

Every objective takes the same path, also cross-entropy: the model runs without labels, its outputs
become ``LossInput``s, and the loss is applied to the inputs. Two runs with two losses therefore
differ in the loss and in nothing else. (In the stock trainer the model computes the loss, and token
heads average over the micro-batch, which is another objective under accumulation or on several
devices.)

An additive loss and its gradient are the same for any number of accumulation steps and processes.
For a set-level loss, and for any loss with hard negatives, the option ``set`` says over what items
it is computed; with ``set="step"`` the same holds of them.

``compute_loss``, ``get_batch_samples`` and the sampler are overridden for that. A whole step needs
no other training loop: the loss of each micro-batch is a value whose backward pass sends the
gradient of the whole.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.trainer_utils import EvalLoopOutput, EvalPrediction, TrainOutput

from dicetune.errors import InputError, quoted
from dicetune.loss_input import Kind, LossInput, item_count
from dicetune.losses import AnyLoss, raise_bad_targets, start_steps
from dicetune.tasks.encoded import join_batches
from dicetune.training.auto import AUTO, recipe_of
from dicetune.training.averaging import AveragingTrainer
from dicetune.training.batches import EpochOfSampler, LengthGroupedSampler
from dicetune.training.callbacks import StopOnSignal
from dicetune.training.folder import follow_umask
from dicetune.training.heads import (
    ClassCounts,
    ItemCounts,
    LossInputs,
    standard_head,
    with_class_counts,
    within_window,
)
from dicetune.training.objective import EvaluationLoss, Objective
from dicetune.training.processes import check_group, process_count
from dicetune.training.sets import BATCH, STEP, LossSet, RunningSums
from dicetune.training.whole_step import GraphRoom, WholeStep


class NonFiniteLossError(InputError):
    """Training stopped because the loss was NaN or infinite."""


class ObjectiveTrainer(AveragingTrainer):
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
        set: what a set-level loss is computed over: "batch" (default; one forward pass), "step"
            (the whole optimizer step) or "running" (averages of the last 20 steps; "running:50"
            of the last 50); see ``LossSet``. Additive losses are the same with each.
        length_grouped: put texts of similar length into a batch (default); ``False`` leaves the
            order to transformers.
        sampling_weights: (texts,) weights with which texts are drawn, with replacement; by default
            each text comes once in an epoch.
        **trainer: ``average`` (see ``AveragingTrainer``) and all arguments of
            ``transformers.Trainer``.

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
        set: str = BATCH,
        length_grouped: bool = True,
        sampling_weights: Tensor | None = None,
        **trainer: Any,
    ) -> None:
        if trainer.get("compute_loss_func") is not None:
            raise InputError("expected no compute_loss_func, got one: give it as loss= instead")
        if (loss_inputs is None) != (item_counts is None):
            raise InputError("expected loss_inputs= and item_counts= together, got only one")
        chosen = recipe_of(loss, start_loss, start_share)
        self._set, self.loss_set = set, LossSet.of(set, hard_negatives)
        super().__init__(*positional, **trainer)
        # the stock trainer drops columns that neither ``forward`` nor this list names
        self.label_names: list[str] = self.label_names or ["labels"]
        check_group(self.args.world_size, self.args.process_index)
        if self.args.label_smoothing_factor:
            raise InputError(
                "expected label_smoothing_factor=0, got "
                f"{self.args.label_smoothing_factor}: the loss decides what is learnt"
            )
        # the stock filter replaces a NaN in the log by a mean while the weights are already lost
        self.args.logging_nan_inf_filter = False
        self.recipe = chosen
        self._objectives = [Objective(loss, hard_negatives) for loss in chosen.losses]
        for objective in self._objectives:
            objective.to(self.args.device)
        self.objective = self._objectives[0]
        if self.loss_set.name != BATCH and self.is_deepspeed_enabled:
            raise InputError(
                f"expected set 'batch' with DeepSpeed, got {quoted(set)}: its engine pairs each "
                "forward pass with a backward pass; use DDP or FSDP"
            )
        self._check_trainable()
        self.length_grouped, self.sampling_weights = length_grouped, sampling_weights
        self._standard_head = loss_inputs is None
        if loss_inputs is None or item_counts is None:
            config = getattr(self.model, "config", None)
            one_logit = getattr(config, "num_labels", None) == 1
            loss_inputs, item_counts = standard_head(background, one_logit)
        if class_counts is not None:
            loss_inputs = with_class_counts(loss_inputs, class_counts)
        self.loss_inputs: LossInputs = loss_inputs
        self.item_counts: ItemCounts = item_counts
        self.kinds: frozenset[Kind] = frozenset()
        self._micro_batches = 1
        self._seen = 0  # micro-batches of this step so far
        self.room = GraphRoom(self.args.device)
        self._step: WholeStep | None = None
        if self.loss_set.steps is not None:
            self.add_callback(RunningSums(self.loss_set.steps, str(chosen)))
        self._evaluation: EvaluationLoss | None = None

    @property
    def phase(self) -> str:
        """The phase of the next step: "start" or "main"."""
        last = start_steps(self.recipe.start_share, self.state.max_steps)
        return "start" if self.state.global_step < last else "main"

    @property
    def set_in_words(self) -> str | None:
        """What a set-level loss was computed over; ``None`` for an additive loss."""
        sizes = self.args.train_batch_size, self.args.gradient_accumulation_steps, process_count()
        return self.loss_set.words(*sizes) if self.objective.has_set(self.kinds) else None

    def _objective_now(self) -> Objective:
        return self._objectives[-1] if self.phase == "start" else self.objective

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            follow_umask(self.args.output_dir if output_dir is None else output_dir)

    def _load_callback_state(self) -> None:
        """The stock restoring, which would take averages of any set and loss."""
        if self._running is not None:
            self._running.check_resume(self.state.stateful_callbacks)
        super()._load_callback_state()

    def train(self, *positional: Any, **named: Any) -> TrainOutput:
        """The stock training, which then checks the weights and restores signal handlers."""
        with contextlib.suppress(InputError):  # a target of an earlier call is no fault of this one
            raise_bad_targets()
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
        if model.training:
            loss, outputs = self._training_loss(model, inputs, num_items_in_batch)
        else:
            outputs, items = self._forward(model, inputs)
            meter = EvaluationLoss(self.objective) if self._evaluation is None else self._evaluation
            meter.add(items, self._texts_that_count(inputs))
            raise_bad_targets()  # the meter has waited for the device
            loss = torch.tensor(meter.value(lambda sums: sums), device=self.args.device)
        if not return_outputs:
            return loss
        # the stock loop expects the loss before outputs without names
        if not isinstance(outputs, Mapping):
            outputs = (loss, *(outputs if isinstance(outputs, tuple | list) else (outputs,)))
        return loss, outputs

    def _forward(self, model: nn.Module, batch: Mapping[str, Any]) -> tuple[Any, list[LossInput]]:
        """The outputs of the model, and the loss inputs made of them."""
        labels = self._labels(batch)
        outputs = model(**{name: value for name, value in batch.items() if name not in labels})
        items = self.loss_inputs(outputs, labels)
        if not self.kinds or self.state.global_step == 0:
            self.kinds = frozenset(item.kind for item in items)
            if model.training:
                self._check_first_step(items, self.item_counts(labels))
        return outputs, items

    def _training_loss(
        self, model: nn.Module, batch: dict[str, Any], counts: Any
    ) -> tuple[Tensor, Any]:
        """The addend of a micro-batch to the loss of its step, and the outputs where there are."""
        running = self._running
        whole = self._step
        if whole is not None:
            loss, outputs, parts = whole.share(model), None, whole.parts
        else:
            outputs, items = self._forward(model, batch)
            begun = running if running is not None and running.begun(self.phase) else None
            processes = self.accelerator.num_processes
            loss = self._objective_now().share(items, counts, self._micro_batches, processes, begun)
            parts = [items]
        self._check_finite(loss, parts)
        self._seen += 1
        if self._seen == self._micro_batches:
            self._step = None  # nothing needs its logits and gradients any more
            if running is not None:
                running.end_step(summed_up=whole is not None)
        return loss, outputs

    def _check_finite(self, loss: Tensor, parts: Iterable[Iterable[LossInput]]) -> None:
        """Refuse a NaN; on a GPU, where asking waits for it, ``log`` finds it in the mean loss."""
        if loss.device.type == "cpu" and not torch.isfinite(loss):
            facts = [_facts(item) for items in parts for item in items]
            raise self._not_finite(
                f"a finite loss, got {loss.item()} at step {self.state.global_step + 1}", facts
            )

    def log(self, logs: dict[str, float], *positional: Any, **named: Any) -> None:
        """The stock log, of finite losses and of targets that can be."""
        raise_bad_targets()
        for name in ("loss", "train_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise self._not_finite(
                    f"a finite loss, got {logs[name]} as the mean of the steps up to "
                    f"{self.state.global_step}"
                )
        super().log(logs, *positional, **named)

    @property
    def _running(self) -> RunningSums | None:
        """The averages of class sums; a resume puts another object in their place."""
        found = (c for c in self.callback_handler.callbacks if isinstance(c, RunningSums))
        return next(found, None)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The micro-batches of one step, and the items of each input over all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._micro_batches, self._seen = max(len(batches), 1), 0
        counts: dict[str, Tensor] = {}
        for batch in batches:
            for name, count in self.item_counts(self._labels(batch)).items():
                counts[name] = counts.get(name, torch.zeros((), device=device)) + count.to(device)
        counts = self.accelerator.reduce(counts, reduction="sum")
        self._step = self._whole_step(batches, counts) if batches else None
        return batches, counts

    def _whole_step(self, batches: list[Any], counts: Mapping[str, Tensor]) -> WholeStep | None:
        """The step as a whole, where its loss has to be that of the whole."""
        objective, running = self._objective_now(), self._running
        if self.kinds and not objective.has_set(self.kinds):
            return None
        first = running is not None and not running.begun(self.phase)
        if not (first or self.loss_set.name == STEP):
            return None
        return WholeStep(
            batches,
            lambda model, batch: self._forward(model, self._prepare_inputs(batch))[1],
            lambda parts: objective.of_step(parts, counts, running),
            self.room,
            exchanges=process_count() > 1,
        )

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

    def _texts_that_count(self, batch: Mapping[str, Any]) -> int | None:
        """How many texts of the batch count; ``None`` is all.

        The last batches of several processes are filled up with texts from the start of the data.
        """
        loader = self.accelerator.gradient_state
        if not (process_count() > 1 and loader.end_of_dataloader and loader.remainder > 0):
            return None
        own = len(next(value for value in batch.values() if isinstance(value, Tensor)))
        return min(max(loader.remainder - self.accelerator.process_index * own, 0), own)

    def _over_ranks(self, sums: Tensor) -> Tensor:
        if self.accelerator.num_processes == 1:
            return sums
        return self.accelerator.reduce(sums.to(self.args.device), reduction="sum").cpu()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        stock = self.args.train_sampling_strategy != "random"
        if self.sampling_weights is not None and (stock or not self.length_grouped):
            raise InputError(
                "expected sampling_weights with length_grouped and train_sampling_strategy "
                f"'random', got {quoted(self.args.train_sampling_strategy)} and "
                f"{self.length_grouped}: transformers would draw by no weight"
            )
        if stock or not self.length_grouped or not hasattr(dataset, "__len__"):
            return super()._get_train_sampler(dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        sampler = LengthGroupedSampler.of(
            dataset, self.args.train_batch_size, seed, self.sampling_weights
        )
        self.add_callback(EpochOfSampler(sampler))
        return sampler

    def _check_first_step(self, items: list[LossInput], counts: Mapping[str, Tensor]) -> None:
        """Refuse a loss without meaning for the inputs, and wrong counts."""
        for objective in self._objectives:
            objective.check(items, self._set)
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
        """The labels of a batch."""
        labels = {name: batch[name] for name in self.label_names if name in batch}
        return within_window(labels, batch) if self._standard_head else labels

    def _check_trainable(self) -> None:
        """Refuse a loss with trainable weights: only the model is trained and saved."""
        trained = {id(parameter) for parameter in self.model.parameters()}
        for objective in self._objectives:
            for name, parameter in objective.loss.named_parameters():
                if parameter.requires_grad and id(parameter) not in trained:
                    raise InputError(
                        f"expected a loss without weights to train, got {quoted(name)} in "
                        f"{quoted(objective.loss.spec)}: only the model is trained; make it part "
                        "of the model, or a buffer, or call requires_grad_(False)"
                    )

    def _check_weights(self) -> None:
        """Refuse a trained model with a NaN, which no loss shows after the last step."""
        raise_bad_targets()
        for name, weight in self.model.named_parameters():
            wrong = int((~torch.isfinite(weight)).sum())
            if wrong:
                raise self._not_finite(
                    f"finite weights, got {wrong} of {weight.numel()} that are not in "
                    f"{quoted(name)} after step {self.state.global_step}"
                )

    def _not_finite(self, expected: str, facts: Iterable[str] = ()) -> NonFiniteLossError:
        raise_bad_targets()  # what made the NaN, where it is a target
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
