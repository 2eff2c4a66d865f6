"""A prediction as short texts that can be read, searched and compared: "SITE: Quay Nine"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune.metrics.counting.tag_spans import conlleval_spans, spans_of

LONGEST = 2000
"""Characters of a text that are kept."""


def text_of(row: Mapping[str, Any]) -> str:
    r"""The text of a row, the second of a pair on a line of its own.

    Example:
        >>> text_of({"tokens": ["Dock", "four"]}), text_of({"text": "up?", "text_b": "is it up?"})
        ('Dock four', 'up?\nis it up?')
    """
    tokens = row.get("tokens")
    if tokens is not None:
        text = ("" if _unspaced(tokens) else " ").join(tokens)
    else:
        parts = (row.get(key) for key in ("question", "text", "text_b"))
        text = "\n".join(str(part) for part in parts if part)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def readings(
    problem: Mapping[str, Any], row: Mapping[str, Any], prediction: Any
) -> tuple[str, ...]:
    """What a prediction says, one short text for each thing that can be right or wrong.

    Nothing where it finds nothing: no entity, no label.

    Args:
        problem: what is predicted.
        row: of the unit, for its words.
        prediction: or gold, as ``predictions.jsonl`` has it.

    Example:
        >>> row = {"tokens": ["Quay", "Nine"]}
        >>> readings({"kind": "spans", "scheme": "iob2"}, row, ["B-SITE", "I-SITE"])
        ('SITE: Quay Nine',)
    """
    kind = problem["kind"]
    if kind == "label":
        return (str(prediction),)
    if kind == "label_set":
        return tuple(map(str, prediction))
    if kind == "answer" and prediction is None:
        return ("(no prediction)",)
    if kind == "answer":
        answers = [prediction] if isinstance(prediction, str) else list(prediction)
        return tuple(dict.fromkeys(answer for answer in answers if answer)) or ("(no answer)",)
    if kind == "tags":
        words = zip(row["tokens"], prediction, strict=True)
        return tuple(f"{number}. {word}: {tag}" for number, (word, tag) in enumerate(words, 1))
    return _spans(problem, row["tokens"], prediction)


def _spans(problem: Mapping[str, Any], tokens: Sequence[str], prediction: Any) -> tuple[str, ...]:
    found: list[tuple[str, int, int]]
    if problem["kind"] == "entities":
        found = [_place(own) for own in prediction]
    elif problem["kind"] == "words":
        found = conlleval_spans(prediction)
    else:
        found = spans_of(
            prediction, problem.get("scheme") or "iob2", problem.get("convention") or "strict"
        )
    glue = "" if _unspaced(tokens) else " "
    return tuple(
        f"{kind}: {glue.join(tokens[start:end])}" + _which(tokens, start, end)
        for kind, start, end in found
    )


def _which(tokens: Sequence[str], start: int, end: int) -> str:
    """Where a span begins, if the same words stand elsewhere in the text too."""
    words, length = list(tokens), end - start
    same = sum(words[at : at + length] == words[start:end] for at in range(len(words)))
    return f" (word {start + 1})" if same > 1 else ""


def _place(entity: Any) -> tuple[str, int, int]:
    if isinstance(entity, Mapping):
        return entity["type"], entity["start"], entity["end"]
    kind, start, end = entity
    return kind, start, end


def _unspaced(tokens: Sequence[str]) -> bool:
    """Whether tokens are the characters of a text that has no spaces between them."""
    return len(tokens) > 1 and all(len(token) == 1 for token in tokens)
