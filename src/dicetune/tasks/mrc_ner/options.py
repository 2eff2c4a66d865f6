"""Options of mrc-ner."""

from __future__ import annotations

from dataclasses import dataclass

from dicetune.errors import InputError, unknown_name
from dicetune.models import CANDIDATES
from dicetune.tasks.options import GOLD, MODEL, at_least, option

AUTO = "auto"


@dataclass(frozen=True)
class MrcNerOptions:
    """What can be chosen for named entities by reading comprehension.

    Args:
        queries: file with the question for each type: YAML or JSON, or lines of a type, a tab and
            its query; default: those of the training data, else made from the types' names.
        negative_share: share of the questions without an answer that training keeps, from 0 to 1;
            which ones depends on their words alone. Dev and test are always asked everything.
        start: weight of the loss on starts.
        end: weight of the loss on ends.
        match: weight of the loss on pairs of a start and an end.
        max_span_words: longest entity that can be found; auto is the longest of the training data,
            at most 32.
        candidates: spans of a window that the match head looks at.
        nested: whether entities of one type may overlap; false keeps the likeliest of them.
        stride: sub-words that neighbouring windows of a long text share; default: 32, at most half
            of what the longest query leaves.
        scheme: span scheme of files of tags: io, iob1, iob2, iobes, bmes, bilou; auto looks at all
            tags of a file.
        token_column: number (from 0) or key of the words; default: the first column.
        tag_column: number or key of the tags, or key of the entities; default: the last column.
    """

    queries: str | None = option(None, uses=MODEL)
    negative_share: float = option(1.0, uses=["train"])
    start: float = option(1.0, uses=["train"])
    end: float = option(1.0, uses=["train"])
    match: float = option(1.0, uses=["train"])
    max_span_words: int | str = option(AUTO, uses=["train"])  # these two are saved in the model
    candidates: int = option(CANDIDATES, uses=["train"])
    nested: bool = option(True, uses=MODEL)
    stride: int | None = option(None, uses=MODEL)
    scheme: str = option("auto", uses=(*GOLD, "compare"))
    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    tag_column: int | str | None = option(None, uses=(*GOLD, "compare"))

    def __post_init__(self) -> None:
        if not 0 <= self.negative_share <= 1:
            raise InputError(f"expected negative_share from 0 to 1, got {self.negative_share}")
        for name in ("start", "end", "match"):
            at_least(name, getattr(self, name), 0)
        if not self.start + self.end + self.match:
            raise InputError("expected a weight above 0 for start, end or match, got 0 for each")
        if isinstance(self.max_span_words, str) and self.max_span_words != AUTO:
            raise unknown_name("max_span_words", self.max_span_words, [AUTO, "a number"])
        if not isinstance(self.max_span_words, str):
            at_least("max_span_words", self.max_span_words, 1)
        at_least("candidates", self.candidates, 1)
        at_least("stride", self.stride, 0)
