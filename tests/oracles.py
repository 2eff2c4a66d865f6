"""The losses as plain double loops over Python numbers: slow, without torch's operators, obvious.

Everything is written for complex numbers, so that ``gradient`` can take an exact derivative by the
complex step: f'(x) = Im f(x + ih) / h with h far below rounding, without a difference that cancels.
Weights that the library detaches are computed from ``frozen`` logits, which do not take the step.
"""

import cmath
from dataclasses import dataclass, replace

import torch

STEP = 1e-40


@dataclass(frozen=True)
class Case:
    """One input of a loss: as tensors for the library, as rows of numbers for the oracle."""

    logits: torch.Tensor  # (N, C), float64
    target: torch.Tensor  # as the library takes it
    shares: list  # N rows of C target values
    keep: list  # N bools
    exists: list  # N rows of C bools
    kind: str
    options: dict  # kind, mask, class_mask for the library

    @property
    def rows(self):
        return self.logits.tolist()


def make_case(kind, *, items=7, classes=4, seed=0, soft=False, masked=True, size=2.0):
    """Random logits and targets of a kind, with ignored items, masked items and masked classes."""
    generator = torch.Generator().manual_seed(seed)
    logits = size * torch.randn(items, classes, generator=generator, dtype=torch.float64)
    gold = torch.randint(0, classes, (items,), generator=generator)
    options = {"kind": kind}
    keep = torch.ones(items, dtype=torch.bool)
    exists = torch.ones(items, classes, dtype=torch.bool)
    if masked:
        keep = torch.rand(items, generator=generator) > 0.3
        exists = torch.rand(items, classes, generator=generator) > 0.25
        exists[torch.arange(items), gold] = True  # gold exists
        options |= {"mask": keep, "class_mask": exists}
    if kind == "labels":
        target = torch.rand(items, classes, generator=generator, dtype=torch.float64)
        target = target if soft else (target > 0.6).double()
        if masked:
            target[1, 0] = -100
            exists = exists & (target != -100)
            keep = keep & exists.any(1)
        shares = torch.where(exists & keep[:, None], target, 0.0)
    elif soft:
        raw = torch.rand(items, classes, generator=generator, dtype=torch.float64) * exists
        target = shares = raw / raw.sum(1, keepdim=True)
    else:
        target = gold.clone()
        shares = torch.nn.functional.one_hot(gold, classes).double()
        if masked:
            target[2] = -100
            keep = keep.clone()
            keep[2] = False
    return Case(logits, target, shares.tolist(), keep.tolist(), exists.tolist(), kind, options)


def probabilities(row, exists, sigmoid):
    """p and 1-p of each class; 1-p without cancellation; a class that does not exist has p 0."""
    if sigmoid:
        p = [1 / (1 + cmath.exp(-z)) for z in row]
        rest = [1 / (1 + cmath.exp(z)) for z in row]
    else:
        top = max(z.real for z, there in zip(row, exists, strict=True) if there)
        powers = [cmath.exp(z - top) if e else 0 for z, e in zip(row, exists, strict=True)]
        total = sum(powers)
        p = [power / total for power in powers]
        rest = [
            sum(other for k, other in enumerate(powers) if k != j) / total
            for j in range(len(powers))
        ]
    for j, there in enumerate(exists):
        if not there:
            p[j], rest[j] = 0.0, 1.0
    return p, rest


def raised(base, exponent):
    if exponent == 0:
        return 1.0
    return cmath.exp(exponent * cmath.log(base)) if base != 0 else 0.0


def _mean(values):
    return sum(values) / len(values) if values else 0.0


def reduced(by_item, keep, reduction):
    kept = [value for value, counts in zip(by_item, keep, strict=True) if counts]
    if reduction == "none":
        return [value if counts else 0.0 for value, counts in zip(by_item, keep, strict=True)]
    return sum(kept) if reduction == "sum" else _mean(kept)


def focal(case, rows, *, gamma=0.0, class_weight=None, reduction="mean", frozen=None):
    """Focal loss; with ``gamma`` 0 cross-entropy, Eq. 1 and, weighted, Eq. 2."""
    by_item = []
    for row, shares, exists, kept in zip(rows, case.shares, case.exists, case.keep, strict=True):
        if not kept:
            by_item.append(0.0)
            continue
        sigmoid = case.kind == "labels"
        p, rest = probabilities(row, exists, sigmoid)
        total, number = 0.0, 0
        for j, y in enumerate(shares):
            if not exists[j]:
                continue
            number += 1
            weight = 1.0 if class_weight is None else class_weight[j]
            if y:
                total -= weight * y * raised(rest[j], gamma) * cmath.log(p[j])
            if sigmoid and y != 1:
                total -= weight * (1 - y) * raised(p[j], gamma) * cmath.log(rest[j])
        by_item.append(total / number if sigmoid else total)
    return reduced(by_item, case.keep, reduction)


def cross_entropy(case, rows, **options):
    """Eq. 1 and 2."""
    return focal(case, rows, gamma=0.0, **options)


