"""Files of scores, as a user of any model would write them."""

import numpy as np


def rows_of(kind, problem, gold, scores, spans, form="log_probabilities"):
    """The rows that a user would write."""
    labels = problem["labels"]
    rows = []
    for number, (right, own) in enumerate(zip(gold, scores, strict=True)):
        row = {"id": f"u{number}", "gold": right}
        own = own.astype(float)
        if kind == "answer":
            row |= dict(zip(("span", "score"), spans[number], strict=True))
            first = own[own[:, 3] < 0]  # the rows of no answer
            row["null_score"] = float(first[:, :2].sum(1).min())
        elif kind == "entities":
            row["candidates"] = [
                {"type": labels[int(number)], "start": int(a), "end": int(b), "logits": logits}
                for number, a, b, *logits in own.tolist()
            ]
        else:
            values = np.exp(own) if form == "probabilities" else own
            if kind in ("label", "label_set"):
                row[form] = dict(zip(labels, values[0].tolist(), strict=True))
            else:
                row[form] = values.tolist()
                if not number:
                    row["labels"] = labels
        rows.append(row)
    return rows
