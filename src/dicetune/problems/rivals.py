"""Candidates of which at most one is kept, decided for all sentences and many biases together.

Two candidates of one type in one sentence are rivals where they share a word (where spans may be
nested: where they are the same span). The likelier one is kept, and a candidate that is not kept
decides about nothing. Candidates that are linked by rivals form a group; groups of the same size
are decided together, as arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Groups:
    """Groups of the same size.

    Args:
        members: (G, N) numbers of the candidates, in their order.
        rivals: (G, N, N) bool, whether two members are rivals; each is its own rival.
    """

    members: np.ndarray
    rivals: np.ndarray

    def kept(self, group: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Which members are kept, (Q, N) bool: the likeliest first, no rival of one that is kept.

        Args:
            group: (Q,) the group of each row.
            strength: (Q, N) of its members; at 0 or below a member is not kept.
        """
        order = np.argsort(-strength, axis=1, kind="stable")
        row = np.arange(len(strength))
        found = np.zeros(strength.shape, dtype=bool)
        for one in order.T:
            free = ~(found & self.rivals[group, one]).any(1)
            found[row, one] = free & (strength[row, one] > 0)
        return found


def groups_of(
    unit: np.ndarray, kind: np.ndarray, first: np.ndarray, end: np.ndarray, nested: bool
) -> Iterator[Groups]:
    """The groups of candidates, by size.

    Args:
        unit: (C,) the sentence of each candidate.
        kind: (C,) its type.
        first: (C,) its first word.
        end: (C,) one past its last word.
        nested: whether spans of one type may share words.

    Example:
        >>> same = np.zeros(3, dtype=int)
        >>> spans = np.array([0, 1, 4]), np.array([2, 3, 5])
        >>> [g.members.tolist() for g in groups_of(same, same, *spans, nested=False)]
        [[[2]], [[0, 1]]]
    """
    if not len(unit):
        return
    order = np.lexsort((end, first, kind, unit))
    one, other = order[:-1], order[1:]
    apart = (unit[one] != unit[other]) | (kind[one] != kind[other])
    if nested:
        new = apart | (first[one] != first[other]) | (end[one] != end[other])
    else:
        # on one line of words, each sentence and type behind the one before
        behind = np.concatenate([[0], np.cumsum(apart)]) * (int(end.max()) + 1)
        reached = np.maximum.accumulate(end[order] + behind)
        new = (first[order] + behind)[1:] >= reached[:-1]
    begins = np.flatnonzero(np.concatenate([[True], new]))
    sizes = np.diff(begins, append=len(order))
    for size in np.unique(sizes):
        members = np.sort(order[begins[sizes == size][:, None] + np.arange(size)], axis=1)
        a, b = members[:, :, None], members[:, None, :]
        yield Groups(members, (first[a] < end[b]) & (first[b] < end[a]))
