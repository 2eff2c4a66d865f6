"""A loss of dicetune in a LightningModule: tags of words, with masked positions.

Needs Lightning (``pip install lightning``). A recurrent tagger finds made-up names, one word in
twelve; -100 marks the padding.

Usage: python examples/lightning_module.py [--epochs N]
"""

import argparse

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

from dicetune.losses import build

VOCABULARY, NAMES, LENGTH = 60, 5, 12


class Tagger(lightning.LightningModule):
    """An embedding, a recurrent layer and a head with two tags: O and NAME."""

    def __init__(self, loss: str = "ce+dice") -> None:
        super().__init__()
        self.words = torch.nn.Embedding(VOCABULARY, 16)
        self.layer = torch.nn.GRU(16, 16, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(32, 2)
        self.loss = build(loss)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, 2) of the tags."""
        logits: torch.Tensor = self.head(self.layer(self.words(words))[0])
        return logits

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        """The loss of a batch: tags of -100 do not count."""
        words, tags = batch
        value: torch.Tensor = self.loss(self(words), tags)
        self.log("loss", value)
        return value

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.01)


def sentences(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Words and tags; a name follows word 0 in half of its places."""
    words = torch.randint(0, VOCABULARY, (number, LENGTH))
    tags = torch.zeros_like(words)
    tags[:, 1:][(words[:, 1:] < NAMES) & (words[:, :-1] % 2 == 0)] = 1
    tags[torch.arange(LENGTH) >= torch.randint(6, LENGTH + 1, (number, 1))] = -100
    return words, tags


def main() -> None:
    """Train, and print the F1 of the names on new sentences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    lightning.seed_everything(1, verbose=False)
    train, (words, gold) = TensorDataset(*sentences(2000)), sentences(500)
    trainer = lightning.Trainer(
        max_epochs=given.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = Tagger()
    trainer.fit(model, DataLoader(train, batch_size=32, shuffle=True))
    with torch.no_grad():
        found = (model(words).argmax(-1) == 1) & (gold != -100)
    right = int((found & (gold == 1)).sum())
    print(f"F1 {200 * right / max(int(found.sum() + (gold == 1).sum()), 1):.1f}")


if __name__ == "__main__":
    main()
