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
from dicetune.tasks.mrc_ner.places import span_places
from dicetune.tasks.tagging.windows import ShownWords, cut_windows


def encode_pairs(
    sentences: Sequence[EntitySentence],
    queries: Mapping[str, str],
    tokenizer: Any,
    max_length: int,
    *,
    stride: int | None,
    max_words: int,
    candidates: int,
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
        candidates: number of candidates of a window.
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
    for feature, shown in zip(features, windows.shown, strict=True):
        feature["candidate_mask"] = [0] * len(feature["input_ids"])
        for place in shown.positions:
            feature["candidate_mask"][place] = 1
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
    notes: tuple[str, ...] = ()
    if gold:
        facts["dropped_pairs"] = dropped
        inside = []
        for feature, shown in zip(features, windows.shown, strict=True):
            sentence, kind = pairs[shown.text]
            spans = [span for span in sentences[sentence].spans if span.type == kinds[kind]]
            found = _add_targets(feature, shown, spans, max_words)
            inside.append([(sentence, span) for span in found])
        facts |= _gold_facts(sentences, features, inside, max_words, candidates)
        notes = _gold_notes(facts, max_words, candidates)
    return Encoded(features, span_places(sentences, pairs, windows.shown), facts, notes)


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


def _gold_facts(
    sentences: Sequence[EntitySentence],
    features: Sequence[Mapping[str, Any]],
    inside: Sequence[Sequence[tuple[int, EntitySpan]]],
    max_words: int,
    candidates: int,
) -> dict[str, Any]:
    """What becomes of the gold spans; ``inside`` are those that each window shows whole."""
    spans = [span for sentence in sentences for span in sentence.spans]
    too_long = sum(span.end - span.start > max_words for span in spans)
    positive = sum(feature["start_labels"].count(1) for feature in features)
    negative = sum(feature["start_labels"].count(0) for feature in features)
    return {
        "spans": len(spans),
        "spans_too_long": too_long,
        "spans_in_no_window": len(spans) - too_long - len({span for own in inside for span in own}),
        "spans_beyond_candidates": sum(max(0, len(own) - candidates) for own in inside),
        "negative_to_positive_starts": negative / max(positive, 1),
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
