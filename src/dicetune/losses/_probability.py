"""Probabilities and powers of 1 - p that stay exact where p rounds to 1.

``1 - p`` computed from a rounded p jumps to 0 (float32: from a logit of 16.6), and the gradient of
its power is then 0 · ∞ = NaN. So powers are taken in log space, ``exp(decay · log(1-p))``, with

- sigmoid: ``log(1-p) = logsigmoid(-z)``;
- softmax: ``log1p(-p)`` where p is not the largest of its row (then p <= 1/2), and for the largest
  ``logsumexp`` over the other classes minus ``logsumexp`` over all.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dicetune.losses._inputs import ABSENT

# Over fewer classes torch's CPU softmax is slower than its log_softmax and an exponential.
_FEW_CLASSES = 16


def probabilities(logits: Tensor, sigmoid: bool) -> Tensor:
    """Probability of every class, (N, C): one sigmoid each, or a softmax over the classes.

    Example:
        >>> probabilities(torch.zeros(1, 4), sigmoid=False)
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    if sigmoid:
        return logits.sigmoid()
    if logits.shape[1] < _FEW_CLASSES:
        return logits.log_softmax(1).exp()
    return logits.softmax(1)


def softmax_log_complement(logits: Tensor) -> Tensor:
    """log(1 - softmax(logits)) of every class, with its gradient.

    Args:
        logits: (N, C).

    Returns:
        (N, C), finite for finite logits.

    Example:
        >>> softmax_log_complement(torch.tensor([[0.0, 100.0]])).round()
        tensor([[  -0., -100.]])
    """
    if logits.shape[0] == 0:
        return logits
    log_p = logits.log_softmax(1)
    top = log_p.detach().argmax(1, keepdim=True)
    # the largest p is taken out before log1p, so that no infinite gradient is multiplied by 0
    below = log_p.scatter(1, top, ABSENT).exp()
    others = log_p.scatter(1, top, ABSENT).logsumexp(1, keepdim=True)
    return torch.log1p(-below).scatter(1, top, others)


def sigmoid_log_complement(logits: Tensor) -> Tensor:
    """log(1 - sigmoid(logits)), with its gradient.

    Example:
        >>> sigmoid_log_complement(torch.tensor([0.0, 100.0]))
        tensor([  -0.6931, -100.0000])
    """
    return -F.softplus(logits)


def gold_log_complement(logits: Tensor, gold: Tensor, sigmoid: bool = False) -> Tensor:
    """log(1 - p) of each row's gold class alone, without a gradient.

    Args:
        logits: (N, C).
        gold: (N,).
        sigmoid: p is a sigmoid and not a softmax.

    Returns:
        (N,).

    Example:
        >>> gold_log_complement(torch.tensor([[0.0, 100.0]]), torch.tensor([1]))
        tensor([-100.])
    """
    logits = logits.detach()
    if sigmoid:
        return sigmoid_log_complement(logits.gather(1, gold[:, None]).squeeze(1))
    others = logits.scatter(1, gold[:, None], ABSENT).logsumexp(1)
    return others - logits.logsumexp(1)


def power(log_base: Tensor, exponent: float) -> Tensor:
    """base**exponent from log(base): 1 for an exponent of 0, also at base 0."""
    return torch.exp(exponent * log_base)
