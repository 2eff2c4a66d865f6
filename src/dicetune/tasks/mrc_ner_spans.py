"""Sentences and entity types to windows with the targets of three heads, and the way back.

Every window holds a whole query and a part of a sentence. A span may begin and end at every word of
a window, also in the overlap with the next window. A span longer than the overlap may be cut in
every window: such gold spans are counted, and cannot be found. A span is decided in a window that
holds its first and its last word; of several windows, the window with most context beside the span
counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dicetune.data import EntityCorpus, EntitySentence, EntitySpan
from dicetune.loss_input import IGNORED
from dicetune.tasks.base import Encoded
from dicetune.tasks.encoded import FeatureWriter
from dicetune.tasks.windows import ShownWords, cut_windows

_WHOLE = np.iinfo(np.int64).max  # context on a side on which nothing is cut off


def ask_sentences(
    sentences: Sequence[EntitySentence], kinds: Sequence[str], share: float
) -> list[tuple[int, int]]:
    """The pairs of a sentence and a type that are asked: of pairs without an entity, a share."""
    return [
        (number, kind)
        for number, sentence in enumerate(sentences)
        for kind, name in enumerate(kinds if sentence.tokens else ())
        if share >= 1
        or any(span.type == name for span in sentence.spans)
        or _draw(name, sentence.tokens) < share
    ]


def encode_pairs(
    data: EntityCorpus,
    pairs: Sequence[tuple[int, int]],
    queries: Mapping[str, str],
    tokenizer: Any,
    max_length: int,
    max_words: int,
    options: Any,
) -> Encoded:
    """Windows of pairs of a sentence and a type; with targets where the data has gold."""
    sentences, kinds = data.sentences, list(queries)
    asked = [query.split() for query in queries.values()]
    stride = _stride(asked, tokenizer, max_length) if options.stride is None else options.stride
    windows = cut_windows(
        (sentences[sentence].tokens for sentence, _ in pairs),
        tokenizer,
        max_length,
        stride,
        (asked[kind] for _, kind in pairs),
    )
    facts: dict[str, Any] = {
        "sentences": len(sentences),
        "words": sum(len(sentence.tokens) for sentence in sentences),
        "types": len(kinds),
        "pairs": len(pairs),
        **windows.facts(),
    }
    notes: tuple[str, ...] = ()
    writer = FeatureWriter()
    gold = _GoldCounts(max_words, options.candidates)
    for feature, shown in zip(windows.inputs, windows.shown, strict=True):
        feature["candidate_mask"] = [0] * len(feature["input_ids"])
        for place in shown.positions:
            feature["candidate_mask"][place] = 1
        if data.has_gold:
            sentence, kind = pairs[shown.text]
            spans = [span for span in sentences[sentence].spans if span.type == kinds[kind]]
            found = _add_targets(feature, shown, spans, max_words)
            gold.add(sentence, feature, found)
        writer.add(feature)
    if data.has_gold:
        filled = sum(bool(sentence.tokens) for sentence in sentences)
        facts["dropped_pairs"] = filled * len(kinds) - len(pairs)
        facts |= gold.facts(sentences)
        notes = _gold_notes(facts, max_words, options.candidates)
    places = span_places(sentences, pairs, windows.shown)
    return Encoded(writer.features(), places, facts, notes)


def _draw(kind: str, tokens: Sequence[str]) -> float:
    """A number in [0, 1) from the content: the same in every run."""
    digest = hashlib.sha256("\0".join([kind, *tokens]).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _stride(questions: Sequence[Sequence[str]], tokenizer: Any, max_length: int) -> int:
    longest = max(
        len(tokenizer(list(words), is_split_into_words=True, add_special_tokens=False)["input_ids"])
        for words in questions
    )
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True) - longest
    return max(0, min(32, room // 2))


def _add_targets(
    feature: dict[str, Any], shown: ShownWords, spans: Sequence[EntitySpan], max_words: int
) -> list[EntitySpan]:
    """Targets of one window; returns the spans that it can find."""
    starts = {span.start for span in spans}
    ends = {span.end - 1 for span in spans}
    for key, true in (("start_labels", starts), ("end_labels", ends)):
        labels = [IGNORED] * len(feature["input_ids"])
        for word, place in enumerate(shown.positions, shown.first):
            labels[place] = int(word in true)
        feature[key] = labels
    last = shown.first + len(shown.positions)
    inside = [
        span
        for span in spans
        if shown.first <= span.start and span.end <= last and span.end - span.start <= max_words
    ]
    # one entry at least: a batch of empty lists has no type
    feature["answer_starts"] = [shown.positions[s.start - shown.first] for s in inside] or [-1]
    feature["answer_ends"] = [shown.positions[s.end - 1 - shown.first] for s in inside] or [-1]
    feature["gold_starts"] = feature["answer_starts"]
    feature["gold_ends"] = feature["answer_ends"]
    return inside


class _GoldCounts:
    """Counts of gold spans that cannot be found, window after window."""

    def __init__(self, max_words: int, candidates: int) -> None:
        self._max_words, self._candidates = max_words, candidates
        self._found: set[tuple[int, EntitySpan]] = set()
        self._beyond = self._positive = self._negative = 0

    def add(self, sentence: int, feature: Mapping[str, Any], inside: Sequence[EntitySpan]) -> None:
        """Count a window of a sentence, which holds the spans ``inside``."""
        self._found |= {(sentence, span) for span in inside}
        self._beyond += max(0, len(inside) - self._candidates)
        self._positive += feature["start_labels"].count(1)
        self._negative += feature["start_labels"].count(0)

    def facts(self, sentences: Iterable[EntitySentence]) -> dict[str, Any]:
        """The counts, for the record."""
        lengths = [span.end - span.start for sentence in sentences for span in sentence.spans]
        too_long = sum(length > self._max_words for length in lengths)
        return {
            "spans": len(lengths),
            "spans_too_long": too_long,
            "spans_in_no_window": len(lengths) - too_long - len(self._found),
            "spans_beyond_candidates": self._beyond,
            "negative_to_positive_starts": self._negative / max(self._positive, 1),
        }


def _gold_notes(facts: Mapping[str, Any], max_words: int, candidates: int) -> tuple[str, ...]:
    reasons = {
        "spans_too_long": f"are longer than max_span_words={max_words} and cannot be found",
        "spans_in_no_window": "lie in no window whole and cannot be found: raise stride or "
        "max_length",
        "spans_beyond_candidates": f"are more than the candidates={candidates} of their window: "
        "raise candidates",
    }
    return tuple(
        f"{facts[key]} of {facts['spans']} entities {reason}"
        for key, reason in reasons.items()
        if facts[key]
    )


@dataclass(frozen=True)
class SpanPlaces:
    """Which words the windows show."""

    sentences: int  # their number
    sentence: np.ndarray  # (windows,) sentence of each window
    kind: np.ndarray  # (windows,) number of the type that is asked for
    first: np.ndarray  # (windows,) first word that each window shows
    last: np.ndarray  # (windows,) one past the last word
    length: np.ndarray  # (windows,) words of the whole sentence
    positions: np.ndarray  # (words,) positions of first sub-words, window after window

    def gather(self, outputs: Any) -> list[np.ndarray]:
        """Candidates of windows, (windows, M, 5), to candidates of sentences, each span once.

        Columns of windows: first and last position (negative: padding), three logits. Columns of
        sentences, (spans, 6): columns as in ``problems.entities``; in the order of type and place.
        """
        candidates = np.asarray(outputs)
        count = len(self.sentence)
        window = np.repeat(np.arange(count), candidates.shape[1] if count else 0)
        rows = candidates.reshape(-1, 5).astype(np.float64)
        exists = rows[:, 0] >= 0
        window, rows = window[exists], rows[exists]
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
        # nothing is cut off beside the ends of the sentence
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
    """The way back from windows; ``pairs`` are the sentence and the type of each text."""
    asked = np.array([pairs[words.text] for words in shown], dtype=np.int64)
    sentence, kind = asked.reshape(-1, 2).T
    first = np.array([words.first for words in shown], dtype=np.int64)
    count = np.array([len(words.positions) for words in shown], dtype=np.int64)
    lengths = np.array([len(sentence.tokens) for sentence in sentences], dtype=np.int64)
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
