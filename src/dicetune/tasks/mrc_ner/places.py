"""Candidate spans of windows, put back into their sentences.

A span is decided in a window that shows its first and its last word; where several do, the one that
shows most context beside it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dicetune.data import EntitySentence
from dicetune.tasks.tagging.windows import ShownWords

_WHOLE = np.iinfo(np.int64).max  # context on a side on which nothing is cut off


@dataclass(frozen=True)
class SpanPlaces:
    """Which words the windows show.

    Args:
        sentences: number of sentences.
        sentence: (W,) sentence of each window.
        kind: (W,) number of the type that is asked for.
        first: (W,) first word that each window shows.
        last: (W,) one past its last word.
        length: (W,) words of the whole sentence.
        positions: (words shown,) of the first sub-words, all windows one after another.
    """

    sentences: int
    sentence: np.ndarray
    kind: np.ndarray
    first: np.ndarray
    last: np.ndarray
    length: np.ndarray
    positions: np.ndarray

    def gather(self, candidates: np.ndarray) -> list[np.ndarray]:
        """Candidates of windows to candidates of sentences, each span once.

        Args:
            candidates: (W, M, 5) first and last position, three logits; a negative position is
                padding.

        Returns:
            For each sentence (spans, 6), columns as in ``decide.likely``, in the order of type
            and place.
        """
        count = len(self.sentence)
        window = np.repeat(np.arange(count), candidates.shape[1] if count else 0)
        rows = candidates.reshape(-1, 5).astype(np.float64)
        there = rows[:, 0] >= 0
        window, rows = window[there], rows[there]
        begins = np.concatenate([[0], np.cumsum(self.last - self.first)])
        owner = np.repeat(np.arange(count), self.last - self.first)
        size = 1 + int(max(self.positions.max(initial=0), rows[:, :2].max(initial=0)))
        keys = owner * size + self.positions
        words = [
            np.searchsorted(keys, window * size + rows[:, side].astype(np.int64))
            - begins[window]
            + self.first[window]
            for side in (0, 1)
        ]
        # beside the ends of the sentence itself nothing is cut off
        left = np.where(self.first[window] > 0, words[0] - self.first[window], _WHOLE)
        cut = self.last[window] < self.length[window]
        right = np.where(cut, self.last[window] - 1 - words[1], _WHOLE)
        sentence, kind = self.sentence[window], self.kind[window]
        order = np.lexsort((-np.minimum(left, right), words[1], words[0], kind, sentence))
        spans = np.stack([sentence, kind, words[0], words[1]], axis=1)[order]
        new = np.ones(len(spans), dtype=bool)
        new[1:] = (spans[1:] != spans[:-1]).any(axis=1)
        spans, rows = spans[new], rows[order][new]
        scores = np.concatenate([spans[:, 1:3], spans[:, 3:] + 1, rows[:, 2:]], axis=1)
        cuts = np.searchsorted(spans[:, 0], np.arange(self.sentences + 1))
        scores = scores.astype(np.float32)
        return [scores[a:b] for a, b in pairwise(cuts)]


def span_places(
    sentences: Sequence[EntitySentence],
    pairs: Sequence[tuple[int, int]],
    shown: Sequence[ShownWords],
) -> SpanPlaces:
    """The way back from windows.

    Args:
        sentences: that were asked about.
        pairs: number of the sentence and of the type of each text that was cut into windows.
        shown: the words of each window.
    """
    asked = np.array([pairs[words.text] for words in shown], dtype=np.int64)
    sentence, kind = asked.reshape(-1, 2).T
    first = np.array([words.first for words in shown], dtype=np.int64)
    count = np.array([len(words.positions) for words in shown], dtype=np.int64)
    lengths = np.array([len(own.tokens) for own in sentences], dtype=np.int64)
    positions = np.array([p for words in shown for p in words.positions], dtype=np.int64)
    return SpanPlaces(
        len(sentences),
        sentence,
        kind,
        first,
        first + count,
        lengths[sentence] if len(lengths) else count,
        positions,
    )
