"""Sums of exact match and F1 of answers; one unit a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import unknown_name
from dicetune.metrics.counting.base import check_metric, check_pairs, headline_first
from dicetune.metrics.counting.by_class import ClassRow, ratio
from dicetune.metrics.squad import VERSIONS, score_answer, version_of
from dicetune.writing import language_of

METRICS = ("f1", "exact")


class AnswerCounting:
    """Answers as ``question_scores`` counts them, whose definitions depend on the whole file.

    Args:
        version: one of ``metrics.squad.VERSIONS``.
        metric: the headline.
    """

    kind: ClassVar[str] = "answer"
    columns: tuple[str, ...] = ("exact", "f1", "questions")

    def __init__(self, version: str = "1.1", metric: str | None = None) -> None:
        if version not in VERSIONS:
            raise unknown_name("version of the definitions", version, VERSIONS)
        self.version = version
        self.metrics = headline_first(METRICS, metric)

    @classmethod
    def of(
        cls, problem: Mapping[str, Any], gold: Sequence[Any] = (), predicted: Sequence[Any] = ()
    ) -> Self:
        """The definitions for a language and the gold answers of all questions.

        Where the language is "auto", the gold answers tell it.
        """
        language = problem.get("language") or "auto"
        if language == "auto":
            language = language_of(text for answers in gold for text in answers)
        return cls(version_of(language, gold), problem.get("metric"))

    def counts(self, gold: Sequence[Sequence[str]], predicted: Sequence[str | None]) -> np.ndarray:
        """Exact match, F1 and 1 of each question, (U, 3)."""
        check_pairs(gold, predicted)
        scored = [
            (*score_answer(own, answers, self.version), 1.0)
            for own, answers in zip(predicted, gold, strict=True)
        ]
        return np.array(scored, dtype=np.float64).reshape(-1, 3)

    def score(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """The mean over questions."""
        check_metric(metric, self.metrics)
        sums = np.asarray(sums)
        return ratio(sums[..., self.columns.index(metric)], sums[..., -1])

    def per_class(self, sums: np.ndarray) -> list[ClassRow]:
        """None: answers have no classes."""
        return []
