"""What a data set holds, as plain data: sizes, imbalance, leaks, conflicts, long texts.

Here stands what every layout shares; each layout gathers its own facts (``inspect_tokens`` and its
siblings). Nothing is printed and no tokenizer is loaded: the caller may hand in a function that
counts sub-words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from dicetune.data.files.notes import Note
from dicetune.errors import listed

SubwordCounter = Callable[[str | Sequence[str]], tuple[int, int]]
"""From a text, or the words of a sentence, to its number of sub-words and of unknown ones."""

Fact = int | float | str | None
"""A count, a share between 0 and 1 (always a float, shown in percent), words, or nothing."""

MANY_UNKNOWN = 0.05
"""Share of unknown sub-words above which a tokenizer was not made for a text."""

_LONGEST, _SUBWORDS, _UNKNOWN = "longest in sub-words", "sub-words", "unknown sub-words"
_EXAMPLES = 5


@dataclass(frozen=True)
class Ratio:
    """How imbalanced the labels are.

    Args:
        value: ``many`` divided by ``few``.
        many: items of the large side.
        few: items of the small side.
        meaning: what is divided by what, in words.
        name: the same in short, for a table; the paper's name for it if not given.
    """

    value: float
    many: int
    few: int
    meaning: str
    name: str = "negative : positive"

    @classmethod
    def of(
        cls, many: int, few: int, meaning: str, name: str = "negative : positive"
    ) -> Self | None:
        """The ratio, or ``None`` where there is nothing to divide by."""
        return cls(many / few, many, few, meaning, name) if few else None

    @classmethod
    def of_labels(cls, counts: Mapping[str, int]) -> Self | None:
        """Most frequent label to rarest, of those that occur; ``None`` below two.

        Example:
            >>> Ratio.of_labels({"ham": 6, "spam": 2}).value
            3.0
        """
        ordered = Counter({label: count for label, count in counts.items() if count}).most_common()
        if len(ordered) < 2:
            return None
        (top, many), (rarest, few) = ordered[0], ordered[-1]
        meaning = f"most frequent label ({top}) : rarest label ({rarest})"
        return cls.of(many, few, meaning, "most frequent : rarest")


@dataclass(frozen=True)
class SplitReport:
    """One file or split.

    Args:
        name: as the caller calls it.
        source: the file.
        facts: sizes and oddities under plain words ("sentences", "duplicates inside"), in the
            order in which they are shown. A float is a share and shown in percent.
        labels: how often each label, type or class occurs, in the order in which they are shown.
        ratio: ``None`` where a side of it is empty.
        notes: repairs and oddities of the reader.
    """

    name: str
    source: str
    facts: dict[str, Fact]
    labels: dict[str, int]
    ratio: Ratio | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Leak:
    """Texts of one split that also stand in an earlier one.

    Args:
        split: the later split, such as test.
        other: the earlier one, such as train.
        count: texts of ``split`` with a twin in ``other``.
        share: of all texts of ``split``.
        places: the first few.
        unit: what such a text is called ("sentences", "questions").
    """

    split: str
    other: str
    count: int
    share: float
    places: tuple[str, ...]
    unit: str = "texts"


@dataclass(frozen=True)
class Conflict:
    """One text whose gold is given in more than one way.

    Args:
        text: as it reads.
        places: one for each way, the first that has it.
        differences: the first two ways, or where they differ.
    """

    text: str
    places: tuple[str, ...]
    differences: str


@dataclass(frozen=True)
class Inspection:
    """All that was found in the splits of a data set; ``Inspection.of`` puts it together.

    Args:
        splits: one report each, in the order given.
        leaks: for each pair of splits, if any.
        conflicts: how many texts have more than one gold, over all splits.
        conflict_examples: the first few.
        paper_ratios: what the paper's Table 1 prints for its data sets of this kind, if anything.
        warnings: what should be mended before training, in sentences.
        labels_title: what ``SplitReport.labels`` counts ("Entities of each type").
    """

    splits: tuple[SplitReport, ...]
    leaks: tuple[Leak, ...]
    conflicts: int
    conflict_examples: tuple[Conflict, ...]
    paper_ratios: dict[str, float]
    warnings: tuple[str, ...] = ()
    labels_title: str = "Labels"

    @classmethod
    def of(
        cls,
        splits: Iterable[SplitReport],
        *,
        leaks: Sequence[Leak] = (),
        conflicts: Sequence[Conflict] = (),
        paper_ratios: Mapping[str, float] | None = None,
        warnings: Sequence[str] = (),
        labels_title: str = "Labels",
    ) -> Self:
        """Count the conflicts, keep the first few, and add warnings that hold for all data."""
        reports = tuple(splits)
        return cls(
            reports,
            tuple(leaks),
            len(conflicts),
            tuple(conflicts[:_EXAMPLES]),
            dict(paper_ratios or {}),
            (*warnings, *_missing_labels(reports), *unknown_warnings(reports)),
            labels_title,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def place_of(source: str, line: int | None) -> str:
    """Where an example stands: "file:line", or the file alone."""
    return source if line is None else f"{source}:{line}"


def duplicates(keys: Iterable[Hashable]) -> int:
    """How many stood in the same split before.

    Example:
        >>> duplicates(["hi", "hi", "bye", "hi"])
        2
    """
    counts = Counter(keys)
    return counts.total() - len(counts)


def find_leaks(
    keys: Mapping[str, Sequence[tuple[Hashable, str]]], unit: str = "texts"
) -> tuple[Leak, ...]:
    """Texts of a split that an earlier split has too, for each pair of splits.

    Args:
        keys: for each split, of every text what makes two of them the same, and its place.
        unit: what such a text is called.

    Example:
        >>> leaks = find_leaks({"train": [("hi", "a:1")], "test": [("bye", "b:1"), ("hi", "b:2")]})
        >>> leaks[0].split, leaks[0].other, leaks[0].count, leaks[0].share, leaks[0].places
        ('test', 'train', 1, 0.5, ('b:2',))
    """
    known = {name: {key for key, _ in rows} for name, rows in keys.items()}
    names = list(keys)
    leaks = []
    for later, name in enumerate(names):
        for other in names[:later]:
            places = [place for key, place in keys[name] if key in known[other]]
            if places:
                share = len(places) / len(keys[name])
                first = tuple(places[:_EXAMPLES])
                leaks.append(Leak(name, other, len(places), share, first, unit))
    return tuple(leaks)


def find_conflicts(
    items: Iterable[tuple[Hashable, Hashable, str]],
    describe: Callable[[Any, Any, Any], tuple[str, str]] = lambda key, first, second: (
        str(key),
        f"{first} / {second}",
    ),
) -> tuple[Conflict, ...]:
    """Texts with more than one gold, in the order in which they first come.

    Args:
        items: of every text with gold: what makes two of them the same, its gold, its place.
        describe: from such a key and its first two golds to the text and their difference.

    Example:
        >>> find_conflicts([("hi", "ham", "a:1"), ("bye", "ham", "a:2"), ("hi", "spam", "b:7")])
        (Conflict(text='hi', places=('a:1', 'b:7'), differences='ham / spam'),)
    """
    ways: dict[Hashable, dict[Hashable, str]] = {}
    for key, gold, place in items:
        ways.setdefault(key, {}).setdefault(gold, place)
    found = []
    for key, places in ways.items():
        if len(places) > 1:
            text, differences = describe(key, *list(places)[:2])
            found.append(Conflict(text, tuple(places.values()), differences))
    return tuple(found)


def subword_facts(
    texts: Iterable[str | Sequence[str]], count: SubwordCounter | None
) -> dict[str, Fact]:
    """What a tokenizer makes of the texts of a split, for ``SplitReport.facts``.

    Args:
        texts: whole, or as words.
        count: without it, nothing is counted and every fact is ``None``.

    Example:
        >>> subword_facts(["ab", "abc?"], lambda text: (len(text), text.count("?")))
        {'longest in sub-words': 4, 'sub-words': 6, 'unknown sub-words': 0.16666666666666666}
    """
    if count is None:
        return {_LONGEST: None, _SUBWORDS: None, _UNKNOWN: None}
    counts = [count(text) for text in texts]
    total = sum(number for number, _ in counts)
    unknown = sum(number for _, number in counts)
    return {
        _LONGEST: max((number for number, _ in counts), default=0),
        _SUBWORDS: total,
        _UNKNOWN: unknown / total if total else 0.0,
    }


def _missing_labels(reports: Sequence[SplitReport]) -> list[str]:
    """One sentence for each split that has one label at most where the first split has more."""
    found = []
    for report in reports[1:]:
        there = {label for label, count in report.labels.items() if count}
        missing = [n for n, count in reports[0].labels.items() if count and n not in there]
        if missing and len(there) < 2:
            found.append(
                f"{report.name} holds no item of {listed(missing)}: a score on it tells nothing "
                "of them, and their F1 is 0 whatever a model says"
            )
    return found


def unknown_warnings(reports: Iterable[SplitReport]) -> tuple[str, ...]:
    """One sentence for each split that the tokenizer was not made for."""
    shares = ((report.name, report.facts.get(_UNKNOWN)) for report in reports)
    return tuple(
        f"{name}: {100 * share:.1f}% of the sub-words are unknown to the "
        "tokenizer, which was not made for this text: train with --add-characters, or choose "
        "another model"
        for name, share in shares
        if isinstance(share, float) and share > MANY_UNKNOWN
    )
