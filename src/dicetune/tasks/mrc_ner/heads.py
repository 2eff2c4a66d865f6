"""What the three heads should have put out: starts, ends, and the match of the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dicetune.loss_input import LossInput
from dicetune.models import span_count
from dicetune.tasks.base import IGNORED

HEADS = ("start", "end", "match")


def head_inputs(
    outputs: Any, labels: Mapping[str, Tensor], weights: Mapping[str, float]
) -> list[LossInput]:
    """A sigmoid for each word as a start, as an end, and for each candidate span.

    Args:
        outputs: of the model: logits of starts and ends (B, T), of spans (B, M), and the
            positions of these (B, M, 2), negative where a window has fewer.
        labels: targets of the batch.
        weights: of the loss of each of ``HEADS``.
    """
    inputs = []
    for name in ("start", "end"):
        target = labels[f"{name}_labels"]
        mask = target != IGNORED
        inputs.append(_sigmoids(name, outputs[f"{name}_logits"], target, mask, weights[name]))
    spans = outputs["span_positions"]
    answers = torch.stack([labels["answer_starts"], labels["answer_ends"]], dim=-1)
    there = spans[..., 0] >= 0
    right = (spans[:, :, None] == answers[:, None]).all(-1).any(-1) & there
    match = _sigmoids("match", outputs["span_logits"], right.long(), there, weights["match"])
    return [*inputs, match]


def head_counts(
    labels: Mapping[str, Tensor], max_span_words: int, candidates: int
) -> dict[str, Tensor]:
    """Words, twice, and the candidates that the model takes from as many words."""
    words = (labels["start_labels"] != IGNORED).sum(-1)
    spans = span_count(words, max_span_words).clamp(max=candidates)
    return {"start": words.sum(), "end": words.sum(), "match": spans.sum()}


def head_class_counts(
    labels: Mapping[str, Tensor], item_counts: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Items of each head that are wrong and that are right, (1, 2)."""
    there = {
        "start": labels["start_labels"] == 1,
        "end": labels["end_labels"] == 1,
        # while it trains the model has the right spans among its candidates, as many as fit
        "match": labels["answer_starts"] >= 0,
    }
    counts = {}
    for name, items in item_counts.items():
        right = there[name].sum().clamp(max=items)
        counts[name] = torch.stack([items - right, right])[None]
    return counts


def _sigmoids(name: str, logits: Tensor, target: Tensor, mask: Tensor, weight: float) -> LossInput:
    return LossInput(
        name, logits[..., None], target[..., None], kind="labels", mask=mask, coefficient=weight
    )
