"""Weights of classes by the name of their label, handed to the losses by the label's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dicetune.errors import InputError, quoted, unknown_name
from dicetune.losses import Loss, Recipe, SumLoss


def weighted(recipe: Recipe, weights: Mapping[str, float], labels: Sequence[str]) -> Recipe:
    """The recipe whose losses weigh the classes so; a label that is not named weighs 1.

    Args:
        recipe: what a run trains with.
        weights: by label.
        labels: of the model, in the order of its outputs.

    Raises:
        InputError: an unknown label (with the nearest valid one), a loss that takes no weights, or
            one that has its own.

    Example:
        >>> from dicetune.losses import recipe
        >>> print(weighted(recipe("ce+0.5*dice"), {"spam": 2}, ["ham", "spam"]))
        ce:class_weight=1/2+0.5*dice:class_weight=1/2
    """
    for name in weights:
        if name not in labels:
            raise unknown_name("label in class_weight", name, labels)
    vector = [weights.get(label, 1.0) for label in labels]
    start = recipe.start_loss
    return replace(
        recipe,
        loss=_weighted(recipe.loss, vector),
        start_loss=None if start is None else _weighted(start, vector),
    )


def _weighted(loss: Loss, vector: Sequence[float]) -> Loss:
    terms = []
    for coefficient, term in loss.terms():
        options = term.options()
        if term.imported is not None:
            raise InputError(
                f"expected losses of dicetune beside class_weight, got {quoted(term.spec)}: give "
                "your own loss its weights as an option of its own, and leave class_weight out"
            )
        if options.get("class_weight", vector) is not None:
            what = "its own" if "class_weight" in options else "no such option"
            raise InputError(
                f"expected losses that take class_weight, got {quoted(term.spec)} with {what}: "
                "leave class_weight out, or name another loss (`dicetune losses`)"
            )
        terms.append((coefficient, type(term)(**{**options, "class_weight": vector})))
    return SumLoss.of(terms)
