"""How many sub-words a tokenizer makes of a text, and how many of them it does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def subword_counter(tokenizer: Any) -> Callable[[str | Sequence[str]], tuple[int, int]]:
    """Counts of a tokenizer: all sub-words and unknown ones, of a text or of words.

    Args:
        tokenizer: as ``load_tokenizer`` returns it.
    """

    def count(text: str | Sequence[str]) -> tuple[int, int]:
        whole = isinstance(text, str)
        ids = tokenizer(
            text if whole else list(text),
            is_split_into_words=not whole,
            add_special_tokens=False,
            verbose=False,
        )["input_ids"]
        return len(ids), ids.count(tokenizer.unk_token_id)

    return count
