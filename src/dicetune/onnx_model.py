"""OnnxModel: an exported model at work, without torch and transformers.

The folder holds ``model.onnx``, whose outputs are those of ``Task.preprocess_logits``,
``tokenizer.json``, ``dicetune.json`` (``ExportRecord``), and the decision rules of the run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.errors import DataError, InputError, of_extra, quoted
from dicetune.records import check_shape, read_json, write_json
from dicetune.tasks import Task, task_named

EXPORT_FILE, GRAPH, TOKENIZER = "dicetune.json", "model.onnx", "tokenizer.json"
EXPORT_VERSION = 1
_HEALS = "export the run again with `dicetune export RUN --to onnx`"
_NAMES = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


@dataclass(frozen=True)
class ExportRecord:
    """What an exported model needs beside its graph, its tokenizer and its rules.

    Args:
        task: name of the task.
        labels: names of the outputs.
        settings: of the task, as ``run.json`` has them.
        options: of the training, by which files are read; ``None`` for a model of another tool.
        max_length: longest window in sub-words.
        paddings: the inputs of the graph, each with the value that pads it.
        tokenizer: ``PlainTokenizer.facts``.
        int8: whether the weights are quantized.
        version: of this format.
    """

    task: str
    labels: list[str]
    settings: dict[str, Any]
    options: dict[str, Any] | None
    max_length: int
    paddings: dict[str, int]
    tokenizer: dict[str, Any]
    int8: bool = False
    version: int = EXPORT_VERSION

    def save(self, folder: Path) -> None:
        """Write ``dicetune.json``."""
        write_json(folder / EXPORT_FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> ExportRecord:
        """Read ``dicetune.json``.

        Raises:
            DataError: another version, or a damaged file.
        """
        path = folder / EXPORT_FILE
        values = read_json(path, _HEALS)
        if values.get("version") != EXPORT_VERSION:
            raise DataError(
                path,
                f"expected version {EXPORT_VERSION}, got {quoted(values.get('version'))}: {_HEALS}",
            )
        shape = {"task": str, "labels": [str], "settings": dict, "options": dict | None}
        shape |= {"max_length": int, "paddings": {...: int}, "int8": bool}
        shape |= {"tokenizer": {"model_input_names": [str], "padding_side": str}}
        check_shape(path, values, shape, heals=_HEALS)
        try:
            return cls(**values)
        except TypeError as error:
            raise DataError(path, f"expected the keys of an export ({error}): {_HEALS}") from None


class PlainBatch(dict[str, Any]):
    """Model inputs by name, one list a window, or a single window as it is."""

    def __init__(self, values: dict[str, Any], encodings: Sequence[Any]) -> None:
        super().__init__(values)
        self._encodings = encodings

    def word_ids(self, window: int = 0) -> list[int | None]:
        """The number of the word at each position of a window."""
        found: list[int | None] = self._encodings[window].word_ids
        return found

    def sequence_ids(self, window: int = 0) -> list[int | None]:
        """0 for the first text, 1 for the second, ``None`` for special tokens."""
        found: list[int | None] = self._encodings[window].sequence_ids
        return found


@dataclass
class PlainTokenizer:
    """A ``tokenizers.Tokenizer`` that is called as one of transformers.

    Args:
        backend: the ``tokenizers.Tokenizer``.
        model_input_names: what the model takes, in the order of its inputs.
        unk_token: the unknown token; ``None`` where there is none.
        eos_token: the last token of a text.
        cls_token: the token of a whole text.
        padding_side: "right" or "left".
        truncation_side: the side on which texts are cut.
    """

    backend: Any
    model_input_names: list[str]
    unk_token: str | None
    eos_token: str | None
    cls_token: str | None
    padding_side: str = "right"
    truncation_side: str = "right"

    @classmethod
    def of_file(cls, path: Path, facts: dict[str, Any]) -> PlainTokenizer:
        """The tokenizer of a ``tokenizer.json``, with the ``facts`` that the file lacks."""
        from tokenizers import Tokenizer

        backend = Tokenizer.from_file(str(path))
        backend.no_padding()
        return cls(backend, **facts)

    @staticmethod
    def facts(tokenizer: Any) -> dict[str, Any]:
        """What ``of_file`` needs beside ``tokenizer.json``, as plain data."""
        names = ("unk_token", "eos_token", "cls_token", "padding_side", "truncation_side")
        inputs = [name for name in tokenizer.model_input_names if name in _NAMES]
        return {"model_input_names": inputs, **{name: getattr(tokenizer, name) for name in names}}

    @property
    def unk_token_id(self) -> int | None:
        """The number of the unknown token."""
        return self._number(self.unk_token)

    @property
    def cls_token_id(self) -> int | None:
        """The number of the token of a whole text."""
        return self._number(self.cls_token)

    def _number(self, token: str | None) -> int | None:
        return None if token is None else self.backend.token_to_id(token)

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Special tokens of a text, or of a pair."""
        return int(self.backend.num_special_tokens_to_add(pair))

    def __call__(
        self,
        text: Any,
        pair: Any = None,
        *,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        truncation: bool | str = False,
        max_length: int | None = None,
        stride: int = 0,
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        verbose: bool = True,
    ) -> PlainBatch:
        """Sub-words of a text, a pair, or of lists of these, as transformers gives them."""
        first = text[0] if isinstance(text, list) and text else text
        is_one = isinstance(text, str) or (is_split_into_words and not isinstance(first, list))
        texts, pairs = ([text], [pair]) if is_one else (text, pair)
        given = texts if pair is None else list(zip(texts, pairs, strict=True))
        if truncation:
            strategy = "longest_first" if truncation is True else truncation
            self.backend.enable_truncation(
                max_length, stride=stride, strategy=strategy, direction=self.truncation_side
            )
        else:
            self.backend.no_truncation()
        wholes = self.backend.encode_batch(
            given, is_pretokenized=is_split_into_words, add_special_tokens=add_special_tokens
        )
        parts = [
            (number, window)
            for number, whole in enumerate(wholes)
            for window in (whole, *(whole.overflowing if return_overflowing_tokens else ()))
        ]
        windows = [window for _, window in parts]
        found: dict[str, Any] = {
            name: [getattr(window, _NAMES[name]) for window in windows]
            for name in self.model_input_names
        }
        if return_offsets_mapping:
            found["offset_mapping"] = [window.offsets for window in windows]
        if return_overflowing_tokens:
            found["overflow_to_sample_mapping"] = [number for number, _ in parts]
        elif is_one:
            found = {name: values[0] for name, values in found.items()}
        return PlainBatch(found, windows)


