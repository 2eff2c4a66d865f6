r"""Counts of spans while each word changes its tag at most once, for all sentences together.

A rule moves one bias :math:`b`. Word :math:`w` has one tag below its breakpoint :math:`t_w` and one
tag above, so "its tag is one of these" holds on an interval of :math:`b`: everywhere, nowhere,
below :math:`t_w` or above. A span stands where its first word opens it, each inner word continues
it and the word behind does not: on an intersection of such intervals, which is an interval too.
So each span has two breakpoints, one where it appears and one where it is gone, and all spans are
found in as many passes over arrays as the longest span has words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dicetune.problems.decisions import Steps
from dicetune.problems.schemes import OUTSIDE, TagRows, types_of

if TYPE_CHECKING:
    from dicetune.problems.spans import Spans

_NONE = -1
Spots = tuple[np.ndarray, ...]
"""Spans as arrays: first word, one past the last, type, and the low and high end in ``b``."""


class SpanSteps:
    """The spans of some sentences, as the convention of a problem reads them.

    Tags are given by their number among the labels, for the words of all sentences in order, (W,).

    Args:
        problem: with the classes of the gold.
        gold: tags of each sentence.
    """

    def __init__(self, problem: Spans, gold: Sequence[Sequence[str]]) -> None:
        self.problem = problem
        size = len(problem.classes)
        names = [*problem.labels, OUTSIDE]  # the last one stands behind each sentence
        self._kinds = np.array([_NONE if n == OUTSIDE else problem.number(n[2:]) for n in names])
        self._letters = np.array([name[0] for name in names])
        rows = TagRows.of(gold)
        lengths = np.diff(rows.starts)
        self._unit = np.repeat(np.arange(len(rows)), lengths + 1)
        self._words = np.arange(len(rows.numbers)) + np.repeat(np.arange(len(rows)), lengths)
        number = {name: place for place, name in enumerate(problem.labels)}
        self._gold = np.array([number.get(tag, _NONE) for tag in rows.names])[rows.numbers]
        self._end = np.full(len(self._unit), _NONE)  # of the gold span that begins at a word
        self._kind = np.full(len(self._unit), _NONE)
        self._base = np.zeros((len(rows), len(problem.columns)), dtype=np.int32)
        self._base[:, -1] = lengths
        kind, first, last = rows.spans(problem.scheme, problem.convention)
        kind = np.array([problem.number(name) for name in types_of(rows.names)], dtype=int)[kind]
        begin = self._words[first]
        self._end[begin], self._kind[begin] = self._words[last] + 1, kind
        np.add.at(self._base, (self._unit[begin], 2 * size + kind), 1)

    @property
    def with_gold(self) -> np.ndarray:
        """Whether each sentence has a span in gold, (U,) bool."""
        size = len(self.problem.classes)
        return np.asarray(self._base[:, 2 * size : 3 * size].any(1))

    def counts(self, tags: np.ndarray) -> np.ndarray:
        """Counts of each sentence, (U, M)."""
        return self.steps(tags, tags, np.full(len(tags), np.inf)).base

    def steps(self, before: np.ndarray, after: np.ndarray, at: np.ndarray) -> Steps:
        """Counts while each word turns from the tag ``before`` to ``after`` at its breakpoint."""
        size = len(self.problem.classes)
        at = np.where(np.isnan(at), np.inf, at)  # both tags are impossible
        first, end, kind, low, high = self._spans(before, after, at)
        spans = np.zeros((len(first), 2 * size + 1), dtype=np.int8)
        spans[np.arange(len(first)), size + kind] = 1
        spans[np.arange(len(first)), kind] = (self._end[first] == end) & (self._kind[first] == kind)
        right, later = before == self._gold, after == self._gold
        words = np.zeros((len(at), 2 * size + 1), dtype=np.int8)
        words[:, -1] = later.astype(np.int8) - right
        unit = self._unit[self._words]
        base = self._base.copy()
        base[:, -2] = np.bincount(unit, right, minlength=len(base))
        return Steps.of(
            base,
            np.concatenate([low, high, at]),
            np.concatenate([self._unit[first], self._unit[first], unit]),
            np.array([*range(2 * size), 3 * size]),
            np.concatenate([spans, -spans, words]),
        ).merged()

    def _spans(self, before: np.ndarray, after: np.ndarray, at: np.ndarray) -> Spots:
        """All spans that stand for some bias."""
        tags = [self._spread(each, len(self._kinds) - 1) for each in (before, after)]
        turns = self._spread(at, np.inf)

        def standing(spans: Spots, word: np.ndarray, letters: str, inside: bool = True) -> Spots:
            """The spans while the tag of a word has their type and a letter, or has not."""
            low, high = spans[-2:]
            was, will = (
                (self._kinds[each[word]] == spans[2])
                & np.isin(self._letters, [*letters])[each[word]]
                ^ (not inside)
                for each in tags
            )
            low = np.maximum(low, np.where(was, -np.inf, np.where(will, turns[word], np.inf)))
            high = np.minimum(high, np.where(will, np.inf, np.where(was, turns[word], -np.inf)))
            some = low < high
            return (*(part[some] for part in spans[:-2]), low[some], high[some])

        def longer(spans: Spots) -> Spots:
            return (spans[0], spans[1] + 1, *spans[2:])

        is_strict = self.problem.convention == "strict"
        places = [(self._kinds[each], np.arange(len(turns))) for each in tags]
        size = len(self.problem.classes)
        pairs = [word[kind != _NONE] * size + kind[kind != _NONE] for kind, word in places]
        first, kind = np.divmod(np.unique(np.concatenate(pairs)), max(size, 1))
        ends = np.full(len(first), np.inf)
        fresh: Spots = (first, first + 1, kind, -ends, ends)
        found, going = [standing(fresh, first, "S")], standing(fresh, first, "B")
        if not is_strict:  # any tag begins a span where no span of its type is open
            fresh = standing(fresh, first - 1, "BI", inside=False)
            found.append(standing(fresh, fresh[0], "E"))
            begun = standing(fresh, fresh[0], "I")
            going = tuple(map(np.concatenate, zip(going, begun, strict=True)))
        while len(going[0]):
            if not is_strict or self.problem.scheme == "iob2":  # a span ends where nothing goes on
                found.append(standing(going, going[1], "IE", inside=False))
            found.append(longer(standing(going, going[1], "E")))
            going = longer(standing(going, going[1], "I"))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def _spread(self, values: np.ndarray, behind: float) -> np.ndarray:
        """Values of the words, and one value behind each sentence."""
        found = np.full(len(self._unit), behind, dtype=values.dtype)
        found[self._words] = values
        return found
