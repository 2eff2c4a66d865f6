"""Losses for imbalanced data: logits and targets in, a number out; torch only.

Functions define the losses; Modules hold options and call the functions. ``build`` makes a Module
from a text such as ``"ce+0.5*dice:smooth=1"``, ``LOSSES`` has every name, ``as_loss`` makes a loss
from any function of logits and targets. ``Given`` and ``IndexOptions`` list further arguments of
the functions.
"""

from dicetune.losses._base import Loss, Preset, Range
from dicetune.losses._counted import (
    ClassBalancedLoss,
    LogitAdjustedLoss,
    MajorityOrMinorityLoss,
    class_balanced_loss,
    effective_number_weights,
    log_prior,
    logit_adjusted_loss,
    majority_or_minority_loss,
)
from dicetune.losses._cross_entropy import (
    CrossEntropyLoss,
    WeightedCrossEntropyLoss,
    cross_entropy_loss,
    inverse_frequency_weights,
    weighted_cross_entropy_loss,
)
from dicetune.losses._dice import (
    DiceLoss,
    SelfAdjustingDiceLoss,
    dice_loss,
    self_adjusting_dice_loss,
    share_past_turning_point,
)
from dicetune.losses._fast import set_fast
from dicetune.losses._focal import (
    AsymmetricLoss,
    FocalLoss,
    GeneralisedCrossEntropyLoss,
    asymmetric_loss,
    focal_loss,
    generalised_cross_entropy_loss,
)
from dicetune.losses._inputs import Call, Given
from dicetune.losses._overlap import IndexOptions
from dicetune.losses._own import OwnLoss, as_loss, code_of, imported_names
from dicetune.losses._registry import LOSSES, AnyLoss, Recipe, build, recipe, start_steps, table
from dicetune.losses._selection import check_selection, hardest_negatives
from dicetune.losses._sum import SumLoss, additive_and_sums, total_of
from dicetune.losses._targets import raise_bad_targets
from dicetune.losses._tversky import (
    NonTrainingLossWarning,
    OverlapLoss,
    TverskyLoss,
    overlap_loss,
    tversky_loss,
)

__all__ = [
    "LOSSES",
    "AnyLoss",
    "AsymmetricLoss",
    "Call",
    "ClassBalancedLoss",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "GeneralisedCrossEntropyLoss",
    "Given",
    "IndexOptions",
    "LogitAdjustedLoss",
    "Loss",
    "MajorityOrMinorityLoss",
    "NonTrainingLossWarning",
    "OverlapLoss",
    "OwnLoss",
    "Preset",
    "Range",
    "Recipe",
    "SelfAdjustingDiceLoss",
    "SumLoss",
    "TverskyLoss",
    "WeightedCrossEntropyLoss",
    "additive_and_sums",
    "as_loss",
    "asymmetric_loss",
    "build",
    "check_selection",
    "class_balanced_loss",
    "code_of",
    "cross_entropy_loss",
    "dice_loss",
    "effective_number_weights",
    "focal_loss",
    "generalised_cross_entropy_loss",
    "hardest_negatives",
    "imported_names",
    "inverse_frequency_weights",
    "log_prior",
    "logit_adjusted_loss",
    "majority_or_minority_loss",
    "overlap_loss",
    "raise_bad_targets",
    "recipe",
    "self_adjusting_dice_loss",
    "set_fast",
    "share_past_turning_point",
    "start_steps",
    "table",
    "total_of",
    "tversky_loss",
    "weighted_cross_entropy_loss",
]
