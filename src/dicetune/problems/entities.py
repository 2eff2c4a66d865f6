r"""Entities by place, which may be nested: candidate spans with three logits.

A decision rule has three biases, on start, end and match:

.. math::
    \text{entity} \iff \min(s + b_s,\ e + b_e,\ m + b_m) > 0

With two biases fixed, a candidate is an entity from :math:`b_s = -s` on, if its other two logits
are positive. Where spans of one type may not overlap, the likelier span of two is kept, and their
order may change too: where the start logit of one span equals the lowest other logit of the other
span. These points are also breakpoints, and a sentence is decided again between each two
neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any, ClassVar

import numpy as np

from dicetune.errors import quoted
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps
from dicetune.problems.ratios import Counts, ranked
from dicetune.problems.ruled import chance_over
from dicetune.problems.score_rows import ScoreRow, numbers

HEADS = ("start", "end", "match")

KIND, FIRST, END, START_LOGIT, END_LOGIT, MATCH_LOGIT = range(6)
COLUMNS = 6
"""Scores of a candidate: number of its type, first word, one past the last word, three logits."""

MOST = 4
"""A curve ends at this number times the entities of gold."""

Entity = Mapping[str, Any] | tuple[str, int, int]


class Entities(Problem):
    """Whole entities by type, micro; a row holds {type, start, end} of each.

    An entity is right where type, first and last word are; there are no tags in between, so nothing
    that lies inside or across another span is lost. Settings: "nested", whether spans of one type
    may share words.
    """

    kind: ClassVar[str] = "entities"
    items_title: ClassVar[str | None] = "entities"
    scored: ClassVar[tuple[str, ...]] = ("f1", "precision", "recall")
    titles = {"f1": "span F1"}  # noqa: RUF012
    gold_shape: ClassVar[Any] = [{"type": str, "start": int, "end": int}]

    def check_settings(self) -> None:
        """Whether spans may share words."""
        self.nested = bool(self.settings.get("nested", True))

    def items(self, row: Sequence[Entity]) -> list[tuple[tuple[int, int], str]]:
        """Place and type of each entity."""
        return [((start, end), name) for name, start, end in map(entity_of, row)]

    def score_shape(self, gold: Any) -> tuple[int | None, int]:
        """A row a candidate."""
        return None, COLUMNS

    @classmethod
    def move(
        cls, scores: Sequence[np.ndarray], biases: Biases, labels: Sequence[str]
    ) -> list[np.ndarray]:
        """The biases on the three logits."""
        added = np.array([biases.get(name, 0.0) for name in HEADS])
        found = []
        for table in scores:
            table = np.array(table, dtype=np.float64)
            table[:, START_LOGIT : MATCH_LOGIT + 1] += added
            found.append(table)
        return found

    @classmethod
    def rule_words(cls, biases: Biases, labels: Sequence[str]) -> dict[str, str]:
        """A threshold for start, end and match."""
        least = [f"p({name}) > {chance_over(biases.get(name, 0.0))}" for name in HEADS]
        return {"entity": f"an entity if {', '.join(least[:-1])} and {least[-1]}"}

    def decide(
        self, gold: Sequence[Any], scores: Sequence[np.ndarray], extras: Sequence[Any] | None
    ) -> Decisions:
        """Biases on the three logits."""
        return CandidateDecisions(self, gold, scores)

    def tradeoff(
        self, gold: Sequence[Any]
    ) -> tuple[str, Callable[[Sequence[np.ndarray]], Counts]] | None:
        """The k likeliest candidates are entities."""
        return (
            "how readily a candidate is an entity (one bias on all its logits)",
            lambda scores: self._proposed(scores, gold),
        )

    def _proposed(self, scores: Sequence[np.ndarray], gold: Sequence[Any]) -> Counts:
        strengths, truth, right = [np.zeros(0)], [], 0
        for table, entities in zip(scores, gold, strict=True):
            known = set(map(entity_of, entities))
            right += len(known)
            least = weakest_logits(table)
            chosen = list(range(len(table))) if self.nested else side_by_side(table, least)
            strengths.append(least[chosen])
            places = table[chosen][:, [KIND, FIRST, END]].astype(int).tolist()
            truth += [(self.labels[kind], first, end) in known for kind, first, end in places]
        return ranked(np.concatenate(strengths), np.array(truth, dtype=bool), MOST * right, right)

    @classmethod
    def shown_by(cls, row: ScoreRow) -> bool:
        """Candidates."""
        return "candidates" in row.values

    @classmethod
    def score_labels(cls, rows: Sequence[ScoreRow]) -> list[str]:
        """The types of candidates and gold."""
        return sorted(set().union(*map(_types, rows)))

    @classmethod
    def with_gold(
        cls, labels: Sequence[str], row: ScoreRow, note: Callable[[str, str], None]
    ) -> ScoreRow:
        """The types of gold are among the labels."""
        return row

    def read_scores(self, row: ScoreRow) -> np.ndarray:
        """Candidates with their three logits."""
        number = {label: place for place, label in enumerate(self.labels)}

        def read() -> Any:
            rows = []
            for one in row.values["candidates"]:
                logits = list(one["logits"])
                if len(logits) != 3:
                    raise row.error(
                        "expected logits of start, end and match of each candidate, got "
                        f"{quoted(logits)}"
                    )
                rows.append([number[str(one["type"])], one["start"], one["end"], *logits])
            return rows

        return numbers(row, read).reshape(-1, COLUMNS)

    def write_scores(self, scores: np.ndarray) -> dict[str, Any]:
        """Candidates with their three logits."""
        rows = [
            {"type": self.labels[int(kind)], "start": int(a), "end": int(b), "logits": logits}
            for kind, a, b, *logits in scores.tolist()
        ]
        return {"candidates": rows}


class CandidateDecisions(Decisions):
    """The entities of each sentence."""

    problem: Entities
    names = HEADS

    def __init__(
        self, problem: Entities, gold: Sequence[Any], scores: Sequence[np.ndarray]
    ) -> None:
        self.problem = problem
        self.labels = problem.labels
        self._gold = [sorted(set(map(entity_of, row))) for row in gold]
        self._scores = [
            np.asarray(table, dtype=np.float64).reshape(-1, COLUMNS) for table in scores
        ]

    def predicted(self, biases: Biases) -> list[list[dict[str, Any]]]:
        """The entities of each sentence, as {type, start, end}."""
        return [
            [{"type": name, "start": start, "end": end} for name, start, end in row]
            for row in self._found(biases)
        ]

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        return self.problem.counts(self._gold, self._found(biases))

    def steps(self, name: str, biases: Biases) -> Steps:
        """Each sentence is decided once between each two neighbouring breakpoints."""
        moved = self.problem.move(self._scores, {**biases, name: 0.0}, self.labels)
        column = START_LOGIT + HEADS.index(name)
        rest = [START_LOGIT + n for n in range(len(HEADS)) if HEADS[n] != name]
        size = len(self.problem.classes)
        base = np.zeros((len(moved), 3 * size))
        steps = []
        for unit, table in enumerate(moved):
            table = table[table[:, rest].min(1, initial=np.inf) > 0]
            edges = np.unique(self._edges(table, column, rest))
            base[unit] = before = self._vector(unit, [])
            points = np.append((edges[:-1] + edges[1:]) / 2, edges[-1:] + 1.0)
            for edge, point in zip(edges, points, strict=True):
                shifted = table.copy()
                shifted[:, column] += point
                after = self._vector(unit, self._likely(shifted))
                if (after != before).any():
                    steps.append((edge, unit, (after - before)[: 2 * size]))
                before = after
        return Steps.collected(base, steps, np.arange(2 * size))

    def present(self, mask: np.ndarray) -> list[str]:
        """All three biases, where any sentence under the mask has an entity."""
        return list(HEADS) if any(self._gold[unit] for unit in np.flatnonzero(mask)) else []

    def _edges(self, table: np.ndarray, column: int, rest: list[int]) -> np.ndarray:
        """Biases at which a candidate turns positive, or overtakes an overlapping candidate."""
        edges = (-table[:, column]).tolist()
        if not self.problem.nested:
            least = table[:, rest].min(1, initial=np.inf)
            for one, other in permutations(range(len(table)), 2):
                a, b = table[one], table[other]
                if a[KIND] == b[KIND] and a[FIRST] < b[END] and b[FIRST] < a[END]:
                    edges.append(least[other] - a[column])
        return np.array(edges, dtype=np.float64)

    def _found(self, biases: Biases) -> list[list[tuple[str, int, int]]]:
        moved = self.problem.move(self._scores, biases, self.labels)
        return [self._likely(table) for table in moved]

    def _likely(self, table: np.ndarray) -> list[tuple[str, int, int]]:
        spans = likely_spans(table, self.problem.nested)
        return [(self.labels[kind], start, end) for kind, start, end in spans]

    def _vector(self, unit: int, found: Sequence[tuple[str, int, int]]) -> np.ndarray:
        vector: np.ndarray = self.problem.counts([self._gold[unit]], [found])[0]
        return vector


def entity_of(entity: Entity) -> tuple[str, int, int]:
    """Type, first word and one past the last, of a row's {type, start, end} or a tuple."""
    if isinstance(entity, Mapping):
        return str(entity["type"]), int(entity["start"]), int(entity["end"])
    kind, start, end = entity
    return str(kind), int(start), int(end)