def overlap(
    case,
    rows,
    *,
    alpha=0.5,
    beta=0.5,
    smooth=0.5,
    level="set",
    squared=True,
    decay=0.0,
    form="target",
    classes="all",
    average="macro",
    class_weight=None,
    activation="auto",
    reduction="mean",
    background=None,
    frozen=None,
):
    """The soft Tversky index in all its variants; ``frozen`` rows give the detached weights."""
    sigmoid = case.kind == "labels" or activation == "sigmoid"
    frozen = rows if frozen is None else frozen
    count = len(case.exists[0]) if case.exists else 0
    entries = []  # per item and class: (w p y, w p or w p², w y or w y²)
    for i, row in enumerate(rows):
        p, rest = probabilities(row, case.exists[i], sigmoid)
        fixed, fixed_rest = probabilities(frozen[i], case.exists[i], sigmoid)
        line = []
        for j in range(count):
            y = case.shares[i][j]
            if not case.exists[i][j]:
                line.append((0.0, 0.0, 0.0))
                continue
            on_y, q = 1.0, p[j]
            if form == "target":
                off = abs(y * fixed_rest[j].real - (1 - y) * fixed[j].real)  # |y - p|
                on_y = raised(off, decay).real if decay else 1.0
                line.append(_entry(p[j], y, on_y, squared))
                continue
            if decay:
                q *= raised(rest[j] if form == "literal" else fixed_rest[j].real, decay)
            line.append(_entry(q, y, 1.0, squared))
        entries.append(line)

    def index_loss(tp, p, y):
        fp, fn = p - tp, y - tp
        return 1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)

    def counted(j):
        if classes == "foreground" and j == background:
            return 0.0
        return 1.0 if class_weight is None else class_weight[j]

    def summed(some):
        return [sum(entry[k] for entry in some) for k in range(3)]

    if level == "example":
        by_item = []
        for i, line in enumerate(entries):
            there = [j for j in range(count) if case.exists[i][j]]
            weight = sum(counted(j) for j in there)
            total = sum(counted(j) * index_loss(*line[j]) for j in there)
            by_item.append(total / weight if weight else 0.0)
        return reduced(by_item, case.keep, reduction)
    if case.kind == "positions":
        return reduced([index_loss(*summed(line)) for line in entries], case.keep, reduction)
    sums = [
        summed([line[j] for line, kept in zip(entries, case.keep, strict=True) if kept])
        for j in range(count)
    ]
    if average == "micro":
        return index_loss(*(sum(counted(j) * sums[j][k] for j in range(count)) for k in range(3)))
    if reduction == "none":
        return [index_loss(*sums[j]) for j in range(count) if counted(j)]
    there = [
        j
        for j in range(count)
        if any(exists[j] and kept for exists, kept in zip(case.exists, case.keep, strict=True))
    ]
    weight = sum(counted(j) for j in there)
    return sum(counted(j) * index_loss(*sums[j]) for j in there) / weight


def _entry(p, y, weight, squared):
    return (weight * p * y, weight * (p * p if squared else p), weight * (y * y if squared else y))


def value(result):
    """The real part of an oracle's result, as a float or a list of floats."""
    return [v.real for v in result] if isinstance(result, list) else complex(result).real


def gradient(oracle, case, **options):
    """d oracle / d logits, exact, detached weights frozen at the point."""
    point = case.rows
    lines = []
    for i, row in enumerate(point):
        line = []
        for j in range(len(row)):
            moved = [list(other) for other in point]
            moved[i][j] = complex(row[j], STEP)
            line.append(complex(oracle(case, moved, frozen=point, **options)).imag / STEP)
        lines.append(line)
    return torch.tensor(lines, dtype=torch.float64).reshape(case.logits.shape)


def without_class(case, gone):
    """The same case with a class masked in every item, and ignored the items of that class."""
    exists = torch.tensor(case.exists)
    exists[:, gone] = False
    keep = torch.tensor(case.keep) & exists.any(1)
    shares = torch.tensor(case.shares, dtype=torch.float64)
    if case.kind != "labels":
        keep &= shares[:, gone] == 0
    shares[:, gone] = 0.0
    options = {**case.options, "mask": keep, "class_mask": exists}
    return replace(
        case, shares=shares.tolist(), keep=keep.tolist(), exists=exists.tolist(), options=options
    )


def without_masked_items(case):
    """The same case with masked items taken out."""
    kept = torch.tensor(case.keep, dtype=torch.bool)
    options = {
        name: (tensor[kept] if isinstance(tensor, torch.Tensor) else tensor)
        for name, tensor in case.options.items()
        if name != "mask"
    }
    return replace(
        case,
        logits=case.logits[kept],
        target=case.target[kept],
        shares=[row for row, counts in zip(case.shares, case.keep, strict=True) if counts],
        exists=[row for row, counts in zip(case.exists, case.keep, strict=True) if counts],
        keep=[True] * int(kept.sum()),
        options=options,
    )
