"""The contents of a data set as plain data: sizes, imbalance, leaks, conflicts, long texts.

``inspect_splits`` finds the facts that all layouts share; each corpus adds its ``Contents``
(``inspect_tokens`` and its siblings). Nothing is printed and no tokenizer is loaded: the caller may
give a function that counts sub-words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from dicetune.data.files.rows import Rows
from dicetune.data.files.text import Note
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
    """The imbalance of the labels: ``many`` divided by ``few``, both named in words.

    The name is a short form of the meaning, for a table.
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
        """The ratio, or ``None`` where ``few`` is 0."""
        return cls(many / few, many, few, meaning, name) if few else None

    @classmethod
    def of_labels(cls, counts: Mapping[str, int]) -> Self | None:
        """The most frequent label to the rarest that occurs; ``None`` below two labels."""
        ordered = Counter({label: count for label, count in counts.items() if count}).most_common()
        if len(ordered) < 2:
            return None
        (top, many), (rarest, few) = ordered[0], ordered[-1]
        meaning = f"most frequent label ({top}) : rarest label ({rarest})"
        return cls.of(many, few, meaning, "most frequent : rarest")


@dataclass(frozen=True)
class Item:
    """One text of a split: a key that equal texts share, its place, and its gold."""

    key: Hashable
    place: str  # "file:line"
    gold: Hashable = None  # ``None`` where there is no gold
    texts: tuple[str | Sequence[str], ...] = ()  # for a tokenizer: one, or two of a pair
    length: int = 0  # in ``Contents.unit``

    @classmethod
    def of_words(cls, tokens: Sequence[str], place: str, gold: Hashable) -> Self:
        """A sentence, which is the same as another sentence of the same words."""
        return cls(tuple(tokens), place, gold, (tokens,), len(tokens))


