"""The notes a reader takes while it reads: what it met, how often, and where first."""

from __future__ import annotations

from dataclasses import dataclass

_PLACES = 5


@dataclass(frozen=True)
class Note:
    """Something a reader met and dealt with: how often, by which rule, and where first.

    Args:
        rule: what was done, in one sentence.
        count: how often.
        places: the first few places as "file:line".

    Example:
        >>> print(Note("empty words: kept", 2, ("a.conll:7", "a.conll:9")))
        empty words: kept (2; first at a.conll:7, a.conll:9)
    """

    rule: str
    count: int
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f"; first at {', '.join(self.places)}" if self.places else ""
        return f"{self.rule} ({self.count}{first})"


class NoteBook:
    """Counts by rule, with the first few places of each.

    Example:
        >>> book = NoteBook()
        >>> book.add("empty words: kept", "a.conll:7")
        >>> book.notes()
        (Note(rule='empty words: kept', count=1, places=('a.conll:7',)),)
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, rule: str, place: str, count: int = 1) -> None:
        """Count one case of a rule, or several that begin at one place."""
        self._counts[rule] = self._counts.get(rule, 0) + count
        places = self._places.setdefault(rule, [])
        if len(places) < _PLACES:
            places.append(place)

    def notes(self) -> tuple[Note, ...]:
        """All rules met, in the order in which they were first met."""
        return tuple(
            Note(rule, count, tuple(self._places[rule])) for rule, count in self._counts.items()
        )