class OnnxModel:
    """Outputs of an exported model for windows of its tokenizer, by onnxruntime."""

    def __init__(self, session: Any, tokenizer: PlainTokenizer, record: ExportRecord) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.record = record
        self.labels = record.labels
        self.on_cpu = session.get_providers()[0] == "CPUExecutionProvider"
        self._names = [one.name for one in session.get_inputs()]

    def window_length(self, wanted: int | None) -> int:
        """Longest window in sub-words, as exported."""
        return self.record.max_length

    def outputs(self, features: Sequence[dict[str, Any]], task: Task) -> Any:
        """Arrays of ``Task.preprocess_logits`` for some windows: one, or a tuple of several."""
        inputs = {name: self._padded(name, [one[name] for one in features]) for name in self._names}
        found = self.session.run(None, inputs)
        return found[0] if len(found) == 1 else tuple(found)

    def _padded(self, name: str, rows: list[list[int]]) -> np.ndarray:
        table = np.full((len(rows), max(map(len, rows))), self.record.paddings[name], np.int64)
        for place, row in zip(table, rows, strict=True):
            begin = len(place) - len(row) if self.tokenizer.padding_side == "left" else 0
            place[begin : begin + len(row)] = row
        return table


class OnnxFolder:
    """The folder of an exported model.

    Args:
        folder: of ``dicetune export``.
        task: its task, or ``None``.

    Raises:
        InputError: a damaged folder, or another task.
    """

    def __init__(self, folder: Path, task: str | None) -> None:
        self.folder = folder
        self.record = ExportRecord.load(folder)
        self.task_class = task_named(self.record.task)
        self.options, self.settings = self.record.options, self.record.settings
        self.max_length: int | None = self.record.max_length
        if task not in (None, self.record.task):
            raise InputError(
                f"expected the task of the export, {quoted(self.record.task)}, or none, got "
                f"{quoted(task)} for {quoted(folder)}: leave the task out"
            )

    def load(self, device: str) -> OnnxModel:
        """The model with its tokenizer.

        Raises:
            InputError: onnxruntime, a file or the device is missing.
        """
        runtime = of_extra("onnxruntime", "onnx", "an exported model")
        for name in (GRAPH, TOKENIZER):
            if not (self.folder / name).is_file():
                raise InputError(f"expected {name} in {quoted(self.folder)}, got none: {_HEALS}")
        provider = f"{device.partition(':')[0].upper()}ExecutionProvider"
        known = runtime.get_available_providers()
        if provider not in known:
            raise InputError(
                f"expected a device of onnxruntime, got {quoted(device)}, and onnxruntime has "
                f"{', '.join(known)}: give device='cpu', or install onnxruntime-gpu"
            )
        how = runtime.SessionOptions()
        how.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
        how.log_severity_level = 3
        try:
            session = runtime.InferenceSession(str(self.folder / GRAPH), how, providers=[provider])
        except Exception as error:  # onnxruntime raises errors of any class for files that it reads
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(
                self.folder / GRAPH, f"expected a model, got {reason}: {_HEALS}"
            ) from None
        tokenizer = PlainTokenizer.of_file(self.folder / TOKENIZER, self.record.tokenizer)
        return OnnxModel(session, tokenizer, self.record)
