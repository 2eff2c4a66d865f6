"""Decision rules: what a model's scores mean, fitted on dev for the metric that is asked for.

A rule is a bias on some scores before the default decision, the arg-max or the threshold of one
half: see ``DecisionRule``. ``fit`` finds it by exact searches and shrinks it on a small dev set;
``tune`` does so for a run's folder, ``tune_scores`` for the scores of any model. What a rule does
to a type of prediction is told by ``problems``. Needs numpy alone: no torch, no model.
"""

from dicetune.decide.fit import fit, logit_adjustment
from dicetune.decide.folder import Split, Tuned, read_scores, tune, tune_splits
from dicetune.decide.rule import DecisionRule
from dicetune.decide.score_file import tune_scores

__all__ = [
    "DecisionRule",
    "Split",
    "Tuned",
    "fit",
    "logit_adjustment",
    "read_scores",
    "tune",
    "tune_scores",
    "tune_splits",
]
