"""ObjectiveTrainer with a token classifier of your own: a convolution over words.

The model is no model of transformers: it returns its logits, and the trainer does the rest (loss of
the whole optimizer step, seeds, checkpoints). ``set=step`` takes dice over the whole step.

Usage: python examples/own_tagger.py [--steps N]
"""

import argparse
import random
import tempfile

import torch
from transformers import TrainingArguments

from dicetune import ObjectiveTrainer

WORDS, TAGS = 50, ("O", "SITE")


class Convolution(torch.nn.Module):
    """Words to tags, from each word and its two neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(WORDS + 1, 24, padding_idx=WORDS)
        self.window = torch.nn.Conv1d(24, 24, 3, padding=1)
        self.head = torch.nn.Linear(24, len(TAGS))

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (B, T, 2)."""
        found = self.window(self.words(input_ids).transpose(1, 2)).relu()
        return {"logits": self.head(found.transpose(1, 2))}


def sentence(draw: random.Random) -> dict[str, list[int]]:
    """Word numbers and tags: words below 3 are sites after an even word."""
    words = [draw.randrange(WORDS) for _ in range(draw.randrange(5, 15))]
    tags = [int(b < 3 and a % 2 == 0) for a, b in zip([1, *words], words, strict=False)]
    return {"input_ids": words, "labels": tags}


def collate(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Padded tensors; -100 marks what does not count."""
    longest = max(len(row["labels"]) for row in rows)
    padding = {"input_ids": WORDS, "labels": -100}
    return {
        name: torch.tensor([row[name] + [pad] * (longest - len(row[name])) for row in rows])
        for name, pad in padding.items()
    }


def main() -> None:
    """Train with dice over each step, and print the F1 of sites on new sentences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    draw = random.Random(1)
    train, test = ([sentence(draw) for _ in range(number)] for number in (1500, 400))
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            max_steps=given.steps,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=4,
            learning_rate=0.01,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=1,
        )
        torch.manual_seed(1)
        trainer = ObjectiveTrainer(
            loss="ce+dice",
            set="step",
            model=Convolution(),
            args=args,
            data_collator=collate,
            train_dataset=train,
        )
        trainer.train()
    batch = collate(test)
    with torch.no_grad():
        found = trainer.model(batch["input_ids"])["logits"].argmax(-1)
    kept = batch["labels"] != -100
    found, gold = found[kept], batch["labels"][kept]
    right = int((found & gold).sum())
    print(f"F1 {200 * right / max(int(found.sum() + gold.sum()), 1):.1f}")


if __name__ == "__main__":
    main()
