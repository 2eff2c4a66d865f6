r"""One label for each text.

Matthews correlation from the counts of :math:`C` classes (Gorodkin, 2004), with :math:`s` texts,
:math:`c` of them right, :math:`p_k` predicted and :math:`t_k` gold of class :math:`k`:

.. math::
    \text{MCC} = \frac{c\,s - \sum_k p_k t_k}
        {\sqrt{(s^2 - \sum_k p_k^2)(s^2 - \sum_k t_k^2)}}.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.errors import InputError, listed, quoted
from dicetune.problems.one_label import OneLabel
from dicetune.problems.ratios import Counts, average_precision, named_ratio, ranked, ratio
from dicetune.problems.score_rows import ScoreRow, meaning, named_gold

POSITIVE_NAMES = ("1", "positive", "label_1")
"""Names of a positive class, in any case: of GLUE, of sentiment, and of models without names."""

OF_ALL = ("macro_f1", "accuracy", "micro_f1", "mcc")
OF_POSITIVE = ("f1", "precision", "recall")


class Label(OneLabel):
    """One label a text; the headline is F1 of the class "positive", else macro-F1.

    The F1 of one class alone may mislead: for a frequent class (label 1 in MRPC), predicting it
    everywhere scores well. So the F1 of the other of two classes is reported too.
    """

    kind: ClassVar[str] = "label"
    unit: ClassVar[tuple[str, str]] = ("text", "texts")
    scored: ClassVar[tuple[str, ...]] = OF_ALL
    several_readings: ClassVar[bool] = False
    may_be_silent: ClassVar[bool] = True
    gold_shape: ClassVar[Any] = str

    def check_settings(self) -> None:
        """The positive class."""
        self.positive: str | None = self.settings.get("positive")

    def offered_metrics(self) -> tuple[str, ...]:
        """Scores of the positive class first, where there is one."""
        if self.positive is None:
            return OF_ALL
        self.number(self.positive)
        other = ("f1_other",) if len(self.classes) == 2 else ()
        return (*OF_POSITIVE, *other, *OF_ALL)

    @property
    def one_of_several(self) -> bool:  # type: ignore[override]
        """Whether no class is the positive class."""
        return self.positive is None

    def items(self, row: str) -> list[tuple[int, str]]:
        """The label."""
        return [(0, row)]

    def numbers(self, rows: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """One item a text."""
        number = np.fromiter(map(self.number, rows), dtype=np.int64, count=len(rows))
        return np.arange(len(rows)), number

    def together(self, unit_names: Sequence[str], lengths: Sequence[int]) -> list[Any]:
        """One name a text."""
        return list(unit_names)

    def focus(self, sums: np.ndarray) -> tuple[tuple[str, ...], Counts]:
        """Only the positive class, where there is one."""
        if self.positive is None:
            return super().focus(sums)
        place = self.number(self.positive)
        correct, predicted, gold = (block[..., place : place + 1] for block in self.blocks(sums))
        return (self.positive,), (correct, predicted, gold)

    def metric(self, sums: np.ndarray, metric: str) -> np.ndarray:
        """A score of the positive class, or of all."""
        correct, predicted, gold = self.blocks(sums)
        if metric in (*OF_POSITIVE, "f1_other"):
            place = self.number(self.positive)
            place = 1 - place if metric == "f1_other" else place
            counts = correct[..., place], predicted[..., place], gold[..., place]
            return named_ratio(*counts, metric.removesuffix("_other"))
        if metric == "macro_f1":
            return self.macro_f1(sums)
        right, texts = correct.sum(-1), gold.sum(-1)
        if metric != "mcc":
            return ratio(right, texts)
        apart = (texts**2 - (predicted**2).sum(-1)) * (texts**2 - (gold**2).sum(-1))
        return ratio(right * texts - (predicted * gold).sum(-1), np.sqrt(np.maximum(apart, 0)))

    def scores(
        self,
        gold: Sequence[Any],
        predicted: Sequence[Any],
        probabilities: Sequence[float] | None = None,
    ) -> dict[str, Any]:
        """Scores of all classes and of the positive class.

        Args:
            gold: the right labels.
            predicted: a model's, as many; a text without a prediction (``None``) is left out, and
                "coverage" is the share of the others.
            probabilities: of the positive class, one for each text, for average precision.
        """
        said = [place for place, label in enumerate(predicted) if label is not None]
        if len(said) < len(predicted):
            chances = None if probabilities is None else [probabilities[place] for place in said]
            part = self.scores([gold[n] for n in said], [predicted[n] for n in said], chances)
            return {**part, "coverage": len(said) / len(predicted)}
        problem = self.seeing(gold, predicted)
        problem.check_pairs(gold, predicted)
        right, made = (problem.numbers(rows)[1] for rows in (gold, predicted))
        sums = problem.tally(np.zeros_like(right), right, made, 1)[0]
        table = problem.label_table(sums)
        accuracy = float(problem.metric(sums, "accuracy"))
        found: dict[str, Any] = {
            "accuracy": accuracy,
            "macro_f1": float(problem.macro_f1(sums)),
            "micro_f1": accuracy,
            "mcc": float(problem.metric(sums, "mcc")),
            "support": len(gold),
        }
        if self.positive is not None:
            found["positive"] = self.positive
            found |= {
                name: float(problem.metric(sums, name)) for name in ("precision", "recall", "f1")
            }
            if probabilities is not None:
                truth = np.array([label == self.positive for label in gold], dtype=bool)
                area = average_precision(truth, np.asarray(probabilities))
                found |= {} if area is None else {"average_precision": area}
            if "f1_other" in problem.metrics:
                (found["other"],) = (name for name in problem.classes if name != self.positive)
                found["f1_other"] = float(problem.metric(sums, "f1_other"))
        return {**found, "per_label": table}

    def tradeoff(
        self, gold: Sequence[Any]
    ) -> tuple[str, Callable[[Sequence[np.ndarray]], Counts]] | None:
        """The margin of the positive class, or every label against the rest."""
        if self.positive is not None:
            place = self.labels.index(self.positive)
            truth = np.array([label == self.positive for label in gold])

            def margins(scores: Sequence[np.ndarray]) -> Counts:
                table = np.concatenate(scores)
                others = np.delete(table, place, axis=1).max(axis=1)
                return ranked(table[:, place] - others, truth)

            return f"whether it is “{self.positive}”", margins
        truth = np.array([[label == name for name in self.labels] for label in gold]).ravel()
        return (
            "each label against the rest, all labels together",
            lambda scores: ranked(np.concatenate(scores).ravel(), truth),
        )

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Scores by label beside one gold label, or one number."""
        return isinstance(row.raw, Mapping | int | float)

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[ScoreRow],
        positive: str | None = None,
        note: Callable[[str, str], None] = lambda rule, place: None,
    ) -> tuple[Self, list[ScoreRow]]:
        """The labels, and the positive class: chosen, "1" or "positive", or the rarer of two."""
        rows, positive = _both_classes(rows, positive, note)
        labels = cls.score_labels(rows)
        rows = [named_gold(labels, row, row.gold_label(), note) for row in rows]
        counts = {label: sum(row.values["gold"] == label for row in rows) for label in labels}
        settings = {
            "kind": cls.kind, "labels": labels, "positive": positive_class(counts, positive),
        }  # fmt: skip
        return cls(settings), rows

    def write_scores(self, scores: np.ndarray) -> dict[str, Any]:
        """Scores by label."""
        return {"log_probabilities": dict(zip(self.labels, scores[0].tolist(), strict=True))}

    def metric_title(self, metric: str) -> str:
        """F1 names its class."""
        if metric == "f1" and self.positive is not None:
            return f"F1 of “{self.positive}”"
        return super().metric_title(metric)

    def marks(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each text, as one of the positive class."""
        if self.positive is None:
            return super().marks(gold, scores)
        logs, truth = self.chances(gold, scores)
        place = self.number(self.positive)
        return np.exp(logs[:, [place]].astype(float)), truth[:, [place]]

    def units(self, rows: Sequence[Mapping[str, Any]] = ()) -> tuple[str, str]:
        """Texts, or pairs of texts where the rows hold two."""
        return ("pair", "pairs") if rows and "text_b" in rows[0] else self.unit

    def readings(self, row: Mapping[str, Any], prediction: Any) -> tuple[str, ...]:
        """The label."""
        return (str(prediction),)


def positive_class(counts: Mapping[str, int], chosen: str | None = None) -> str | None:
    """The class whose F1 is reported: chosen, "1" or "positive", or the rarer of two.

    Args:
        counts: number of (training) texts of each label.
        chosen: of the user.

    Returns:
        ``None`` where nothing was chosen and the labels are not two.

    Raises:
        InputError: a chosen class that there is not.

    Example:
        >>> positive_class({"0": 5, "1": 9}), positive_class({"ham": 9, "spam": 5})
        ('1', 'spam')
    """
    if chosen is not None:
        if chosen not in counts:
            raise InputError(
                f"expected the positive class to be one of {listed(counts)}, got {quoted(chosen)}"
            )
        return chosen
    if len(counts) != 2:
        return None
    plain = {label.casefold(): label for label in counts}
    named = next((plain[name] for name in POSITIVE_NAMES if name in plain), None)
    return named or min(sorted(counts), key=lambda label: counts[label])


def _both_classes(
    rows: Sequence[ScoreRow], positive: str | None, note: Callable[[str, str], None]
) -> tuple[list[ScoreRow], str | None]:
    """Rows of two classes with both scores in place of one score, and the positive class.

    A bare number is the score of ``positive``, else of "1" where gold is 0 and 1; ``{label:
    number}`` names the class. The other class is the only other gold.

    Raises:
        DataError: classes that cannot be told.
    """
    first, value = rows[0], rows[0].raw
    if not isinstance(value, int | float) and not (isinstance(value, Mapping) and len(value) == 1):
        return list(rows), positive
    gold = {meaning(label): str(label) for label in (row.gold_label() for row in rows)}
    if isinstance(value, Mapping):
        name = str(next(iter(value)))
    elif positive is not None:
        name = positive
    elif gold.keys() <= {"0", "1"}:
        name = gold.get("1", "1")
    else:
        raise first.error(
            f"expected {{label: number}}, or the class that the numbers are of, got "
            f"{quoted(value)} beside gold of {listed(sorted(gold.values()), most=5)}: name the "
            "class with --positive"
        )
    others = [label for key, label in gold.items() if key != meaning(name)]
    if not others and meaning(name) == "1":
        others = ["0"]
    if len(others) != 1:
        raise first.error(
            f"expected gold of {quoted(name)}, whose scores alone are there, and of one other "
            f"label, got {listed(sorted(gold.values()), most=5)}: name that column as gold names "
            "the class, or give a score for each label"
        )
    for row in rows:
        note(
            f"scores of {quoted(name)} alone: the rest is taken for {quoted(others[0])}", row.place
        )
    return [_with_rest(row, name, others[0]) for row in rows], positive or name


def _with_rest(row: ScoreRow, name: str, other: str) -> ScoreRow:
    """The row with both scores; a row without numbers is unchanged and refused later."""
    value = row.raw
    if isinstance(value, Mapping):
        value = value.get(name) if len(value) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return row
    form = row.form
    if form == "probabilities":
        rest = 1 - value
    elif form == "logits":
        rest = 0.0
    elif value < 0:
        rest = math.log(-math.expm1(value)) if value > -math.inf else 0.0
    else:
        rest = -math.inf  # a log-probability above 0 is refused where it is read
    return row.changed(**{form: {other: rest, name: value}})
