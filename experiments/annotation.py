"""Does ``inspect --estimate-annotation`` find what is known of a spoilt annotation?

Usage: python experiments/annotation.py [SET ...]     (default: all of SETS)

Trains each set out of fold in runs/annotation, where a stopped run goes on, and keeps what was
estimated beside the truth in experiments/evidence/annotation.json. Prints the table in Markdown.
The truth counts the items of the estimate: words of entities (of whatever type), spam, labels.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from carve import lines
from corrupt import sentences
from programme import RECORDS, cells

import dicetune
from dicetune.decide.annotation import annotation_of

KEPT = RECORDS / "annotation.json"
SHARED, DATA = Path("../shared/data"), Path("experiments/data")
FOLDS = 3
# what a run with folds has not, and an even head, which learns nothing in few steps
OF_A_CELL = ("train", "dev", "test", "max_dev", "prior_bias")
# a cell of the screen, whose settings are taken; the file that is looked at; the file that is right
SETS: dict[str, tuple[str, Path, Path]] = {
    "wikigold_distant": (
        "wikigold_distant",
        SHARED / "wikigold_distant/train.conll",
        SHARED / "wikigold/wikigold.conll.txt",
    ),
    "wnut17": ("wnut17-unmarked", *2 * (SHARED / "wnut17/wnut17train.conll",)),
    "wnut17-unmarked": (
        "wnut17-unmarked",
        DATA / "wnut17-unmarked.train.conll",
        SHARED / "wnut17/wnut17train.conll",
    ),
    "btc-unmarked": ("btc-unmarked", DATA / "btc-unmarked.train.conll", DATA / "btc.train.conll"),
    "sms_spam": ("sms_spam-unmarked", *2 * (DATA / "sms_spam.train.tsv",)),
    "sms_spam-unmarked": (
        "sms_spam-unmarked",
        DATA / "sms_spam-unmarked.train.tsv",
        DATA / "sms_spam.train.tsv",
    ),
    "goemotions-unmarked": (
        "goemotions-unmarked",
        DATA / "goemotions-unmarked.train.tsv",
        SHARED / "goemotions/train.tsv",
    ),
}


def config_of(name: str) -> dict[str, Any]:
    """What the runs of a cell of the screen share."""
    return next(one.config for one in cells("screen") if one.name == name)


def trained(name: str) -> Path:
    """The folder of a run whose scores are out of fold."""
    cell, data, _ = SETS[name]
    config = {k: v for k, v in config_of(cell).items() if k not in OF_A_CELL}
    out = Path("runs/annotation") / name
    if not (out / "run.json").is_file():
        begun = out.exists() or out.with_name(f"{name}.folds").exists()
        dicetune.train(config=config, data=data, folds=FOLDS, loss="ce", out=str(out), resume=begun)
    return out


def marks(path: Path, task: str) -> Iterator[tuple[Any, list[bool | str]]]:
    """For each text of a file what it is known by, and what is marked in it."""
    if task == "ner":
        for rows in sentences(path):
            yield tuple(word for word, _ in rows), [tag != "O" for _, tag in rows]
    else:
        for line in lines(path):
            if not line:
                continue
            if task == "multilabel":
                text, labels, _ = line.split("\t")
                yield text, [*filter(None, labels.split(","))]
            else:
                label, _, text = line.partition("\t")
                yield text, [label == "spam"]


def truth(name: str) -> tuple[float, float]:
    """Which share of the right marks a file has, and which share of its marks is right."""
    cell, data, right = SETS[name]
    task = config_of(cell)["task"]
    gold: dict[Any, list[list[bool | str]]] = {}
    for key, found in marks(right, task):
        gold.setdefault(key, []).append(found)
    both = own = all_of_them = 0
    for key, found in marks(data, task):
        known = gold[key].pop(0) if len(gold[key]) > 1 else gold[key][0]
        if task == "multilabel":
            both += len({*found} & {*known})
        else:
            both += sum(bool(a and b) for a, b in zip(found, known, strict=True))
        own += sum(map(bool, found))
        all_of_them += sum(map(bool, known))
    return both / all_of_them, both / own


def rows() -> Iterator[str]:
    """Rows of Markdown: what is known of each annotation, and what was estimated."""
    yield "| set | marked | right | at the surest | Elkan and Noto | rejected |"
    yield "|---|---:|---:|---|---|---|"
    for name, found in json.loads(KEPT.read_text(encoding="utf-8")).items():
        shares = (
            f"{found[key]['value']:.2f} ({found[key]['low']:.2f} to {found[key]['high']:.2f})"
            for key in ("surest", "elkan_noto", "rejected")
        )
        known = " | ".join(f"{share:.2f}" for share in found["known"])
        yield f"| {name} | {known} | {' | '.join(shares)} |"


def main() -> None:
    """Estimate, keep, and print the table."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in sys.argv[1:] or SETS:
        if name not in kept:
            kept[name] = annotation_of(trained(name)).to_dict() | {"known": truth(name)}
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(rows()) + "\n")


if __name__ == "__main__":
    main()
