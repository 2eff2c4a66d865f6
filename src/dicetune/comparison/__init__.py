"""Compare objectives: plan, run one process a cell, search, merge, and say which is better.

What only reads records (``plan``, ``progress``, the statistics, whose door is ``statistics``) needs
neither torch nor transformers.
"""
