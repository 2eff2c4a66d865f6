"""Words with parts of speech as labelled characters, and back.

``上海/NR 的/DEG`` becomes 上/B-NR 海/E-NR 的/S-DEG: B begins a word, I goes on, E ends it, S is a
word of one character. The rules:

- A character is a code point, and every character is a token: digits and Latin letters one by
  one, combining marks by themselves. Spaces between the words of a file (``SpaceAfter``) are not
  read: the text is its words without spaces.
- White space inside a word of a file is a character like any other, and counted in the notes. An
  empty word has no characters: it is dropped and counted.
- In plain text, white space is no character: it ends a word (``word_breaks``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dicetune.data.files.text import NoteBook, Place
from dicetune.data.inspect import Contents, Inspection, Ratio, SubwordCounter, inspect_splits
from dicetune.data.tagged.corpus import Corpus, PlainCorpus, Scheme, sentence_items, tag_difference
from dicetune.data.tagged.sentences import Sentence
from dicetune.problems.schemes import spans, to_tags

Word = tuple[str, str]
"""A word and its tag."""

SPACES = "words with white space inside: kept, each space is a character of its own"
EMPTY = "empty words: left out, they have no characters"


def to_characters(corpus: Corpus) -> Corpus:
    """Words to characters, and their tags, which are no spans, to labels of characters in IOBES.

    Of plain text, the characters of the text are used, not its words.
    """
    texts = corpus.texts if isinstance(corpus, PlainCorpus) else (None,) * len(corpus)
    notes = NoteBook()
    sentences, places = [], []
    for sentence, text in zip(corpus, texts, strict=True):
        if text is None:
            sentences.append(_characters(sentence, corpus.source, notes))
            found: Sequence[int] = range(len(sentences[-1].tokens))
        else:
            found = [place for place, character in enumerate(text) if not character.isspace()]
            sentences.append(replace(sentence, tokens=tuple(text[place] for place in found)))
        places.append(tuple((place, place + 1) for place in found))
    all_notes = (*corpus.notes, *notes.notes())
    if isinstance(corpus, PlainCorpus):
        return replace(corpus, sentences=tuple(sentences), notes=all_notes, places=tuple(places))
    scheme: Scheme | None = "iobes" if any(sentence.tags for sentence in sentences) else None
    return replace(
        corpus, sentences=tuple(sentences), scheme=scheme, found_scheme=scheme, notes=all_notes
    )


def from_characters(characters: Sequence[str], tags: Sequence[str]) -> list[Word]:
    """Labelled characters to words with their tags: every character is in exactly one word.

    Labels that no cut into words spells are read by the rule of ``spans``: B- and S- begin a word,
    I- and E- continue the word before if it is open and has their tag, else they begin a word.
    """
    return [("".join(characters[a:b]), tag) for tag, a, b in spans(tags, "iobes")]


def corpus_words(corpus: Corpus) -> list[list[Word]]:
    """The words of each sentence of labelled characters."""
    return [from_characters(sentence.tokens, sentence.tags) for sentence in corpus]


def word_breaks(corpus: Corpus) -> list[frozenset[int]]:
    """For each sentence, the characters that cannot continue the word before them."""
    if not isinstance(corpus, PlainCorpus):
        return [frozenset()] * len(corpus)
    return [
        frozenset(n for n in range(1, len(places)) if places[n][0] != places[n - 1][1])
        for places in corpus.places
    ]


def inspect_segmentation(
    splits: Mapping[str, Corpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of labelled characters (``to_characters``).

    The labels are the words of each part of speech; the ratio is the most frequent label to the
    rarest.
    """
    contents = {}
    for name, corpus in splits.items():
        labels = Counter(tag for words in corpus_words(corpus) for _, tag in words)
        contents[name] = Contents(
            corpus.source,
            sentence_items(corpus),
            {
                "sentences": len(corpus),
                "characters": sum(len(sentence.tokens) for sentence in corpus),
                "words": labels.total(),
            },
            dict(labels.most_common()),
            Ratio.of_labels(labels),
            corpus.notes,
            "characters",
        )
    return inspect_splits(
        contents,
        count_subwords,
        "sentences",
        "Words of each part of speech",
        lambda tokens, first, second: ("".join(tokens), tag_difference(tokens, first, second)),
    )


def _characters(sentence: Sentence, source: str, notes: NoteBook) -> Sentence:
    found, lines, start = [], [], 0
    for position, word in enumerate(sentence.tokens):
        line = sentence.line_of(position)
        if not word or any(character.isspace() for character in word):
            notes.add(SPACES if word else EMPTY, Place(source, line))
        if not word:
            continue
        if sentence.tags:
            found.append((sentence.tags[position], start, start + len(word)))
        if sentence.lines:
            lines += [sentence.lines[position]] * len(word)
        start += len(word)
    return replace(
        sentence,
        tokens=tuple("".join(sentence.tokens)),
        tags=tuple(to_tags(found, start, "iobes")) if found else (),
        lines=tuple(lines),
    )
