"""Reading, checking and describing tagged text. Needs neither torch nor transformers."""

from dicetune.data.checks import check_labels, label_names
from dicetune.data.corpus import Corpus, Note, Scheme, Sentence
from dicetune.data.inspect import (
    PAPER_RATIOS,
    Conflict,
    Inspection,
    Leak,
    Ratio,
    SplitReport,
    SubwordCounter,
    inspect_tokens,
)
from dicetune.data.labels import convert, spans, split_tag, to_tags, violations
from dicetune.data.predictions import Predicted, Predictions, read_predictions
from dicetune.data.read import read_tokens
from dicetune.data.write import write_conll, write_jsonl

__all__ = [
    "PAPER_RATIOS",
    "Conflict",
    "Corpus",
    "Inspection",
    "Leak",
    "Note",
    "Predicted",
    "Predictions",
    "Ratio",
    "Scheme",
    "Sentence",
    "SplitReport",
    "SubwordCounter",
    "check_labels",
    "convert",
    "inspect_tokens",
    "label_names",
    "read_predictions",
    "read_tokens",
    "spans",
    "split_tag",
    "to_tags",
    "violations",
    "write_conll",
    "write_jsonl",
]
