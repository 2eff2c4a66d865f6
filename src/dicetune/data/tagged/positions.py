"""Word-position digits behind characters, as the Weibo NER files have them, taken off.

There each row is one character and its place in its segmented word: 科0 技1 有0 限1. No model
was trained on words that end so, and the digits are no text. They are taken off where the whole
file is plainly of that kind: at least 99 of 100 rows end in 0 or in one more than the row before,
and most of them begin with something other than ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Sentence

RULE = "word-position digits after a character (科0 技1): taken off"
_LEAST_ROWS = 5
_LEAST_SHARE = 0.99


def without_positions(
    sentences: Sequence[Sentence], path: str | Path, notes: NoteBook
) -> list[Sentence]:
    """The sentences with bare characters, if the file is of that kind; else as they are.

    Example:
        >>> words = ("科0", "技1", "有0", "限1", "。0")
        >>> without_positions([Sentence(words, line=1)], "a.conll", NoteBook())[0].tokens
        ('科', '技', '有', '限', '。')
    """
    words = [word for sentence in sentences for word in sentence.tokens]
    foreign = sum(not word.isascii() for word in words)
    if len(words) < _LEAST_ROWS or 2 * foreign <= len(words):
        return list(sentences)
    split = [_split(sentence.tokens) for sentence in sentences]
    fitting = sum(fits for sentence in split for _, fits in sentence)
    if fitting < _LEAST_SHARE * len(words):
        return list(sentences)
    for sentence, parts in zip(sentences, split, strict=True):
        for position in range(len(parts)):
            notes.add(RULE, f"{path}:{sentence.line_of(position)}")
    return [
        replace(sentence, tokens=tuple(word for word, _ in parts))
        for sentence, parts in zip(sentences, split, strict=True)
    ]


def _split(words: Sequence[str]) -> list[tuple[str, bool]]:
    """Each word without its position, and whether the position follows from the row before."""
    parts = []
    last = -1
    for word in words:
        digits = next((d for d in (str(last + 1), "0") if word.endswith(d) and word != d), None)
        if digits is not None:
            last = int(digits)
            parts.append((word.removesuffix(digits), True))
        elif len(word) > 1 and word[-1] in "0123456789":
            last = int(word[-1])
            parts.append((word[:-1], False))
        else:
            last = -1
            parts.append((word, False))
    return parts
