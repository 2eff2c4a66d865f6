"""Exports to ONNX: speed against torch, start-up, and decisions on 5,000 texts of every task.

Usage: python benchmarks/export.py [--texts 128] [--rounds 3] [--decided 5000]

Speed is of a `minilm` encoder with a random head, on sentences of the packaged sample, one to
twelve of them joined, in processor seconds of one thread, by turns. Start-up is `dicetune predict`
of one text by that export, in processor seconds of the whole process. Decisions are of tiny random
models of every task with a rule that moves about half of them, on made-up texts.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
from pathlib import Path

import torch

from dicetune.models import load_model, load_tokenizer, resolve_encoder
from dicetune.predictor import Predictor, load
from dicetune.tasks import TASKS
from dicetune.tuning import export
from imports import COMMAND, TORCH, measured
from predict import sample_texts
from table import Row, alternate, seconds_text, show

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from delivered import HEADS, LABELS, asked, rule_for, save_task
from families import save_family

SPEED = {"text": ["ham", "spam"], "ner": ["O", "B-SITE", "I-SITE"]}


def decisions(model: Predictor, data: object) -> list[object]:
    """What the rule makes of each text."""
    found = model.decide(model.scores(data), data)
    return [getattr(one, "text", getattr(one, "labels", one)) for one in found]


def decided(folder: Path, count: int) -> list[Row]:
    """Decisions of each task that differ from those of torch."""
    rows = []
    for task in LABELS:
        family = folder / HEADS.get(task, "sequence")
        if not family.exists():
            save_family("bert", HEADS.get(task, "sequence"), family)
        source = save_task(task, str(family), folder / task)
        plain = load(source, task=task)
        if task != "seg-pos":
            some = plain.scores(plain.ask(*asked(task, 50)))
            rule_for(plain.task.problem(), some).save(source)
        export(source, to="onnx", out=folder / f"{task}-onnx", task=task)
        models = load(source, task=task), load(folder / f"{task}-onnx")
        data = plain.ask(*asked(task, count))
        with_torch, without = (decisions(model, data) for model in models)
        differ = sum(a != b for a, b in zip(with_torch, without, strict=True))
        name = f"decisions of {task} that differ, of {count:,}"
        rows.append(Row(name, str(differ), "torch", differ / count, "<= 0.001"))
    return rows


def speeds(folder: Path, count: int, rounds: int) -> list[Row]:
    """Texts a second, and start-up."""
    texts, source, rows = sample_texts(count), resolve_encoder("minilm"), []
    for task, labels in SPEED.items():
        place = folder / f"minilm-{task}"
        load_model(TASKS[task].auto_class, source, labels).save_pretrained(place)
        load_tokenizer(source).save_pretrained(place)
        for how in ("", "-int8"):
            export(place, to="onnx", out=f"{place}-onnx{how}", task=task, int8=bool(how))
            model, other = load(f"{place}-onnx{how}"), load(place, task=task)
            ours, theirs, ratio = alternate(
                lambda m=model: m(texts), lambda m=other: m(texts), rounds
            )
            name = f"export{how}, predict {task}, {count} texts"
            speed = f"torch {count / theirs:.0f} texts/s"
            rows.append(Row(name, f"{count / ours:.0f} texts/s", speed, 1 / ratio, ">= 1"))
    command = ["-c", COMMAND, "predict", f"{place}-onnx", "--text", texts[0]]
    pairs = [(measured(command, folder), measured(TORCH, folder)) for _ in range(rounds)]
    # memory is not shown: a child of this process begins with what this process holds
    ours, theirs = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    both = seconds_text(ours)
    against = f"import torch {seconds_text(theirs)}"
    ratio = statistics.median(a[0] / b[0] for a, b in pairs)
    rows.append(Row("start-up: predict one text by an export", both, against, ratio))
    rows.append(Row("start-up: predict one text by an export", both, "limit 1 s", ours, "<= 1"))
    return rows


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--decided", type=int, default=5000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        rows = speeds(Path(name), options.texts, options.rounds)
        show([*rows, *decided(Path(name), options.decided)])


if __name__ == "__main__":
    main()
