r"""Split one file into several: stratified, kept together, and written as the file was.

**Together.** Examples that are equal (the same text or words), that share a group or a document, or
that stand on one line of the file are one block, and a block is never cut.

**Stratified.** Labels, label sets, tags and entity types are dealt alike. Blocks of several
examples come first, in random order, each to the part that needs its examples and labels most; of
several orders the one with the least excess is kept. Single examples follow by iterative
stratification: the label that the fewest of them have comes first, and each example goes to the
part that still wants most of this label, of equal parts to the one that wants most examples, then
by chance. The same seed gives the same parts.

**Written.** Each example keeps its lines, with the comments before a sentence, the header of a
table and the line ends; rows of Parquet and Excel keep their columns, and JSON its keys; texts of
an export of an annotation tool keep all their annotations, and a part of a folder of brat is a
folder. A byte order mark and the compression of gzip are not kept.

Reference: Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-label Data, ECML PKDD
2011.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.data.exports.brat import brat_files, is_brat
from dicetune.data.exports.read import export_of, write_export
from dicetune.data.files.hub import is_parquet, load_split
from dicetune.data.files.tables import excel_sheet, is_excel
from dicetune.data.files.text import Entries, read_lines, write_parts
from dicetune.errors import InputError, quoted

NAMES = ("train", "dev", "test")
_TRIES = 10  # orders of blocks
_ENDINGS = re.compile(r"\.[A-Za-z][\w]{0,9}$")


def read_shares(text: str) -> tuple[float, ...]:
    """The shares of train, dev and test, or of train and dev, which need not sum to 1.

    Example:
        >>> read_shares("80/10/10"), read_shares("9/1")
        ((0.8, 0.1, 0.1), (0.9, 0.1))
    """
    try:
        given = [float(part) for part in text.split("/")]
    except ValueError:
        given = []
    if len(given) not in (2, 3) or not all(0 < share < float("inf") for share in given):
        raise InputError(
            f"expected shares of train, dev and test such as 80/10/10, or of train and dev such as "
            f"90/10, got {quoted(text)}"
        )
    return tuple(share / sum(given) for share in given)


def blocks_of(ties: Sequence[Iterable[Hashable]]) -> np.ndarray:
    """The block of each example, (examples,): examples that share a tie are in one block.

    Example:
        >>> blocks_of([["a"], ["b"], ["a", "c"], ["c"]]).tolist()
        [0, 1, 0, 0]
    """
    above = list(range(len(ties)))

    def top(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    first: dict[Hashable, int] = {}
    for place, names in enumerate(ties):
        for name in names:
            one, other = top(first.setdefault(name, place)), top(place)
            above[max(one, other)] = min(one, other)
    return np.array([top(place) for place in range(len(ties))], dtype=int)


def deal_out(
    labels: Sequence[Iterable[str]], blocks: np.ndarray, shares: Sequence[float], seed: int
) -> np.ndarray:
    """The part of each example, (examples,), by iterative stratification of whole blocks.

    Args:
        labels: of each example, any number.
        blocks: of each example.
        shares: of the parts, which sum to 1.
        seed: of the order and of ties.

    Example:
        >>> parts = deal_out([["a"]] * 8 + [["b"]] * 4, np.arange(12), (0.5, 0.25, 0.25), seed=1)
        >>> [np.bincount(parts[:8]).tolist(), np.bincount(parts[8:]).tolist()]
        [[4, 2, 2], [2, 1, 1]]
    """
    names, place, sizes = np.unique(blocks, return_inverse=True, return_counts=True)
    held: list[Counter[str]] = [Counter() for _ in names]
    for block, own in zip(place.tolist(), labels, strict=True):
        held[block].update(own)
    chance = np.random.default_rng(seed)
    several = np.flatnonzero(sizes > 1).tolist()
    start = _Dealing.of(held, sizes.tolist(), np.asarray(shares, dtype=float))
    tries = []
    for _ in range(_TRIES if several else 1):
        dealing = start.copy()
        for number in chance.permutation(len(several)).tolist():
            block = several[number]
            dealing.place(block, dealing.need(block), chance)
        tries.append(dealing)
    best = min(tries, key=_Dealing.excess)
    best.stratify(chance.permutation(len(names)).tolist(), chance)
    return best.part[place]


@dataclass
class _Dealing:
    """Parts of blocks, while they are dealt."""

    held: list[Counter[str]]  # labels of each block
    sizes: list[int]  # examples of each block
    total: Counter[str]  # of each label
    wanted: dict[str, np.ndarray]  # of each label, what each part still wants
    room: np.ndarray  # examples that each part still wants
    part: np.ndarray  # of each block, -1 while it is not dealt

    @classmethod
    def of(cls, held: list[Counter[str]], sizes: list[int], shares: np.ndarray) -> _Dealing:
        """The beginning."""
        total: Counter[str] = Counter()
        for own in held:
            total.update(own)
        wanted = {label: shares * count for label, count in total.items()}
        return cls(held, sizes, total, wanted, shares * sum(sizes), np.full(len(sizes), -1))

    def copy(self) -> _Dealing:
        """The same state, which may go another way."""
        wanted = {label: wish.copy() for label, wish in self.wanted.items()}
        return replace(self, wanted=wanted, room=self.room.copy(), part=self.part.copy())

    def need(self, block: int) -> np.ndarray:
        """How much each part needs a block: its examples and its labels, each by its total."""
        needed = self.sizes[block] * self.room / sum(self.sizes)
        for label, count in self.held[block].items():
            needed = needed + count * self.wanted[label] / self.total[label]
        return needed

    def place(self, block: int, wish: np.ndarray, chance: np.random.Generator) -> None:
        """Give a block to the part that wishes it most, then has most room, then by chance."""
        keys = np.stack([chance.random(len(wish)), self.room.round(9), wish.round(9)])
        chosen = self.part[block] = int(np.lexsort(keys)[-1])
        self.room[chosen] -= self.sizes[block]
        for label, count in self.held[block].items():
            self.wanted[label][chosen] -= count

    def excess(self) -> float:
        """How far parts hold more than they want, of examples and of each label."""
        over = [np.minimum(wish, 0) / self.total[label] for label, wish in self.wanted.items()]
        return float(
            sum((one**2).sum() for one in [*over, np.minimum(self.room, 0) / len(self.part)])
        )

    def stratify(self, order: Sequence[int], chance: np.random.Generator) -> None:
        """Deal the blocks that are left, the rarest label first."""
        having: dict[str, list[int]] = defaultdict(list)
        left: Counter[str] = Counter()
        for block in order:
            if self.part[block] < 0:
                left.update(self.held[block])
                for label in self.held[block]:
                    having[label].append(block)
        while left:
            rarest = min(sorted(left), key=lambda label: left[label])
            for block in having[rarest]:
                if self.part[block] < 0:
                    self.place(block, self.wanted[rarest], chance)
                    left.subtract(self.held[block])
            left = +left
        for block in order:
            if self.part[block] < 0:
                self.place(block, self.room, chance)


# files


def ending_of(path: str | Path) -> str:
    """The ending that a part of a file has: that of the file, without ".gz"; none of a folder."""
    if is_brat(path):
        return ""
    if is_excel(path):
        return ".xlsx"
    if is_parquet(path) or not Path(path).is_file():
        return ".parquet"
    found = _ENDINGS.search(Path(path).name.removesuffix(".gz"))
    return found[0] if found else ""


def write_split(
    path: str | Path, corpus: Entries[Any], files: Mapping[Path, Sequence[int]]
) -> None:
    """Write the examples of each file, by their numbers in the corpus, as ``path`` has them."""
    entries = list(corpus)
    if exported := export_of(path):
        write_export(path, exported, entries, files)
    elif is_excel(path):
        _write_excel(path, {file: [entries[n].line for n in own] for file, own in files.items()})
    elif is_parquet(path) or not Path(path).is_file():
        data = load_split(path)
        for file, own in files.items():
            write_table(data.select([entries[number].line - 1 for number in own]), file)
    elif corpus.is_document:
        _write_documents(read_lines(path), corpus, files)
    else:
        _write_lines(read_lines(path, returns=True), corpus, files)


def remove_part(path: Path) -> None:
    """Delete a part that was written: a file, or the documents in a folder."""
    for file in brat_files(path) if path.is_dir() else [path]:
        file.unlink(missing_ok=True)


def write_table(data: Any, path: Path) -> None:
    """Write a data set of ``datasets``, or a frame of ``pandas``, as Parquet with its types."""
    import datasets

    partial = path.with_name(f"{path.name}.part")
    if not isinstance(data, datasets.Dataset):
        data = datasets.Dataset.from_pandas(data, preserve_index=False)
    was_on = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        data.to_parquet(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        if was_on:
            datasets.enable_progress_bars()


def _write_excel(path: str | Path, files: Mapping[Path, list[int]]) -> None:
    """Rows of the sheet that is read, below its first row where that is a header."""
    name, sheet = excel_sheet(path)
    first = min(min(lines) for lines in files.values() if lines)
    for file, lines in files.items():
        rows = [*range(first - 1), *(line - 1 for line in lines)]
        sheet.iloc[rows].to_excel(file, sheet_name=name, header=False, index=False)


def _write_documents(
    lines: Sequence[str], corpus: Entries[Any], files: Mapping[Path, Sequence[int]]
) -> None:
    entries, text = list(corpus), "\n".join(lines)
    try:
        document, is_whole = json.loads(text), True
    except ValueError:
        document, is_whole = [json.loads(line) for line in lines if line.strip()], False
    for file, own in files.items():
        kept = corpus.kept_of([entries[number] for number in own], document)
        rows = [kept] if is_whole else kept
        write_parts(file, (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def _write_lines(
    lines: Sequence[str], corpus: Entries[Any], files: Mapping[Path, Sequence[int]]
) -> None:
    begins = [entry.line for entry in corpus]
    head: list[str] = []
    if corpus.in_blocks and (cut := _begins_of_blocks(lines, begins)) is not None:
        begins = cut
    else:
        head = list(lines[: begins[0] - 1])
    # several examples of one line are in the same files
    stops = dict(zip(sorted({*begins}), [*sorted({*begins})[1:], len(lines) + 1], strict=True))
    texts = list(lines)
    for file, own in files.items():
        spans = ((begin, stops[begin]) for begin in sorted({begins[number] for number in own}))
        kept = (line for begin, stop in spans for line in texts[begin - 1 : stop - 1])
        write_parts(file, (f"{line}\n" for line in (*head, *kept)))


def _begins_of_blocks(lines: Sequence[str], firsts: Sequence[int]) -> list[int] | None:
    """Where sentences between blank lines begin, comments and document rows before them included.

    ``None`` where some sentences have no break between them: each is a line, or a tree.
    """
    breaks = [
        number
        for number, line in enumerate(lines, 1)
        if not line.strip(" \t\r") or line.startswith("-DOCSTART-")
    ]
    ends = np.searchsorted(breaks, firsts)
    begins = [1]
    texts = list(lines)
    for place, following in zip(ends[:-1].tolist(), firsts[1:], strict=True):
        if place >= len(breaks) or breaks[place] >= following:
            return None
        begin = breaks[place]
        while begin < following and (
            not texts[begin - 1].strip(" \t\r") or texts[begin - 1].startswith("#end document")
        ):
            begin += 1
        begins.append(begin)
    return begins
