"""Does a bias for each type help beside the bias on O? Two real sets, six divisions each.

Scores are those of logistic regression on features of words, made here: WNUT-17 (2,500 sentences of
train; dev and test are divided anew) and WikiGold (700 sentences; the others are divided). The rule
is chosen on the dev part, cross-fitted, and judged on the other part.

    python benchmarks/span_biases.py             # two minutes
    python benchmarks/span_biases.py --dev 200   # a small dev set
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from dicetune.decide.held_out import supported
from dicetune.problems import problem_of
from dicetune.problems.goal import Goal
from dicetune.tasks import build_options, task_named

DATA = Path(os.environ.get("DICETUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
TIMES = 6


def read(path: Path) -> list[Any]:
    """The sentences of a file."""
    task = task_named("ner")
    return list(task.read(str(path), build_options(task.Options, {}, use="inspect")))


def features(tokens: Sequence[str]) -> list[dict[str, int]]:
    """A word, its shape and ends, and its neighbours."""
    found = []
    for place, word in enumerate(tokens):
        shape = "".join("A" if c.isupper() else "a" if c.islower() else "0" for c in word)[:6]
        row = {"bias": 1, f"w={word.lower()}": 1, f"s={word[-3:].lower()}": 1, f"shape={shape}": 1}
        for side, other in (("<", place - 1), (">", place + 1)):
            if 0 <= other < len(tokens):
                row[f"{side}{tokens[other].lower()}"] = 1
                row[f"{side}upper={tokens[other][0].isupper()}"] = 1
        found.append(row)
    return found


def scored(train: Sequence[Any], rest: Sequence[Any]) -> tuple[list[str], list[np.ndarray]]:
    """The labels, and log-probabilities of each sentence."""
    words = DictVectorizer()
    rows = words.fit_transform([row for one in train for row in features(one.tokens)])
    model = LogisticRegression(C=3, max_iter=100)
    model.fit(rows, [tag for one in train for tag in one.tags])
    table = model.predict_log_proba(
        words.transform([row for one in rest for row in features(one.tokens)])
    )
    ends = np.cumsum([len(one.tokens) for one in rest])[:-1]
    return list(model.classes_), np.split(table, ends)


def main() -> None:
    """Print a row for each set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dev", type=int, default=None)
    asked = parser.parse_args()
    wnut, wiki = DATA / "wnut17", read(DATA / "wikigold" / "wikigold.conll.txt")
    dev, test = (read(wnut / f"emerging.{name}") for name in ("dev.conll", "test.annotated"))
    sets = {
        "wnut17": (read(wnut / "wnut17train.conll")[:2500], [*dev, *test]),
        "wikigold": (wiki[:700], wiki[700:]),
    }
    print("| set | dev | default | O | O and types | chosen | types chosen | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, (train, rest) in sets.items():
        labels, tables = scored(train, rest)
        problem = {"kind": "spans", "labels": labels, "background": "O", "scheme": "iob2"}
        size = asked.dev or len(rest) // 2
        random = np.random.default_rng(0)
        found = []
        for _ in range(TIMES):
            order = random.permutation(len(rest))
            dev, test = (
                problem_of(problem).decisions(
                    [list(rest[n].tags) for n in part], [tables[n] for n in part]
                )
                for part in (order[:size], order[size:])
            )
            goal, judge = (Goal.parse("f1", one.problem) for one in (dev, test))
            begun = time.perf_counter()
            chosen = supported(dev, goal, list(map(str, order[:size])), 5)
            seconds = time.perf_counter() - begun
            every = np.ones(size, dtype=bool)
            rules = [{}, *(one.fit(goal, every) for one in (dev, dev.richer(), chosen))]
            scores = [100 * float(judge.score(test.counts(rule).sum(0))) for rule in rules]
            found.append([*scores, float(chosen is not dev), seconds])
        means = np.mean(found, axis=0)
        cells = [f"{mean:.1f}" for mean in means[:4]]
        print(f"| {name} | {size:,} | {' | '.join(cells)} | {means[4]:.0%} | {means[5]:.1f} |")


if __name__ == "__main__":
    main()
