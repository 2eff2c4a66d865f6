"""Small random problems whose scores lie on a lattice, so that a finite grid holds every decision.

Scores are whole numbers. Then every breakpoint of a bias is a multiple of one half, and a grid at
the quarters between them meets every piece: the best over the grid is the best there is.
"""

import numpy as np

from dicetune.metrics import (
    class_scores,
    entity_scores,
    label_scores,
    label_set_scores,
    question_scores,
    span_scores,
)

GRID = np.arange(-14.25, 14.5, 0.5)
TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]
LABELS = ["a", "b", "c"]


def problem_of(kind, **more):
    labels = {"spans": TAGS, "entities": ["x", "y"], "answer": ["start", "end"]}.get(kind, LABELS)
    own = {
        "spans": {"background": "O", "scheme": "iob2"},
        "answer": {"null": True, "form": "softmax", "null_threshold": 0.0},
        "entities": {"nested": True},
    }.get(kind, {})
    return {"kind": kind, "labels": labels, **own, **more}


def draw(kind, seed, units=12, **more):
    """(problem, gold, scores, spans) of random units."""
    random = np.random.default_rng(seed)
    problem = problem_of(kind, **more)
    labels = problem["labels"]
    size = len(labels)
    gold, scores, spans = [], [], None
    if kind == "answer":
        spans = []
    for _ in range(units):
        words = int(random.integers(0, 6))
        if kind == "label":
            own = random.integers(-4, 5, (1, size))
            gold.append(labels[int((own[0] + random.integers(-3, 4, size)).argmax())])
        elif kind == "label_set":
            logits = random.integers(-4, 5, (1, size)).astype(float)
            own = -np.logaddexp(0.0, -logits)
            noise = random.integers(-4, 3, size)
            gold.append([name for name, z in zip(labels, logits[0] + noise, strict=True) if z > 0])
        elif kind in ("spans", "tags"):
            own = random.integers(-4, 5, (words, size))
            noise = random.integers(-3, 4, (words, size))
            gold.append([labels[number] for number in (own + noise).argmax(-1)])
        elif kind == "answer":
            own = np.zeros((4, 5))
            own[:, :2] = random.integers(-3, 4, (4, 2))
            own[:, 3] = [-1, 0, -1, 0]
            text = str(random.choice(["quay", "dock nine", ""], p=[0.45, 0.45, 0.1]))
            spans.append((text, float(random.integers(-4, 5))))
            gold.append([["quay"], ["dock"], []][int(random.integers(0, 3))])
        else:
            places = {
                (int(random.integers(0, 2)), start, start + int(random.integers(1, 3)))
                for start in range(words)
            }
            rows = [[*place, *random.integers(-3, 4, 3)] for place in sorted(places)]
            own = np.array(rows, dtype=np.float64).reshape(-1, 6)
            gold.append(
                [
                    {"type": labels[int(kind)], "start": int(a), "end": int(b)}
                    for kind, a, b, *logits in rows
                    if min(logits) + random.integers(-2, 3) > 0
                ]
            )
        scores.append(np.asarray(own, dtype=np.float32))
    return problem, gold, scores, spans


def reference(problem, gold, predicted, metric):
    """The score by the metric of the task."""
    kind = problem["kind"]
    if kind == "label":
        positive = problem.get("positive")
        found = class_scores(gold, predicted, labels=problem["labels"], positive=positive)
    elif kind == "label_set":
        found = label_set_scores(gold, predicted, labels=problem["labels"])
    elif kind == "tags":
        found = label_scores(gold, predicted)
    elif kind == "spans":
        found = span_scores(gold, predicted)
    elif kind == "answer":
        found = question_scores(gold, predicted)
    else:
        found = entity_scores(
            *(
                [[(own["type"], own["start"], own["end"]) for own in row] for row in rows]
                for rows in (gold, predicted)
            )
        )
    return getattr(found, metric)
