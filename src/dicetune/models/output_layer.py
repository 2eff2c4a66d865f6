"""The layer that puts out a model's logits, whatever its family calls it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from dicetune.errors import InputError


def output_bias(model: Any, outputs: int) -> Tensor:
    """The bias of the last linear layer, which has so many outputs.

    Raises:
        InputError: where the last linear layer has another number, or no bias.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    bias = layers[-1].bias if layers else None
    if bias is None or len(bias) != outputs:
        raise InputError(
            f"expected a last linear layer with {outputs} outputs and a bias, which "
            f"{type(model).__name__} does not have: leave prior_bias out"
        )
    return bias
