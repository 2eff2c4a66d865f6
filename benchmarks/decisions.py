"""Which threshold from a small dev set gives the best F1 on new texts?

Scores: real ones, made here from `../shared/data` or `--data DIR` (TF-IDF with logistic regression
on sms_spam and single labels of goemotions, also with balanced classes or little regularisation;
linear heads on features of all-MiniLM-L6-v2), and simulated ones: 10% positives, logits that are
scaled by 0.4, 1 or 3 and shifted by 0, -1, -2 or +1. Features and scores are kept in `build/`.

Each repetition draws a dev set, fits every candidate on it and judges the candidates on all items
left over (simulated: on 200,000). Gains are over the default threshold, in points of F1, paired
over repetitions. The best candidate of a cell is named on the even repetitions, and all candidates
are judged against it on the odd ones.

Goals of `dicetune`, cell by cell (a cell is one source of scores with one size of dev):
- large: where the plain fit gains 3 points or more, 97% of the best candidate's gain, or within two
  paired standard errors of it;
- small: where the best possible threshold gains under 0.5, at most 0.2 lost on average, and the 5th
  percentile no worse than -2;
- between: no worse than the better of default and plain, within two standard errors.

Two more columns check what the rule says of itself: how often its 95% interval holds the best
threshold, and how often the interval of the promised score holds the score on new items.

`--labels` measures macro F1 over all 28 labels of goemotions in place of single labels: default,
plain fit, plain fit shrunk, and `dicetune`, whose labels share strength. It prints a table and
writes no file.

Usage: python benchmarks/decisions.py [--repetitions N] [--data DIR] [--out FILE] [--labels]
"""

import argparse
import csv
import sys
import zlib
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from dicetune.decide.fit import fit
from dicetune.decide.held_out import cross_fit, shrink_factor
from dicetune.problems import problem_of
from dicetune.problems.goal import Goal
from dicetune.problems.thresholds import ALONE, slope_and_intercept, sums_of_positives

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
SIZES = (50, 100, 200, 500, 2000)
SCALES, SHIFTS = (0.4, 1.0, 3.0), (0.0, -1.0, -2.0, 1.0)
LABELS = ("fear", "joy", "gratitude", "disappointment", "love")
SPAM = problem_of({"kind": "label", "labels": ["no", "yes"], "positive": "yes", "metric": "f1"})
TRAINED = {"sms_spam": 1000, "goemotions": 10_000}
USED = 25_000
"""Texts of goemotions."""


# scores


def real_scores(data):
    """Scores and gold of the texts that no model was trained on, by name."""
    path = BUILD / "decisions-scores.npz"
    if not path.is_file():
        BUILD.mkdir(exist_ok=True)
        found = {}
        for name, (texts, golds) in texts_of(data).items():
            order = np.random.default_rng(1).permutation(len(texts))
            train, rest = np.split(order, [TRAINED[name]])
            words = TfidfVectorizer(sublinear_tf=True, min_df=2)
            words.fit([texts[place] for place in train])
            tables = {"": words.transform(texts), "minilm ": features(name, texts)}
            for label, gold in golds.items():
                for kind, options in (
                    ("", {}),
                    ("balanced ", {"class_weight": "balanced"}),
                    ("C=100 ", {"C": 100.0}),
                    ("minilm ", {}),
                ):
                    if kind == "C=100 " and name != "sms_spam":
                        continue
                    table = tables["minilm " if kind == "minilm " else ""]
                    model = LogisticRegression(max_iter=1000, **options)
                    model.fit(table[train], gold[train])
                    key = f"{kind}{label}"
                    found[f"{key}|scores"] = model.decision_function(table[rest])
                    found[f"{key}|gold"] = gold[rest]
        np.savez(path, **found)
    with np.load(path) as kept:
        names = sorted({name.partition("|")[0] for name in kept})
        return {name: (kept[f"{name}|scores"], kept[f"{name}|gold"]) for name in names}


