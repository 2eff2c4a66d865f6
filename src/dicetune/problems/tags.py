"""One tag for each word: parts of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.problems.one_label import OneLabel
from dicetune.problems.ratios import ratio
from dicetune.problems.schemes import check_lengths
from dicetune.problems.score_rows import ScoreRow


class Tags(OneLabel):
    """One tag a word: accuracy of words, and macro-F1 over the tags that occur."""

    kind: ClassVar[str] = "tags"
    items_title: ClassVar[str | None] = "words"
    scored: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    one_of_several: ClassVar[bool] = True
    misses_only: ClassVar[bool] = True

    def check_pairs(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Refuse sentences that do not pair up word by word."""
        super().check_pairs(gold, predicted)
        check_lengths(gold, predicted)

    def items(self, row: Sequence[str]) -> list[tuple[int, str]]:
        """The tag of each word."""
        return list(enumerate(row))

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """Accuracy or macro-F1."""
        if metric == "macro_f1":
            return self.macro_f1(sums)
        correct, _, gold = self.micro(sums)
        return ratio(correct, gold)

    def _item_scores(self, sums: np.ndarray) -> dict[str, Any]:
        return {
            **{name: float(self.metric(sums, name)) for name in self.scored},
            "support": int(self.micro(sums)[2]),
            "per_label": self.label_table(sums),
        }

    def score_shape(self, gold: Any) -> tuple[int | None, int]:
        """A row a word."""
        return len(gold), len(self.labels)

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Everything else: the last type that is asked refuses a row without scores."""
        return bool(row.form)

    def readings(self, row: Mapping[str, Any], prediction: Any) -> tuple[str, ...]:
        """Each word with its number and tag."""
        words = zip(row["tokens"], prediction, strict=True)
        return tuple(f"{number}. {word}: {tag}" for number, (word, tag) in enumerate(words, 1))
