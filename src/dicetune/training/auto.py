"""The recipe ``auto``: what is trained where no loss is named, with the reasons and their numbers.

``loss_of`` chooses the loss. ``starts_at_prior`` says where the head starts, and ``start_at_prior``
puts it there. The decision is tuned on dev, unless the user asks for another (``--decision``).
``TRIES`` is the order in which ``--try K`` trains losses.

References of the numbers: docs/evidence.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dicetune.errors import InputError, quoted
from dicetune.losses import AnyLoss, Loss, Recipe, recipe
from dicetune.records import TUNED
from dicetune.tasks import Data, Task

if TYPE_CHECKING:  # a configuration parses its loss here
    from dicetune.training.config import RunConfig

AUTO, LOSS, OF_FEW = "auto", "ce", "dsc"
FEW, RARE, FEW_STEPS = 500, 0.02, 250
"""``OF_FEW`` is for fewer words of entities, a smaller share of words, and at most so many steps.

Measured with 278 to 320 words; with 1,073 and more no difference is distinguishable from luck.
Steps: 200, where it is above cross-entropy, and 360, where it is not; nothing between the two.
"""

WHY = (
    "with tuned decisions no loss tried so far beat cross-entropy on clean or half unmarked "
    "annotation: dsc was 1.5 points below it on wnut17 and 0.8 on wnut17 half unmarked, ce+dice "
    "1.0 on sms_spam and 1.3 on goemotions"
)
WHY_FEW = (
    "with about 300 words of entities dsc was above cross-entropy in 200 steps, by 5.4 points on "
    "wnut17, 3.1 on ncbi_disease, 1.8 on bc5cdr and 0.9 on btc; in 360 steps on wnut17 1.2 below"
)

TRIES: tuple[str, ...] = (LOSS, "dsc", "focal", "ce+dice", "tversky")
"""Losses in the order in which they are tried: the best measured first, then each other kind."""

MANY, ENOUGH = 10, 8
"""Sigmoids, or positives of a sigmoid on average, from which biases start at the prior.

