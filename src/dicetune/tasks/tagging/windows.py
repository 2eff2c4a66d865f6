"""Windows: texts longer than a model's limit, cut into overlapping pieces and put back together.

Every word is labelled in exactly one window: the one that shows it with most context on its
shorter side. A word is labelled on its first sub-word.

Worked example, 6 words of one sub-word each, windows of 4 with a stride (overlap) of 2::

    window 0:  w0 w1 w2 w3           w0, w1, w2 are labelled here
    window 1:        w2 w3 w4 w5     w3, w4, w5 here: w3 has one neighbour on its left in this
                                     window and none on its right in the other
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dicetune.errors import InputError, quoted
from dicetune.models import show_every_word
from dicetune.tasks.window_order import longest_first


@dataclass(frozen=True)
class WordPlaces:
    """Where each word of each text is labelled.

    Args:
        window: index of the window, all texts' words one after another.
        position: position of the word's first sub-word in that window.
        starts: (texts + 1,) where each text's words start in the two arrays.
    """

    window: np.ndarray
    position: np.ndarray
    starts: np.ndarray

    def gather(self, outputs: np.ndarray) -> list[np.ndarray]:
        """The outputs at each word: (windows, positions, ...) to one (words, ...) a text."""
        words = outputs[self.window, self.position]
        return [words[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]


class ShownWords(NamedTuple):
    """The words that one window shows, each by its first sub-word; they follow one another.

    Args:
        text: index of the text.
        first: number of the first such word in it.
        positions: of each word's first sub-word in the window.
    """

    text: int
    first: int
    positions: list[int]


@dataclass(frozen=True)
class Windows:
    """The windows of some texts.

    Args:
        inputs: model inputs of each window, longest first, so that batches need little padding.
        places: where the words are labelled.
        subwords: number of sub-words of each text, without question and special tokens.
        unknown: number of these that are the unknown token.
        shown: all words of each window, also those that another window labels; only for texts
            with questions.
    """

    inputs: list[dict[str, list[int]]]
    places: WordPlaces
    subwords: list[int]
    unknown: int
    shown: list[ShownWords]


def cut_windows(
    texts: Sequence[Sequence[str]],
    tokenizer: Any,
    max_length: int,
    stride: int,
    questions: Sequence[Sequence[str]] | None = None,
) -> Windows:
    """Tokenize texts that come as words into windows of at most ``max_length`` sub-words.

    Args:
        texts: the words of each text.
        tokenizer: a fast tokenizer of the library.
        max_length: longest window, special tokens included.
        stride: number of sub-words that neighbouring windows share.
        questions: the words of what is asked of each text; stand whole before each window of it.

    Raises:
        InputError: where ``stride``, or a question, leaves no room for anything new in a window.
    """
    special = tokenizer.num_special_tokens_to_add(pair=questions is not None)
    if not 0 <= stride < max_length - special:
        raise InputError(
            f"expected 0 <= stride < {max_length - special} (max_length {max_length} less "
            f"{special} special tokens), got {stride}: lower stride or raise max_length"
        )
    # positions count from the left: padding must not push them
    tokenizer.padding_side = "right"
    inputs: list[dict[str, list[int]]] = []
    places: list[tuple[int, int]] = []
    starts = [0]
    subwords: list[int] = []
    unknown = 0
    shown: list[ShownWords] = []
    asked: dict[tuple[str, ...], list[str]] = {}
    previous: Sequence[str] | None = None
    visible: list[str] = []
    ids: list[int] = []
    for number, words in enumerate(texts):
        if words is not previous:  # a text may be asked several things
            visible, ids = show_every_word(words, tokenizer)
            previous = words
        subwords.append(len(ids))
        unknown += ids.count(tokenizer.unk_token_id)
        sequences = [visible]
        if questions is not None:
            question = tuple(questions[number])
            if question not in asked:
                asked[question] = _fitting(question, tokenizer, max_length - special - stride)
            sequences = [asked[question], visible]
        batch = tokenizer(
            *sequences,
            is_split_into_words=True,
            truncation=True if questions is None else "only_second",
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
        )
        count = len(batch["input_ids"])
        alignments = [_alignment(batch, window, len(sequences) - 1) for window in range(count)]
        best = _best_places(alignments)
        if questions is not None:
            shown += [ShownWords(number, *words) for words in _shown_words(alignments)]
        places += [(len(inputs) + window, place) for window, place in best]
        starts.append(len(places))
        names = [name for name in tokenizer.model_input_names if name in batch]
        inputs += [{name: batch[name][window] for name in names} for window in range(count)]
    order, place_of = longest_first(inputs)
    window, position = np.array(places, dtype=np.int64).reshape(-1, 2).T
    word_places = WordPlaces(place_of[window], position, np.array(starts, dtype=np.int64))
    return Windows(
        [inputs[number] for number in order],
        word_places,
        subwords,
        unknown,
        [shown[number] for number in order] if shown else [],
    )


def _fitting(question: Sequence[str], tokenizer: Any, room: int) -> list[str]:
    """The question as the tokenizer will see it, if it leaves room for its text."""
    visible, ids = show_every_word(question, tokenizer)
    if len(ids) >= room:
        raise InputError(
            f"expected a question of fewer than {room} sub-words, so that its window has room for "
            f"the text, got {len(ids)}: {quoted(' '.join(question)[:60])}; shorten it or "
            f"raise max_length"
        )
    return visible


def _alignment(batch: Any, window: int, sequence: int) -> list[int | None]:
    """For each position of a window the word of the text that stands there, if one does."""
    words = batch.word_ids(window)
    if sequence == 0:
        return words
    own = batch.sequence_ids(window)
    return [word if part == sequence else None for word, part in zip(words, own, strict=True)]


def _shown_words(alignments: list[list[int | None]]) -> list[tuple[int, list[int]]]:
    """For each window the number of its first word and the positions at which its words begin."""
    found = []
    begun = -1
    for alignment in alignments:
        first = 0
        positions: list[int] = []
        previous, opens = None, True
        for place, word in enumerate(alignment):
            # a window may open in the middle of a word, which then began in an earlier one
            if word is not None and word != previous and not (opens and word <= begun):
                first = word if not positions else first
                positions.append(place)
                begun = max(begun, word)
            if word is not None:
                previous, opens = word, False
        found.append((first, positions))
    return found


def _best_places(alignments: list[list[int | None]]) -> list[tuple[int, int]]:
    """For each word of a text the (window, position) that shows it with most context."""
    best: dict[int, tuple[int, int, int]] = {}
    for window, alignment in enumerate(alignments):
        content = [place for place, word in enumerate(alignment) if word is not None]
        previous = None
        for place in content:
            word = alignment[place]
            begins, previous = word != previous, word
            # a window may open in the middle of a word, which then began in an earlier one
            if word is None or not begins or (place == content[0] and word in best):
                continue
            # at the ends of the text itself nothing is cut off
            left = place - content[0] if window > 0 else len(alignment)
            right = content[-1] - place if window < len(alignments) - 1 else len(alignment)
            context = min(left, right)
            if word not in best or context > best[word][0]:
                best[word] = (context, window, place)
    return [best[word][1:] for word in sorted(best)]
