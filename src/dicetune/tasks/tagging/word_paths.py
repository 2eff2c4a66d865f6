r"""The likeliest cut of a sentence into words with tags.

Labels of characters spell words only in some orders: B-x is followed by I-x or E-x, and so is I-x;
E and S end a word. Arg-max of each character alone breaks that here and there. Instead, of all cuts
into words with one tag each the one with the largest sum of log-probabilities is taken (Viterbi),
so that every character is in exactly one word:

.. math::
    e_t = \max\Big(e_{t-1} + \max_k S_{t,k},\ \max_k (o_{t-1,k} + E_{t,k})\Big), \qquad
    o_{t,k} = \max\big(e_{t-1} + B_{t,k},\ o_{t-1,k} + I_{t,k}\big)

with :math:`e_t` the best sum up to character :math:`t` where a word ends there, :math:`o_{t,k}` the
best where a word with tag :math:`k` is open, :math:`e_0 = 0`, :math:`o_{0,k} = -\infty`. Where the
arg-max spells words already, this is the arg-max.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from dicetune.data.tagged.labels import Span

LETTERS = "BIES"


class WordPaths:
    """Finds the best words for scores of a set of labels.

    Args:
        labels: names of the columns of the scores: each of B-, I-, E-, S- with each tag.

    Example:
        >>> paths = WordPaths(["B-N", "I-N", "E-N", "S-N"])
        >>> paths.best(np.log([[0.4, 0.1, 0.1, 0.4], [0.1, 0.1, 0.7, 0.1]]))
        [('N', 0, 2)]
    """

    def __init__(self, labels: Sequence[str]) -> None:
        number = {label: place for place, label in enumerate(labels)}
        self.tags = list(dict.fromkeys(label[2:] for label in labels))
        self._columns = np.array(
            [[number[f"{letter}-{tag}"] for tag in self.tags] for letter in LETTERS]
        )

    def best(self, scores: np.ndarray, breaks: Collection[int] = ()) -> list[Span]:
        """The words of one sentence: (tag, first character, one past the last).

        Args:
            scores: log-probabilities, (characters, labels).
            breaks: characters that cannot go on with the word before them.
        """
        begin, inside, end, single = np.moveaxis(scores[:, self._columns], 1, 0)
        count, tags = begin.shape
        ended = 0.0
        is_open = np.full(tags, -np.inf)
        begins = np.zeros((count, tags), dtype=bool)  # whether the open word begins at t, not I
        last_tag = np.zeros(count, dtype=int)  # of the best word that ends at t
        is_single = np.zeros(count, dtype=bool)
        for t in range(count):
            if t in breaks:
                is_open = np.full(tags, -np.inf)
            longer, alone = is_open + end[t], single[t]
            long_tag, alone_tag = longer.argmax(), alone.argmax()
            is_single[t] = ended + alone[alone_tag] >= longer[long_tag]
            last_tag[t] = alone_tag if is_single[t] else long_tag
            opened, kept = ended + begin[t], is_open + inside[t]
            begins[t] = opened >= kept
            is_open = np.maximum(opened, kept)
            ended = max(ended + alone[alone_tag], longer[long_tag])
        words: list[Span] = []
        stop = count
        while stop > 0:
            start, tag = stop - 1, int(last_tag[stop - 1])
            if not is_single[start]:
                start -= 1
                while not begins[start, tag]:
                    start -= 1
            words.append((self.tags[tag], start, stop))
            stop = start
        return words[::-1]
