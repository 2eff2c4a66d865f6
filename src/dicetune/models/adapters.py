"""Low-rank adapters (LoRA): the linear layers of an encoder learn a small difference each.

A linear layer with the weight W computes W x + alpha / r · B A x, where A has r rows and B r
columns. Only A, B and the head are trained, the head whole (a pooler is part of it). B starts at 0,
so that training starts at the encoder as it is.

The adapters are made by ``peft`` inside of the model, whose class stays. A finished run folds them
into the weights, W + alpha / r · B A, and is a plain model folder; with ``merge=no`` it holds the
adapters and the head alone, in the layout of ``peft``, and needs the encoder and ``peft`` again.

Reference: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig
from transformers.pytorch_utils import Conv1D

from dicetune.errors import InputError, listed, of_extra, quoted, unknown_name
from dicetune.records import read_json

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."  # of the names in the layout of peft
_OF_ADAPTER = ".default."


@dataclass(frozen=True)
class LowRank:
    """The options of ``lora``.

    Args:
        r: rank of each difference.
        alpha: the difference is scaled by alpha / r.
        dropout: of the input of A.
        target: endings of the names of the layers that learn, such as ("query", "value"); by
            default all linear layers of the encoder.
        merge: whether a finished run folds the adapters into the weights.
    """

    r: int = 16
    alpha: int = 32
    dropout: float = 0.1
    target: tuple[str, ...] = ()
    merge: bool = True

    @classmethod
    def of(cls, text: str) -> LowRank:
        """The options in a text; an empty one has the defaults.

        Raises:
            InputError: for an unknown option, or a value that it does not take.

        Example:
            >>> LowRank.of("r=8,target=query/value,merge=no")
            LowRank(r=8, alpha=32, dropout=0.1, target=('query', 'value'), merge=False)
        """
        found: dict[str, Any] = {}
        readers: dict[str, Any] = {
            "r": int,
            "alpha": int,
            "dropout": float,
            "target": lambda value: tuple(value.split("/")),
            "merge": lambda value: {"yes": True, "no": False}[value],
        }
        for part in filter(None, text.split(",")):
            name, _, value = part.strip().partition("=")
            if name not in readers:
                raise unknown_name("option of lora", name, [entry.name for entry in fields(cls)])
            try:
                found[name] = readers[name](value)
            except (ValueError, KeyError):
                raise InputError(
                    f"expected {name} of lora as in --lora r=16,alpha=32,dropout=0.1,"
                    f"target=query/value,merge=no, got {quoted(value)}"
                ) from None
        chosen = cls(**found)
        if not (chosen.r >= 1 and chosen.alpha > 0 and 0 <= chosen.dropout < 1):
            raise InputError(
                "expected lora with r of at least 1, alpha above 0 and dropout in [0, 1), got "
                f"{quoted(text)}"
            )
        return chosen

    def layers(self, model: Any) -> list[str]:
        """The names of the layers that learn.

        Raises:
            InputError: where no linear layer of the encoder has a name of ``target``.
        """
        inside = f"{model.base_model_prefix}."
        linear = [
            name
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Linear | Conv1D) and _of_encoder(name, inside)
        ]
        found = [
            name
            for name in linear
            if not self.target or any(f".{name}".endswith(f".{end}") for end in self.target)
        ]
        if not found:
            endings = listed(sorted({name.rpartition(".")[2] for name in linear}))
            raise InputError(
                f"expected target of lora among the linear layers of the encoder ({endings}), got "
                f"{quoted('/'.join(self.target))}"
            )
        return found

    def check(self, model: Any) -> None:
        """Refuse a target that the model does not have, and what cannot be saved."""
        if not self.merge and type(model).__module__.startswith("dicetune."):
            raise InputError(
                "expected lora with merge=yes for mrc-ner, got merge=no: its model is no class of "
                "transformers, and is saved whole"
            )
        self.layers(model)

    def put_into(self, model: Any) -> None:
        """Give the linear layers of the encoder adapters; freeze all but them and the head.

        Raises:
            InputError: where peft is not installed; as ``layers``.
        """
        of_extra("peft", "lora", "--lora")
        import peft

        inside = f"{model.base_model_prefix}."
        config = peft.LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.layers(model),
        )
        peft.inject_adapter_in_model(config, model)
        for name, weight in model.named_parameters():
            weight.requires_grad = ".lora_" in name or not _of_encoder(name, inside)
        model.adapters = config


def _of_encoder(name: str, inside: str) -> bool:
    return name.startswith(inside) and "pooler" not in name


def merged_weights(model: Any) -> dict[str, Tensor]:
    """The weights of a model with its adapters folded in, by the names of the plain model."""
    weights = {name: weight for name, weight in model.state_dict().items() if ".lora_" not in name}
    for name, layer in model.named_modules():
        if hasattr(layer, "get_delta_weight"):
            key = f"{name}.base_layer.weight"
            with torch.no_grad():
                weights[key] = weights[key] + layer.get_delta_weight("default")
    return {name.replace(".base_layer.", "."): weight for name, weight in weights.items()}


def save_model(model: Any, folder: Path, encoder: str, lora: str | None) -> None:
    """Save a model with or without adapters; ``encoder`` is the name that ``merge=no`` needs."""
    if lora is None:
        model.save_pretrained(folder)
    elif LowRank.of(lora).merge:
        model.save_pretrained(folder, state_dict=merged_weights(model))
    else:
        model.config.save_pretrained(folder)
        model.adapters.base_model_name_or_path = encoder
        # peft itself would wrap the head where it makes the adapters
        inside = f"{model.base_model_prefix}."
        head = [name for name, _ in model.named_children() if f"{name}." != inside]
        model.adapters.modules_to_save = head
        model.adapters.save_pretrained(str(folder))
        kept = {
            _PREFIX + name.replace(_OF_ADAPTER, "."): weight.detach().cpu().contiguous()
            for name, weight in model.named_parameters()
            if weight.requires_grad
        }
        save_file(kept, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def is_adapter_folder(folder: Path) -> bool:
    """Whether a folder holds adapters in place of the weights of a model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "model.safetensors").is_file()


