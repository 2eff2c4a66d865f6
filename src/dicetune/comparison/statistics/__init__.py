"""Statistics of a comparison: what would new seeds and new examples say?

``Runs`` (scores of the runs of one competitor, and what each unit weighs in them) go into
``estimate`` (difference, interval, test over seeds and examples at once), ``score_interval`` (of
one competitor), ``sign_flip`` (exact test over seeds), ``holm`` (many losses), ``effect`` and
``detectable``, ``seeds_needed`` (what the design can see). Needs numpy and scipy alone. How often
it errs is measured in ``benchmarks/error_rates.py`` and printed in docs/statistics.md.
"""

from dicetune.comparison.statistics.estimate import (
    components,
    detectable,
    estimate,
    power,
    score_interval,
    seeds_needed,
)
from dicetune.comparison.statistics.runs import Runs, by_document
from dicetune.comparison.statistics.significance import effect, holm, rank_correlation, sign_flip

__all__ = [
    "Runs",
    "by_document",
    "components",
    "detectable",
    "effect",
    "estimate",
    "holm",
    "power",
    "rank_correlation",
    "score_interval",
    "seeds_needed",
    "sign_flip",
]
