"""Statistics of a comparison: what holds for new seeds and new examples?

``Runs`` (scores of the runs of one competitor, and what each unit weighs in them) go into
``estimate`` (difference, interval, test over seeds and examples at once), ``score_interval`` (of
one competitor), ``detectable`` and ``seeds_needed`` (what the design can see). ``significance`` has
``sign_flip`` (exact test over seeds), ``holm`` (many losses), ``effect`` and ``rank_correlation``.
Needs numpy and scipy alone. How often it errs is measured in ``benchmarks/error_rates.py`` and
printed in docs/statistics.md.
"""
