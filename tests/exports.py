"""The same four texts as each annotation tool exports them: spans, and labels of whole texts."""

import json
from pathlib import Path

from dicetune.data import spans

TEXTS = [
    "The pump 🚢 at Quay Nine is down again .",
    "Ada Byron called from Northgate .",
    "All quiet .",
    "Atlas Sync lost the queue at Quay Two .",
]
SPANS = [
    [("SITE", "Quay Nine")],
    [("PERSON", "Ada Byron"), ("SITE", "Northgate")],
    [],
    [("SITE", "Quay Two")],
]
LABELS = ["fault", "call", "quiet", "fault"]


def found_spans(corpus):
    """Type and words of the spans of each sentence."""
    return [
        [(kind, " ".join(s.tokens[a:b])) for kind, a, b in spans(s.tags, "iob2")] for s in corpus
    ]


def utf_16(text, place):
    """The UTF-16 code units before a character."""
    return len(text[:place].encode("utf-16-le")) // 2


def marks(number, count=lambda text, place: place):
    """Type, offsets and text of the spans of a text."""
    text = TEXTS[number]
    for kind, own in SPANS[number]:
        start = text.index(own)
        yield kind, count(text, start), count(text, start + len(own)), own


def region(number, control="label", count=utf_16):
    for kind, start, end, own in marks(number, count):
        value = {"start": start, "end": end, "text": own, "labels": [kind]}
        yield {"from_name": control, "to_name": "text", "type": "labels", "value": value}


def choice(label, control="sentiment"):
    value = {"choices": [label] if isinstance(label, str) else label}
    return {"from_name": control, "to_name": "text", "type": "choices", "value": value}


def annotation(results, by=1, **more):
    return {"completed_by": by, "was_cancelled": False, "result": [*results], **more}


def task(number, *annotations, **data):
    """A task of Label Studio whose ids begin at 11."""
    data = {"text": TEXTS[number], **data}
    return {"id": 11 + number, "data": data, "annotations": [*annotations], "predictions": []}


def label_studio():
    return [task(n, annotation([*region(n), choice(LABELS[n])])) for n in range(4)]


def label_studio_min():
    return [
        {
            "id": 11 + n,
            "text": TEXTS[n],
            "label": [result["value"] for result in region(n)],
            "sentiment": LABELS[n],
            "annotator": 1,
            "annotation_id": 31 + n,
            "created_at": "2026-01-01",
            "lead_time": 2.5,
        }
        for n in range(4)
    ]


def doccano():
    return [
        {"id": 11 + n, "text": TEXTS[n], "label": [[a, b, k] for k, a, b, _ in marks(n, utf_16)]}
        for n in range(4)
    ]


def doccano_labels():
    return [{"id": 11 + n, "text": TEXTS[n], "label": [LABELS[n]]} for n in range(4)]


def prodigy():
    rows = []
    for n, text in enumerate(TEXTS):
        tokens, place = [], 0
        for number, word in enumerate(text.split()):
            place = text.index(word, place)
            tokens.append({"text": word, "start": place, "end": place + len(word), "id": number})
            place += len(word)
        spans = [{"start": a, "end": b, "label": kind} for kind, a, b, _ in marks(n)]
        rows.append(
            {
                "text": text,
                "_input_hash": -(11 + n),
                "tokens": tokens,
                "spans": spans,
                "options": [{"id": label, "text": label} for label in sorted({*LABELS})],
                "accept": [LABELS[n]],
                "answer": "accept",
            }
        )
    return rows


def write_lines(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_json(path: Path, value) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def write_brat(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n, text in enumerate(TEXTS):
        (folder / f"{11 + n}.txt").write_text(text, encoding="utf-8")
        rows = [f"T{i}\t{k} {a} {b}\t{own}\n" for i, (k, a, b, own) in enumerate(marks(n), 1)]
        (folder / f"{11 + n}.ann").write_text("".join(rows), encoding="utf-8")
    return folder


def docbin(texts=TEXTS, spans=None):
    import spacy

    blank, found = spacy.blank("en"), spacy.tokens.DocBin()
    for n, text in enumerate(texts):
        doc = blank(text)
        doc.ents = [doc.char_span(a, b, label=kind) for kind, a, b, _ in marks(n)]
        doc.cats = {label: float(label == LABELS[n]) for label in sorted({*LABELS})}
        found.add(doc)
    return found


def write_export(folder: Path, format: str) -> Path:
    """A file or folder of a format, all four texts with spans and (but for brat) labels."""
    folder.mkdir(parents=True, exist_ok=True)
    if format == "brat":
        return write_brat(folder / "brat")
    if format == "spacy":
        docbin().to_disk(folder / "all.spacy")
        return folder / "all.spacy"
    if format == "label-studio":
        return write_json(folder / "tasks.json", label_studio())
    rows = {"doccano": doccano, "doccano labels": doccano_labels, "prodigy": prodigy}[format]()
    return write_lines(folder / "all.jsonl", rows)
