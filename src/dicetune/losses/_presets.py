"""LOSSES: every loss that has a name, with its formula, its equation and when to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dicetune.losses._asymmetric import AsymmetricLoss
from dicetune.losses._base import Loss
from dicetune.losses._class_balanced import ClassBalancedLoss
from dicetune.losses._cross_entropy import CrossEntropyLoss
from dicetune.losses._dice import DiceLoss
from dicetune.losses._focal import FocalLoss
from dicetune.losses._logit_adjusted import LogitAdjustedLoss
from dicetune.losses._majority_or_minority import MajorityOrMinorityLoss
from dicetune.losses._overlap import OverlapLoss
from dicetune.losses._self_adjusting import SelfAdjustingDiceLoss
from dicetune.losses._tversky import TverskyLoss
from dicetune.losses._weighted_cross_entropy import WeightedCrossEntropyLoss


@dataclass(frozen=True)
class Preset:
    """A named loss.

    Args:
        factory: its class.
        formula: what it computes, in one line.
        equation: where the paper has it, or another source.
        use: when to choose it.
        options: those in which it differs from the class's defaults.
    """

    factory: type[Loss]
    formula: str
    equation: str
    use: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of input that it serves."""
        return self.factory.kinds


LOSSES: dict[str, Preset] = {
    "ce": Preset(
        CrossEntropyLoss,
        "-1/N Σ log p_gold",
        "Eq. 1",
        "the baseline: where accuracy is the metric, and to compare with",
    ),
    "wce": Preset(
        WeightedCrossEntropyLoss,
        "-1/N Σ log10((n-n_t)/n_t + k) log p_gold",
        "Eq. 2",
        "rare classes are missed and every class has training items",
    ),
    "focal": Preset(
        FocalLoss,
        "-1/N Σ (1-p_gold)^gamma log p_gold",
        "Table 2; Lin et al. 2017, Eq. 5",
        "many easy items drown the hard ones",
    ),
    "mom": Preset(
        MajorityOrMinorityLoss,
        "-1/N Σ (1 + λ [t is the majority]) log p_gold",
        "Nemoto et al. 2024",
        "rare classes are said too often; the majority is the background, or the most frequent",
    ),
    "la": Preset(
        LogitAdjustedLoss,
        "-1/N Σ log softmax(z + τ log π)_gold",
        "Menon et al. 2021, Eq. 10",
        "every class is worth the same, as in mean recall",
    ),
    "cb": Preset(
        ClassBalancedLoss,
        "-1/N Σ w_t log p_gold, w ∝ (1-β)/(1-β^n_t), Σw = C",
        "Cui et al. 2019",
        "a long tail of classes with few training items each",
    ),
    "asl": Preset(
        AsymmetricLoss,
        "-1/N Σ y (1-p)^γ+ log p + (1-y) p_m^γ- log(1-p_m), p_m = max(p-m, 0)",
        "Ridnik et al. 2021, Eq. 4 to 7",
        "many labels of which few are set; a softmax is taken as labels, one against the rest",
    ),
    "dl": Preset(
        DiceLoss,
        "1/N Σ 1 - (2py + γ)/(p² + y² + γ)",
        "Eq. 7",
        "to replicate; additive, but it does not learn many classes from a cold head",
        {"level": "example"},
    ),
    "dice": Preset(
        DiceLoss,
        "1 - (2Σpy + γ)/(Σp² + Σy² + γ)",
        "Eq. 8",
        "the metric is F1: one index a class over the batch",
    ),
    "tversky": Preset(
        TverskyLoss,
        "1 - (TP + γ)/(TP + α FP + β FN + γ)",
        "Eq. 10 over a set",
        "precision and recall are not worth the same: beta > alpha favours recall",
    ),
    "dsc": Preset(
        SelfAdjustingDiceLoss,
        "1 - (2Σwpy + γ)/(Σwp² + Σwy² + γ), w = (1-p_t)^decay",
        "Eq. 12, weight detached and over a set",
        "easy entries dominate the sums; tends to recall",
    ),
    "dsc-paper": Preset(
        SelfAdjustingDiceLoss,
        "1/N Σ 1 - (2(1-p)p y + γ)/((1-p)p + y + γ)",
        "Eq. 12 as printed",
        "to replicate only: its optimum is p = 0.5",
        {"level": "example", "squared": False, "form": "literal"},
    ),
    "dsc-released": Preset(
        SelfAdjustingDiceLoss,
        "1 - (2Σqy + γ)/(Σq² + Σy² + γ), q = (1-p)^0.01 p, a sigmoid a class",
        "the released scripts' settings",
        "to replicate only: in effect squared dice on sigmoids",
        {"decay": 0.01, "form": "literal", "activation": "sigmoid"},
    ),
    "overlap": Preset(
        OverlapLoss,
        "1 - (S_tp + γ)/(S_tp + α S_fp + β S_fn + γ)",
        "Eq. 9, every choice open",
        "a combination that no other name has",
    ),
}


def table() -> list[dict[str, str]]:
    """One row a loss, for people: name, formula, equation, kinds, use, defaults.

    Example:
        >>> [row["loss"] for row in table()][:3]
        ['ce', 'wce', 'focal']
    """
    from dicetune.losses._spec import option_texts

    return [
        {
            "loss": name,
            "formula": preset.formula,
            "equation": preset.equation,
            **{kind: "yes" if kind in preset.kinds else "-" for kind in KIND_COLUMNS},
            "options": ", ".join(option_texts(name)),
            "use": preset.use,
        }
        for name, preset in LOSSES.items()
    ]


KIND_COLUMNS = ("classes", "labels", "positions")
