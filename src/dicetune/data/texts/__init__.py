"""Labelled texts and pairs, from every format to a ``TextCorpus``."""
