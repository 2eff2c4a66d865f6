"""Change training sets on purpose, by rules that depend on content and seed alone.

Usage: python experiments/corrupt.py [FOLDER] [--seed N]     (default: experiments/data, seed 0)

    SET-unmarked   half of the entities (of the labels, of the spam) are left unmarked
    SET-few        a tenth of the sentences with entities is kept, and every other sentence
    SET-fewer      as few, with about as many words of entities as wnut17-few has (320)
    goemotions-rare  three rare labels, and no other
    SET-flipped    a fifth of the entities has the type of another entity, or loses its marks
    SET-plus-positives, -plus-negatives, -minus-negatives, -plus-both
                   Table 8 of the paper: pairs are added by drawing again from the pairs there are,
                   where the paper has new ones by augmentation, or left out; each time 26% of all

Whether an entity is spoilt is read off the SHA-1 of its sentence, its place and the seed, so that
no choice depends on the order of the file. Only training files are spoilt, and ``wnut17-unmarked``
has a dev file spoilt in the same way beside it. ``experiments/carve.py`` comes first.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from carve import DATA, lines, number, write

Row = tuple[str, str]  # a word and its tag
Span = tuple[int, int, str]  # first word, word behind the last, type
Spoil = Callable[[list[Row]], list[Row] | None]

TAGGED = {
    "wnut17": ("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll"),
    "btc": ("btc.train.conll", "btc.dev.conll"),
    "ncbi_disease": ("ncbi_disease/train.tsv", "ncbi_disease/devel.tsv"),
    "bc5cdr": ("bc5cdr/train.tsv", "bc5cdr/devel.tsv"),
}
UNMARKED, FEW, FLIPPED = 0.5, 0.1, 0.2
FEWER = {"btc": 0.02, "ncbi_disease": 0.03, "bc5cdr": 0.02}  # of the sentences with entities
CHANGED = 0.26  # of 363,871 pairs the paper adds, or leaves out, 94,606
RARE = ("desire", "embarrassment", "fear")  # each of 1.5% of the texts, or less
PAIRS = {"paws_wiki": 3, "mrpc": 0}  # the column of the label


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return number("\t".join(map(str, parts))) % 10**6 / 10**6


def sentences(path: Path) -> Iterator[list[Row]]:
    """The sentences of a file of words and BIO tags."""
    rows: list[Row] = []
    for line in [*lines(path), ""]:
        if line.strip():
            word, _, tag = line.partition("\t" if "\t" in line else " ")
            rows.append((word, tag))
        elif rows:
            yield rows
            rows = []


def spans(rows: list[Row]) -> list[Span]:
    """The entities of a sentence."""
    found: list[Span] = []
    for place, (_, tag) in enumerate(rows):
        mark, _, name = tag.partition("-")
        if mark == "I" and found and found[-1][1:] == (place, name):
            found[-1] = (found[-1][0], place + 1, name)
        elif mark != "O":
            found.append((place, place + 1, name))
    return found


def tagged(rows: list[Row], entities: list[Span]) -> list[Row]:
    """The sentence with these entities and no others."""
    tags = ["O"] * len(rows)
    for first, end, name in entities:
        tags[first:end] = [f"B-{name}", *[f"I-{name}"] * (end - first - 1)]
    return [(word, tag) for (word, _), tag in zip(rows, tags, strict=True)]


def unmarked(seed: int) -> Spoil:
    """Leave half of the entities unmarked."""

    def spoil(rows: list[Row]) -> list[Row]:
        text = " ".join(word for word, _ in rows)
        kept = [span for span in spans(rows) if draw(seed, text, *span) >= UNMARKED]
        return tagged(rows, kept)

    return spoil


def few(seed: int, share: float = FEW) -> Spoil:
    """Keep a share of the sentences with entities."""

    def spoil(rows: list[Row]) -> list[Row] | None:
        text = " ".join(word for word, _ in rows)
        return rows if not spans(rows) or draw(seed, text) < share else None

    return spoil


def flipped(seed: int, types: list[str]) -> Spoil:
    """Give a fifth of the entities the next type of the set, or none where there is one type."""

    def spoil(rows: list[Row]) -> list[Row]:
        text = " ".join(word for word, _ in rows)
        found: list[Span] = []
        for first, end, name in spans(rows):
            wrong = draw(seed, text, first, end, name) < FLIPPED
            others = [one for one in types if one != name]
            if not wrong:
                found.append((first, end, name))
            elif others:
                chosen = int(draw(seed, text, first, "type") * len(others))
                found.append((first, end, others[chosen]))
        return tagged(rows, found)

    return spoil


def spoilt(source: Path, spoil: Spoil) -> str:
    """A file of words and tags, spoilt sentence by sentence."""
    kept = (spoil(rows) for rows in sentences(source))
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in rows) for rows in kept if rows)
    return "\n".join(blocks)


def sms_spam(folder: Path, seed: int) -> str:
    """Half of the spam is marked as ham."""
    rows = []
    for line in filter(None, lines(folder / "sms_spam.train.tsv")):
        label, _, text = line.partition("\t")
        label = "ham" if label == "spam" and draw(seed, text) < UNMARKED else label
        rows.append(f"{label}\t{text}\n")
    return "".join(rows)


def goemotions(seed: int) -> str:
    """Half of the labels are missing; a text may be left without one."""
    rows = []
    for line in filter(None, lines(DATA / "goemotions/train.tsv")):
        text, labels, name = line.split("\t")
        kept = [one for one in labels.split(",") if draw(seed, text, one) >= UNMARKED]
        rows.append(f"{text}\t{','.join(kept)}\t{name}\n")
    return "".join(rows)


def rare_emotions(split: str) -> str:
    """The texts of a split with their rare labels alone; most are left without one."""
    names = list(lines(DATA / "goemotions/labels.txt"))
    rows = ["text\tlabels\n"]
    for line in filter(None, lines(DATA / f"goemotions/{split}.tsv")):
        text, labels, _ = line.split("\t")
        kept = [names[int(one)] for one in labels.split(",")]
        rows.append(f"{text}\t{','.join(name for name in kept if name in RARE)}\n")
    return "".join(rows)


def table8(folder: Path, name: str, column: int, seed: int) -> None:
    """The four training sets beside the original; a file with a head keeps it."""
    whole = [line for line in lines(folder / f"{name}.train.tsv") if line]
    head = [line for line in whole[:1] if line.split("\t")[column] not in ("0", "1")]
    rows = sorted(whole[len(head) :], key=lambda line: draw(seed, line))
    sides = {side: [r for r in rows if r.split("\t")[column] == side] for side in "01"}
    negatives, positives = sides["0"], sides["1"]
    number = round(CHANGED * len(rows))

    def again(some: list[str]) -> list[str]:
        """Rows drawn with replacement."""
        return [some[int(draw(seed, place, "again") * len(some))] for place in range(number)]

    left = max(len(negatives) - number, 1)
    for what, chosen in {
        "plus-positives": [*rows, *again(positives)],
        "plus-negatives": [*rows, *again(negatives)],
        "minus-negatives": [*positives, *negatives[:left]],
        "plus-both": [*rows, *again(rows)],
    }.items():
        write(folder, f"{name}-{what}.train.tsv", "\n".join([*head, *chosen]) + "\n")


def main() -> None:
    """All of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "data")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder, seed = given.folder, given.seed
    for name, (train, dev) in TAGGED.items():
        train, dev = (
            published if (published := DATA / file).is_file() else folder / file
            for file in (train, dev)
        )
        types = sorted({span[2] for rows in sentences(train) for span in spans(rows)})
        write(folder, f"{name}-unmarked.train.conll", spoilt(train, unmarked(seed)))
        write(folder, f"{name}-few.train.conll", spoilt(train, few(seed)))
        if name in FEWER:
            write(folder, f"{name}-fewer.train.conll", spoilt(train, few(seed, FEWER[name])))
        write(folder, f"{name}-flipped.train.conll", spoilt(train, flipped(seed, types)))
        if name == "wnut17":
            write(folder, f"{name}-unmarked.dev.conll", spoilt(dev, unmarked(seed)))
    for name, column in PAIRS.items():
        table8(folder, name, column, seed)
    write(folder, "sms_spam-unmarked.train.tsv", sms_spam(folder, seed))
    for split in ("train", "dev", "test"):
        write(folder, f"goemotions-rare.{split}.tsv", rare_emotions(split))
    write(folder, "goemotions-unmarked.train.tsv", goemotions(seed))


if __name__ == "__main__":
    main()
