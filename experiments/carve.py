"""Carve the splits that a published set does not have, by rules that depend on content alone.

Usage: python experiments/carve.py [FOLDER]     (default: experiments/data)

The sets are looked for in $DICETUNE_DATA, else in ../shared/data. What is written is for running
the configurations here and is not part of the project: the folder is ignored by git.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DICETUNE_DATA", PROJECT.parent / "shared" / "data"))


def number(text: str) -> int:
    """SHA-1 of a text as a number: which split it falls into never depends on its neighbours."""
    return int(hashlib.sha1(text.encode("utf-8")).hexdigest(), 16)


def lines(path: Path) -> list[str]:
    """Lines of a file, with their ends."""
    return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")


def write(folder: Path, name: str, text: str) -> None:
    """One file of a split."""
    (folder / name).write_text(text, encoding="utf-8", newline="")


def sms_spam(folder: Path) -> None:
    """Exact duplicates dropped; SHA-1 of the text modulo 10: 0 to 7 train, 8 dev, 9 test."""
    rows = list(dict.fromkeys(line for line in lines(DATA / "sms_spam/SMSSpamCollection") if line))
    splits: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        part = number(row.split("\t", 1)[1]) % 10
        splits["train" if part < 8 else "dev" if part == 8 else "test"].append(row)
    for split, own in splits.items():
        write(folder, f"sms_spam.{split}.tsv", "\n".join(own) + "\n")


def mrpc(folder: Path) -> None:
    """Dev is the training pairs whose SHA-1 (both sentences, tab between) modulo 10 is 9."""
    head, *rows = [line for line in lines(DATA / "mrpc/msr_paraphrase_train.txt") if line]
    parts: dict[bool, list[str]] = {True: [], False: []}
    for row in rows:
        parts[number("\t".join(row.split("\t")[3:5])) % 10 == 9].append(row)
    for split, own in (("train", parts[False]), ("dev", parts[True])):
        write(folder, f"mrpc.{split}.tsv", "\n".join([head, *own]) + "\n")


def btc(folder: Path) -> None:
    """All sections; SHA-1 of the words of a sentence modulo 10: 0 to 7 train, 8 dev, 9 test."""
    splits: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for section in "abefgh":
        for block in "\n".join(lines(DATA / f"btc/{section}.conll")).split("\n\n"):
            rows = [line for line in block.split("\n") if line.split("\t")[0].strip()]
            if rows:
                part = number(" ".join(row.split("\t")[0] for row in rows)) % 10
                name = "train" if part < 8 else "dev" if part == 8 else "test"
                splits[name].append("".join(f"{row}\n" for row in rows))
    for split, own in splits.items():
        write(folder, f"btc.{split}.conll", "\n".join(own))


def paws_wiki(folder: Path) -> None:
    """SHA-1 of both sentences, tab between, modulo 10: 0 to 7 train, 8 dev, 9 test."""
    splits: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for row in filter(None, lines(DATA / "paws_wiki/dev.tsv")):
        part = number("\t".join(row.split("\t")[1:3])) % 10
        splits["train" if part < 8 else "dev" if part == 8 else "test"].append(row)
    for split, own in splits.items():
        write(folder, f"paws_wiki.{split}.tsv", "\n".join(own) + "\n")


def articles(source: str) -> list[dict[str, Any]]:
    """The articles of a file in the SQuAD layout."""
    found: list[dict[str, Any]] = json.loads((DATA / source).read_text(encoding="utf-8"))["data"]
    return found


def questions(own: Iterable[dict[str, Any]]) -> int:
    """Number of questions of some articles."""
    return sum(len(p["qas"]) for article in own for p in article["paragraphs"])


def by_article(folder: Path, name: str, source: str, share: float = 0.1, parts: int = 2) -> None:
    """Whole articles, in the order of the SHA-1 of their first context, fill dev (and test).

    Each of the held-out parts takes articles until it has ``share`` of the questions.
    """
    own = articles(source)
    ordered = sorted(own, key=lambda article: number(article["paragraphs"][0]["context"]))
    names = ["dev", "test"][: parts - 1]
    splits: dict[str, list[dict[str, Any]]] = {split: [] for split in [*names, "train"]}
    for article in ordered:
        open_parts = (s for s in names if questions(splits[s]) < share * questions(own))
        splits[next(open_parts, "train")].append(article)
    for split, chosen in splits.items():
        text = json.dumps({"version": name, "data": chosen}, ensure_ascii=False)
        write(folder, f"{name}.{split}.json", text)


def squad20_test(folder: Path) -> None:
    """Test is the articles of the published dev set that the training file does not have."""
    seen = {article["title"] for article in articles("squad20/cs224n-dev-v2.0.json")}
    rest = [a for a in articles("squad20/dev-v2.0.rebuilt.json") if a["title"] not in seen]
    write(folder, "squad20.test.json", json.dumps({"version": "v2.0", "data": rest}))


def main() -> None:
    """All of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data"
    folder.mkdir(parents=True, exist_ok=True)
    sms_spam(folder)
    mrpc(folder)
    btc(folder)
    paws_wiki(folder)
    by_article(folder, "squad11", "squad11/train-v1.1.first-articles.json")
    by_article(folder, "squad20", "squad20/cs224n-dev-v2.0.json")
    squad20_test(folder)
    by_article(folder, "covidqa", "covidqa/200423_covidQA.json", parts=3)


if __name__ == "__main__":
    main()
