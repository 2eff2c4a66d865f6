"""A loss of dicetune in a cross-encoder of sentence-transformers: rare matches among pairs.

Needs sentence-transformers and the extra minilm. The made-up pairs are a question and a sentence,
of which one in six matches.

Usage: python examples/cross_encoder.py [--steps N]
"""

import argparse
import random
import tempfile

import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.util import batch_to_device

from dicetune import resolve_encoder
from dicetune.losses import build

PLACES = ("Oslo", "Lima", "Cairo", "Quito", "Delhi", "Perth")


class ObjectiveLoss(torch.nn.Module):
    """A loss of dicetune as sentence-transformers calls it: pairs of texts, and their labels."""

    def __init__(self, model: CrossEncoder, spec: str) -> None:
        super().__init__()
        self.model, self.loss = model, build(spec)

    def forward(
        self, inputs: list[list[str]], labels: torch.Tensor, **how: str | None
    ) -> torch.Tensor:
        """The loss of a batch; the model has two logits a pair: no match, match."""
        pairs = list(zip(*inputs, strict=True))
        tokens = batch_to_device(self.model.preprocess(pairs, **how), self.model.device)
        logits = self.model(tokens)["scores"]
        value: torch.Tensor = self.loss(logits, labels.long())
        return value


def pairs(number: int, seed: int) -> dict[str, list]:
    """Questions about a place, sentences about a place, and whether it is the same place."""
    draw = random.Random(seed)
    asked = [draw.choice(PLACES) for _ in range(number)]
    told = [draw.choice(PLACES) for _ in range(number)]
    return {
        "question": [f"What is the weather in {place}?" for place in asked],
        "sentence": [f"It rained in {place} all week." for place in told],
        "label": [int(a == b) for a, b in zip(asked, told, strict=True)],
    }


def main() -> None:
    """Train with dice, and print the F1 of matches on new pairs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=150)
    given = parser.parse_args()
    torch.manual_seed(1)
    model = CrossEncoder(resolve_encoder("minilm"), num_labels=2, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        args = CrossEncoderTrainingArguments(
            folder,
            max_steps=given.steps,
            per_device_train_batch_size=32,
            learning_rate=2e-4,
            warmup_steps=10,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=1,
        )
        data = Dataset.from_dict(pairs(1200, seed=1))
        loss = ObjectiveLoss(model, "ce+dice")
        CrossEncoderTrainer(model=model, args=args, train_dataset=data, loss=loss).train()
    new = pairs(300, seed=2)
    asked = list(zip(new["question"], new["sentence"], strict=True))
    found = model.predict(asked).argmax(-1)
    right = sum(int(a and b) for a, b in zip(found, new["label"], strict=True))
    print(f"F1 {200 * right / max(int(found.sum()) + sum(new['label']), 1):.1f}")


if __name__ == "__main__":
    main()
