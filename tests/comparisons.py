"""Folders of comparisons as `dicetune compare` leaves them, with random scores in place of models.

Scores are drawn so that they lean towards gold; every decision, tuned ones too, is made of them by
the package itself, and every file is written by the function that a real run calls.
"""

import json

import numpy as np
from safetensors.numpy import save_file

from dicetune.comparison.competitor import PlannedLoss
from dicetune.comparison.plan import DataFile, Plan
from dicetune.decide.folder import tune_folder
from dicetune.problems.entities import likely_spans
from dicetune.records import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    PROBLEM_KEY,
    SCORES_FILE,
    RunRecord,
    write_json,
    write_json_lines,
)

SCRIPT = "<script>alert(1)</script>"
NASTY = f"{SCRIPT} </script><img src=x onerror=\"alert(2)\"> & 'quoted' {{{{ 7*7 }}}}"
LABELS = ("ham", '<b>"spam"</b>')
WORDS = ("The", "pump", "at", "Quay", "Nine", "is", "down", "again", ".")
TAGS = ("O", "B-SITE", "I-SITE", "B-ORG<i>", "I-ORG<i>")
CANDIDATES = (("SITE", 3, 5), ("ORG<i>", 1, 2), ("SITE", 3, 4), ("ORG<i>", 0, 2), ("SITE", 6, 8))
PROBLEMS = {
    "label": {"kind": "label", "labels": list(LABELS), "positive": LABELS[1], "metric": "f1"},
    "label_set": {"kind": "label_set", "labels": ["joy", "awe", "fear"], "metric": "macro_f1"},
    "spans": {
        "kind": "spans", "labels": list(TAGS), "metric": "f1", "background": "O", "scheme": "iob2",
    },
    "entities": {"kind": "entities", "labels": ["SITE", "ORG<i>"], "metric": "f1", "nested": False},
    "answer": {"kind": "answer", "labels": [], "metric": "f1", "language": "en", "null": False},
    "tags": {"kind": "tags", "labels": ["NOUN", "VERB", "DET<i>"], "metric": "accuracy"},
    "words": {"kind": "words", "labels": ["B-NN", "I-NN", "B-VV<i>", "I-VV<i>"], "metric": "f1"},
}  # fmt: skip
TASKS = {"label": "text", "label_set": "multilabel", "spans": "ner", "entities": "mrc-ner",
         "answer": "qa", "tags": "pos", "words": "seg-pos"}  # fmt: skip


def make_comparison(
    folder,
    kind="label",
    *,
    losses=("ce", "dice"),
    seeds=(1, 2, 3),
    units=30,
    tuned=True,
    foreign=False,
    failed=False,
    better=0.4,
):
    """Make a comparison folder; ``better`` is what each loss adds to the one before."""
    problem = PROBLEMS[kind]
    plan = Plan(
        task=TASKS[kind],
        metric=problem["metric"],
        files={
            split: DataFile(f"data/{split}<x>.tsv", "0" * 64, units)
            for split in ("train", "dev", "test")
        },
        model={"name": "minilm", "sha256": "1" * 64},
        objectives={loss: PlannedLoss(loss) for loss in losses},
        seeds=tuple(seeds),
        baseline=losses[0],
        trainer={"learning_rate": 1e-4, "num_train_epochs": 3},
        command=f"dicetune compare --note '{SCRIPT}'",
        external={"other tool": {"file": "other.jsonl", "sha256": "2" * 64}} if foreign else {},
    )
    folder.mkdir(parents=True, exist_ok=True)
    plan.save(folder)
    gold = {split: _gold(kind, units, seed) for seed, split in enumerate(("dev", "test"))}
    for number, cell in enumerate(plan.runs):
        place = folder / "cells" / cell.id
        if failed and number == len(plan.runs) - 1:
            reason = f"expected a finite loss, got nan {SCRIPT}"
            write_json(place.with_name(f"{cell.id}.failed.json"), {"reason": reason, "type": "X"})
            continue
        lean = 1.0 + better * losses.index(cell.loss)
        _make_run(place, plan, cell, problem, gold, lean)
        if tuned and kind != "answer":
            tune_folder(place)
    if foreign:
        rng = np.random.default_rng(99)
        rows = _rows(
            kind, problem, "test", gold["test"], _scores(kind, problem, gold["test"], rng, 2)
        )
        (folder / "foreign" / "other tool").mkdir(parents=True)
        write_json_lines(folder / "foreign" / "other tool" / PREDICTIONS_FILE, rows)
    return folder


