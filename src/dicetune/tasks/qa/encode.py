"""Questions to windows with their targets, and the way back from window outputs to questions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dicetune.data import Question, QuestionCorpus
from dicetune.errors import DataError
from dicetune.tasks.base import IGNORED, Encoded
from dicetune.tasks.qa.best_spans import NULL
from dicetune.tasks.qa.options import QaOptions
from dicetune.tasks.qa.windows import Window, cut_context, cut_question
from dicetune.tasks.window_order import longest_first


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of all questions stand in the model's outputs.

    Args:
        window: window of each row, in the order in which windows are fed.
        position: its position there.
        table: (rows, 3) number of the window within its question, first character, one past last.
        starts: (questions + 1,) where each question's rows begin.
    """

    window: np.ndarray
    position: np.ndarray
    table: np.ndarray
    starts: np.ndarray

    def gather(self, start: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
        """Two outputs of (windows, positions) to (rows, 5) a question."""
        columns = [output[self.window, self.position] for output in (start, end)]
        rows = np.column_stack([*columns, self.table]).astype(np.float32)
        return [rows[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]


def encode_questions(
    data: QuestionCorpus,
    tokenizer: Any,
    max_length: int,
    options: QaOptions,
    *,
    training: bool = False,
) -> Encoded:
    """Windows of all questions, longest first.

    A window that shows the whole answer has its first and last sub-word as targets; one that does
    not has its null row, also where it cuts through the answer: another window shows it. Where
    none does (an answer longer than windows overlap, or one that the tokenizer drops or that
    stands nowhere in the context), nothing true can be said of any of its windows: their targets
    are ignored, and in training they are left out.

    Args:
        data: questions, with or without gold.
        tokenizer: a fast tokenizer.
        max_length: longest window.
        options: of the task.
        training: leave out ignored windows and sampled negatives; there is then no way back.

    Raises:
        DataError: where nothing is left to train on.
        InputError: where a question leaves no room for its context.
    """
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    counts: Counter[str] = Counter()
    features: list[dict[str, Any]] = []
    owners: list[list[tuple[int, Window]]] = []
    longest = 0
    for question in data:
        text, asked = cut_question(question.question, tokenizer, options.max_question)
        counts["truncated_questions"] += text != question.question
        windows = cut_context(
            text,
            question.context,
            tokenizer,
            max_length,
            options.stride,
            len(asked),
            data.place_of(question),
        )
        subwords = sum(window.subwords for window in windows)
        longest = max(longest, len(asked) + subwords)
        counts["subwords"] += len(asked) + subwords
        counts["unknown_subwords"] += asked.count(tokenizer.unk_token_id)
        counts["unknown_subwords"] += sum(window.unknown for window in windows)
        targets = _targets(question, windows, counts) if data.gold else [None] * len(windows)
        own = []
        for number, (window, target) in enumerate(zip(windows, targets, strict=True)):
            if training and not _is_trained(question, number, window, target, options):
                counts["windows_left_out"] += 1
                continue
            feature: dict[str, Any] = dict(window.inputs)
            if target is not None:
                feature["start_positions"], feature["end_positions"] = target
                feature["answer_mask"] = window.mask()
                counts["windows_without_answer"] += target[0] == window.null
            own.append((len(features), window))
            features.append(feature)
        owners.append(own)
    if training and not features:
        raise DataError(data.source, "expected windows to train on, got none: raise max_length")
    facts = {
        "questions": len(data),
        "windows": len(features),
        "subwords": counts["subwords"],
        "unknown_subwords": counts["unknown_subwords"],
        "longest_subwords": longest,
        "truncated_questions": counts["truncated_questions"],
    }
    if data.gold:
        names = ("windows_without_answer", "cut_answers", "not_aligned")
        facts |= {name: counts[name] for name in names}
    if training:
        facts["windows_left_out"] = counts["windows_left_out"]
    order, place_of = longest_first(features)
    back = None if training else _places(owners, place_of)
    return Encoded([features[place] for place in order], back, facts, _notes(facts, max_length))


def _targets(
    question: Question, windows: Sequence[Window], counts: Counter[str]
) -> list[tuple[int, int]]:
    """Start and end position of the answer in each window."""
    if question.impossible:
        return [(window.null, window.null) for window in windows]
    nothing = [(IGNORED, IGNORED)] * len(windows)
    aligned = [
        (answer.start, answer.end)
        for answer in question.answers
        if answer.start is not None and answer.end is not None
    ]
    if not aligned:
        counts["not_aligned"] += 1
        return nothing
    start, end = Counter(aligned).most_common(1)[0][0]
    shown = [window.characters_of(start, end) for window in windows]
    seen = [characters for characters in shown if characters is not None]
    whole = (min(a for a, _ in seen), max(b for _, b in seen)) if seen else None
    if whole not in shown or whole is None:
        counts["cut_answers"] += 1
        return nothing
    return [
        (window.span(start, end) or (window.null, window.null))
        if characters == whole
        else (window.null, window.null)
        for window, characters in zip(windows, shown, strict=True)
    ]


def _is_trained(
    question: Question,
    number: int,
    window: Window,
    target: tuple[int, int] | None,
    options: QaOptions,
) -> bool:
    if target is None or target[0] == IGNORED:
        return False
    if question.impossible or target[0] != window.null:
        return True
    digest = hashlib.sha1(f"{question.id}:{number}".encode()).digest()
    return bool(int.from_bytes(digest[:8], "big") < options.negative_windows * 2**64)


def _places(owners: Sequence[Sequence[tuple[int, Window]]], place_of: np.ndarray) -> RowPlaces:
    window_of, positions, tables, starts = [], [], [], [0]
    for own in owners:
        rows = 0
        for number, (place, window) in enumerate(own):
            count = len(window.positions) + 1
            window_of.append(np.full(count, place_of[place], dtype=np.int32))
            positions.append(np.append(window.null, window.positions).astype(np.int32))
            table = np.full((count, 3), number, dtype=np.int32)
            table[0, 1:] = NULL
            table[1:, 1:] = window.characters
            tables.append(table)
            rows += count
        starts.append(starts[-1] + rows)
    if not window_of:
        empty = np.zeros(0, dtype=np.int64)
        return RowPlaces(empty, empty, np.zeros((0, 3)), np.array(starts))
    return RowPlaces(
        np.concatenate(window_of),
        np.concatenate(positions),
        np.concatenate(tables),
        np.array(starts),
    )


def _notes(facts: dict[str, Any], max_length: int) -> tuple[str, ...]:
    sentences = {
        "truncated_questions": "questions are longer than max_question and were cut",
        "cut_answers": f"answers are shown whole by no window of {max_length} sub-words: "
        "not trained on, scored by their text",
    }
    return tuple(f"{facts[name]} {text}" for name, text in sentences.items() if facts.get(name))
