"""Tagged text: words with one tag each, from every format to a ``Corpus``."""
