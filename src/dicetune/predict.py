"""Predict with a finished run's folder, or any saved model that one of the tasks can read.

>>> import dicetune.predict                                         # doctest: +SKIP
>>> tagger = dicetune.predict.load("runs/a")                        # doctest: +SKIP
>>> tagger("The pump at Quay Nine is down again.")[0].entities      # doctest: +SKIP
[Entity(type='SITE', text='Quay Nine', start=12, end=21, score=0.97)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from dicetune.errors import InputError, unknown_name
from dicetune.models import load_tokenizer, quiet_loading, window_length
from dicetune.models.encoder import check_weights
from dicetune.records import RUN_FILE, RunRecord
from dicetune.tasks import TASKS, Data, Encoded, Scores, Task, build_options
from dicetune.training.collator import PaddingCollator

Report = Callable[[str], None]


def _silent(line: str) -> None:
    """Report nothing."""


class Predictor:
    """A saved model with its task: texts in, answers out.

    Args:
        model: a model with the task's head.
        tokenizer: its fast tokenizer.
        task: the task it was trained for.
        batch_size: windows that run through the model at once.
        max_length: longest window in sub-words.
        options: what the task was trained with, by name.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        task: Task,
        batch_size: int,
        max_length: int,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.task = task
        self.batch_size = batch_size
        self.max_length = max_length
        self.options = dict(options or {})

    def __call__(self, *values: Any, **named: Any) -> list[Any]:
        """Answers for plain values.

        Args:
            values: for each of the task's ``inputs`` (``("text",)``, ``("question", "context")``)
                one text or a list of texts, in that order; a tagger also takes lists of words.
            named: the same by name.

        Returns:
            One answer for each example, also where it is a single one.

        Raises:
            InputError: where an input is missing, unknown, or has another number of texts.
        """
        return self.answer(self.ask(*values, **named))

    def ask(self, *values: Any, **named: Any) -> Data:
        """Examples without gold from plain values, as a call takes them."""
        return self.task.ask(self._named(values, named))

    def answer(self, data: Data, report: Report = _silent) -> list[Any]:
        """Answers for what the task's reader, or ``ask``, returned; see ``scores``."""
        scores = self.scores(data, report)
        return list(self.task.answers(data, self.task.predict(scores, data), scores))

    def scores(self, data: Any, report: Report = _silent) -> list[np.ndarray]:
        """Scores of each example, as ``scores.safetensors`` holds them.

        Args:
            data: what the task's reader, or ``ask``, returned; its gold is not looked at.
            report: takes a line where texts had to be cut off.
        """
        if not len(data):
            return []
        encoded = self.task.encode(data, self.tokenizer, self.max_length)
        for note in encoded.notes:
            report(note)
        return self.task.decode(self._outputs(encoded), encoded)

    def evaluate(self, data: Any, report: Report = _silent) -> Scores:
        """Scores on data with gold: fractions in [0, 1]; see ``scores`` for ``report``.

        Raises:
            InputError: where the gold holds what the model does not know.
        """
        self.task.check(data)
        return self.task.score(data, self.task.predict(self.scores(data, report), data))

    def _named(self, values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, list[Any]]:
        inputs = self.task.inputs
        if len(values) > len(inputs):
            raise InputError(
                f"expected {' and '.join(inputs)}, got {len(values)} values: a list of texts is "
                "one value"
            )
        given = dict(zip(inputs, values, strict=False))
        for name, value in named.items():
            if name not in inputs:
                raise InputError(
                    f"expected {' and '.join(inputs)}, which a model of task {self.task.name!r} "
                    f"takes, got {name}"
                )
            given[name] = value
        if missing := [name for name in inputs if name not in given]:
            raise InputError(f"expected {' and '.join(inputs)}, got no {' and no '.join(missing)}")
        texts = {name: _listed(name, value) for name, value in given.items()}
        if len({len(own) for own in texts.values()}) > 1:
            counts = ", ".join(f"{len(own)} of {name}" for name, own in texts.items())
            raise InputError(f"expected equally many of {' and '.join(inputs)}, got {counts}")
        return texts

    def _outputs(self, encoded: Encoded) -> Any:
        """Outputs of all windows, as the trainer's evaluation would give them."""
        task = self.task
        collate = PaddingCollator(self.tokenizer, {**task.targets, **task.extra_inputs})
        ignored = getattr(self.model.config, "keys_to_ignore_at_inference", None) or ()
        batches = []
        for begin in range(0, len(encoded.features), self.batch_size):
            features = [
                {name: value for name, value in feature.items() if name not in task.targets}
                for feature in encoded.features[begin : begin + self.batch_size]
            ]
            batch = {n: v.to(self.model.device) for n, v in collate(features).items()}
            with torch.inference_mode():
                outputs = self.model(**batch)
            kept = tuple(v for name, v in outputs.items() if name not in ignored)
            shrunk = task.shrink(kept[0] if len(kept) == 1 else kept, None)
            parts = shrunk if isinstance(shrunk, tuple) else (shrunk,)
            batches.append([part.cpu().numpy() for part in parts])
        if not batches:
            return np.zeros((0, 0, max(len(task.labels), 1)), dtype=np.float32)
        joined = tuple(_join(parts) for parts in zip(*batches, strict=True))
        return joined[0] if len(joined) == 1 else joined


