"""How many sub-words a tokenizer makes of a text, and how many of them it does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def subword_counter(tokenizer: Any) -> Callable[[str | Sequence[str]], tuple[int, int]]:
    """Counts of a tokenizer: all sub-words and unknown ones, of a text or of words.

    Words are counted as a model sees them (``show_every_word``).

    Args:
        tokenizer: as ``load_tokenizer`` returns it.
    """

    def count(text: str | Sequence[str]) -> tuple[int, int]:
        if isinstance(text, str):
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        else:
            _, ids = show_every_word(text, tokenizer)
        return len(ids), ids.count(tokenizer.unk_token_id)

    return count


def show_every_word(words: Sequence[str], tokenizer: Any) -> tuple[list[str], list[int]]:
    """The words as the tokenizer will see them, and their sub-words before any cut.

    A word that the tokenizer would drop (a lone zero-width space) becomes its unknown token, so
    that the word is trained on, predicted and counted like any other.

    Args:
        words: of one text.
        tokenizer: a fast one.

    Returns:
        As many words; and their sub-words, those of dropped words last.
    """
    if not words:
        return [], []
    whole = tokenizer(
        list(words), is_split_into_words=True, add_special_tokens=False, verbose=False
    )
    found = set(whole.word_ids(0))
    if len(found) == len(words):
        return list(words), whole["input_ids"]
    stand_in = tokenizer.unk_token or tokenizer.eos_token
    shown = [word if number in found else stand_in for number, word in enumerate(words)]
    return shown, whole["input_ids"] + [tokenizer.unk_token_id] * (len(words) - len(found))
