"""What people would use in place of this package, on the cells of the evidence programme.

Usage: python experiments/rivals.py STAGE CELL RIVAL      (needs scikit-learn, and what it names)

    tfidf   words and pairs of words, logistic regression, and scikit-learn's
            TunedThresholdClassifierCV for F1, of each label alone (single texts, scored by F1)
    crf     a conditional random field with the usual features (sklearn-crfsuite; tagging)
    stock   the encoder in a stock ``transformers.Trainer``, argmax or one half (texts and tagging)
    setfit  SetFit on the same encoder (setfit; single texts)

Each sees the training file of the cell alone, with the seed 1: for cells whose labels are right. A
record as those of evidence.py is written beside the others, and ``evidence.py table`` shows it.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from programme import Cell, cells, counts, sparse, write_record

from dicetune.problems import problem_of
from dicetune.tasks import task_named

SEED = 1
Split = Sequence[Any]
Rival = Callable[[Cell, dict[str, Split]], list[Any]]


def read(cell: Cell) -> dict[str, Split]:
    """The examples of each split, as many as a run of the cell has."""
    task = task_named(cell.config["task"])
    options = task.Options(**cell.config.get("options", {}))
    found = {}
    for split in ("train", "dev", "test"):
        most = cell.config.get(f"max_{split}")
        found[split] = list(task.read(cell.config[split], options))[:most]
    return found


def labels_of(examples: Split) -> list[list[str]]:
    """The labels of each text."""
    return [list(example.labels or ()) for example in examples]


def whole_texts(examples: Split) -> list[str]:
    """The text of each example, of which there is one."""
    return [text for (text,) in (example.texts for example in examples)]


def per_label(
    splits: dict[str, Split], positive: str | None, fit: Callable[[np.ndarray], np.ndarray]
) -> list[Any]:
    """Predictions of one label a text, or of each label alone where there are several a text.

    Args:
        splits: examples.
        positive: the class that is scored, where a text has one label of two.
        fit: from 0 and 1 of the training texts to 0 and 1 of the test texts.
    """
    train = labels_of(splits["train"])
    names = sorted(
        {label for split in splits.values() for row in labels_of(split) for label in row}
    )
    if all(len(labels) == 1 for labels in train):
        other = next(name for name in names if name != positive)
        said = fit(np.array([positive in labels for labels in train]).astype(int))
        return [positive if one else other for one in said]
    table = np.zeros((len(splits["test"]), len(names)), dtype=int)
    for place, name in enumerate(names):
        gold = np.array([name in labels for labels in train]).astype(int)
        if 3 <= gold.sum() < len(gold):
            table[:, place] = fit(gold)
    return [[name for name, one in zip(names, row, strict=True) if one] for row in table]


def tfidf(cell: Cell, splits: dict[str, Split]) -> list[Any]:
    """Logistic regression on tf-idf with a threshold tuned for F1."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import TunedThresholdClassifierCV

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    train = words.fit_transform(whole_texts(splits["train"]))
    test = words.transform(whole_texts(splits["test"]))

    def fit(gold: np.ndarray) -> np.ndarray:
        model = LogisticRegression(C=10, max_iter=1000)
        tuned = TunedThresholdClassifierCV(model, scoring="f1", cv=3, random_state=SEED)
        found: np.ndarray = tuned.fit(train, gold).predict(test)
        return found

    like = cell.whole
    return per_label(splits, like and like["problem"].get("positive"), fit)


def features(words: Sequence[str], place: int) -> dict[str, Any]:
    """The usual features of a word, and of its neighbours."""
    found: dict[str, Any] = {"bias": 1.0, "first": place == 0, "last": place == len(words) - 1}
    for step in (-2, -1, 0, 1, 2):
        if 0 <= place + step < len(words):
            word = words[place + step]
            found |= {
                f"{step} lower": word.lower(),
                f"{step} title": word.istitle(),
                f"{step} upper": word.isupper(),
                f"{step} digit": word.isdigit(),
            }
            if step == 0:
                found |= {f"end {n}": word[-n:] for n in (1, 2, 3)}
                found |= {f"begin {n}": word[:n] for n in (1, 2, 3)}
                found["shape"] = "".join(
                    "X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c
                    for c in word
                )
    return found


def crf(cell: Cell, splits: dict[str, Split]) -> list[Any]:
    """A conditional random field."""
    from sklearn_crfsuite import CRF

    def of(examples: Split) -> list[list[dict[str, Any]]]:
        return [[features(s.tokens, n) for n in range(len(s.tokens))] for s in examples]

    model = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100)
    model.fit(of(splits["train"]), [list(sentence.tags) for sentence in splits["train"]])
    return [list(tags) for tags in model.predict(of(splits["test"]))]