def weakest_logits(scores: np.ndarray) -> np.ndarray:
    """The lowest of the three logits of each candidate: positive where all three are."""
    least: np.ndarray = scores[:, START_LOGIT : MATCH_LOGIT + 1].min(axis=1, initial=np.inf)
    return least


def likely_spans(scores: np.ndarray, nested: bool = True) -> list[tuple[int, int, int]]:
    """The candidates of a sentence whose three logits are above 0.

    Args:
        scores: (spans, 6), columns as above, in the order of type and place.
        nested: whether spans of one type may overlap; else the likeliest spans are kept.

    Returns:
        Number of the type, first word and one past the last, in the order of their places.
    """
    weakest = weakest_logits(scores)
    likely = scores[weakest > 0]
    if not nested:
        likely = likely[side_by_side(likely, weakest[weakest > 0])]
    rows = likely[:, [KIND, FIRST, END]].astype(int).tolist()
    return sorted(((k, a, b) for k, a, b in rows), key=lambda span: (span[1], span[2], span[0]))


def side_by_side(spans: np.ndarray, scores: np.ndarray) -> list[int]:
    """Which spans are kept, if of overlapping spans of one type the likeliest is kept.

    Only likelier spans decide about a span, so that a threshold never changes the result.
    """
    chosen: list[int] = []
    for number in np.argsort(-scores, kind="stable"):
        kind, first, end = spans[number, [KIND, FIRST, END]]
        if not any(
            spans[other, KIND] == kind and spans[other, FIRST] < end and first < spans[other, END]
            for other in chosen
        ):
            chosen.append(int(number))
    return chosen


def _types(row: ScoreRow) -> set[str]:
    try:
        found = [*row.values["candidates"], *(row.values.get("gold") or ())]
        for one in found:
            if not (0 <= int(one["start"]) < int(one["end"]) < 2**53):
                raise ValueError
        return {str(one["type"]) for one in found}
    except (KeyError, TypeError, ValueError, OverflowError):
        raise row.error(
            "expected type, start and end of each candidate, and of each gold entity, with the "
            "start before the end"
        ) from None
