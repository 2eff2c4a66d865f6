"""Span scores for named entities: precision, recall and F1 of whole entities.

seqeval decides what an entity is; this module hands it tags that it cannot mangle, counts, and
divides. The two conventions differ only for tags that the scheme does not allow:

- ``strict`` (default): an entity begins with B- (or S-) and, in IOBES, ends with E- (or S-);
  anything else is no entity. seqeval's strict mode.
- ``conlleval``: an I- that continues nothing begins an entity, as in the CoNLL-2000 script
  ``conlleval.pl``. seqeval's default mode.

Reference: Tjong Kim Sang & De Meulder, CoNLL 2003; Nakayama, seqeval, 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dicetune.errors import InputError, quoted, unknown_name

Tagged = Sequence[Sequence[str]]
Entity = tuple[int, str, int, int]

_LETTERS = {"iob2": "BI", "iobes": "BIES"}
_CONVENTIONS = ("strict", "conlleval")


@dataclass(frozen=True)
class SpanCounts:
    """Counts of one type, or of all, and the scores they give; fractions from 0 to 1.

    A score whose denominator is 0 is 0.
    """

    correct: int
    predicted: int
    support: int
    precision: float = field(init=False)
    recall: float = field(init=False)
    f1: float = field(init=False)

    def __post_init__(self) -> None:
        both = self.predicted + self.support
        object.__setattr__(self, "precision", _ratio(self.correct, self.predicted))
        object.__setattr__(self, "recall", _ratio(self.correct, self.support))
        object.__setattr__(self, "f1", _ratio(2 * self.correct, both))


@dataclass(frozen=True)
class SpanScores(SpanCounts):
    """Micro scores over all entities, with the table by type.

    Args:
        per_type: counts and scores of each entity type.
        token_accuracy: share of words with the right tag.
        scheme: the scheme of the tags.
        convention: ``strict`` or ``conlleval``.
    """

    per_type: dict[str, SpanCounts] = field(default_factory=dict)
    token_accuracy: float = 0.0
    scheme: str = "iob2"
    convention: str = "strict"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def span_scores(
    gold: Tagged,
    predicted: Tagged,
    *,
    scheme: Literal["iob2", "iobes"] = "iob2",
    convention: Literal["strict", "conlleval"] = "strict",
) -> SpanScores:
    """Precision, recall and F1 of whole entities, over all and by type.

    Args:
        gold: the right tags, one list for each sentence.
        predicted: a tagger's, of the same lengths.
        scheme: what the tags are spelled in.
        convention: what an entity is where the tags are not well formed (above).

    Raises:
        InputError: unequal lengths, or a tag that the scheme does not know.

    Example:
        >>> scores = span_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "O"]])
        >>> scores.precision, scores.recall, round(scores.f1, 3)
        (1.0, 0.5, 0.667)
        >>> span_scores([["O", "I-PER"]], [["O", "I-PER"]]).support
        0
        >>> span_scores([["O", "I-PER"]], [["O", "I-PER"]], convention="conlleval").support
        1
    """
    if scheme not in _LETTERS:
        raise unknown_name("scheme to score in", scheme, _LETTERS)
    if convention not in _CONVENTIONS:
        raise unknown_name("convention", convention, _CONVENTIONS)
    check_lengths(gold, predicted)
    # seqeval strips dashes from types; under these stand-ins there is nothing to strip.
    names: dict[str, str] = {}
    gold_entities = _entities(_plain(gold, scheme, "gold", names), scheme, convention)
    own_entities = _entities(_plain(predicted, scheme, "predicted", names), scheme, convention)
    correct = gold_entities & own_entities

    def count(stand_in: str | None) -> tuple[int, int, int]:
        sets = (correct, own_entities, gold_entities)
        if stand_in is None:
            return len(sets[0]), len(sets[1]), len(sets[2])
        first, second, third = (sum(e[1] == stand_in for e in one) for one in sets)
        return first, second, third

    per_type = {
        kind: counts
        for kind, stand_in in sorted(names.items())
        if (counts := SpanCounts(*count(stand_in))).support or counts.predicted
    }
    pairs = [
        (a, b) for g, p in zip(gold, predicted, strict=True) for a, b in zip(g, p, strict=True)
    ]
    accuracy = _ratio(sum(a == b for a, b in pairs), len(pairs))
    return SpanScores(*count(None), per_type, accuracy, scheme, convention)


def check_lengths(gold: Tagged, predicted: Tagged) -> None:
    """Refuse two lists of sentences that do not pair up.

    Args:
        gold: the right tags, one list for each sentence.
        predicted: a tagger's.

    Raises:
        InputError: the first sentence that differs, and both lengths.
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"expected as many predicted sentences as gold ones ({len(gold)}), got {len(predicted)}"
        )
    for number, (right, own) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(own):
            raise InputError(
                f"sentence {number}: expected {len(right)} predicted tags, one for each gold tag, "
                f"got {len(own)}"
            )


def _plain(tags: Tagged, scheme: str, which: str, names: dict[str, str]) -> list[list[str]]:
    letters = _LETTERS[scheme]
    plain: dict[str, str] = {"O": "O"}
    for number, sentence in enumerate(tags):
        for tag in sentence:
            if tag in plain:
                continue
            if len(tag) < 3 or tag[1] != "-" or tag[0] not in letters:
                allowed = ", ".join(f"{letter}-" for letter in letters)
                raise InputError(
                    f"{which} sentence {number}: expected O or a tag of the scheme {scheme} "
                    f"({allowed} and a type), got {quoted(tag)}"
                )
            stand_in = names.setdefault(tag[2:], f"t{len(names)}")
            plain[tag] = f"{tag[0]}-{stand_in}"
    return [[plain[tag] for tag in sentence] for sentence in tags]


def _entities(tags: list[list[str]], scheme: str, convention: str) -> set[Entity]:
    # Imported here: seqeval loads scikit-learn, which costs a second that readers need not pay.
    from seqeval.metrics.sequence_labeling import get_entities
    from seqeval.scheme import IOB2, IOBES, Tokens

    found: set[Entity] = set()
    for number, sentence in enumerate(tags):
        if convention == "strict":
            tokens = Tokens(sentence, scheme={"iob2": IOB2, "iobes": IOBES}[scheme])
            found.update((number, e.tag, e.start, e.end) for e in tokens.entities)
        else:  # this one counts the last word in
            found.update((number, kind, a, b + 1) for kind, a, b in get_entities(sentence))
    return found


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
