"""TorchModel: a saved model of transformers at work, and the folder that it is loaded from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dicetune.errors import InputError, listed, quoted
from dicetune.models import (
    check_vocabulary,
    load_tokenizer,
    output_names,
    quiet_loading,
    resolve_encoder,
    saved_as,
    window_length,
)
from dicetune.models.adapters import is_adapter_folder, load_adapted
from dicetune.models.encoder import check_sizes, check_weights, loading
from dicetune.records import RUN_FILE, RunRecord
from dicetune.tasks import Task, task_named, task_of_model
from dicetune.training.batches import PaddingCollator
from dicetune.training.folder import check_finished

GIVE = "give the --out folder of `dicetune train`"


class TorchModel:
    """Outputs of a model of transformers for windows of its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @property
    def labels(self) -> list[str]:
        """The names of the outputs."""
        return output_names(self.model.config)

    @property
    def on_cpu(self) -> bool:
        """Whether small batches are faster."""
        return bool(self.model.device.type == "cpu")

    def window_length(self, wanted: int | None) -> int:
        """Longest window in sub-words: ``wanted``, else by the model."""
        return window_length(self.model.config, self.tokenizer, wanted)

    def batch(self, features: Sequence[dict[str, Any]], task: Task) -> dict[str, Any]:
        """Model inputs of some windows as tensors."""
        collate = PaddingCollator.of(task, self.tokenizer, self.model.config)
        return {name: value.to(self.model.device) for name, value in collate(features).items()}

    def shrunk(self, batch: dict[str, Any], task: Task) -> Any:
        """Tensors of ``Task.preprocess_logits`` for a batch."""
        ignored = getattr(self.model.config, "keys_to_ignore_at_inference", None) or ()
        outputs = self.model(**batch)
        kept = tuple(value for name, value in outputs.items() if name not in ignored)
        return task.preprocess_logits(kept[0] if len(kept) == 1 else kept, None)

    def outputs(self, features: Sequence[dict[str, Any]], task: Task) -> Any:
        """Arrays of ``Task.preprocess_logits`` for some windows: one, or a tuple of several."""
        with torch.inference_mode():
            shrunk = self.shrunk(self.batch(features, task), task)
        if isinstance(shrunk, tuple):
            return tuple(part.cpu().numpy() for part in shrunk)
        return shrunk.cpu().numpy()


def of_transformers(model: Any, folder: Path) -> TorchModel:
    """The model of a predictor, which must be one of transformers."""
    if not isinstance(model, TorchModel):
        raise InputError(
            f"expected a model of transformers, got the export {quoted(folder)}: give the folder "
            "of the run"
        )
    return model


class TorchFolder:
    """The folder of a finished run, or of any saved model with a head.

    Args:
        folder: of the model.
        task: name of the task; by default of the run, else the first task that fits the model.

    Raises:
        InputError: no saved model, an unfinished run, or another task than that of the run.
    """

    def __init__(self, folder: Path, task: str | None) -> None:
        check_finished(folder)
        check_weights(folder)
        self.folder = folder
        record = RunRecord.load(folder) if (folder / RUN_FILE).is_file() else None
        self.task_class = _chosen_task(folder, record, task)
        self.options: dict[str, Any] | None = None
        self.settings: dict[str, Any] = {}
        self.max_length: int | None = None
        if record is not None:
            self.options, self.settings = record.config["options"], record.settings
            self.max_length = record.config.get("max_length")

    def load(self, device: str) -> TorchModel:
        """The model with its tokenizer."""
        with quiet_loading():
            kind = self.task_class
            model = _load_whole(kind.auto_class, self.folder, kind.title).to(device)
        output_names(model.config)
        tokenizer = load_tokenizer(str(self.folder), aligns=kind.aligns)
        check_vocabulary(model, tokenizer)
        return TorchModel(model, tokenizer)


def _chosen_task(folder: Path, record: RunRecord | None, name: str | None) -> Any:
    """The task of a run, else the task ``name``, else the first task that fits the model."""
    named = None if name is None else task_named(name)
    if record is not None:
        task = record.config["task"]
        if name not in (None, task):
            raise InputError(
                f"expected the task of the run, {quoted(task)}, or none, got {quoted(name)} for "
                f"{quoted(folder)}: leave the task out"
            )
        return task_named(task)
    if named is not None:
        return named
    from transformers import AutoConfig

    with loading(folder, "a saved model", GIVE):
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    return task_of_model(config, output_names(config))


def _load_whole(auto_class: Any, folder: Path, what: str) -> Any:
    """The model with all its weights: transformers would draw missing weights at random."""
    with loading(folder, f"a saved {what} model", GIVE):
        if is_adapter_folder(folder):
            return load_adapted(auto_class, folder, resolve_encoder)
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
            f"expected a saved {what} model, got {quoted(folder)} (saved as "
            f"{saved_as(model.config)}) without the weights {listed(missing, most=4)}: they would "
            "be random, so fine-tune it first with `dicetune train` and give its --out folder"
        )
    return model
