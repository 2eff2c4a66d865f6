"""Sentences × entity types to windows, with the targets of the three heads.

Every window shows a whole query and a part of a sentence. All words that a window shows may begin
or end a span there, also those in its overlap with the next window. A span longer than that overlap
may lie whole in no window: such gold spans are counted, and cannot be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from dicetune.data import EntitySentence, EntitySpan
from dicetune.tasks.base import IGNORED, Encoded
from dicetune.tasks.mrc_places import span_places
from dicetune.tasks.windows import ShownWords, cut_windows


def encode_pairs(
    sentences: Sequence[EntitySentence],
    queries: Mapping[str, str],
    tokenizer: Any,
    max_length: int,
    *,
    stride: int | None,
    max_words: int,
    gold: bool,
    negative_share: float = 1.0,
) -> Encoded:
    """Windows of every sentence for every type.

    Args:
        sentences: those without words get no window.
        queries: of each type, in the order of the types' numbers.
        tokenizer: a fast one.
        max_length: longest window.
        stride: sub-words that neighbouring windows share; by default 32, at most half of what the
            longest query leaves.
        max_words: longest span that can be a candidate.
        gold: whether targets are made.
        negative_share: share of the pairs without an entity that are kept.
    """
    kinds = list(queries)
    asked = [query.split() for query in queries.values()]
    pairs, dropped = _pairs(sentences, kinds, negative_share if gold else 1.0)
    windows = cut_windows(
        [sentences[sentence].tokens for sentence, _ in pairs],
        tokenizer,
        max_length,
        _stride(asked, tokenizer, max_length) if stride is None else stride,
        [asked[kind] for _, kind in pairs],
    )
    features: list[dict[str, Any]] = [dict(inputs) for inputs in windows.inputs]
    within: set[tuple[int, int, EntitySpan]] = set()
    too_long = unseen = positive = shown_words = 0
    for feature, shown in zip(features, windows.shown, strict=True):
        mask = [0] * len(feature["input_ids"])
        for place in shown.positions:
            mask[place] = 1
        feature["candidate_mask"] = mask
        shown_words += len(shown.positions)
        if gold:
            sentence, kind = pairs[shown.text]
            own = [span for span in sentences[sentence].spans if span.type == kinds[kind]]
            inside = _add_targets(feature, shown, own, max_words)
            within |= {(sentence, kind, span) for span in inside}
            positive += feature["start_labels"].count(1)
    facts: dict[str, Any] = {
        "sentences": len(sentences),
        "words": sum(len(sentence.tokens) for sentence in sentences),
        "types": len(kinds),
        "pairs": len(pairs),
        "windows": len(features),
        "subwords": sum(windows.subwords),
        "unknown_subwords": windows.unknown,
        "longest_subwords": max(windows.subwords, default=0),
    }
    notes: list[str] = []
    if gold:
        spans = [
            (number, kinds.index(span.type), span)
            for number, sentence in enumerate(sentences)
            for span in sentence.spans
        ]
        too_long = sum(span.end - span.start > max_words for *_, span in spans)
        unseen = len(spans) - too_long - len(within)
        facts |= {
            "dropped_pairs": dropped,
            "spans": len(spans),
            "spans_too_long": too_long,
            "spans_in_no_window": unseen,
            "negative_to_positive_starts": (shown_words - positive) / max(positive, 1),
        }
        if too_long:
            notes.append(
                f"{too_long} of {len(spans)} entities are longer than max_span_words={max_words} "
                "and cannot be found"
            )
        if unseen:
            notes.append(
                f"{unseen} of {len(spans)} entities lie in no window whole and cannot be found: "
                "raise stride or max_length"
            )
    return Encoded(features, span_places(sentences, pairs, windows.shown), facts, tuple(notes))


def _pairs(
    sentences: Sequence[EntitySentence], kinds: Sequence[str], share: float
) -> tuple[list[tuple[int, int]], int]:
    """The pairs of a sentence and a type that are asked, and how many are left out."""
    pairs = []
    dropped = 0
    for number, sentence in enumerate(sentences):
        if not sentence.tokens:
            continue
        present = {span.type for span in sentence.spans}
        for kind, name in enumerate(kinds):
            if name in present or share >= 1 or _draw(name, sentence.tokens) < share:
                pairs.append((number, kind))
            else:
                dropped += 1
    return pairs, dropped


def _draw(kind: str, tokens: Sequence[str]) -> float:
    """A number in [0, 1) that depends on the content alone: the same in every run."""
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