def _make_run(place, plan, cell, problem, gold, lean):
    place.mkdir(parents=True)
    kind = problem["kind"]
    rng = np.random.default_rng([cell.seed, round(100 * lean), len(cell.loss)])
    arrays, rows = {}, []
    for split, own in gold.items():
        scores = _scores(kind, problem, own, rng, lean)
        arrays[split] = np.concatenate(scores).astype(np.float32)
        arrays[f"{split}.lengths"] = np.array([len(one) for one in scores], dtype=np.int64)
        rows += _rows(kind, problem, split, own, scores)
    save_file(arrays, place / SCORES_FILE, {PROBLEM_KEY: json.dumps(problem)})
    write_json_lines(place / PREDICTIONS_FILE, rows)
    write_json(place / METRICS_FILE, {"dev": {}, "test": {}})
    steps = [10, 20, 30, 40]
    history = [
        {
            "step": step,
            "train_loss": 1 / step + 0.01 * rng.random(),
            "eval_loss": 1.2 / step + 0.01 * rng.random(),
            f"eval_{problem['metric']}": 0.9 - 3 / step + 0.02 * rng.random(),
        }
        for step in steps
    ]
    RunRecord(
        config={"options": {}, **plan.config_of(cell.loss, cell.seed)},
        objective={"text": cell.objective, "loss": cell.objective, "start_loss": None,
                   "start_share": 0.0},
        labels=list(problem["labels"]),
        settings={},
        data={
            split: {"source": file.path, "sha256": file.sha256, "examples": file.examples,
                    "subwords": 400, "unknown_subwords": 3, "longest_subwords": 21}
            for split, file in plan.files.items()
        },
        model={"name": "minilm", "sha256": "1" * 64, "parameters": 22_700_000},
        training={"seconds": 12.5 + cell.seed, "steps": 40, "best_step": 40, "device": "cpu",
                  "history": history},
        notes=[f"a note {SCRIPT}"],
    ).save(place)  # fmt: skip


def _gold(kind, units, seed):
    rng = np.random.default_rng([7, seed])
    if kind == "label":
        return [LABELS[int(rng.random() < 0.3)] for _ in range(units)]
    if kind == "label_set":
        names = PROBLEMS[kind]["labels"]
        return [[name for name in names if rng.random() < 0.4] for _ in range(units)]
    if kind == "spans":
        sites = ["O", "O", "O", "B-SITE", "I-SITE", "O", "O", "O", "O"]
        orgs = ["O", "B-ORG<i>", "O", "O", "O", "O", "O", "O", "O"]
        return [[sites, orgs, ["O"] * 9][int(rng.integers(3))] for _ in range(units)]
    if kind == "entities":
        site, org = ({"type": name, "start": a, "end": b} for name, a, b in CANDIDATES[:2])
        return [[[site, org], [org], []][int(rng.integers(3))] for _ in range(units)]
    if kind in ("tags", "words"):
        labels = PROBLEMS[kind]["labels"]
        return [[labels[int(number)] for number in rng.integers(len(labels), size=9)]
                for _ in range(units)]  # fmt: skip
    return [["Quay Nine", "at Quay Nine"] if rng.random() < 0.8 else ["down"] for _ in range(units)]


def _scores(kind, problem, gold, rng, lean):
    """Log-probabilities that lean towards gold."""
    labels = problem["labels"]
    if kind == "answer":
        return [rng.normal(size=(2, 5)) + lean for _ in gold]
    if kind == "entities":
        return [_candidates(labels, own, rng, lean) for own in gold]
    if kind == "label_set":
        truth = [np.array([[name in own for name in labels]], dtype=float) for own in gold]
        return [-np.log1p(np.exp(-(lean * (2 * t - 1) + rng.normal(size=t.shape)))) for t in truth]
    places = [[labels.index(tag) for tag in ([own] if kind == "label" else own)] for own in gold]
    raw = [lean * np.eye(len(labels))[own] + 0.8 * rng.normal(size=(len(own), len(labels)))
           for own in places]  # fmt: skip
    return [own - np.log(np.exp(own).sum(-1, keepdims=True)) for own in raw]


def _candidates(labels, gold, rng, lean):
    """Three logits of each candidate; those of gold lean upwards."""
    known = {(own["type"], own["start"], own["end"]) for own in gold}
    return np.array([
        [labels.index(own[0]), *own[1:], *(lean * (2 * (own in known) - 1) + rng.normal(size=3))]
        for own in CANDIDATES
    ])  # fmt: skip


def _rows(kind, problem, split, gold, scores):
    labels = problem["labels"]
    rows = []
    for number, (right, own) in enumerate(zip(gold, scores, strict=True)):
        row = {"split": split, "id": f"{number}<{split}>", "gold": right}
        text = NASTY if number % 3 == 0 else f"Text {number} says {SCRIPT} nothing."
        if kind in ("spans", "tags", "words"):
            row |= {
                "tokens": [SCRIPT, *WORDS[1:]],
                "predicted": [labels[c] for c in own.argmax(-1)],
            }
        elif kind == "entities":
            found = [
                {"type": labels[number], "start": a, "end": b}
                for number, a, b in likely_spans(own, problem["nested"])
            ]
            row |= {"tokens": [SCRIPT, *WORDS[1:]], "predicted": found}
        elif kind == "label":
            row |= {"text": text, "predicted": labels[int(own[0].argmax())]}
        elif kind == "label_set":
            chosen = [name for name, p in zip(labels, own[0], strict=True) if p > np.log(0.5)]
            row |= {"text": text, "predicted": chosen}
        else:
            said = right[0] if own.mean() > 1.2 else "the pump at Quay"
            row |= {"question": f"Where? {text}", "predicted": said, "span": said, "score": 1.0}
        rows.append(row)
    return rows