def load_adapted(auto_class: Any, folder: Path, resolve: Any) -> Any:
    """The model of a folder with adapters, folded into the weights of its encoder.

    Raises:
        InputError: where peft is not installed, or the encoder or weights are not those of the run.
    """
    of_extra("peft", "lora", f"the adapters in {quoted(folder)}")
    import peft

    stored: Mapping[str, Any] = read_json(folder / ADAPTER_CONFIG)
    model = auto_class.from_pretrained(
        resolve(str(stored["base_model_name_or_path"])),
        config=AutoConfig.from_pretrained(str(folder), trust_remote_code=False),
        use_safetensors=True,
        dtype="float32",
        trust_remote_code=False,
    )
    config = peft.LoraConfig.from_pretrained(str(folder))
    config.modules_to_save = None
    peft.inject_adapter_in_model(config, model)
    weights = {
        name.removeprefix(_PREFIX): weight
        for name, weight in load_file(folder / ADAPTER_WEIGHTS).items()
    }
    own = {name.replace(_OF_ADAPTER, "."): weight for name, weight in model.named_parameters()}
    wrong = [
        name
        for name, weight in weights.items()
        if name not in own or own[name].shape != weight.shape
    ]
    absent = [name for name in own if ".lora_" in name and name not in weights]
    if wrong or absent:
        raise InputError(
            f"expected adapters of the encoder that they were trained on, got {quoted(folder)} "
            f"with others ({listed(wrong or absent, most=3)}): restore the encoder or the folder"
        )
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].copy_(weight)
    for name, layer in list(model.named_modules()):
        if hasattr(layer, "get_delta_weight"):
            layer.merge()
            place, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(place), leaf, layer.get_base_layer())
    return model.eval()
