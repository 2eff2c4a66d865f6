"""Decision rules: how scores of a model become predictions, fitted on dev for a chosen metric.

A rule is a bias on some scores before the default decision, the arg-max or the threshold of one
half: see ``DecisionRule``. ``fit`` finds a rule by exact searches and shrinks the rule on a small
dev set; ``tune`` does this for the folder of a run, ``tune_scores`` for the scores of any model.
``problems`` says how a rule moves the scores of each type. This needs numpy alone, no model.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from dicetune.decide.fit import fit as _fit
from dicetune.decide.fit import logit_adjustment
from dicetune.decide.folder import Split, Tuned, tune_folder, tune_splits
from dicetune.decide.rule import DecisionRule
from dicetune.decide.run_scores import read_scores

Call = TypeVar("Call", bound=Callable[..., Any])


def _former(function: Call, name: str, successor: str) -> Call:
    """A function of version 0.1, which works with a warning for one version."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        message = f"dicetune.decide.{name} is private: use {successor}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return function(*args, **options)

    return cast(Call, call)


def _tune_scores(*args: Any, **options: Any) -> Tuned:
    from dicetune.decide import score_file  # loads the readers of files

    return score_file.tune_scores(*args, **options)


fit = _former(_fit, "fit", "dicetune.tune(scores=rows)")
tune = _former(tune_folder, "tune", "dicetune.tune(folder)")
tune_scores = _former(_tune_scores, "tune_scores", "dicetune.tune(scores=path)")
