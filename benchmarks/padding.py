"""Padded to real sub-words of wnut17's training set at batch 32: random order against ours.

Usage: python benchmarks/padding.py [BATCH_SIZE]
"""

import os
import sys
from pathlib import Path

import torch

from dicetune.data import read_tokens
from dicetune.models import load_tokenizer, resolve_encoder
from dicetune.tasks import TASKS
from dicetune.training.batches import LengthGroupedSampler
from table import Row, show

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DICETUNE_DATA", ROOT.parent / "shared" / "data"))


def ratio(order, lengths, size):
    """Padded over real sub-words, for batches cut from an order."""
    order = list(order)
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return sum(len(b) * max(lengths[i] for i in b) for b in batches) / sum(lengths)


def main():
    """Print both ratios, over three epochs of each order."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    corpus = read_tokens(DATA / "wnut17" / "wnut17train.conll")
    task = TASKS["ner"].of(corpus)
    encoded = task.encode(corpus, load_tokenizer(resolve_encoder("minilm")), 512)
    lengths = [len(feature["input_ids"]) for feature in encoded.features]
    sampler = LengthGroupedSampler(lengths, size, seed=1)
    print(f"{len(lengths)} texts, {sum(lengths)} sub-words, batch {size}")
    rows = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        shuffled = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(epoch))
        random, grouped = (ratio(order, lengths, size) for order in (shuffled.tolist(), sampler))
        name = f"padded to real sub-words, wnut17, batch {size}, epoch {epoch}"
        rows.append(Row(name, f"{grouped:.3f}", f"random order {random:.3f}", grouped / random))
    show(rows)


if __name__ == "__main__":
    main()
