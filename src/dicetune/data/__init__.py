"""Reading, checking and describing tagged text. Needs neither torch nor transformers."""

from dicetune.data.checks import check_labels, label_names
from dicetune.data.corpus import Corpus, Note, Scheme, Sentence
from dicetune.data.labels import convert, spans, split_tag, to_tags, violations
from dicetune.data.read import read_tokens

__all__ = [
    "Corpus",
    "Note",
    "Scheme",
    "Sentence",
    "check_labels",
    "convert",
    "label_names",
    "read_tokens",
    "spans",
    "split_tag",
    "to_tags",
    "violations",
]
