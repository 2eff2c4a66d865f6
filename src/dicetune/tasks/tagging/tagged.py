"""Tagged: what a tagger says of one text, and how that is written.

Plain text comes back with its entities marked in place (``down at [[Quay Nine|SITE]] again``), or
as word_TAG where the tags are parts of speech. What comes out lines up with what went in: a line
or row without words is one without words there too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from typing import Any, Literal

import numpy as np

from dicetune.data import Corpus, Sentence, spans, write_conll


@dataclass(frozen=True)
class Entity:
    """A named entity in a text.

    Args:
        type: its type.
        text: its characters, as they stand in the text.
        start: first character, or first word where words were given.
        end: one past the last.
        score: mean probability of its words' labels.
    """

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Tagged:
    """One text with a tag for each word.

    Args:
        tokens: the words.
        tags: one each.
        probabilities: of each tag.
        entities: the spans that the tags mark; empty for part of speech.
    """

    tokens: list[str]
    tags: list[str]
    probabilities: list[float]
    entities: list[Entity] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)


def tag_sentence(
    tokens: Sequence[str],
    tags: Sequence[str],
    scores: np.ndarray,
    scheme: Literal["iob2", "iobes"] | None,
    text: str | None = None,
    places: Sequence[tuple[int, int]] = (),
) -> Tagged:
    """Put tags, their probabilities and the entities together.

    Args:
        tokens: the words.
        tags: one each.
        scores: log-probabilities of these tags, (words,).
        scheme: of the tags, where they are spans.
        text: the text that the words were cut from, if any: entities are then characters of it.
        places: first and one past the last character of each word of ``text``.
    """
    probabilities = np.exp(scores)
    entities = []
    for kind, begin, end in spans(tags, scheme) if scheme is not None else ():
        score = float(probabilities[begin:end].mean())
        if text is None:
            entities.append(Entity(kind, " ".join(tokens[begin:end]), begin, end, score))
        else:
            first, last = places[begin][0], places[end - 1][1]
            entities.append(Entity(kind, text[first:last], first, last, score))
    return Tagged(list(tokens), list(tags), [float(p) for p in probabilities], entities)


def render_tagged(data: Corpus, answers: Sequence[Tagged], out_format: str, *, spans: bool) -> str:
    """The text of an output file.

    Args:
        data: what was tagged.
        answers: one for each sentence.
        out_format: "same" as the source, "conll" or "jsonl".
        spans: whether the tags are spans, which plain text shows in brackets.
    """
    texts = getattr(data, "texts", None) or [None] * len(data)
    if out_format == "jsonl" or (out_format == "same" and data.format == "jsonl"):
        rows = zip(data, answers, texts, strict=True)
        return "".join(_json_line(answer, own.id, text) for own, answer, text in rows)
    if out_format == "conll" or data.format != "text":
        stream = StringIO()
        plain = [Sentence(tuple(answer.tokens)) for answer in answers]
        known = plain if data.format == "text" else data
        write_conll(stream, known, [answer.tags for answer in answers])
        return stream.getvalue()
    lines = (
        _marked(text or " ".join(answer.tokens), answer) if spans else _word_tags(answer)
        for text, answer in zip(texts, answers, strict=True)
    )
    return "".join(line + "\n" for line in lines)


def _marked(text: str, tagged: Tagged) -> str:
    """The text with each entity in double brackets."""
    parts, end = [], 0
    for entity in tagged.entities:
        parts += [text[end : entity.start], f"[[{entity.text}|{entity.type}]]"]
        end = entity.end
    return "".join([*parts, text[end:]])


def _word_tags(tagged: Tagged) -> str:
    pairs = zip(tagged.tokens, tagged.tags, strict=True)
    return " ".join(f"{word}_{tag}" for word, tag in pairs)


def _json_line(tagged: Tagged, name: str | None, text: str | None = None) -> str:
    row = {"id": name, "text": text, **tagged.to_dict()}
    return json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n"
