"""Windows: texts longer than a model's limit, cut into overlapping pieces and put back together.

``cut_windows`` is for texts that come as words. Every word is labelled in exactly one window: the
window that shows it with most context on its shorter side. A word is labelled on its first
sub-word. Worked example, 6 words of one sub-word each, windows of 4 with a stride (overlap) of 2::

    window 0:  w0 w1 w2 w3           w0, w1, w2 are labelled here
    window 1:        w2 w3 w4 w5     w3, w4, w5 here: w3 has one neighbour on its left in this
                                     window and none on its right in window 0

``cut_context`` is for a context that comes as characters, behind its question.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, islice, pairwise, repeat
from typing import Any, NamedTuple

import numpy as np

from dicetune.data.inspect import show_every_word
from dicetune.errors import InputError, quoted
from dicetune.tasks.encoded import Features, FeatureWriter

Alignment = list[int | None]
"""The word of the text at each position of a window; ``None`` where there is none."""

_AT_ONCE = 256


@dataclass(frozen=True)
class WordPlaces:
    """Where each word of each text is labelled."""

    window: np.ndarray  # (words,) window that labels each word, text after text
    position: np.ndarray  # (words,) position of the word's first sub-word in the window
    starts: np.ndarray  # (texts + 1,) where the words of each text start

    def gather(self, outputs: np.ndarray) -> list[np.ndarray]:
        """The outputs at each word: (windows, positions, ...) to one (words, ...) a text."""
        words = outputs[self.window, self.position]
        return [words[a:b] for a, b in pairwise(self.starts)]


class ShownWords(NamedTuple):
    """The words that one window shows, each by its first sub-word; they follow one another."""

    text: int  # index of the text
    first: int  # number of the first word in the text
    positions: list[int]  # of each word's first sub-word in the window


@dataclass(frozen=True)
class Windows:
    """The windows of some texts."""

    inputs: Features  # model inputs of each window, longest first
    places: WordPlaces
    subwords: list[int]  # number in each text, without question and special tokens
    unknown: int  # number of sub-words that are the unknown token
    shown: list[ShownWords]  # of each window, also where another labels them; with questions only

    def facts(self) -> dict[str, int]:
        """Counts for the record."""
        return {
            "windows": len(self.inputs),
            "subwords": sum(self.subwords),
            "unknown_subwords": self.unknown,
            "longest_subwords": max(self.subwords, default=0),
        }


def cut_windows(
    texts: Iterable[Sequence[str]],
    tokenizer: Any,
    max_length: int,
    stride: int,
    questions: Iterable[Sequence[str]] | None = None,
) -> Windows:
    """Tokenize texts that come as words into windows of at most ``max_length`` sub-words."""
    special = tokenizer.num_special_tokens_to_add(pair=questions is not None)
    if not 0 <= stride < max_length - special:
        raise InputError(
            f"expected 0 <= stride < {max_length - special} (max_length {max_length} less "
            f"{special} special tokens), got {stride}: lower stride or raise max_length"
        )
    # positions count from the left: padding must not push them
    tokenizer.padding_side = "right"
    cut = _Cutter(tokenizer, max_length, stride, max_length - special - stride)
    writer = FeatureWriter()
    window, position, starts = array("i"), array("i"), array("q", [0])
    subwords: list[int] = []
    unknown = 0
    shown: list[ShownWords] = []
    for number, (inputs, alignments, ids) in enumerate(cut.windows_of(texts, questions)):
        subwords.append(len(ids))
        unknown += ids.count(tokenizer.unk_token_id)
        begun = _begun_words(alignments)
        if questions is not None:
            shown += [
                ShownWords(number, words[0][0] if words else 0, [place for _, place in words])
                for words in begun
            ]
        for own, place in _best_places(alignments, begun):
            window.append(len(writer) + own)
            position.append(place)
        starts.append(len(window))
        for one in inputs:
            writer.add(one)
    features, place_of = writer.features().longest_first()
    return Windows(
        features,
        WordPlaces(place_of[np.asarray(window)], np.asarray(position), np.asarray(starts)),
        subwords,
        unknown,
        [shown[number] for number in features.order.tolist()] if shown else [],
    )


@dataclass(frozen=True)
class _Cutter:
    """Tokenizes many texts at once: one by one takes twice the time."""

    tokenizer: Any
    max_length: int
    stride: int
    most_asked: int  # sub-words of a question

    def windows_of(
        self, texts: Iterable[Sequence[str]], questions: Iterable[Sequence[str]] | None
    ) -> Iterator[tuple[list[dict[str, Any]], list[Alignment], list[int]]]:
        """For each text the inputs and the alignments of its windows, and its sub-words."""
        fitting = cache(lambda asked: [_fitting(asked, self.tokenizer, self.most_asked)])
        pairs = zip(texts, repeat(None) if questions is None else questions, strict=False)
        while some := list(islice(pairs, _AT_ONCE)):
            before = [[] if asked is None else fitting(tuple(asked)) for _, asked in some]
            words_of = [list(words) for words, _ in some]
            found = self._cut([[*q, words] for q, words in zip(before, words_of, strict=True)])
            for question, words, (inputs, alignments) in zip(before, words_of, found, strict=True):
                if len({w for one in alignments for w in one} - {None}) < len(words):
                    visible, ids = show_every_word(words, self.tokenizer)
                    ((inputs, alignments),) = self._cut([[*question, visible]])
                elif len(alignments) > 1:
                    _, ids = show_every_word(words, self.tokenizer)
                else:
                    pieces = zip(inputs[0]["input_ids"], alignments[0], strict=True)
                    ids = [piece for piece, word in pieces if word is not None]
                yield inputs, alignments, ids

    def _cut(
        self, texts: Sequence[Sequence[list[str]]]
    ) -> Iterator[tuple[list[dict[str, Any]], list[Alignment]]]:
        """The windows of each text, or of each question and text."""
        sides = [list(side) for side in zip(*texts, strict=True)]
        batch = self.tokenizer(
            *sides,
            is_split_into_words=True,
            truncation=True if len(sides) == 1 else "only_second",
            max_length=self.max_length,
            stride=self.stride,
            return_overflowing_tokens=True,
        )
        inputs = _inputs_of(batch, self.tokenizer)
        owners = batch["overflow_to_sample_mapping"]
        for _, own in groupby(range(len(inputs)), owners.__getitem__):
            windows = list(own)
            yield (
                [inputs[window] for window in windows],
                [_alignment(batch, window, len(sides) - 1) for window in windows],
            )


def _inputs_of(batch: Any, tokenizer: Any) -> list[dict[str, Any]]:
    """The model inputs of each window of a tokenizer's output."""
    names = [name for name in tokenizer.model_input_names if name in batch]
    count = len(batch["input_ids"])
    return [{name: batch[name][window] for name in names} for window in range(count)]


