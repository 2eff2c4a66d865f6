"""Which objective is better, by how much, how surely.

The statistics (``statistics`` is the door) read arrays and import neither torch nor transformers.
"""
