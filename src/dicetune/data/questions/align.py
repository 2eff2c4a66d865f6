"""Where an answer stands in its context, also where the file's offset is wrong.

Published files have offsets that point elsewhere (covidqa: 234 of 1,380) or nowhere (CMRC: -1 in
193 of 9,657), and some layouts have none. In this order:

1. the text stands at its offset;
2. it stands elsewhere: the place nearest to the offset, the first where there is no offset (told
   apart by whether it is the only one);
3. it stands there in another spelling, with Unicode compatibility forms (NFKD), zero-width
   characters and runs of white space levelled: the nearest such place;
4. it stands nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

ELSEWHERE = "answers whose offset does not fit: the nearest place with the same text was taken"
UNPLACED = "answers without an offset: placed where their text stands"
AMBIGUOUS = "answers without an offset whose text stands several times: the first place was taken"
RESPELLED = "answers that the context spells with other white space or Unicode forms: aligned to it"
NOWHERE = "answers that stand nowhere in their context: scored by their text, not trained on"

Aligned = tuple[int, int, str | None]


def align_answer(text: str, start: int | None, context: str) -> Aligned | None:
    """First character, one past the last, and the rule that found them.

    Args:
        text: of the answer, not blank.
        start: the file's offset; ``None`` where it has none.
        context: where to look.

    Returns:
        The rule is ``None`` where the offset was right; ``None`` in all where the text stands
        nowhere.

    Example:
        >>> align_answer("Nine", 8, "At Quay Nine.")
        (8, 12, None)
        >>> align_answer("Nine", 2, "At Quay Nine.")[:2], align_answer("Ten", 2, "At Quay Nine.")
        ((8, 12), None)
    """
    if start is not None and context.startswith(text, start):
        return start, start + len(text), None
    places = [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]
    best = _nearest(places, start)
    if best is not None:
        unplaced = UNPLACED if len(places) == 1 else AMBIGUOUS
        return best, best + len(text), unplaced if start is None else ELSEWHERE
    return _respelled(text, start, context)


def _respelled(text: str, start: int | None, context: str) -> Aligned | None:
    needle, _ = _level(text)
    level, origin = _level(context)
    if not needle:
        return None
    # only whole characters: an expanded one (ﬁ to f, i) is taken or left
    ends = {
        number for number, place in enumerate(origin) if number == 0 or place != origin[number - 1]
    }
    ends.add(len(level))
    places = {
        origin[match.start()]: origin[match.start() + len(needle) - 1] + 1
        for match in re.finditer(f"(?={re.escape(needle)})", level)
        if match.start() in ends and match.start() + len(needle) in ends
    }
    best = _nearest(places, start)
    return None if best is None else (best, places[best], RESPELLED)


def _level(text: str) -> tuple[str, list[int]]:
    """The text with its spelling levelled, and for each character where it came from."""
    characters: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        if unicodedata.category(character) == "Cf":
            continue
        for part in unicodedata.normalize("NFKD", character):
            new = " " if part.isspace() else part
            if new == " " and (not characters or characters[-1] == " "):
                continue
            characters.append(new)
            origin.append(place)
    while characters and characters[-1] == " ":
        characters.pop()
        origin.pop()
    return "".join(characters), origin


def _nearest(places: Iterable[int], start: int | None) -> int | None:
    goal = 0 if start is None else start
    return min(places, key=lambda place: (abs(place - goal), place), default=None)
