"""run: from a configuration to a folder of model, record, metrics, predictions and scores."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks
from transformers.trainer import TRAINING_ARGS_NAME

from dicetune.errors import InputError, InterruptedRunError, StopRequestedError, quoted
from dicetune.models import LowRank, load_model, quiet_loading
from dicetune.records import RunRecord, silent_log
from dicetune.training.callbacks import (
    KeepBest,
    LineForEachEvaluation,
    LogBeforeEvaluation,
    ReportProgress,
    ShowTraining,
    StopEarly,
    StopOnSignal,
)
from dicetune.training.choice import DevEvaluations
from dicetune.training.config import TRAINER_DEFAULTS, RunConfig
from dicetune.training.defaults import with_earlier
from dicetune.training.folder import (
    CHECKPOINTS,
    check_place,
    checkpoint_to_resume,
    drop_checkpoints,
    find_best_again,
    held,
    last_checkpoint,
)
from dicetune.training.precision import precision_arguments, with_precision
from dicetune.training.prepare import Inputs, Prepared, prepare
from dicetune.training.processes import check_group, group_arguments, is_first_process
from dicetune.training.results import DevScores, record_of, write_results
from dicetune.training.trainer import ObjectiveTrainer

_STOPS = (KeyboardInterrupt, StopRequestedError)


def run(
    config: RunConfig,
    *,
    overwrite: bool = False,
    resume: bool = False,
    show: ShowTraining | None = None,
    each_decision: bool = False,
    inputs: Inputs | None = None,
    dev_scores: DevScores | None = None,
) -> RunRecord:
    """Fine-tune, choose the checkpoint by dev score, score, and write a record.

    Faults of the configuration and the data are found before the folder is made. A run that is
    stopped or fails later keeps its checkpoints: ``resume=True`` continues to the same weights as
    an uninterrupted run.

    Args:
        config: the run.
        overwrite: delete an earlier run in the same folder.
        resume: continue an unfinished run.
        show: is told where the training is.
        each_decision: also keep the checkpoint that is best by the default decision, where it is
            another one, in ``argmax/``: a comparison gives each decision its own best checkpoint.
        inputs: data and model, where they were read before.
        dev_scores: scores of dev by other models, in place of those of this model.

    Returns:
        The record, as written to ``run.json``.

    Raises:
        InputError: if the configuration, the data or the model cannot be used.
        NonFiniteLossError: if the loss becomes NaN or infinite.
        InterruptedRunError: after Ctrl-C, once a checkpoint is saved; after SIGTERM too, if the
            program has a handler for SIGTERM (else the program ends).
    """
    config = with_precision(config, Path(config.out or "") if resume else None)
    config, goes_on = with_earlier(config, Path(config.out or "")) if resume else (config, False)
    folder = check_place(config, overwrite=overwrite, resume=resume)
    is_first = is_first_process()
    with silent_log(when=not is_first), quiet_loading():
        try:
            prepared = prepare(
                config, each_decision=each_decision, inputs=inputs, settle=not goes_on
            )
            config = prepared.config
            arguments = _arguments(prepared, folder)
        except _STOPS:
            raise InterruptedRunError("stopped before training began; nothing was made") from None
        with contextlib.ExitStack() as place:
            if is_first:
                digests = prepared.fingerprints | prepared.code
                place.enter_context(held(config, digests, overwrite=overwrite, resume=resume))
            checkpoint = checkpoint_to_resume(folder) if resume else None
            if checkpoint is not None and is_first:
                find_best_again(checkpoint)
            try:
                return _train(prepared, arguments, folder, checkpoint, dev_scores, show)
            except _STOPS:
                raise InterruptedRunError(f"stopped at once; {_how_to_go_on(folder)}") from None


def _train(
    prepared: Prepared,
    arguments: TrainingArguments,
    folder: Path,
    checkpoint: Path | None,
    dev_scores: DevScores | None,
    show: ShowTraining | None,
) -> RunRecord:
    stop = StopOnSignal()
    trainer = _trainer(prepared, arguments, stop)
    if show is not None and not prepared.config.trainer.get("disable_tqdm"):
        choice = prepared.choice
        trainer.add_callback(ReportProgress(show, prepared.task.main_metric, choice.metric))
    begun = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except (RuntimeError, SafetensorError) as error:
        if isinstance(error, SafetensorError) or "PytorchStreamWriter" in str(error):
            raise InputError(
                f"expected to write a checkpoint into {quoted(folder)}, got ({error}): make "
                f"room on the disk; {_how_to_go_on(folder)}"
            ) from None
        raise
    seconds = time.perf_counter() - begun
    if stop.stopped:
        with contextlib.suppress(*_STOPS):
            stop.pass_on()
        raise InterruptedRunError(
            f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}, which "
            f"is saved; {_how_to_go_on(folder)}"
        )
    record = record_of(prepared, trainer, seconds)
    write_results(folder, prepared, trainer, record, dev_scores)
    trainer.accelerator.wait_for_everyone()
    if not prepared.config.keep_checkpoints and is_first_process():
        drop_checkpoints(folder)
    return record


class RunTrainer(ObjectiveTrainer):
    """The trainer of a run whose checkpoints hold what a resume needs, and no tokenizer."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        this: Any = self
        kept = this.processing_class, this.data_collator
        this.processing_class = this.data_collator = None  # the tokenizer of either would be saved
        try:
            super()._save(output_dir, state_dict)
        finally:
            this.processing_class, this.data_collator = kept
        if self.args.should_save:  # the pickled arguments, which nobody reads
            place = Path(self.args.output_dir if output_dir is None else output_dir)
            (place / TRAINING_ARGS_NAME).unlink(missing_ok=True)


