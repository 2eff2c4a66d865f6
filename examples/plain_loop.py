"""A loss of dicetune in a plain PyTorch loop: one rare class among made-up messages.

Needs torch alone beside dicetune. Cross-entropy and dice train the same small model; the F1 of
each is printed as it comes from argmax.

Usage: python examples/plain_loop.py [--steps N]
"""

import argparse

import torch

from dicetune.losses import build

WORDS, RARE = 40, 0.05  # size of the vocabulary; share of the rare class


def messages(number: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Word counts of messages, and whether each is of the rare class, which favours four words."""
    rare = torch.rand(number, generator=generator) < RARE
    rates = torch.full((number, WORDS), 0.25)
    rates[rare, :4] = 1.5
    return torch.poisson(rates, generator=generator), rare.long()


def f1(predicted: torch.Tensor, gold: torch.Tensor) -> float:
    """F1 of the rare class."""
    both = int(predicted.sum() + gold.sum())
    return 2 * int((predicted & gold).sum()) / both if both else 0.0


def main() -> None:
    """Train with each loss, print the F1 on new messages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    for spec in ("ce", "dice", "ce+dice"):
        generator = torch.Generator().manual_seed(1)
        train, test = messages(2000, generator), messages(2000, generator)
        torch.manual_seed(1)
        model = torch.nn.Linear(WORDS, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        loss = build(spec)
        for _ in range(given.steps):
            batch = torch.randint(0, 2000, (128,), generator=generator)
            value = loss(model(train[0][batch]), train[1][batch])  # logits (N, C), classes (N,)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        with torch.no_grad():
            predicted = model(test[0]).argmax(-1)
        print(f"{spec:8} F1 {100 * f1(predicted, test[1]):.1f}")


if __name__ == "__main__":
    main()
