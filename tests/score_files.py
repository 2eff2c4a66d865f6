"""Files of scores, as a user of any model would write them."""

import json

import numpy as np


def write(path, rows):
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(kind, settings, gold, scores, spans, form="log_probabilities"):
    """The rows that a user would write."""
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