def _how_to_go_on(folder: Path) -> str:
    if last_checkpoint(folder) is None:
        return "there was no checkpoint yet: start again"
    return f"go on with --resume --out {folder}"


def _trainer(
    prepared: Prepared, arguments: TrainingArguments, stop: StopOnSignal
) -> ObjectiveTrainer:
    config, task, encoded = prepared.config, prepared.task, prepared.encoded
    choice = prepared.choice

    def model_init() -> Any:
        model = load_model(task.auto_class, prepared.source, task.labels)
        prepared.finish(model)
        for name, value in task.model_config.items():
            setattr(model.config, name, value)
        if config.lora is not None:
            LowRank.of(config.lora).put_into(model)
            if arguments.gradient_checkpointing:  # frozen embeddings would cut the graph
                model.enable_input_require_grads()
        return model

    recipe = prepared.recipe
    most = {**TRAINER_DEFAULTS, **config.trainer}["save_total_limit"]
    callbacks: list[Any] = [
        stop,
        LogBeforeEvaluation(),
        KeepBest(choice.kept_steps, most),
        LineForEachEvaluation(task.main_metric, choice.metric),
    ]
    if config.patience is not None:
        callbacks.append(StopEarly(config.patience, recipe.start_share))
    kind = ObjectiveTrainer if config.keep_checkpoints else RunTrainer
    trainer = kind(
        args=arguments,
        loss=recipe.loss,
        start_loss=recipe.start_loss,
        start_share=recipe.start_share or None,
        loss_inputs=task.loss_inputs,
        item_counts=task.item_counts,
        class_counts=prepared.class_counts,
        hard_negatives=config.hard_negatives,
        set=config.set,
        average=config.average,
        sampling_weights=prepared.weights,
        model_init=model_init,
        processing_class=prepared.tokenizer,
        data_collator=prepared.collator,
        train_dataset=encoded["train"].features,
        eval_dataset=encoded["dev"].features,
        preprocess_logits_for_metrics=task.preprocess_logits,
        callbacks=callbacks,
    )
    trainer.compute_metrics = DevEvaluations(
        choice, encoded["dev"], lambda: trainer.state.global_step
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(prepared: Prepared, folder: Path) -> TrainingArguments:
    arguments = trainer_arguments(
        prepared.config,
        output_dir=str(folder / CHECKPOINTS),
        load_best_model_at_end=True,
        metric_for_best_model=prepared.choice.metric,
        greater_is_better=True,
        label_names=list(prepared.task.targets),
    )
    check_group(arguments.world_size, arguments.process_index)
    return arguments


def trainer_arguments(config: RunConfig, **of_a_run: Any) -> TrainingArguments:
    """The arguments of a trainer, which fit together and whose packages are installed.

    Raises:
        InputError: says which do not.
    """
    keys = {
        **group_arguments(use_cpu=config.trainer.get("use_cpu", False)),
        **precision_arguments(config.precision),
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
        **TRAINER_DEFAULTS,
        **config.trainer,
        "disable_tqdm": True,  # ReportProgress tells a bar of ours
        "save_total_limit": None,  # KeepBest deletes
    }
    try:
        arguments = TrainingArguments(
            **keys,
            **of_a_run,
            seed=config.seed,
            remove_unused_columns=False,
            restore_callback_states_from_checkpoint=True,
            eval_do_concat_batches=False,  # a task decodes batches
        )
        try:  # a missing package of an optimizer is found before the folder is made
            Trainer.get_optimizer_cls_and_kwargs(arguments)
        except ValueError as error:
            if "pass a model" not in str(error):  # GaLore and LOMO ask for the model
                raise
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"expected trainer keys that fit together, got: {error}") from None
    for name in arguments.report_to:
        try:
            for callback in get_reporting_integration_callbacks([name]):
                callback()
        except (ValueError, ImportError, RuntimeError) as error:
            raise InputError(
                f"expected a trainer.report_to whose package is installed, got {quoted(name)} "
                f"({str(error).strip().splitlines()[0]}): pip install {name.replace('_', '-')}"
            ) from None
    return arguments
