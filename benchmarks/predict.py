"""Prediction: texts a second, against `transformers.pipeline` at its best batch size.

Usage: python benchmarks/predict.py [--texts 256] [--rounds 3]

The same folder, a `minilm` encoder with a random head, is loaded by both. The texts are sentences
of the packaged sample, one to twelve of them joined, in an arbitrary order. The batch size of the
pipeline is the best of 1, 4, 8, 16 and 32 on a quarter of them; ours is the default. Processor
seconds of one thread, by turns.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    Pipeline,
    pipeline,
)

import dicetune
from dicetune.data import sample_corpora
from dicetune.models import load_model, load_tokenizer, resolve_encoder
from dicetune.predictor import Predictor
from table import Row, alternate, show

TASKS = {
    "text": ("text-classification", AutoModelForSequenceClassification, ["ham", "spam"]),
    "ner": ("token-classification", AutoModelForTokenClassification, ["O", "B-SITE", "I-SITE"]),
}
SIZES = (1, 4, 8, 16, 32)


def sample_texts(count: int) -> list[str]:
    """Texts of one to twelve sentences."""
    draw = random.Random(0)
    sentences = [" ".join(sentence.tokens) for sentence in sample_corpora()["train"]]
    return [" ".join(draw.choices(sentences, k=draw.randint(1, 12))) for _ in range(count)]


def compared(
    model: Predictor, other: Pipeline, texts: list[str], rounds: int
) -> tuple[int, tuple[float, float, float]]:
    """The best batch size of a pipeline, and seconds of ours, of the pipeline, and the ratio."""
    some = texts[::4]
    seconds = {}
    for size in SIZES:
        begun = time.process_time()
        other(some, batch_size=size)
        seconds[size] = time.process_time() - begun
    best = min(seconds, key=lambda size: seconds[size])
    return best, alternate(lambda: model(text=texts), lambda: other(texts, batch_size=best), rounds)


def main() -> None:
    """Measure both tasks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = sample_texts(options.texts)
    source, rows = resolve_encoder("minilm"), []
    for task, (name, auto_class, labels) in TASKS.items():
        with tempfile.TemporaryDirectory() as folder:
            load_model(auto_class, source, labels).save_pretrained(folder)
            load_tokenizer(source).save_pretrained(folder)
            model = dicetune.load(Path(folder), task=task)
            cut = {"truncation": True, "max_length": 512} if task == "text" else {}
            other = pipeline(name, model=folder, device="cpu", **cut)
            best, (ours, theirs, ratio) = compared(model, other, texts, options.rounds)
        rows.append(
            Row(
                f"predict {task}, {len(texts)} texts",
                f"{len(texts) / ours:.0f} texts/s",
                f"pipeline, batches of {best}: {len(texts) / theirs:.0f} texts/s",
                1 / ratio,
                ">= 1",
            )
        )
    show(rows)


if __name__ == "__main__":
    main()