@dataclass(frozen=True)
class Contents:
    """What a corpus says about one split; facts and labels in the order in which they are shown."""

    source: str
    items: Sequence[Item]
    facts: Mapping[str, Fact]  # sizes under plain words ("sentences")
    labels: Mapping[str, int]  # how often each label, type or class occurs
    ratio: Ratio | None
    notes: tuple[Note, ...] = ()
    unit: str | None = None  # of the longest text ("words"); ``None`` where it is not shown
    last_facts: Mapping[str, Fact] = field(default_factory=dict)
    # other texts that may leak, by their unit ("contexts"): key and place of each
    parts: Mapping[str, Sequence[tuple[Hashable, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitReport:
    """One file or split; a fact that is a float is a share and shown in percent."""

    name: str
    source: str
    facts: dict[str, Fact]
    labels: dict[str, int]
    ratio: Ratio | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Leak:
    """Texts of a later split, such as test, that are also in an earlier split."""

    split: str  # the later split
    other: str  # the earlier split
    count: int
    share: float  # of all texts of ``split``
    places: tuple[str, ...]  # the first few
    unit: str = "texts"


@dataclass(frozen=True)
class Conflict:
    """One text with more than one gold: a place of each gold, and how two golds differ."""

    text: str
    places: tuple[str, ...]
    differences: str


@dataclass(frozen=True)
class Inspection:
    """The facts on all splits of a data set."""

    splits: tuple[SplitReport, ...]
    leaks: tuple[Leak, ...] = ()
    conflicts: int = 0  # texts with more than one gold, over all splits
    conflict_examples: tuple[Conflict, ...] = ()  # the first few
    paper_ratios: dict[str, float] = field(default_factory=dict)  # of the paper's data of this kind
    warnings: tuple[str, ...] = ()  # what should be mended before training
    labels_title: str = "Labels"  # what ``SplitReport.labels`` counts

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self)


def inspect_splits(
    splits: Mapping[str, Contents],
    count_subwords: SubwordCounter | None,
    unit: str,
    labels_title: str,
    describe: Callable[[Any, Any, Any], tuple[str, str]],
    paper_ratios: Mapping[str, float] | None = None,
) -> Inspection:
    """Describe splits, the training split first; messages call their texts ``unit``.

    ``describe`` makes a text and a difference from a key and two golds of the same text. Without a
    counter, sub-words are not counted.
    """
    reports = tuple(_report(name, found, count_subwords) for name, found in splits.items())
    leaks: list[Leak] = []
    for part in dict.fromkeys(part for found in splits.values() for part in found.parts):
        leaks += find_leaks({name: found.parts[part] for name, found in splits.items()}, part)
    rows = {n: Rows(lambda one: (one.key, one.place), item=c.items) for n, c in splits.items()}
    leaks += find_leaks(rows, unit)
    conflicts = find_conflicts((item for c in splits.values() for item in c.items), describe)
    return Inspection(
        reports,
        tuple(leaks),
        len(conflicts),
        tuple(conflicts[:_EXAMPLES]),
        dict(paper_ratios or {}),
        (*_missing_labels(reports), *_unknown_subwords(reports)),
        labels_title,
    )


def _report(name: str, found: Contents, count_subwords: SubwordCounter | None) -> SplitReport:
    """The report of one split: the facts of its layout around the facts that all layouts share."""
    facts = dict(found.facts)
    facts["duplicates inside"] = len(found.items) - len({item.key for item in found.items})
    if found.unit is not None:
        longest = max(found.items, key=lambda item: item.length, default=None)
        facts["longest text"] = (
            f"{longest.length} {found.unit}, {longest.place}" if longest else None
        )
    facts.update(_subword_facts(found.items, count_subwords))
    facts.update(found.last_facts)
    return SplitReport(name, found.source, facts, dict(found.labels), found.ratio, found.notes)


def _subword_facts(items: Iterable[Item], count: SubwordCounter | None) -> dict[str, Fact]:
    """Counts of the sub-words of a split."""
    if count is None:
        return {_LONGEST: None, _SUBWORDS: None, _UNKNOWN: None}
    longest = total = unknown = 0
    for item in items:
        counts = [count(text) for text in item.texts]
        length = sum(number for number, _ in counts)
        longest, total = max(longest, length), total + length
        unknown += sum(number for _, number in counts)
    return {
        _LONGEST: longest,
        _SUBWORDS: total,
        _UNKNOWN: unknown / total if total else 0.0,
    }


def find_leaks(keys: Mapping[str, Sequence[tuple[Hashable, str]]], unit: str) -> list[Leak]:
    """Texts of a split that are also in an earlier split, for each pair of splits."""
    names = list(keys)
    known = {name: {key for key, _ in keys[name]} for name in names[:-1]}
    leaks = []
    for later, name in enumerate(names):
        for other in names[:later]:
            places = [place for key, place in keys[name] if key in known[other]]
            if places:
                share = len(places) / len(keys[name])
                first = tuple(places[:_EXAMPLES])
                leaks.append(Leak(name, other, len(places), share, first, unit))
    return leaks


def find_conflicts(
    items: Iterable[Item], describe: Callable[[Any, Any, Any], tuple[str, str]]
) -> list[Conflict]:
    """Texts with more than one gold, in the order in which they first come."""
    first: dict[Hashable, tuple[Hashable, str]] = {}
    ways: dict[Hashable, dict[Hashable, str]] = {}  # of few texts
    same: dict[Hashable, Hashable] = {}  # equal golds are kept once
    for item in items:
        if item.gold is None:
            continue
        gold, place = first.setdefault(
            item.key, (same.setdefault(item.gold, item.gold), item.place)
        )
        if gold != item.gold:
            ways.setdefault(item.key, {gold: place}).setdefault(item.gold, item.place)
    return [
        Conflict(text, tuple(ways[key].values()), differences)
        for key in first
        if key in ways
        for text, differences in [describe(key, *list(ways[key])[:2])]
    ]


def _missing_labels(reports: Sequence[SplitReport]) -> list[str]:
    """One sentence for each split with at most one label where the first split has more."""
    found = []
    for report in reports[1:]:
        present = {label for label, count in report.labels.items() if count}
        missing = [n for n, count in reports[0].labels.items() if count and n not in present]
        if missing and len(present) < 2:
            found.append(
                f"{report.name} holds no item of {listed(missing)}: a score on it says nothing "
                "about them, and their F1 is 0 for every model"
            )
    return found


def _unknown_subwords(reports: Iterable[SplitReport]) -> list[str]:
    """One sentence for each split that the tokenizer was not made for."""
    shares = ((report.name, report.facts[_UNKNOWN]) for report in reports)
    return [
        f"{name}: {100 * share:.1f}% of the sub-words are unknown to the tokenizer, which was not "
        "made for this text: train with --add-characters, or choose another model"
        for name, share in shares
        if isinstance(share, float) and share > MANY_UNKNOWN
    ]


def show_every_word(words: Sequence[str], tokenizer: Any) -> tuple[list[str], list[int]]:
    """The words as a fast tokenizer reads them, and their sub-words before any cut.

    A word that the tokenizer would drop (a lone zero-width space) becomes the unknown token, so
    that the word is trained on, predicted and counted like any other.
    """
    if not words:
        return [], []
    whole = tokenizer(
        list(words), is_split_into_words=True, add_special_tokens=False, verbose=False
    )
    found = set(whole.word_ids(0))
    if len(found) == len(words):
        return list(words), whole["input_ids"]
    stand_in = tokenizer.unk_token or tokenizer.eos_token
    shown = [word if number in found else stand_in for number, word in enumerate(words)]
    return shown, whole["input_ids"] + [tokenizer.unk_token_id] * (len(words) - len(found))
