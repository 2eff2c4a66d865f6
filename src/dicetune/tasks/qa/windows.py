"""Windows of a question and its context: cut, and where each sub-word stands in the context.

Each window is the whole question and a piece of the context, as the tokenizer's own pair template
joins them; neighbouring pieces share ``stride`` sub-words. A piece's sub-words are rows of five
numbers in the end (two scores, the window, first and last character), which is all that finding
answers needs; the *null* row of each window stands for "no answer here": its CLS, wherever the
tokenizer puts it, or its first special token where there is none.

Worked example, windows of 9 with a stride of 1 (WordPiece)::

    question "who ?"  context "The pump at Quay Nine"
    window 0  [CLS] who ? [SEP] the pump at  qu   [SEP]     null row 0, sub-words 4 to 7
    window 1  [CLS] who ? [SEP] qu  ##ay nine     [SEP]     null row 0, sub-words 4 to 6
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.errors import InputError


@dataclass(frozen=True)
class Window:
    """One window.

    Args:
        inputs: model inputs, one value a position.
        null: position of the null row.
        positions: (n,) positions of the context's sub-words that show a character.
        characters: (n, 2) first character of each and one past its last, white space trimmed.
        subwords: how many sub-words of the context stand here that no window before has.
        unknown: how many of them are the unknown token.
    """

    inputs: dict[str, list[int]]
    null: int
    positions: np.ndarray
    characters: np.ndarray
    subwords: int
    unknown: int

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Positions of the first and last sub-word that show characters of ``start:end``."""
        a, b = self.characters.T
        found = self.positions[(a < end) & (b > start)]
        return (int(found[0]), int(found[-1])) if len(found) else None

    def characters_of(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters that these sub-words show."""
        a, b = self.characters.T
        inside = (a < end) & (b > start)
        return (int(a[inside][0]), int(b[inside][-1])) if inside.any() else None

    def mask(self) -> list[int]:
        """1 at each position that can be an answer's: the sub-words here and the null row."""
        mask = [0] * len(self.inputs["input_ids"])
        for place in (self.null, *self.positions.tolist()):
            mask[place] = 1
        return mask


def cut_question(text: str, tokenizer: Any, longest: int) -> tuple[str, list[int]]:
    """A question of at most ``longest`` sub-words, cut at its end, and their ids.

    Example: with a limit of 3, "Which pump is down ?" becomes "Which pump is".
    """
    kept = longest
    while True:
        found = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids, offsets = found["input_ids"], found["offset_mapping"]
        if len(ids) <= longest:
            return text, ids
        # a cut inside a word may leave more pieces than it had: then cut further
        text = text[: offsets[kept][0]] if kept else ""
        kept -= 1


def cut_context(
    question: str,
    context: str,
    tokenizer: Any,
    max_length: int,
    stride: int,
    taken: int,
    place: str,
) -> list[Window]:
    """The windows of one question.

    Args:
        question: short enough.
        context: of any length.
        tokenizer: a fast tokenizer that pads on the right.
        max_length: longest window, special tokens included.
        stride: sub-words that neighbouring windows share; at most a quarter of the room.
        taken: sub-words of the question.
        place: where it stands, for messages.

    Raises:
        InputError: no room for the context, or a tokenizer without special tokens.
    """
    special = tokenizer.num_special_tokens_to_add(pair=True)
    room = max_length - special - taken
    if room < 1:
        raise InputError(
            f"{place}: expected room for the context in windows of {max_length} sub-words, got "
            f"none: the question takes {taken} and special tokens {special}; lower max_question "
            "or raise max_length"
        )
    overlap = min(stride, room // 4)
    batch = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=max_length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    names = [name for name in tokenizer.model_input_names if name in batch]
    return [
        _window(
            {name: batch[name][number] for name in names},
            batch["offset_mapping"][number],
            batch.sequence_ids(number),
            context,
            tokenizer,
            overlap if number else 0,
        )
        for number in range(len(batch["input_ids"]))
    ]


def _window(
    inputs: dict[str, list[int]],
    offsets: list[tuple[int, int]],
    sequence: list[int | None],
    context: str,
    tokenizer: Any,
    overlap: int,
) -> Window:
    ids = inputs["input_ids"]
    special = [place for place, which in enumerate(sequence) if which is None]
    if not special:
        raise InputError(
            "expected a tokenizer that adds special tokens, whose first stands for 'no answer', "
            "got one that adds none: choose another model"
        )
    cls = [place for place in special if ids[place] == tokenizer.cls_token_id]
    positions, characters = [], []
    own = [place for place, which in enumerate(sequence) if which == 1]
    for place in own:
        first, last = offsets[place]
        # byte-level and unigram pieces begin with the space before a word
        while first < last and context[first].isspace():
            first += 1
        while first < last and context[last - 1].isspace():
            last -= 1
        if first < last:
            positions.append(place)
            characters.append((first, last))
    return Window(
        inputs,
        (cls or special)[0],
        np.array(positions, dtype=np.int64),
        np.array(characters, dtype=np.int64).reshape(-1, 2),
        len(own) - overlap,
        sum(ids[place] == tokenizer.unk_token_id for place in own[overlap:]),
    )