def _fitting(question: Sequence[str], tokenizer: Any, room: int) -> list[str]:
    """The question as the tokenizer will see it, if it leaves room for its text."""
    visible, ids = show_every_word(question, tokenizer)
    if len(ids) >= room:
        raise InputError(
            f"expected a question of fewer than {room} sub-words, so that its window has room for "
            f"the text, got {len(ids)}: {quoted(' '.join(question)[:60])}; shorten it or "
            "raise max_length"
        )
    return visible


def _alignment(batch: Any, window: int, sequence: int) -> Alignment:
    words: Alignment = batch.word_ids(window)
    if sequence == 0:
        return words
    parts = batch.sequence_ids(window)
    return [word if part == sequence else None for word, part in zip(words, parts, strict=True)]


def _begun_words(alignments: list[Alignment]) -> list[list[tuple[int, int]]]:
    """The words that begin in each window of a text, with the positions where they begin."""
    found = []
    last = -1
    for alignment in alignments:
        words: list[tuple[int, int]] = []
        previous, opens = None, True
        for place, word in enumerate(alignment):
            if word is None:
                continue
            # a window may open in the middle of a word, which then began in an earlier window
            if word != previous and not (opens and word <= last):
                words.append((word, place))
                last = max(last, word)
            previous, opens = word, False
        found.append(words)
    return found


def _best_places(
    alignments: list[Alignment], begun: list[list[tuple[int, int]]]
) -> list[tuple[int, int]]:
    """For each word of a text the (window, position) that shows it with most context."""
    best: dict[int, tuple[int, int, int]] = {}
    for window, (alignment, words) in enumerate(zip(alignments, begun, strict=True)):
        content = [place for place, word in enumerate(alignment) if word is not None]
        for word, place in words:
            # nothing is cut off at the ends of the text
            left = place - content[0] if window > 0 else len(alignment)
            right = content[-1] - place if window < len(alignments) - 1 else len(alignment)
            context = min(left, right)
            if word not in best or context > best[word][0]:
                best[word] = (context, window, place)
    return [best[word][1:] for word in sorted(best)]


