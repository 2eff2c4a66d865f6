"""Predict with a finished run's folder, or any saved model that one of the tasks can read.

>>> import dicetune.predict                                         # doctest: +SKIP
>>> tagger = dicetune.predict.load("runs/a")                        # doctest: +SKIP
>>> tagger("The pump at Quay Nine is down again.")[0].entities      # doctest: +SKIP
[Entity(type='SITE', text='Quay Nine', start=12, end=21, score=0.97)]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicetune.decide import DecisionRule
from dicetune.errors import InputError, listed, quoted
from dicetune.models import (
    check_sizes,
    check_vocabulary,
    check_weights,
    label_names,
    load_tokenizer,
    loading,
    quiet_loading,
    saved_as,
    window_length,
)
from dicetune.predictor import Predictor
from dicetune.problems import PROBLEMS
from dicetune.records import DEFAULT, RUN_FILE, TUNED, RunRecord
from dicetune.tasks import Trained, Use, build_options, task_named, task_of_model
from dicetune.training.folder import check_finished

AUTO = "auto"
_GIVE = "give the --out folder of `dicetune train`"


def load(
    folder: str | Path,
    *,
    batch_size: int = 32,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
    task: str | None = None,
    use: Use = "predict",
    decision: str | Path | DecisionRule = AUTO,
) -> Predictor:
    """Load a finished run's folder for prediction; nothing is fetched.

    Args:
        folder: the ``--out`` folder of ``dicetune train``, or any saved model with a head for
            tokens, sequences or answers.
        batch_size: windows that run through the model at once.
        device: "cpu", "cuda", …
        options: of the task, in place of those it was trained with.
        task: of a model that dicetune did not train; by default the first that its head, its
            labels and its configuration fit (a classifier of texts is ``text``, not ``pair``).
        use: what the options are for: "predict", or "evaluate", which reads files with gold.
        decision: "auto" (the folder's decision rule where it has one, see ``dicetune tune``),
            "argmax" (leave it aside), "tuned" (refuse a folder without one), a file of a rule, or
            a rule.

    Raises:
        InputError: where the folder is no saved model, one without a trained head, or that of a
            run which has not ended; where it is of another task; for an option that its task does
            not have, or not in this use; for a decision rule that does not fit the model.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"expected the folder of a saved model, got {quoted(Path(folder))}, which is not "
            f"one: give "
            "the --out folder of `dicetune train`"
        )
    check_finished(folder)
    check_weights(folder)
    record = RunRecord.load(folder) if (folder / RUN_FILE).is_file() else None
    with quiet_loading():
        task_class = _chosen_task(folder, record, task)
        chosen = build_options(task_class.Options, options or {}, use=use)
        model = _load_whole(task_class.auto_class, folder, task_class.title).to(device)
    labels = label_names(model.config)
    tokenizer = load_tokenizer(str(folder), aligns=task_class.aligns)
    check_vocabulary(model, tokenizer)
    trained = None if record is None else Trained(record.config["options"], tuple(labels))
    settings = {} if record is None else record.settings
    restored = task_class.restore(labels, {**settings, **(options or {})})
    rule = _rule(folder, decision, options or {})
    if rule is not None:
        rule.check(restored.problem())
    wanted = None if record is None else record.config.get("max_length")
    length = window_length(model.config, tokenizer, wanted)
    return Predictor(model, tokenizer, restored, batch_size, length, chosen, trained, rule)


def _rule(
    folder: Path, decision: str | Path | DecisionRule, options: Mapping[str, Any]
) -> DecisionRule | None:
    """The decision rule to apply; ``None`` where the default decides."""
    if isinstance(decision, DecisionRule):
        rule: DecisionRule | None = decision
    elif decision == DEFAULT:
        return None
    else:
        rule = DecisionRule.load(folder if decision in (AUTO, TUNED) else decision)
        if rule is None and decision != AUTO:
            raise InputError(
                f"expected a decision rule in {str(decision if decision != TUNED else folder)!r}, "
                "got none: fit one with `dicetune tune`"
            )
    if rule is not None and (both := PROBLEMS[rule.kind].ruled_options & options.keys()):
        raise InputError(
            f"expected {listed(both)} or a tuned decision, got both: leave the option out, or the "
            "decision aside with --decision argmax"
        )
    return rule


def _chosen_task(folder: Path, record: RunRecord | None, name: str | None) -> Any:
    """The task of a run, else the one that is named, else one that fits."""
    named = None if name is None else task_named(name)
    own = None if record is None else record.config["task"]
    if own is not None and name not in (None, own):
        raise InputError(
            f"expected no task beside the folder of a run, or its own, {quoted(own)}; got "
            f"{quoted(name)} for "
            f"{quoted(Path(folder))}: leave it out"
        )
    return task_named(own) if own is not None else named or _task_of(folder)


def _task_of(folder: Path) -> Any:
    """The first task that can read a foreign model: by its head, labels and configuration."""
    from transformers import AutoConfig

    with loading(folder, "a saved model", _GIVE):
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    return task_of_model(config, label_names(config))


def _load_whole(auto_class: Any, folder: Path, what: str) -> Any:
    """The model with every weight of its head: the library would draw missing ones at random."""
    with loading(folder, f"a saved {what} model", _GIVE):
        model, found = auto_class.from_pretrained(
            str(folder),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, with names and sizes
            use_safetensors=True,
            dtype="float32",
            trust_remote_code=False,
        )
    check_sizes(folder, found["mismatched_keys"])
    missing = sorted(found["missing_keys"])
    if missing:
        raise InputError(
            f"expected a saved {what} model, got {quoted(Path(folder))} "
            f"(saved as {saved_as(model.config)}) without the weights {listed(missing, most=4)}: "
            "they would be random, so fine-tune it first with `dicetune train` and give its --out "
            "folder"
        )
    return model


__all__ = ["Predictor", "load"]
