"""Texts and pairs to windows: one each, cut off where it is longer than the model reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dicetune.data import TextCorpus, TextExample
from dicetune.tasks.base import Encoded
from dicetune.tasks.window_order import longest_first


def encode_texts(
    data: TextCorpus,
    tokenizer: Any,
    max_length: int,
    target: Callable[[TextExample], Any],
    *,
    pairs: bool,
) -> Encoded:
    """Sub-words of each text or pair in one window, longest first.

    Args:
        data: texts, with gold or without.
        tokenizer: fast or slow.
        max_length: longest window; of a pair, sub-words of the longer text go first.
        target: what the model should put out for an example with gold.
        pairs: whether an example is two texts.

    Returns:
        Windows; ``back`` is the window of each text, (texts,).
    """
    features: list[dict[str, Any]] = []
    subwords = unknown = truncated = longest = 0
    special = tokenizer.num_special_tokens_to_add(pair=pairs)
    for example in data:
        window = tokenizer(*example.texts, verbose=False)
        length = len(window["input_ids"])
        subwords += length - special
        longest = max(longest, length - special)
        unknown += window["input_ids"].count(tokenizer.unk_token_id)
        if length > max_length:
            truncated += 1
            window = tokenizer(*example.texts, truncation="longest_first", max_length=max_length)
        feature = {name: window[name] for name in tokenizer.model_input_names if name in window}
        if example.labels is not None:
            feature["labels"] = target(example)
        features.append(feature)
    order, place = longest_first(features)
    facts = {
        "texts": len(features),
        "subwords": subwords,
        "unknown_subwords": unknown,
        "longest_subwords": longest,
        "truncated": truncated,
    }
    notes: tuple[str, ...] = ()
    if truncated:
        notes = (
            f"{truncated} of {len(features)} {'pairs' if pairs else 'texts'} are longer than "
            f"{max_length} sub-words and were cut off",
        )
    return Encoded([features[number] for number in order], place, facts, notes)