@dataclass(frozen=True)
class ContextWindow:
    """A window of a question and a piece of its context.

    The *null* position means "no answer here": the CLS, wherever the tokenizer puts it, or the
    first special token where there is no CLS.
    """

    inputs: dict[str, Any]
    null: int  # the null position
    positions: np.ndarray  # (n,) of the context's sub-words that show a character
    characters: np.ndarray  # (n, 2) first character of each and one past its last, trimmed
    subwords: int  # number of sub-words of the context that no earlier window shows
    unknown: int  # number of these that are the unknown token

    def _inside(self, start: int, end: int) -> np.ndarray:
        """Which sub-words show characters of ``start:end``."""
        first, last = self.characters.T
        return (first < end) & (last > start)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Positions of the first and last sub-word that show characters of ``start:end``."""
        found = self.positions[self._inside(start, end)]
        return int(found[0]), int(found[-1])

    def characters_of(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters that the sub-words of ``start:end`` show; ``None`` where there is none."""
        shown = self.characters[self._inside(start, end)]
        return (int(shown[0, 0]), int(shown[-1, 1])) if len(shown) else None

    def mask(self) -> list[int]:
        """1 at each position that can be an answer's: the context's sub-words and the null."""
        mask = [0] * len(self.inputs["input_ids"])
        for place in (self.null, *self.positions.tolist()):
            mask[place] = 1
        return mask


def cut_question(text: str, tokenizer: Any, longest: int) -> tuple[str, list[int]]:
    """A question of at most ``longest`` sub-words, cut at its end, and their ids."""
    kept = longest
    while True:
        found = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids, offsets = found["input_ids"], found["offset_mapping"]
        if len(ids) <= longest:
            return text, ids
        # a word that is cut may have more pieces than before: then cut further
        text = text[: offsets[kept][0]] if kept else ""
        kept -= 1


class Room(NamedTuple):
    """What windows of a question may hold."""

    max_length: int  # special tokens included
    stride: int  # sub-words that neighbouring windows share; at most a quarter of the room
    taken: int  # sub-words of the question
    place: str  # of the question in its file, for messages


def cut_context(question: str, context: str, tokenizer: Any, room: Room) -> list[ContextWindow]:
    """The windows of one question and its context; the tokenizer pads and truncates on the right.

    Worked example, windows of 9 with a stride of 1 (WordPiece)::

        question "who ?"  context "The pump at Quay Nine"
        window 0  [CLS] who ? [SEP] the pump at  qu   [SEP]     null 0, sub-words 4 to 7
        window 1  [CLS] who ? [SEP] qu  ##ay nine     [SEP]     null 0, sub-words 4 to 6
    """
    special = tokenizer.num_special_tokens_to_add(pair=True)
    left = room.max_length - special - room.taken
    if left < 1:
        raise InputError(
            f"{room.place}: expected room for the context in windows of {room.max_length} "
            f"sub-words, got none: the question takes {room.taken} and special tokens {special}; "
            "lower max_question or raise max_length"
        )
    overlap = min(room.stride, left // 4)
    batch = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=room.max_length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    windows = []
    for number, inputs in enumerate(_inputs_of(batch, tokenizer)):
        sides, offsets = batch.sequence_ids(number), batch["offset_mapping"][number]
        ids = inputs["input_ids"]
        special_places = [position for position, side in enumerate(sides) if side is None]
        if not special_places:
            raise InputError(
                "expected a tokenizer that adds special tokens, whose first means 'no answer',"
                " got one that adds none: choose another model"
            )
        cls = [position for position in special_places if ids[position] == tokenizer.cls_token_id]
        pieces = [position for position, side in enumerate(sides) if side == 1]
        trimmed = {position: _trimmed(context, *offsets[position]) for position in pieces}
        shown = [position for position in pieces if trimmed[position] is not None]
        new = pieces[overlap if number else 0 :]
        windows.append(
            ContextWindow(
                inputs,
                (cls or special_places)[0],
                np.array(shown, dtype=np.int64),
                np.array([trimmed[position] for position in shown], dtype=np.int64).reshape(-1, 2),
                len(new),
                sum(ids[position] == tokenizer.unk_token_id for position in new),
            )
        )
    return windows


def _trimmed(context: str, first: int, last: int) -> tuple[int, int] | None:
    """Characters without white space at their ends; byte-level pieces begin with a space."""
    while first < last and context[first].isspace():
        first += 1
    while first < last and context[last - 1].isspace():
        last -= 1
    return (first, last) if first < last else None
