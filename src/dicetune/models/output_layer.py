"""The layer that puts out a model's logits, whatever its family calls it, and its rows by label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dicetune.errors import InputError, listed, quoted


def output_layer(model: Any) -> tuple[str, nn.Linear]:
    """The last linear layer of a model, and its name.

    Raises:
        InputError: where there is none.
    """
    layers = [pair for pair in model.named_modules() if isinstance(pair[1], nn.Linear)]
    if not layers:
        raise InputError(
            f"expected a model with a linear layer at its end, got {type(model).__name__}: "
            "choose another model"
        )
    return layers[-1]


def output_bias(model: Any, outputs: int) -> Tensor:
    """The bias of the last linear layer, which has so many outputs.

    Raises:
        InputError: where the last linear layer has another number, or no bias.
    """
    bias = output_layer(model)[1].bias
    if bias is None or len(bias) != outputs:
        raise InputError(
            f"expected a last linear layer with {outputs} outputs and a bias, which "
            f"{type(model).__name__} does not have: leave prior_bias out"
        )
    return bias


def label_names(config: Any) -> list[str]:
    """The names of a model's outputs, in their order.

    Args:
        config: of the model.

    Raises:
        InputError: where an output has no name.

    Example:
        >>> from transformers import BertConfig
        >>> label_names(BertConfig(id2label={1: "B", 0: "O"}))
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
    """The class of the model that a configuration was saved with.

    Example:
        >>> from transformers import BertConfig
        >>> saved_as(BertConfig(architectures=["BertModel"])), saved_as(BertConfig())
        ('BertModel', 'unknown')
    """
    return listed(getattr(config, "architectures", None) or ["unknown"])


@torch.no_grad()
def place_rows(model: Any, labels: Sequence[str], saved: Sequence[str]) -> None:
    """Give the output layer a row for each label: the saved row of that label, else a new one.

    Args:
        model: with a classifier's head.
        labels: names of the rows as they shall be.
        saved: names of the rows as they are; empty where none is to be kept.

    Raises:
        InputError: where the last linear layer has no row for each saved label.

    Example:
        >>> from types import SimpleNamespace
        >>> model = nn.Sequential(nn.Linear(1, 2))
        >>> model.config = SimpleNamespace(initializer_range=0.02)
        >>> model[0].weight = nn.Parameter(torch.tensor([[1.0], [2.0]]))
        >>> place_rows(model, ["B", "A"], saved=["A", "B"])
        >>> model[0].weight.tolist()
        [[2.0], [1.0]]
    """
    layer = output_layer(model)[1]
    if saved and layer.out_features != len(saved):
        raise InputError(
            f"expected a last linear layer with {len(saved)} outputs, which "
            f"{type(model).__name__} does not have: choose another model"
        )
    rows = {label: row for row, label in enumerate(saved)}
    here = [place for place, label in enumerate(labels) if label in rows]
    there = [rows[labels[place]] for place in here]
    weight = layer.weight.new_empty(len(labels), layer.in_features)
    # as the library starts a new head
    weight.normal_(std=getattr(model.config, "initializer_range", 0.02))
    weight[here] = layer.weight[there]
    layer.weight = nn.Parameter(weight)
    if layer.bias is not None:
        bias = layer.bias.new_zeros(len(labels))
        bias[here] = layer.bias[there]
        layer.bias = nn.Parameter(bias)
    layer.out_features = len(labels)


def placed(source: str, labels: Sequence[str], saved: Sequence[str]) -> str:
    """What ``place_rows`` did, in a sentence for the user.

    Args:
        source: of the model.
        labels: as ``place_rows`` takes them.
        saved: likewise.

    Example:
        >>> placed("tagger", ["O", "B-A"], ["B-A", "O"])
        "head of 'tagger': each label keeps its row, in the order of this run's labels"
        >>> placed("tagger", ["O", "B-A"], ["O", "B-B"])
        "head of 'tagger': rows kept for O; new rows for B-A; left out: B-B"
    """
    parts = {
        "rows kept for ": [label for label in labels if label in saved],
        "new rows for ": [label for label in labels if label not in saved],
        "left out: ": [label for label in saved if label not in labels],
    }
    if set(labels) == set(saved):
        said = "each label keeps its row, in the order of this run's labels"
    else:
        said = "; ".join(f"{what}{listed(own)}" for what, own in parts.items() if own)
    return f"head of {quoted(source)}: {said}"
