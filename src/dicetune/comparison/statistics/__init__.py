"""Statistics of a comparison: what would new seeds and new examples say?

``Runs`` (scores of the runs of one competitor, and what each unit weighs in them) go into
``estimate`` (difference, interval, test over seeds and examples at once), ``score_interval`` (of
one competitor), ``sign_flip`` (exact test over seeds), ``holm`` (many losses), ``effect`` and
``detectable``, ``seeds_needed`` (what the design can see). Needs numpy and scipy alone. How often
it errs is measured in ``benchmarks/error_rates.py`` and printed in docs/statistics.md.
"""

from dicetune.comparison.statistics.components import Components, components
from dicetune.comparison.statistics.interval import (
    Estimate,
    detectable,
    estimate,
    power,
    score_interval,
    seeds_needed,
)
from dicetune.comparison.statistics.runs import Runs, by_document
from dicetune.comparison.statistics.significance import effect, holm, sign_flip

__all__ = [
    "Components",
    "Estimate",
    "Runs",
    "by_document",
    "components",
    "detectable",
    "effect",
    "estimate",
    "holm",
    "power",
    "score_interval",
    "seeds_needed",
    "sign_flip",
]
