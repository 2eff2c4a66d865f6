"""On a GPU: losses against torch's and Liger's cross-entropy, and tokens a second in training.

Usage: python benchmarks/gpu.py [--device cpu]

Logits are (8,192, C) in bfloat16 for C of 9, 50 and 32,000. A loss must read the logits twice (for
its sums, and for its gradient) and write the gradient: 3 N C 2 bytes. Those bytes over the time are
compared with the bandwidth of a copy, measured in the same run. Training is a BERT of 6 layers of
width 384 with random weights on made-up texts, in bf16, against the stock Trainer. ``--device cpu``
runs all of it on small sizes, to see that it runs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForTokenClassification, Trainer, TrainingArguments
from transformers.utils import logging

from dicetune import ObjectiveTrainer
from dicetune.losses import build
from table import Row, seconds_text, show

SPECS = ("ce", "dice", "tversky", "dsc", "ce+dice")


def seconds(call: Callable[[], object], device: torch.device, rounds: int = 20) -> float:
    """Median time of a call, with the device waited for before and after."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    times = []
    for number in range(rounds + 3):
        wait()
        begun = time.perf_counter()
        call()
        wait()
        if number >= 3:  # the first calls pay for kernels and memory
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def copied(device: torch.device, size: int) -> float:
    """Bytes a second of a copy: read and written."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), device)


def both_ways(loss: Callable[..., torch.Tensor], logits: torch.Tensor, target: torch.Tensor):
    """One forward and backward pass."""

    def once() -> None:
        logits.grad = None
        loss(logits, target).backward()

    return once


def losses(device: torch.device) -> Iterator[Row]:
    """Each loss against torch's cross-entropy, and its bytes against a copy."""
    items, sizes = (8192, (9, 50, 32_000)) if device.type == "cuda" else (512, (9, 50, 1000))
    bandwidth = copied(device, 1 << (30 if device.type == "cuda" else 26))
    for classes in sizes:
        logits = torch.randn(items, classes, device=device).to(torch.bfloat16).requires_grad_()
        target = torch.randint(0, classes, (items,), device=device)
        against = {"cross_entropy": F.cross_entropy}
        if device.type == "cuda" and find_spec("liger_kernel"):
            from liger_kernel.transformers import LigerCrossEntropyLoss

            # Liger writes the gradient over the logits
            liger = LigerCrossEntropyLoss()
            against["Liger"] = lambda z, y, liger=liger: liger(z.clone(), y)
        others = {n: seconds(both_ways(f, logits, target), device) for n, f in against.items()}
        for spec in SPECS:
            ours = seconds(both_ways(build(spec), logits, target), device)
            name = f"{spec}, {items:,} x {classes:,}, bf16"
            for other, theirs in others.items():
                against_text = f"{other} {seconds_text(theirs)}"
                yield Row(name, seconds_text(ours), against_text, ours / theirs)
            rate = 3 * items * classes * logits.element_size() / ours
            copy_text = f"copy {bandwidth / 1e9:.0f} GB/s"
            yield Row(f"{name}, bytes", f"{rate / 1e9:.1f} GB/s", copy_text, rate / bandwidth)


def training(device: torch.device) -> Iterator[Row]:
    """Tokens a second of ObjectiveTrainer and of the stock Trainer, by turns."""
    on_gpu = device.type == "cuda"
    texts, length, layers, width = (4096, 128, 6, 384) if on_gpu else (32, 16, 1, 32)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 1000, (texts, length), generator=generator)
    data = [
        {"input_ids": row, "attention_mask": torch.ones_like(row), "labels": row % 9} for row in ids
    ]
    config = BertConfig(
        vocab_size=1000,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(width // 64, 1),
        intermediate_size=4 * width,
        num_labels=9,
    )

    def rate(make: Callable[..., Trainer], **options: object) -> float:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=32,
                num_train_epochs=1,
                bf16=True,
                use_cpu=not on_gpu,
                save_strategy="no",
                logging_steps=50,
                disable_tqdm=True,
                report_to=[],
                dataloader_pin_memory=on_gpu,
            )
            model = BertForTokenClassification(config)
            trainer = make(model=model, args=arguments, train_dataset=data, **options)
            begun = time.perf_counter()
            trainer.train()
            return ids.numel() / (time.perf_counter() - begun)

    rate(Trainer)  # the first training pays for kernels
    for spec in ("ce", "dice", "ce+dice"):
        pairs = [(rate(ObjectiveTrainer, loss=spec), rate(Trainer)) for _ in range(3)]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        against = f"Trainer {theirs:,.0f} tokens/s"
        yield Row(f"training, {spec}, bf16", f"{ours:,.0f} tokens/s", against, ratio)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    device = torch.device(parser.parse_args().device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device; --device cpu shows that the benchmark runs")
    logging.set_verbosity_error()
    print(torch.cuda.get_device_name() if device.type == "cuda" else "CPU: small sizes, no goals")
    show([*losses(device), *training(device)])


if __name__ == "__main__":
    main()