def texts_of(data, every=False):
    """Texts and gold of each data set: of some labels of goemotions, or of ``every`` label."""
    rows = (data / "sms_spam/SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    pairs = [row.split("\t", 1) for row in rows]
    spam = np.array([label == "spam" for label, _ in pairs])
    names = (data / "goemotions/labels.txt").read_text(encoding="utf-8").split()
    texts, numbers = [], []
    for part in ("train", "dev", "test"):
        for row in (data / f"goemotions/{part}.tsv").read_text(encoding="utf-8").splitlines():
            text, given, _ = row.rsplit("\t", 2)
            texts.append(text)
            numbers.append(set(given.split(",")))
    used = np.sort(np.random.default_rng(0).permutation(len(texts))[:USED])
    texts, numbers = [texts[place] for place in used], [numbers[place] for place in used]
    golds = {
        label: np.array([str(names.index(label)) in given for given in numbers])
        for label in (names if every else LABELS)
    }
    return {
        "sms_spam": ([text for _, text in pairs], {"spam": spam}),
        "goemotions": (texts, golds),
    }


def features(name, texts):
    """The mean of the last hidden states of each text."""
    path = BUILD / f"decisions-{name}.npy"
    if not path.is_file():
        import torch
        from transformers import AutoModel

        from dicetune.models import load_tokenizer, resolve_encoder

        source = resolve_encoder("minilm")
        tokenizer = load_tokenizer(source)
        model = AutoModel.from_pretrained(source).eval()
        found = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for begin in range(0, len(order), 128):
            places = order[begin : begin + 128]
            batch = tokenizer(
                [texts[place] for place in places],
                truncation=True, max_length=64, padding=True, return_tensors="pt",
            )  # fmt: skip
            with torch.inference_mode():
                states = model(**batch).last_hidden_state
            mask = batch["attention_mask"][:, :, None]
            found[places] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        np.save(path, found)
    return np.load(path)


class Judge:
    """F1 of any threshold on many items."""

    def __init__(self, scores, gold):
        order = np.argsort(-scores)
        self.right = np.concatenate([[0], np.cumsum(gold[order])])
        self.falling = -scores[order]
        self.positives = gold.sum()

    def f1(self, threshold):
        """In percent, of the items with a score above the threshold."""
        made = np.searchsorted(self.falling, -threshold, "left")
        return 200 * self.right[made] / max(made + self.positives, 1)

    def best(self):
        """The best threshold and its F1."""
        made = np.arange(len(self.right))
        scores = 200 * self.right / np.maximum(made + self.positives, 1)
        place = int(scores[:-1].argmax())
        return -(self.falling[place - 1] + self.falling[place]) / 2, scores[place]


def real(scores, gold):
    """Draws of a dev set, judged on the rest."""

    def draw(rng, size):
        chosen = np.zeros(len(scores), dtype=bool)
        chosen[rng.choice(len(scores), size, replace=False)] = True
        return scores[chosen], gold[chosen], Judge(scores[~chosen], gold[~chosen])

    return draw


def simulated(scale, shift):
    """Draws of logits that are right before they are shifted and scaled."""

    def items(rng, size):
        logit = -3.4 + 2 * rng.standard_normal(size)
        return scale * (logit + shift), rng.random(size) < 1 / (1 + np.exp(-logit))

    judge = Judge(*items(np.random.default_rng(0), 200_000))
    return lambda rng, size: (*items(rng, size), judge)


# candidates: from scores and gold of dev to a threshold on the scores


def search(scores, weights):
    """The threshold of the best F1 for weights in place of gold, nearest to 0."""
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([[0], np.cumsum(weights[order])])
    f1 = 2 * right / (np.arange(len(right)) + right[-1])
    ends = np.concatenate([[scores.max() + 2], scores[order], [scores.min() - 2]])
    middles = (ends[1:] + ends[:-1]) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return middles[best[np.abs(middles[best]).argmin()]]


def chance(scores, slope=0.0, intercept=0.0):
    """Calibrated probabilities."""
    return 1 / (1 + np.exp(-(np.exp(slope) * scores + intercept)))


def mixed(scores, gold, trust):
    """Gold and calibrated probabilities, mixed by the number of positives."""
    totals = sums_of_positives(scores[:, None], gold[:, None])
    ((slope, intercept),) = slope_and_intercept(scores[:, None], totals, np.zeros(2), ALONE)
    own = gold.sum() / (gold.sum() + trust)
    return search(scores, own * gold + (1 - own) * chance(scores, slope, intercept))


def rows(scores):
    """Log-probabilities of both labels, one table a unit."""
    table = -np.logaddexp(0, np.stack([scores, -scores], axis=1))
    return list(table[:, None])


def names_of(gold):
    """Gold by name."""
    return np.where(gold, "yes", "no").tolist()


def shrunk(scores, gold):
    """The exact fit, shrunk by the cross-fitted gain alone: dicetune before this rule."""
    decisions = SPAM.decisions(names_of(gold), rows(scores))
    goal = Goal.parse("f1", decisions.problem)
    every = np.ones(len(gold), dtype=bool)
    ids = [str(number) for number in range(len(gold))]
    crossed = cross_fit(decisions, goal, ids, fit=lambda mask: decisions.fit(goal, mask))
    factor = shrink_factor(crossed.gain, crossed.error)
    return -factor * decisions.fit(goal, every)["yes"]


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose only feature is its score."""

    def __init__(self):
        self.classes_ = np.array([False, True])

    def fit(self, table, gold):
        """Nothing is left to fit."""
        return self

    def predict_proba(self, table):
        """From the score."""
        p = chance(table[:, 0])
        return np.stack([1 - p, p], axis=1)


def scikit(scores, gold):
    """TunedThresholdClassifierCV on a fitted classifier."""
    if len(set(gold.tolist())) < 2:
        return 0.0
    # scikit-learn's own "f1" gives the same, and takes most of the time of the benchmark
    quick = make_scorer(lambda right, made: 2 * (right & made).sum() / (right.sum() + made.sum()))
    tuned = TunedThresholdClassifierCV(Given(), scoring=quick, cv="prefit", refit=False)
    p = np.clip(tuned.fit(scores[:, None], gold).best_threshold_, 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def plain(scores, gold):
    """The exact fit on dev."""
    return search(scores, gold.astype(float)) if gold.any() and not gold.all() else 0.0


CANDIDATES = {
    "plain": plain,
    "shrunk": shrunk,
    "own": lambda scores, gold: search(scores, chance(scores)),
    "calibrated": lambda scores, gold: mixed(scores, gold, 1e9),
    "mixed 20": lambda scores, gold: mixed(scores, gold, 20),
    "scikit": scikit,
}
OURS = "dicetune"


def repetition(draw, rng, size):
    """Default, best possible and candidates on one dev set; what the rule says of itself."""
    scores, gold, judge = draw(rng, size)
    best, highest = judge.best()
    found = [judge.f1(0.0), highest]
    found += [judge.f1(candidate(scores, gold)) for candidate in CANDIDATES.values()]
    rule = fit(SPAM, names_of(gold), rows(scores))
    reached = judge.f1(-rule.biases.get("yes", 0.0))
    found.append(reached)
    low, high = rule.evidence["intervals"].get("yes", (None, None))
    low, high = (-np.inf if low is None else low), (np.inf if high is None else high)
    promised = rule.evidence.get("promised_interval", (0.0, 1.0))
    found += [low <= -best <= high, promised[0] <= reached / 100 <= promised[1]]
    return found


def verdict(values):
    """What a cell asks of dicetune, whether it holds, and the numbers of its row."""
    gains = values[:, 2:-2] - values[:, :1]
    means, ours = gains.mean(0), gains[:, -1]
    possible = (values[:, 1] - values[:, 0]).mean()
    lowest = np.percentile(ours, 5)
    even = np.arange(len(gains)) % 2 == 0

    def within(difference):
        return difference.mean() + 2 * difference.std(ddof=1) / len(difference) ** 0.5 >= 0

    if possible < 0.5:
        kind, holds = "small", ours.mean() >= -0.2 and lowest >= -2
    elif means[0] >= 3:
        best = gains[~even, gains[even].mean(0).argmax()]
        mine = ours[~even]
        kind, holds = "large", mine.mean() >= 0.97 * best.mean() or within(mine - best)
    else:
        kind, holds = "between", within(ours - (gains[:, 0] if means[0] > 0 else 0.0))
    return kind, bool(holds), possible, means, lowest, *values[:, -2:].mean(0)


def labels(data, repetitions):
    """Macro F1 over all labels of goemotions, one row a model and size of dev."""
    texts, golds = texts_of(data, every=True)["goemotions"]
    names, gold = list(golds), np.stack(list(golds.values()), axis=1)
    order = np.random.default_rng(1).permutation(len(texts))
    train, rest = np.split(order, [TRAINED["goemotions"]])
    words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit([texts[place] for place in train])
    table = words.transform(texts)
    problem = problem_of({"kind": "label_set", "labels": names, "metric": "macro_f1"})
    sys.stdout.write("model | dev | default | plain | shrunk | dicetune\n")
    for title, options in (("as trained", {}), ("balanced", {"class_weight": "balanced"})):
        columns = []
        for column in gold.T:
            fitted = LogisticRegression(max_iter=300, **options).fit(table[train], column[train])
            columns.append(fitted.decision_function(table[rest]))
        scores, right = np.stack(columns, axis=1), gold[rest]
        for size in SIZES:
            rng, found = np.random.default_rng(size), []
            for _ in range(repetitions):
                chosen = np.zeros(len(scores), dtype=bool)
                chosen[rng.choice(len(scores), size, replace=False)] = True
                found.append(_macro(problem, scores, right, chosen))
            means = " | ".join(f"{mean:.1f}" for mean in np.mean(found, axis=0))
            sys.stdout.write(f"{title} | {size} | {means}\n")
            sys.stdout.flush()


def _macro(problem, scores, right, chosen):
    """Macro F1 on the items that are not chosen, by each rule that is fitted on the chosen ones."""
    given = [[problem.labels[place] for place in np.flatnonzero(row)] for row in right[chosen]]
    tables = list(-np.logaddexp(0, -scores[chosen])[:, None])
    rule = fit(problem, given, tables)
    exact = fit(problem, given, tables, guard=False)
    factor = shrink_factor(exact.evidence["gain"] or 0.0, exact.evidence["error"] or 0.0)
    found = []
    for biases, share in (
        ({}, 1.0),
        (exact.biases, 1.0),
        (exact.biases, factor),
        (rule.biases, 1.0),
    ):
        moved = np.array([share * biases.get(name, 0.0) for name in problem.labels])
        made = scores[~chosen] + moved > 0
        hits = (made & right[~chosen]).sum(0)
        found.append((200 * hits / (made.sum(0) + right[~chosen].sum(0)).clip(min=1)).mean())
    return found


def main():
    """One row a cell, then how many cells of each kind hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/decisions.csv")
    parser.add_argument("--labels", action="store_true")
    given = parser.parse_args()
    if given.labels:
        labels(given.data, given.repetitions)
        return
    sources = {name: real(*pair) for name, pair in real_scores(given.data).items()}
    for scale in SCALES:
        for shift in SHIFTS:
            sources[f"simulated x{scale:g} {shift:+g}"] = simulated(scale, shift)
    heads = ["scores", "dev", "kind", "holds", "default", "possible", *CANDIDATES, OURS]
    heads += ["5th percentile", "threshold held", "score held"]
    table = []
    for name, draw in sources.items():
        for size in SIZES:
            rng = np.random.default_rng(zlib.crc32(f"{name} {size}".encode()))
            values = np.array([repetition(draw, rng, size) for _ in range(given.repetitions)])
            kind, holds, possible, means, lowest, *held = verdict(values)
            numbers = [values[:, 0].mean(), possible, *means, lowest, *(100 * np.array(held))]
            row = [name, size, kind, "yes" if holds else "no", *(f"{n:.1f}" for n in numbers)]
            table.append(row)
            sys.stderr.write(f"{' '.join(map(str, row))}\n")
    with given.out.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([heads, *table])
    names = [*CANDIDATES, OURS]
    sys.stdout.write(f"mean gain | cells | hold | {' | '.join(names)}\n")
    for kind in ("large", "between", "small"):
        chosen = [row for row in table if row[2] == kind]
        held = sum(row[3] == "yes" for row in chosen)
        gains = np.array([[float(n) for n in row[6 : 6 + len(names)]] for row in chosen]).mean(0)
        sys.stdout.write(
            f"{kind} | {len(chosen)} | {held} | {' | '.join(f'{g:.2f}' for g in gains)}\n"
        )


if __name__ == "__main__":
    main()