Measured with one of 6 positives, where their share cost F1, and three of 10, which need it.
"""


@dataclass(frozen=True)
class Facts:
    """What is known of the training split before training.

    Args:
        counts: by loss input, items of each class of a softmax, (C,), or without and with each
            label of a sigmoid, (C, 2); nothing for a softmax over the positions of a text.
        background: whether a class of the softmax is what is nothing (O).
        labels: whether the sigmoids are labels of a text, and not its positions.
        fixed: why the head starts as it is, whatever the data.
    """

    counts: Mapping[str, Tensor]
    background: bool = False
    labels: bool = False
    fixed: str | None = None


def loss_of(task: Task, train: Data, count_steps: Callable[[], int]) -> tuple[str, str]:
    """The loss of ``auto`` for a training split and the planned steps, and why."""
    found = task.entity_words(train)
    if found is None or found[0] >= min(FEW, RARE * found[1]):
        return LOSS, WHY
    loss = OF_FEW if (steps := count_steps()) <= FEW_STEPS else LOSS
    few = f"{found[0]:,} of {found[1]:,} words are of entities, with {steps:,} steps to train"
    return loss, f"{few} ({OF_FEW} takes at most {FEW_STEPS}): {WHY_FEW}"


def starts_at_prior(facts: Facts, losses: Sequence[Loss]) -> tuple[bool, str]:
    """Whether the head starts at the shares of the training items, and why.

    Args:
        facts: of the training split.
        losses: of all phases, the start phase last.

    Example:
        >>> import torch
        >>> from dicetune.losses import build
        >>> many = {"label": torch.tensor([[9000, 1000], [9900, 100]])}
        >>> [starts_at_prior(Facts(many, labels=own), [build("dice")])[0] for own in (True, False)]
        [True, False]
    """
    if facts.fixed is not None:
        return False, facts.fixed
    if (facts.background or facts.labels) and any(loss.needs_class_counts for loss in losses):
        return False, "the head starts even, as the loss itself allows for the shares"
    if facts.background and losses[-1].outweighs_few:
        return False, f"the head starts even: {losses[-1].spec} learns no entity from a small share"
    if facts.background:
        return True, (
            "the head starts at the share of O: an even head spends a short training on learning "
            "to say O (wnut17, 200 steps: 40.6 F1 even, 43.3 from the share)"
        )
    positives = [items[:, 1].double() for items in facts.counts.values() if items.ndim == 2]
    if not positives:
        return False, "the head starts even, as no class of its softmax is a background"
    if not facts.labels and [loss.spec for loss in losses] != ["ce"]:
        return False, "sigmoids of positions start at one half with any loss but ce"
    mean = sum(items.mean().item() for items in positives) / len(positives)
    if sum(map(len, positives)) < MANY and mean < ENOUGH:
        return False, "sigmoids start at one half: with few positives their share costs F1"
    return True, "sigmoids start at the share of their positives: ce hardly learns from one half"


def why_fixed(task: Task, model: Any) -> str | None:
    """Why the head starts as it is, whatever the data."""
    if model.head_is_kept:
        return "the head of the model is trained already, and starts as it is"
    try:
        task.head_biases(model)
    except InputError:  # decoders for texts
        return "the head starts even, as it has no bias that could hold a share"
    return None


@torch.no_grad()
def start_at_prior(task: Task, model: Any, class_counts: Mapping[str, Tensor]) -> None:
    """Write the shares of the training items into the biases of the head.

    A sigmoid starts at the log-odds of its positives, b = log(n_positive / n_negative). A softmax
    with a background class (O) starts at the share of this class, b_O = log(n_O / n_other) +
    log(C - 1), the other biases at 0; any other softmax at b_c = log(n_c / n).

    A new head predicts one half everywhere, or each class equally often. With 50 or 2,000 negatives
    for each positive, cross-entropy first lowers every logit, and changes the encoder too: on
    GoEmotions the encoder collapsed to two directions for good. A head that starts at the prior has
    nothing to lower.

    ``class_counts`` are training items by input name: of each class, (C,), or without and with each
    label, (C, 2).

    Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4.1.
    """
    biases = task.head_biases(model)
    if not biases:
        raise InputError(
            "expected outputs with a prior for prior_bias, got softmaxes over the positions of a "
            f"text from task {quoted(task.name)}: leave it out"
        )
    for name, bias in biases.items():
        counts = class_counts[name].to(bias)
        if counts.ndim == 2:
            absent, there = counts.unbind(1)
            bias.copy_(torch.log(there / absent))
        elif task.background is None:
            bias.copy_(torch.log(counts / counts.sum()))
        else:
            outside = counts[task.background]
            others = torch.log(outside / (counts.sum() - outside).clamp(min=1))
            bias.zero_()
            bias[task.background] = others + math.log(max(len(counts) - 1, 1))


@dataclass(frozen=True)
class Start:
    """Where the head starts, and what ``auto`` chose.

    Args:
        at_prior: whether the head starts at the shares of the training items.
        reasons: the whole recipe for the record, where the loss is "auto".
        said: the recipe in a sentence, where the loss is "auto".
    """

    at_prior: bool
    reasons: dict[str, Any] | None = None
    said: str = ""


def start_of(config: RunConfig, found: Recipe, facts: Facts, because: str = "") -> Start:
    """Where the head of a run starts; ``because`` is why ``auto`` chose its loss."""
    at_prior, why = starts_at_prior(facts, found.losses)
    if config.prior_bias is not None:
        at_prior, why = config.prior_bias, "the head starts as prior_bias asks"
    if config.loss != AUTO:
        return Start(at_prior)
    reasons = {"loss": str(found), "because": because, "prior_bias": at_prior, "start": why}
    reasons["decision"] = config.decision
    decision = "a decision tuned on dev" if config.decision == TUNED else "the default decision"
    said = f"auto: {found} with {decision}, because {because}; {why}"
    return Start(at_prior, reasons, said)


def recipe_of(
    loss: AnyLoss = AUTO, start_loss: AnyLoss | None = None, start_share: float | None = None
) -> Recipe:
    """``losses.recipe``, which also knows "auto".

    Raises:
        InputError: as ``losses.recipe``; for a start phase beside "auto", for settings.

    Example:
        >>> print(recipe_of("auto"))
        ce
    """
    if isinstance(loss, str) and " with " in loss:
        raise InputError(
            f"expected a loss, got {quoted(loss)}: only the losses of `dicetune compare` have "
            "settings of their own; give them beside the loss (--lr, --sampler, -s KEY=VALUE)"
        )
    if not (isinstance(loss, str) and loss == AUTO):
        return recipe(loss, start_loss, start_share)
    if start_loss is not None or start_share:
        raise InputError(
            "expected no start phase beside loss 'auto', got one: 'auto' brings its own; name the "
            "loss, for example --loss dice --start-loss ce --start-share 0.4"
        )
    return recipe(LOSS)
