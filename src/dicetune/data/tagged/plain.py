"""Plain text to words: what a tagger is asked about when nobody cut the text for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dicetune.data.tagged.corpus import Corpus, Sentence
from dicetune.errors import InputTypeError

# words as corpora have them: punctuation stands apart, an apostrophe or hyphen inside does not
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class PlainCorpus(Corpus):
    """Untagged sentences that know the text they were cut from.

    Args:
        texts: the text of each sentence; ``None`` for one that came as words.
        places: first and one past the last character of each word of each text.
    """

    texts: tuple[str | None, ...] = ()
    places: tuple[tuple[tuple[int, int], ...], ...] = ()


def cut_words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end.

    Example:
        >>> [("Quay's 2.5 km."[a:b]) for a, b in cut_words("Quay's 2.5 km.")]
        ["Quay's", '2.5', 'km', '.']
    """
    return [match.span() for match in _WORD.finditer(text)]


def plain_corpus(texts: Sequence[str | Sequence[str]], source: str = "text") -> PlainCorpus:
    """Sentences without tags from plain texts, or from texts that come as words.

    Args:
        texts: each a text, or a list of words.
        source: how messages call them.

    Raises:
        InputTypeError: for anything else.

    Example:
        >>> plain_corpus(["at Quay Nine"]).sentences[0].tokens
        ('at', 'Quay', 'Nine')
    """
    sentences: list[Sentence] = []
    kept: list[str | None] = []
    places: list[tuple[tuple[int, int], ...]] = []
    for text in texts:
        own: tuple[tuple[int, int], ...] = ()
        if isinstance(text, str):
            own = tuple(cut_words(text))
            words = tuple(text[a:b] for a, b in own)
        else:
            words = _words(text)
        sentences.append(Sentence(words))
        kept.append(text if isinstance(text, str) else None)
        places.append(own)
    return PlainCorpus(
        tuple(sentences), source, format="text", texts=tuple(kept), places=tuple(places)
    )


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise InputTypeError(f"expected texts, or lists of words, got {type(value).__name__}")
