"""ner and pos: named entities as spans of words (IOB2, IOBES), and a part of speech a word.

Worked example: ``TokenTask`` (dicetune.tasks.token), whose labels are spans for ``ner`` and parts
of speech for ``pos``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from dicetune.data import FORMATS as TAGGED_FORMATS
from dicetune.data import Corpus, sample_corpora
from dicetune.data.exports.documents import OFFSETS
from dicetune.data.files.rows import Numbering
from dicetune.errors import InputError, listed
from dicetune.problems import Spans, Tags
from dicetune.problems.schemes import TagRows, scheme_of, split_tag
from dicetune.tasks.base import Data, Scores
from dicetune.tasks.options import GOLD, MODEL, TaskOptions, option
from dicetune.tasks.token import OUTSIDE, TokenTask

CONVENTIONS = ("strict", "conlleval")


@dataclass(frozen=True)
class PosOptions(TaskOptions):
    """Options of parts of speech.

    Args:
        token_column: number (from 0) or name of the column of words; default: the first column.
        tag_column: number or name of the column of tags; default: the last column, in CoNLL-U upos.
        gold_column: number or name of the column of gold tags in a file of predictions.
        predicted_column: number or name of the column of predicted tags in a file of predictions.
        stride: sub-words that neighbouring windows of a long text share; default: 32, at most a
            quarter of the window.
    """

    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "score"))
    tag_column: int | str | None = option(None, uses=GOLD)
    gold_column: int | str | None = option(None, uses=["score"])
    predicted_column: int | str | None = option(None, uses=["score"])
    stride: int | None = option(None, uses=MODEL, least=0)


@dataclass(frozen=True)
class NerOptions(PosOptions):
    """Options of named entities.

    Args:
        tag_column: number or name of the column of tags; default: the last column. In an export of
            an annotation tool the name of the spans, and token_column the name of the text.
        annotator: whose annotations are read, in an export of several annotators.
        offsets: what an export counts to place a span: characters, utf-16; auto finds out.
        scheme: span scheme of the files: io, iob1, iob2, iobes, bmes, bilou; auto looks at all
            tags of a file.
        convention: how scores read spans: strict (only spans that the scheme allows), or conlleval
            (an I- after no entity starts an entity).
    """

    annotator: int | str | None = option(None, uses=GOLD)
    offsets: str = option("auto", uses=GOLD, choices=OFFSETS)
    scheme: str = option("auto", uses=(*GOLD, "score"))
    convention: str = option("strict", uses=("train", "evaluate", "score"), choices=CONVENTIONS)


class NerTask(TokenTask):
    """Named entities, scored by exact spans."""

    name = "ner"
    spells_spans = True
    formats = TAGGED_FORMATS
    title = "named-entity"
    predicts = Spans
    Options = NerOptions
    main_metric = "f1"
    shown = ("precision", "recall", "f1")
    scored = "Exact spans, micro, in percent."

    @classmethod
    def sample(cls) -> dict[str, Data]:
        """The packaged corpus."""
        return dict(sample_corpora())

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        scheme = settings.get("label_scheme") or scheme_of(labels)
        if scheme is None:
            raise InputError(
                f"expected labels of spans (O, B-…, I-…), got {listed(labels, most=5)}: "
                "choose task pos"
            )
        return super().restore(labels, {**settings, "label_scheme": scheme})

    def score(self, data: Corpus, predictions: Sequence[Sequence[str]]) -> Scores:
        """As ``Task.score``, from columns of tags: sentences take more memory one by one."""
        sentences = data.numbered
        tags, starts = sentences.own_tags.compact(), sentences.starts - sentences.starts[0]
        if [len(row) for row in predictions] != np.diff(starts).tolist() or -1 in tags.numbers:
            return super().score(data, predictions)  # which refuses them
        number = Numbering()
        found = np.fromiter((number[tag] for row in predictions for tag in row), dtype=np.int32)
        problem: Any = self.problem()
        scores: Scores = problem.scores_of(
            TagRows(tags.names, tags.numbers, starts), TagRows(list(number), found, starts)
        )
        return scores

    def problem_settings(self, train: Corpus | None) -> dict[str, Any]:
        """The tag outside of spans, which a rule may move, and how tags spell spans."""
        return {
            "background": OUTSIDE if self.background is not None else None,
            "scheme": self.scheme or "iob2",
            "convention": self.convention,
        }

    def entity_words(self, train: Corpus) -> tuple[int, int] | None:
        """As ``Task.entity_words``."""
        counts = train.tag_counts
        words = counts.total()
        return None if self.background is None else (words - counts[OUTSIDE], words)

    def sampled_classes(self) -> list[str]:
        """The type of entity of each tag."""
        return [split_tag(tag)[1] for tag in self.labels]


class PosTask(TokenTask):
    """Parts of speech, scored by accuracy."""

    name = "pos"
    title = "part-of-speech"
    predicts = Tags
    Options = PosOptions
    main_metric = "accuracy"
    shown = ("macro_f1", "accuracy")
    scored = "Words, in percent."

    def problem_settings(self, train: Corpus | None) -> dict[str, Any]:
        """Words of each tag in training."""
        if train is None:
            return {}
        return {"class_counts": [train.tag_counts[label] for label in self.labels]}
