"""What the model says of one text: its entities, which may lie inside one another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dicetune.data import EntitySentence, EntitySpan
from dicetune.problems.entities import END, FIRST, KIND, weakest_logits
from dicetune.tasks.tagging.tagged import Entity


@dataclass(frozen=True)
class FoundEntities:
    """The entities of one text.

    Args:
        tokens: the words.
        entities: in the order of their places; characters of ``text`` where there is one, else
            words. The score is the least of the probabilities of start, end and match.
        text: the plain text that was asked about, if it was one.
        id: the source's own name for it.
    """

    tokens: list[str]
    entities: list[Entity]
    text: str | None = None
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines: with ``text``, or with ``tokens``."""
        row = {
            "id": self.id,
            "text": self.text,
            "tokens": self.tokens if self.text is None else None,
            "entities": [asdict(entity) for entity in self.entities],
        }
        return {key: value for key, value in row.items() if value is not None}


def found_entities(
    sentence: EntitySentence,
    spans: Sequence[EntitySpan],
    scores: np.ndarray,
    kinds: Sequence[str],
    text: str | None = None,
    places: Sequence[tuple[int, int]] = (),
) -> FoundEntities:
    """Predicted spans with their text, place and score.

    Args:
        sentence: what was asked about.
        spans: predicted.
        scores: of all candidates, as the task's ``decode`` gives them.
        kinds: the types in the order of their numbers.
        text: the plain text that the words were cut from.
        places: first and one past the last character of each word of ``text``.
    """
    spans_scored = map(tuple, scores[:, [KIND, FIRST, END]].astype(int))
    weakest = dict(zip(spans_scored, weakest_logits(scores), strict=True))
    entities = []
    for kind, start, end in spans:
        score = float(1 / (1 + np.exp(-weakest[kinds.index(kind), start, end])))
        if text is None:
            words = " ".join(sentence.tokens[start:end])
            entities.append(Entity(kind, words, start, end, score))
        else:
            first, last = places[start][0], places[end - 1][1]
            entities.append(Entity(kind, text[first:last], first, last, score))
    return FoundEntities(list(sentence.tokens), entities, text, sentence.id)


def render_entities(answers: Sequence[FoundEntities]) -> str:
    """JSON lines, one object a text."""
    return "".join(json.dumps(answer.to_dict(), ensure_ascii=False) + "\n" for answer in answers)