def load(
    folder: str | Path,
    *,
    batch_size: int = 32,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
    task: str | None = None,
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

    Raises:
        InputError: where the folder is no saved model, or one without a trained head; where it
            is of another task; for an option that its task does not have.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"expected the folder of a saved model, got {str(folder)!r}, which is not one: give "
            "the --out folder of `dicetune train`"
        )
    check_weights(folder)
    record = RunRecord.load(folder) if (folder / RUN_FILE).is_file() else None
    with quiet_loading():
        task_class = _chosen_task(folder, record, task)
        build_options(task_class.Options, options or {})  # refuses what is unknown
        model = _load_whole(task_class.auto_class, folder, task_class.title).to(device)
    labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
    tokenizer = load_tokenizer(str(folder))
    trained = {} if record is None else record.config["options"]
    settings = {} if record is None else record.settings
    restored = task_class.restore(labels, {**settings, **(options or {})})
    wanted = None if record is None else record.config["max_length"]
    length = window_length(model.config, tokenizer, wanted)
    return Predictor(model, tokenizer, restored, batch_size, length, {**trained, **(options or {})})


def _chosen_task(folder: Path, record: RunRecord | None, name: str | None) -> Any:
    """The task of a run, else the one that is named, else one that fits."""
    if name is not None and name not in TASKS:
        raise unknown_name("task", name, list(TASKS))
    own = None if record is None else record.config["task"]
    if own is not None and name not in (None, own):
        raise InputError(
            f"expected no task beside the folder of a run, or its own, {own!r}; got {name!r} for "
            f"{str(folder)!r}: leave it out"
        )
    chosen = own or name
    return _task_of(folder) if chosen is None else TASKS[chosen]


def _listed(name: str, value: Any) -> list[Any]:
    """One text or several as a list; a tokenizer takes whole characters alone."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Iterable):
        raise InputError(f"expected a text or a list of texts as {name}, got {value!r:.60}")
    values = list(value)
    for number, text in enumerate(values, 1):
        if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(
                f"expected whole characters in {name} {number}, got half of a pair in "
                f"{text!r:.60}: read it as UTF-8"
            )
    return values


def _task_of(folder: Path) -> Any:
    """The first task that can read a foreign model: by its head, labels and configuration."""
    from transformers import AutoConfig

    with _loading(folder, "model"):
        config = AutoConfig.from_pretrained(str(folder))
    saved = (getattr(config, "architectures", None) or ["unknown"])[0]
    labels = [config.id2label[number] for number in range(config.num_labels)]
    for task in TASKS.values():
        head = task.auto_class.__name__.removeprefix("AutoModel")
        said = {name: getattr(config, name, None) for name in task.model_config}
        if head not in saved or any(
            value not in (None, task.model_config[name]) for name, value in said.items()
        ):
            continue
        try:
            task.restore(labels, {})
        except InputError:
            continue
        return task
    # without a head of its own it is refused where the weights are counted
    return TASKS["pos"]


def _load_whole(auto_class: Any, folder: Path, what: str) -> Any:
    """The model with every weight of its head: the library would draw missing ones at random."""
    with _loading(folder, what):
        model, found = auto_class.from_pretrained(
            str(folder), output_loading_info=True, use_safetensors=True, dtype="float32"
        )
    missing = sorted(found["missing_keys"])
    if missing:
        saved = ", ".join(getattr(model.config, "architectures", None) or ["unknown"])
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        raise InputError(
            f"expected a saved {what} model, got {str(folder)!r} (saved as {saved}) "
            f"without the weights {', '.join(missing[:4])}{more}: they would be random, so "
            "fine-tune it first with `dicetune train` and give its --out folder"
        )
    return model


class _loading:  # noqa: N801  (a context manager reads as a verb)
    """Turn the library's loading errors into one message that says what to do."""

    def __init__(self, folder: Path, what: str) -> None:
        self._folder, self._what = folder, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        kinds = (OSError, ValueError, RuntimeError, SafetensorError)
        if not isinstance(error, kinds) or isinstance(error, InputError):
            return
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"expected a saved {self._what} model, got {str(self._folder)!r}: {reason}; give "
            "the --out folder of `dicetune train`"
        ) from error


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Batches of windows one below the other, padded on the right as the trainer pads them."""
    shape = tuple(max(part.shape[axis] for part in parts) for axis in range(1, parts[0].ndim))
    whole = np.full((sum(len(part) for part in parts), *shape), -100, dtype=parts[0].dtype)
    begin = 0
    for part in parts:
        place = (slice(begin, begin + len(part)), *(slice(0, size) for size in part.shape[1:]))
        whole[place] = part
        begin += len(part)
    return whole
