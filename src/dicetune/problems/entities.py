r"""Entities by place, which may be nested: candidate spans with three logits.

A decision rule has three biases, on start, end and match:

.. math::
    \text{entity} \iff \min(s + b_s,\ e + b_e,\ m + b_m) > 0

With two biases fixed, a candidate is an entity from :math:`b_s = -s` on, if its other two logits
are positive. Where spans of one type may not overlap, the likelier span of two is kept, and their
order may change too: where the start logit of one span equals the lowest other logit of the other
span. These points are also breakpoints, and such spans are decided again between each two
neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from dicetune.errors import quoted
from dicetune.problems.base import Problem
from dicetune.problems.decisions import Biases, Decisions, Steps
from dicetune.problems.ratios import Counts, ranked
from dicetune.problems.rivals import Groups, groups_of
from dicetune.problems.ruled import chance_over
from dicetune.problems.score_rows import ScoreRow, numbers

HEADS = ("start", "end", "match")

KIND, FIRST, END, START_LOGIT, END_LOGIT, MATCH_LOGIT = range(6)
COLUMNS = 6
"""Scores of a candidate: number of its type, first word, one past the last word, three logits."""

MAX_SPAN_WORDS = 32
"""Words of the longest candidate, where nothing else is chosen."""

CANDIDATES = 32
"""Candidates in a window of a text, where nothing else is chosen."""

FURTHEST = 700.0
"""Logits beyond are averaged like this one, as their exponential has no float."""

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

    @classmethod
    def average(cls, models: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The candidates of all models, with the logit of the mean probability of each head.

        A model scores its likeliest candidates alone: a candidate that it does not have gets the
        probability 0 there.
        """
        found = []
        for tables in zip(*models, strict=True):
            rows = np.concatenate(tables).astype(np.float64).reshape(-1, COLUMNS)
            places, which = np.unique(rows[:, [KIND, FIRST, END]], axis=0, return_inverse=True)
            logits = np.clip(rows[:, START_LOGIT:], -FURTHEST, FURTHEST)
            sums = np.zeros((2, len(places), len(HEADS)))
            np.add.at(sums[0], which.ravel(), 1 / (1 + np.exp(-logits)))
            np.add.at(sums[1], which.ravel(), 1 / (1 + np.exp(logits)))
            absent = len(tables) - np.bincount(which.ravel(), minlength=len(places))
            mean = np.log(sums[0]) - np.log(sums[1] + absent[:, None])
            found.append(np.hstack([places, mean]).astype(np.float32))
        return found

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
    def output_biases(cls, biases: Biases, labels: Sequence[str]) -> list[np.ndarray]:
        """One bias for each of the three heads."""
        return [np.array([biases.get(name, 0.0)]) for name in HEADS]

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
        self.has_gold = np.array([bool(row) for row in gold], dtype=bool)
        empty = np.zeros((0, COLUMNS))
        self._table = np.concatenate([empty, *scores]).astype(np.float64)
        lengths = [len(table) for table in scores]
        self._unit = np.repeat(np.arange(len(gold)), lengths)
        self._places = self._table[:, [KIND, FIRST, END]].astype(np.int64)
        self._classes = np.array([problem.number(label) for label in self.labels], dtype=np.int64)
        known = [set(map(entity_of, row)) for row in gold]
        self._right = np.array(
            [
                (self.labels[kind], first, end) in known[unit]
                for unit, (kind, first, end) in zip(
                    self._unit.tolist(), self._places.tolist(), strict=True
                )
            ],
            dtype=bool,
        )
        self._base = problem.counts(gold, [[] for _ in gold])

    def predicted(self, biases: Biases) -> list[list[dict[str, Any]]]:
        """The entities of each sentence, as {type, start, end}."""
        found: list[list[dict[str, Any]]] = [[] for _ in self._base]
        kept = np.flatnonzero(self._kept(biases))
        kind, first, end = self._places[kept].T
        for number in kept[np.lexsort((kind, end, first))].tolist():
            name, start, end = self._places[number].tolist()
            row = {"type": self.labels[name], "start": start, "end": end}
            found[self._unit[number]].append(row)
        return found

    def counts(self, biases: Biases) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        kept = np.flatnonzero(self._kept(biases))
        counts, size = self._base.copy(), len(self.problem.classes)
        unit, kind = self._unit[kept], self._classes[self._places[kept, 0]]
        np.add.at(counts, (unit, kind), self._right[kept])
        np.add.at(counts, (unit, size + kind), 1)
        return counts

    def steps(self, name: str, biases: Biases) -> Steps:
        """The candidates of a group are decided between each two neighbouring breakpoints."""
        column = HEADS.index(name)
        logits = self._logits({**biases, name: 0.0})
        rest = np.delete(logits, column, axis=1).min(1)
        moving, size = logits[:, column], len(self.problem.classes)
        found = [(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, 2 * size)))]
        for groups in self._groups(rest > 0):
            least, logit = rest[groups.members], moving[groups.members]
            # a candidate turns positive, or overtakes a rival
            edges = np.where(groups.rivals, least[:, :, None] - logit[:, None, :], np.inf)
            edges = np.sort(np.hstack([edges.reshape(len(least), -1), -logit]), axis=1)
            later = np.hstack([edges[:, 1:], np.full((len(edges), 1), np.inf)])
            group, place = np.nonzero(edges < later)
            edge, beyond = edges[group, place], later[group, place]
            point = np.where(np.isinf(beyond), edge + 1.0, (edge + beyond) / 2)
            kept = groups.kept(group, np.minimum(least[group], logit[group] + point[:, None]))
            members = groups.members[group]
            made = np.stack([(kept & self._right[members]).sum(1), kept.sum(1)], axis=1)
            before = np.vstack([np.zeros((1, 2)), made[:-1]])
            before[np.diff(group, prepend=-1) > 0] = 0.0
            turns = np.flatnonzero((made != before).any(1))
            changes = np.zeros((len(turns), 2 * size))
            kind = self._classes[self._places[members[turns, 0], 0]]
            for block in range(2):
                row = np.arange(len(turns)), block * size + kind
                changes[row] = (made - before)[turns, block]
            found.append((edge[turns], self._unit[members[turns, 0]], changes))
        at, unit, change = map(np.concatenate, zip(*found, strict=True))
        return Steps.of(self._base, at, unit, np.arange(2 * size), change)

    def dials(self) -> dict[str, tuple[str, ...]]:
        """The three biases together, for all entities."""
        return {"all": HEADS}

    def turned(self, names: Sequence[str]) -> Steps:
        """The order of candidates stays the same: each that is kept turns at its weakest logit."""
        strength = self._logits({}).min(1, initial=np.inf)
        kept = np.zeros(len(strength), dtype=bool)
        positive = strength - strength.min(initial=0.0) + 1.0  # a member at 0 is never kept
        for groups in self._groups(~kept):
            every = np.arange(len(groups.members))
            kept[groups.members] = groups.kept(every, positive[groups.members])
        chosen, size = np.flatnonzero(kept), len(self.problem.classes)
        change = np.zeros((len(chosen), 2 * size))
        kind = self._classes[self._places[chosen, 0]]
        change[np.arange(len(chosen)), kind] = self._right[chosen]
        change[np.arange(len(chosen)), size + kind] = 1
        return Steps.of(
            self._base, -strength[chosen], self._unit[chosen], np.arange(2 * size), change
        )

    def present(self, mask: np.ndarray) -> list[str]:
        """All three biases, where any sentence under the mask has an entity."""
        return list(HEADS) if self.has_gold[mask].any() else []

    def _logits(self, biases: Biases) -> np.ndarray:
        (moved,) = self.problem.move([self._table], biases, self.labels)
        logits: np.ndarray = moved[:, START_LOGIT : MATCH_LOGIT + 1]
        return logits

    def _groups(self, chosen: np.ndarray) -> Iterator[Groups]:
        """The groups of the candidates under a mask, with their numbers among all."""
        among = np.flatnonzero(chosen)
        kind, first, end = self._places[among].T
        for groups in groups_of(self._unit[among], kind, first, end, self.problem.nested):
            yield Groups(among[groups.members], groups.rivals)

    def _kept(self, biases: Biases) -> np.ndarray:
        """Whether each candidate is an entity, (C,) bool."""
        strength = self._logits(biases).min(1, initial=np.inf)
        found = np.zeros(len(strength), dtype=bool)
        for groups in self._groups(strength > 0):
            every = np.arange(len(groups.members))
            found[groups.members] = groups.kept(every, strength[groups.members])
        return found


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
