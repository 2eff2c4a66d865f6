"""Which spans of a window the match head looks at.

A span is a pair of a first and a last word. There are about as many as words squared, and nearly
all of them are none; a matrix of match scores would make memory grow with the square of the
window. So spans of at most ``max_words`` words are ranked by what is known already,
``min(start logit, end logit)``, and only the first ``count`` are looked at. Every span whose two
ends are both believed in comes before every span that lacks one, so nothing that could be predicted
is left out as long as a window has no more than ``count`` of them.

Ties go to the shorter span, then to the one further left; padding and the rest of the batch change
nothing. The choice has no gradient.

Worked example, three words with start logits 2, -1, 3, end logits 1, 2, -5 and spans of at most two
words: 0..1 scores min(2, 2) = 2, 0..0 scores 1, 1..1 scores -1, 1..2 and 2..2 score -5.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def span_count(words: Tensor, max_words: int) -> Tensor:
    """Number of spans of at most ``max_words`` words in texts of so many words.

    Example:
        >>> span_count(torch.tensor([0, 1, 3]), max_words=2)
        tensor([0, 1, 5])
    """
    longest = words.clamp(max=max_words)
    return words * longest - longest * (longest - 1) // 2


@torch.no_grad()
def select_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    mask: Tensor,
    *,
    max_words: int,
    count: int,
    gold_starts: Tensor | None = None,
    gold_ends: Tensor | None = None,
) -> Tensor:
    """The spans of each window that the match head looks at, best first.

    Args:
        start_logits: (B, T).
        end_logits: (B, T).
        mask: (B, T), true (or 1) where a word stands: on its first sub-word.
        max_words: longest span.
        count: number of spans for each window.
        gold_starts: (B, G) positions of the first words of spans that come before all others;
            padded with -1.
        gold_ends: (B, G) positions of their last words.

    Returns:
        (B, count, 2) positions of first and last words; -1 where a window has fewer spans.

    Example:
        >>> start, end = torch.tensor([[2.0, -1.0, 3.0]]), torch.tensor([[1.0, 2.0, -5.0]])
        >>> select_spans(start, end, torch.ones(1, 3), max_words=2, count=3).tolist()
        [[[0, 1], [0, 0], [1, 1]]]
    """
    mask = mask.bool()
    words = mask.sum(1)
    longest = int(words.max()) if mask.numel() else 0
    if longest == 0:
        return torch.full((len(mask), count, 2), -1, device=mask.device)
    reach = min(max_words, longest)
    positions = mask.int().argsort(dim=1, descending=True, stable=True)[:, :longest]
    exists = torch.arange(longest, device=mask.device) < words[:, None]
    # (B, reach, longest): entry (l, i) is the span from word i to word i + l
    valid = exists[:, None] & F.pad(exists, (0, reach - 1)).unfold(1, longest, 1)
    starts = start_logits.float().gather(1, positions)
    ends = F.pad(end_logits.float().gather(1, positions), (0, reach - 1)).unfold(1, longest, 1)
    scores = torch.minimum(starts[:, None], ends).nan_to_num().masked_fill(~valid, -torch.inf)
    scores = scores.flatten(1)
    if gold_starts is not None and gold_ends is not None:
        gold = _cells(mask, gold_starts, gold_ends, reach, longest)
        scores = scores.masked_fill(gold, torch.inf)
    chosen = scores.sort(dim=1, descending=True, stable=True).indices[:, :count]
    length, first = chosen // longest, chosen % longest
    last = (first + length).clamp(max=longest - 1)
    spans = torch.stack([positions.gather(1, first), positions.gather(1, last)], dim=-1)
    spans = spans.masked_fill(~valid.flatten(1).gather(1, chosen)[..., None], -1)
    return F.pad(spans, (0, 0, 0, count - spans.shape[1]), value=-1)


def _cells(mask: Tensor, starts: Tensor, ends: Tensor, reach: int, longest: int) -> Tensor:
    """Where the given spans stand among (B, reach * longest) spans."""
    rank = mask.cumsum(1) - 1
    first = rank.gather(1, starts.clamp(min=0))
    length = rank.gather(1, ends.clamp(min=0)) - first
    inside = (starts >= 0) & (length >= 0) & (length < reach)
    nowhere = reach * longest  # one cell more takes what does not exist or is too long
    cells = torch.zeros(len(mask), nowhere + 1, dtype=torch.bool, device=mask.device)
    places = torch.where(inside, length * longest + first, nowhere)
    return cells.scatter_(1, places, True)[:, :-1]
