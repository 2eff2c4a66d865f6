"""Small random problems whose scores lie on a lattice, so that a finite grid holds every decision.

Scores are whole numbers. Then every breakpoint of a bias is a multiple of one half, and a grid at
the quarters between them meets every piece: the best over the grid is the best there is.
"""

import numpy as np

GRID = np.arange(-14.25, 14.5, 0.5)
TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]
LABELS = ["a", "b", "c"]


def settings_of(kind, **more):
    labels = {"spans": TAGS, "entities": ["x", "y"], "answer": ["start", "end"]}.get(kind, LABELS)
    default = {
        "spans": {"background": "O", "scheme": "iob2"},
        "answer": {"null": True, "form": "softmax", "null_threshold": 0.0},
        "entities": {"nested": True},
    }.get(kind, {})
    return {"kind": kind, "labels": labels, **default, **more}


def draw(kind, seed, units=12, **more):
    """(settings, gold, scores, spans) of random units."""
    random = np.random.default_rng(seed)
    settings = settings_of(kind, **more)
    labels = settings["labels"]
    size = len(labels)
    gold, scores, spans = [], [], None
    if kind == "answer":
        spans = []
    for _ in range(units):
        words = int(random.integers(0, 6))
        if kind == "label":
            table = random.integers(-4, 5, (1, size))
            gold.append(labels[int((table[0] + random.integers(-3, 4, size)).argmax())])
        elif kind == "label_set":
            logits = random.integers(-4, 5, (1, size)).astype(float)
            table = -np.logaddexp(0.0, -logits)
            noise = random.integers(-4, 3, size)
            gold.append([name for name, z in zip(labels, logits[0] + noise, strict=True) if z > 0])
        elif kind in ("spans", "tags"):
            table = random.integers(-4, 5, (words, size))
            noise = random.integers(-3, 4, (words, size))
            gold.append([labels[number] for number in (table + noise).argmax(-1)])
        elif kind == "answer":
            table = np.zeros((4, 5))
            table[:, :2] = random.integers(-3, 4, (4, 2))
            table[:, 3] = [-1, 0, -1, 0]
            text = str(random.choice(["quay", "dock nine", ""], p=[0.45, 0.45, 0.1]))
            spans.append((text, float(random.integers(-4, 5))))
            gold.append([["quay"], ["dock"], []][int(random.integers(0, 3))])
        else:
            places = {
                (int(random.integers(0, 2)), start, start + int(random.integers(1, 3)))
                for start in range(words)
            }
            rows = [[*place, *random.integers(-3, 4, 3)] for place in sorted(places)]
            table = np.array(rows, dtype=np.float64).reshape(-1, 6)
            gold.append(
                [
                    {"type": labels[int(number)], "start": int(a), "end": int(b)}
                    for number, a, b, *logits in rows
                    if min(logits) + random.integers(-2, 3) > 0
                ]
            )
        scores.append(np.asarray(table, dtype=np.float32))
    return settings, gold, scores, spans


def rows_of(kind, settings, gold, scores, spans, form="log_probabilities"):
    """The rows of a score file that a user of any model would write."""
    labels = settings["labels"]
    rows = []
    for number, (right, table) in enumerate(zip(gold, scores, strict=True)):
        row = {"id": f"u{number}", "gold": right}
        table = table.astype(float)
        if kind == "answer":
            row |= dict(zip(("span", "score"), spans[number], strict=True))
            nulls = table[table[:, 3] < 0]
            row["null_score"] = float(nulls[:, :2].sum(1).min())
        elif kind == "entities":
            row["candidates"] = [
                {"type": labels[int(number)], "start": int(a), "end": int(b), "logits": logits}
                for number, a, b, *logits in table.tolist()
            ]
        else:
            values = np.exp(table) if form == "probabilities" else table
            if kind in ("label", "label_set"):
                row[form] = dict(zip(labels, values[0].tolist(), strict=True))
            else:
                row[form] = values.tolist()
                if not number:
                    row["labels"] = labels
        rows.append(row)
    return rows
