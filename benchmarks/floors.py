"""How often does a promised floor hold on new data? Three real sets, resampled.

Scores are those of TF-IDF and logistic regression, made here: spam against ham (sms_spam), and
the emotions "gratitude" and "anger" of goemotions, each against the rest. In each resampling dev
items are drawn without replacement, ``recall@precision`` and ``precision@recall`` are fitted with
and without a promise, and the rule is judged on all items left over.

    python benchmarks/floors.py                  # 200 resamplings, a minute or two
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from dicetune.decide.fit import fit

DATA = Path(os.environ.get("DICETUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
PROBLEM = {"kind": "label", "labels": ["no", "yes"], "positive": "yes"}
CASES = [  # set, dev items, objective; dev is small beside the items left over
    ("sms_spam", 500, "recall@precision:0.9"),
    ("sms_spam", 500, "precision@recall:0.9"),
    ("gratitude", 1000, "recall@precision:0.8"),
    ("gratitude", 1000, "precision@recall:0.8"),
    ("anger", 1500, "recall@precision:0.4"),
    ("anger", 1500, "precision@recall:0.6"),
]


def spam() -> tuple[np.ndarray, np.ndarray]:
    """Logits and gold of the texts that a model of 1,000 other texts scores."""
    lines = (DATA / "sms_spam" / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t", 1) for line in lines]
    order = np.random.default_rng(0).permutation(len(rows))
    texts = [rows[number][1] for number in order]
    gold = np.array([rows[number][0] == "spam" for number in order])
    return scored(texts[:1000], gold[:1000], texts[1000:]), gold[1000:]


def emotion(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits and gold of the texts of dev and test, by a model of 8,000 texts of train."""
    folder = DATA / "goemotions"
    number = (folder / "labels.txt").read_text(encoding="utf-8").split().index(name)

    def read(split: str) -> tuple[list[str], np.ndarray]:
        with (folder / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [row[0] for row in rows], np.array(
            [str(number) in row[1].split(",") for row in rows]
        )

    train, known = read("train")
    dev, test = read("dev"), read("test")
    gold = np.concatenate([dev[1], test[1]])
    return scored(train[:8000], known[:8000], [*dev[0], *test[0]]), gold


def scored(train: list[str], gold: np.ndarray, texts: list[str]) -> np.ndarray:
    """Logits of a linear model."""
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    model = LogisticRegression(C=10, max_iter=500).fit(words.fit_transform(train), gold)
    return model.decision_function(words.transform(texts))


def table_of(logits: np.ndarray) -> list[np.ndarray]:
    """Log-probabilities as a model of two labels gives them."""
    both = -np.logaddexp(0, np.stack([logits, -logits], axis=1))
    return list(both[:, None, :])


def fitted(
    gold: np.ndarray,
    logits: np.ndarray,
    objective: str,
    confidence: float | None,
    groups: list[str],
) -> tuple[float, bool]:
    """The bias of the rule, and whether it promises its floor."""
    names = ["yes" if one else "no" for one in gold]
    how = {"objective": objective, "confidence": confidence, "groups": groups}
    rule = fit(PROBLEM, names, table_of(logits), **how, folds=2)
    floors = rule.evidence.get("floors", {})
    return rule.biases["yes"], bool(floors) and floors["yes"]["promised"]


def shares(logits: np.ndarray, gold: np.ndarray, bias: float) -> dict[str, float]:
    """Precision and recall of a bias; the precision of no prediction is 1."""
    made = logits + bias > 0
    right = (made & gold).sum()
    return {"precision": right / made.sum() if made.any() else 1.0, "recall": right / gold.sum()}


def documents(times: int, confidence: float) -> None:
    """A row for each objective: 60 simulated documents of 20 items whose scores move together."""
    print(
        "\n| 60 documents | items of a document: promised | holds | independent: promised | holds |"
    )
    print("|---|---:|---:|---:|---:|")

    def drawn(random: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
        gold = random.random((number, 20)) < 0.3
        moved = random.normal(0, 1.5, (number, 1))
        return (random.normal(0, 1, gold.shape) + 2 * gold - 1 + moved).ravel(), gold.ravel()

    new = drawn(np.random.default_rng(2), 20_000)
    for objective in ("precision@recall:0.8", "recall@precision:0.6"):
        random = np.random.default_rng(1)
        held: dict[bool, list[bool]] = {True: [], False: []}
        for _ in range(times):
            logits, gold = drawn(random, 60)
            for together in held:
                groups = [str(place // 20 if together else place) for place in range(len(gold))]
                bias, promised = fitted(gold, logits, objective, confidence, groups)
                if promised:
                    share = shares(*new, bias)[objective.split(":")[0].split("@")[1]]
                    held[together].append(bool(share >= float(objective.split(":")[1])))
        cells = [
            f"{100 * len(part) / times:.0f}% | {100 * np.mean(part):.1f}%" if part else "0% | –"
            for part in held.values()
        ]
        print(f"| `{objective}` | {' | '.join(cells)} |")


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--confidence", type=float, default=0.9)
    asked = parser.parse_args()
    sets = {"sms_spam": spam(), "gratitude": emotion("gratitude"), "anger": emotion("anger")}
    print("| set | dev | objective | promised | holds | other share | plain: holds | other share |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, size, objective in CASES:
        logits, gold = sets[name]
        random = np.random.default_rng(1)
        held: dict[bool, list[bool]] = {True: [], False: []}
        other: dict[bool, list[float]] = {True: [], False: []}
        free, floored = objective.split(":")[0].split("@")
        for _ in range(asked.times):
            order = random.permutation(len(gold))
            dev, rest = order[:size], order[size:]
            for promise, confidence in ((True, asked.confidence), (False, None)):
                bias, promised = fitted(
                    gold[dev], logits[dev], objective, confidence, list(map(str, dev))
                )
                if promise and not promised:
                    continue
                found = shares(logits[rest], gold[rest], bias)
                held[promise].append(bool(found[floored] >= float(objective.split(":")[1])))
                other[promise].append(found[free])
        cells = [name, f"{size:,}", f"`{objective}`", f"{100 * len(held[True]) / asked.times:.0f}%"]
        for promise in (True, False):
            cells += [
                f"{100 * np.mean(part):.{digits}f}{unit}" if part else "–"
                for part, digits, unit in ((held[promise], 1, "%"), (other[promise], 1, ""))
            ]
        print("| " + " | ".join(cells) + " |", flush=True)
    documents(asked.times, asked.confidence)


if __name__ == "__main__":
    main()