def stock(cell: Cell, splits: dict[str, Split]) -> list[Any]:
    """The encoder in a stock Trainer, with the loss of the model, as many steps as a run has."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from dicetune.data.inspect import show_every_word
    from dicetune.models import resolve_encoder

    source = str(resolve_encoder("minilm"))
    tokenizer = AutoTokenizer.from_pretrained(source)
    tagging = hasattr(splits["train"][0], "tags")
    gold = {
        split: [list(e.tags) for e in own] if tagging else labels_of(own)
        for split, own in splits.items()
    }
    names = sorted({label for rows in gold.values() for row in rows for label in row})
    several = not tagging and any(len(row) != 1 for row in gold["train"])

    def encoded(split: str) -> list[dict[str, Any]]:
        rows = []
        for example, labels in zip(splits[split], gold[split], strict=True):
            numbers = [names.index(label) for label in labels]
            if tagging:
                seen, _ = show_every_word(example.tokens, tokenizer)
                own = tokenizer(seen, is_split_into_words=True, truncation=True)
                words = own.word_ids()
                own["labels"] = [  # of the first sub-word of each word
                    -100 if w is None or w == before else numbers[w]
                    for before, w in zip([None, *words[:-1]], words, strict=True)
                ]
            else:
                own = tokenizer(*example.texts, truncation=True)
                held = [float(n in numbers) for n in range(len(names))]
                own["labels"] = held if several else numbers[0]
            rows.append(dict(own))
        return rows

    set_seed(SEED)
    kind = AutoModelForTokenClassification if tagging else AutoModelForSequenceClassification
    problem = "multi_label_classification" if several else None
    model = kind.from_pretrained(source, num_labels=len(names), problem_type=problem)
    given = {
        **{"per_device_train_batch_size": 32, "warmup_steps": 0.1, "weight_decay": 0.01},
        **cell.config["trainer"],
    }
    arguments = TrainingArguments(
        output_dir="runs/evidence/stock", save_strategy="no", report_to="none", seed=SEED, **given
    )
    collator = (DataCollatorForTokenClassification if tagging else DataCollatorWithPadding)(
        tokenizer
    )
    trainer = Trainer(model, arguments, train_dataset=encoded("train"), data_collator=collator)
    trainer.train()
    found = []
    for row in encoded("test"):
        labels = row.pop("labels")
        with torch.no_grad():
            batch = {name: torch.tensor([value]) for name, value in row.items()}
            logits = model.eval()(**batch).logits[0]
        if tagging:
            found.append(
                [names[int(at.argmax())] for at, n in zip(logits, labels, strict=True) if n != -100]
            )
        elif several:
            found.append([names[n] for n in (logits > 0).nonzero().flatten().tolist()])
        else:
            found.append(names[int(logits.argmax())])
    return found


def setfit(cell: Cell, splits: dict[str, Split]) -> list[Any]:
    """SetFit with its defaults: contrastive pairs, then a logistic regression."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    from dicetune.models import resolve_encoder

    gold = labels_of(splits["train"])
    names = sorted({label for labels in gold for label in labels})
    several = any(len(labels) != 1 for labels in gold)
    held = [[int(name in labels) for name in names] for labels in gold]
    model = SetFitModel.from_pretrained(
        str(resolve_encoder("minilm")),
        multi_target_strategy="one-vs-rest" if several else None,
    )
    train = Dataset.from_dict(
        {
            "text": whole_texts(splits["train"]),
            "label": held if several else [names.index(labels[0]) for labels in gold],
        }
    )
    arguments = TrainingArguments(
        output_dir="runs/evidence/setfit",
        max_steps=cell.config["trainer"]["max_steps"],
        save_strategy="no",
        report_to="none",
        seed=SEED,
    )
    Trainer(model=model, args=arguments, train_dataset=train).train()
    said = np.asarray(model.predict(whole_texts(splits["test"])))
    if several:
        said = said.reshape(len(said), -1)  # of one label it is a column
        return [[name for name, one in zip(names, row, strict=True) if one] for row in said]
    return [names[int(number)] for number in said]


RIVALS: dict[str, Rival] = {"tfidf": tfidf, "crf": crf, "stock": stock, "setfit": setfit}


def main() -> None:
    """One rival on one cell."""
    stage, name, rival = sys.argv[1:]
    cell = next(one for one in cells(stage) if one.name == name)
    if (like := cell.whole) is None:
        raise SystemExit(f"expected records of {name}, got none: run the stage first")
    splits, begun = read(cell), time.perf_counter()
    predicted = RIVALS[rival](cell, splits)
    seconds = time.perf_counter() - begun
    tagging = hasattr(splits["test"][0], "tags")
    gold: list[Any] = [list(e.tags) if tagging else list(e.labels) for e in splits["test"]]
    if like["problem"]["kind"] == "label":
        gold = [labels[0] for labels in gold]
    problem = problem_of(like["problem"], gold, predicted)
    if list(problem.columns) != like["columns"]:
        raise SystemExit(f"expected the columns {like['columns']}, got {problem.columns}")
    apart = sparse(problem.counts(gold, predicted) - counts(like))
    kept = {
        **{key: like[key] for key in ("data", "problem", "columns", "units")},
        **{"name": rival, "seed": SEED, "external": True, "training": {"seconds": seconds}},
        **{"whole": False, "counts": [apart, apart]},
    }
    write_record(cell.place / f"{rival}.json.xz", kept)


if __name__ == "__main__":
    main()
