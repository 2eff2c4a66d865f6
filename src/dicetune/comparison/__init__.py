"""Compare objectives: plan, search, make each run in a process, merge, and say which is better.

The modules that only read records (``plan``, ``runs``, ``results``, ``summary``, ``statistics``)
need neither torch nor transformers.
"""
