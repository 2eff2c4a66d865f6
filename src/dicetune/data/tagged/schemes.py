"""The scheme of the tags of a file, and the way from it to IOB2 or IOBES.

Detection looks at the whole file. ``O`` says nothing; by the letters of the other tags:

1. No tag has a letter and a dash (``PER``, ``art-music``): **io** without letters, if the file has
   ``O``; else the tags are parts of speech. Single letters (``B``, ``I``) are spans without a
   type: they get the type ``ENTITY``, and the rules from 2 on decide.
2. M-: **bmes**. L- or U-: **bilou**. E- or S-: **iobes** (bmes without any M- is the same).
3. I- alone: **iob1** (io with letters reads the same). B- alone: **iob2**.
4. B- and I-: a B- that does not touch a span of its type is evidence for iob2, an I- that
   continues nothing is evidence for iob1. Without such a B- the scheme is **iob1**; else the more
   frequent evidence decides, and a tie is **iob2**.
5. Letters that no single scheme has (M- beside I-, L- beside E-), bare tags beside tags with
   letters, or E- without B- and S- (IOE): an error that names both places.

Rules 3 and 4 decide the name only: the spans are the same in both schemes.

**Repair.** Tags that the scheme does not allow at their place are read by conlleval's rule
(see ``problems.schemes``) and spelled anew; each tag whose letter changes is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dicetune.data.tagged.corpus import Reading, Scheme
from dicetune.data.tagged.sentences import Numbered, Sentences
from dicetune.errors import quoted, unknown_name
from dicetune.problems.schemes import PREFIXES, TagRows

REPAIR = "tags that the scheme {scheme} does not allow there: repaired (conlleval's rule)"
KEPT = (
    "{what} tags that {scheme} does not allow there: kept "
    "(strict does not count them as entities, conlleval does)"
)
TYPELESS = "tags without a type (B, I): given the type ENTITY"

_LETTERED = re.compile(r"[BIESMLU]-.", re.DOTALL)
_JOINED = re.compile(r"(?:O|[BIESMLU]-.+?)(?:[|;,]O(?:$|[|;,])|[|;,/+& ][BIESMLU]-.)", re.DOTALL)
_OTHER_SPELLING = re.compile(
    r"[BIESMLUbiesmlu][^0-9A-Za-z].|-.+|[^0-9A-Za-z]+[BIESMLU]-.|.*[-_][BIESMLU]$|[BIESMLU]-$|^o$"
)


def target_scheme(scheme: str) -> Scheme:
    """The scheme that tags are brought to: iob2 where the last word is not marked, else iobes."""
    return "iob2" if scheme in ("io", "iob1", "iob2") else "iobes"


def plain_tags(names: Sequence[str]) -> tuple[list[str], bool]:
    """Tags with a letter and a type each, and whether tags without a type got ``ENTITY``.

    Bare types get the letter I-.

    Example:
        >>> plain_tags(["PER", "O"]), plain_tags(["B", "O"])
        ((['I-PER', 'O'], False), (['B-ENTITY', 'O'], True))
    """
    seen = {*names} - {"O"}
    if seen and seen <= set("BIESMLU"):
        return [name if name == "O" else f"{name}-ENTITY" for name in names], True
    if seen and not any(_LETTERED.match(name) for name in seen):
        return [name if name == "O" else f"I-{name}" for name in names], False
    return [*names], False


def detect_scheme(sentences: Sentences, reading: Reading) -> str:
    """The scheme of the tags of a file, by the rules above."""
    tags = sentences.own_tags
    # the line of each tag, 0 where lines mean nothing
    first = {tag: sentences.line_at(place) or 0 for tag, place in tags.firsts().items()}
    for tag, line in first.items():
        _check_single(tag, line or None, reading)
    seen = [tag for tag in first if tag != "O"]
    if not seen:
        return "iob2"
    bare = [tag for tag in seen if not _LETTERED.match(tag)]
    if bare and not set(seen) <= set("BIESMLU"):
        lettered = [tag for tag in seen if _LETTERED.match(tag)]
        _check_bare(bare, lettered, first, reading)
        return "io"
    letters = {tag[0] for tag in seen}
    for scheme, marks in (("bmes", "M"), ("bilou", "LU"), ("iobes", "ES")):
        if letters & set(marks):
            _check_letters(scheme, marks, first, reading)
            return scheme
    if letters == {"I"}:
        return "iob1"
    if letters == {"B"}:
        return "iob2"
    plain, _ = plain_tags(tags.names)
    letter, _, alike, *_ = tag_rows(sentences, plain).words
    needless, orphans = (((letter == one) & ~alike).sum() for one in (1, 2))  # B- and I-
    return "iob1" if not needless or orphans > needless else "iob2"


def normalise(sentences: Sentences, scheme: str, reading: Reading) -> tuple[Sentences, str]:
    """The sentences with tags brought to IOB2 or IOBES and repaired; the scheme of the file."""
    if scheme != "auto" and scheme not in PREFIXES:
        raise unknown_name("tag scheme", scheme, ["auto", *PREFIXES])
    found = detect_scheme(sentences, reading) if scheme == "auto" else scheme
    target, tags = target_scheme(found), sentences.own_tags
    firsts = tags.firsts()
    plain, typeless = plain_tags(list(firsts))
    spelled = dict(zip(firsts, plain, strict=True))
    for tag, place in firsts.items():
        _check_known(tag, spelled[tag], sentences.line_at(place), found, reading)
    rows = tag_rows(sentences, [spelled.get(name, "O") for name in tags.names])
    if typeless:
        for place in np.flatnonzero(rows.words[0]).tolist():
            reading.note(TYPELESS, sentences.line_at(place))
    for place in rows.misspelled(found).tolist():
        reading.note(REPAIR.format(scheme=found), sentences.line_at(place))
    new = rows.spelled(target)
    numbers = np.where(tags.numbers < 0, -1, new.numbers)
    return replace(sentences, tags=Numbered(new.names, numbers).compact()), found


def respell(
    both: Sequence[TagRows], scheme: str, gold: Sentences, reading: Reading
) -> list[TagRows]:
    """Gold and predicted tags, brought to IOB2 or IOBES without repair, which is noted.

    Only IO and IOB1 are read as spans: a letter there means something else than in IOB2.
    """
    if scheme not in PREFIXES:
        raise unknown_name("tag scheme", scheme, ["auto", *PREFIXES])
    names = list(dict.fromkeys(name for rows in both for name in rows.names))
    plain, _ = plain_tags(names)
    spelled = dict(zip(names, plain, strict=True))
    letters = {"bmes": {"M": "I"}, "bilou": {"L": "E", "U": "S"}}.get(scheme, {})
    target, found = target_scheme(scheme), []
    for rows in both:
        for tag, place in Numbered(rows.names, rows.numbers).firsts().items():
            _check_known(tag, spelled[tag], gold.line_at(place), scheme, reading)
        named = [letters.get(spelled[n][0], spelled[n][0]) + spelled[n][1:] for n in rows.names]
        new = TagRows(named, rows.numbers, rows.starts)
        found.append(new.spelled(target) if scheme in ("io", "iob1") else new)
    for new, what in zip(found, ("gold", "predicted"), strict=True):
        for place in new.misspelled(target).tolist():
            reading.note(KEPT.format(what=what, scheme=target), gold.line_at(place))
    return found


def tag_rows(sentences: Sentences, names: Sequence[str] | None = None) -> TagRows:
    """The tags of sentences; ``names`` spell the numbers otherwise."""
    tags, starts = sentences.own_tags, sentences.starts - sentences.starts[0]
    tags = tags.compact() if names is None else Numbered([*names, "O"], tags.numbers)
    return TagRows(tags.names, tags.numbers, starts)  # the last name is of a word without a tag


def _check_single(tag: str, line: int | None, reading: Reading) -> None:
    """Refuse a cell of several tags, whose type would join the types of two layers."""
    if _JOINED.match(tag):
        raise reading.error(
            f"expected one tag for each word, got {quoted(tag)}, several tags in one cell: keep "
            "one layer of them in a column of its own, or give all spans as JSON lines to task "
            "'mrc-ner', which reads nested entities",
            line,
        )


def _check_bare(
    bare: list[str], lettered: list[str], first: dict[str, int], reading: Reading
) -> None:
    """Refuse tags without a letter that are another spelling, or no tags of entities."""
    odd = next((tag for tag in bare if _OTHER_SPELLING.match(tag)), None)
    if odd is not None:
        raise reading.error(
            f"expected tags such as 'B-PER', 'I-PER' and 'O', got {quoted(odd)}: "
            "spell it so, letter first and a dash",
            first[odd] or None,
        )
    if lettered:
        raise reading.error(
            f"a mixture of schemes: {quoted(bare[0])} has no letter such as B- or I-, but "
            f"{quoted(lettered[0])} on line {first[lettered[0]]} has one. Spell all tags in one "
            "scheme; if the line is a comment, remove it",
            first[bare[0]] or None,
        )
    if "O" not in first:
        raise reading.error(
            f"expected entity tags with 'O' outside of entities, got {quoted(bare[0])} and no 'O' "
            "at all: for parts of speech use task 'pos', or choose another tag column",
            first[bare[0]] or None,
        )


def _check_letters(scheme: str, marks: str, first: dict[str, int], reading: Reading) -> None:
    """Refuse letters that the scheme with these marks does not have, and IOE."""
    seen = [tag for tag in first if tag != "O"]
    strange = next((tag for tag in seen if tag[0] not in PREFIXES[scheme]), None)
    if strange is not None:
        mark = next(tag for tag in seen if tag[0] in marks)
        raise reading.error(
            f"a mixture of schemes: {quoted(mark)} on line {first[mark]} belongs to {scheme}, "
            f"which has no {quoted(strange)}. Spell all tags in one scheme: {', '.join(PREFIXES)}",
            first[strange] or None,
        )
    if scheme == "iobes" and not any(tag[0] in "BS" for tag in seen):
        raise reading.error(
            "expected a scheme that marks how an entity begins (B- or S-), got only I- and E- "
            "(IOE): convert it to IOB2",
            first[seen[0]] or None,
        )


def _check_known(tag: str, plain: str, line: int | None, scheme: str, reading: Reading) -> None:
    """Refuse a tag, ``plain`` with letter and type, that a scheme does not have."""
    if plain == "O":
        return
    _check_single(tag, line, reading)
    if not (_LETTERED.match(plain) and plain[0] in PREFIXES[scheme]):
        allowed = ", ".join(f"{letter}-" for letter in PREFIXES[scheme])
        raise reading.error(
            f"expected O or a tag of the scheme {scheme} ({allowed} and a type), "
            f"got {quoted(tag)}: choose the scheme or the tag column",
            line,
        )
