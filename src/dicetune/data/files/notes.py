"""The notes a reader takes while it reads: what it met, how often, and where first."""

from __future__ import annotations

from dicetune.data.tagged.corpus import Note

_PLACES = 5


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
