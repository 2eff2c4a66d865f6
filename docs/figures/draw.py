"""Draw the figures of docs/losses.md and CONTRIBUTING.md from the library itself.

Usage: python docs/figures/draw.py [FOLDER]

Nothing is filled and every line and letter has a middle tone, so that a figure can be read on a
light page and on a dark one. The same version of matplotlib writes the same bytes.
"""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import torch

mpl.use("svg")
import matplotlib.pyplot as plt

import dicetune
from dicetune.losses import (
    LOSSES,
    NonTrainingLossWarning,
    build,
    cross_entropy_loss,
    dice_loss,
    focal_loss,
    self_adjusting_dice_loss,
)

HERE = Path(__file__).resolve().parent
SRC = HERE.parent.parent / "src" / "dicetune"
INK = "#7d7d7d"  # of text and axes
TONES = ["#3b82d6", "#d0722a", "#2f9e63", "#b65fc4", "#d64f5c"]
STYLE = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": mpl.cycler(color=TONES),
    "axes.titlecolor": INK,
    "font.size": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "dicetune",
    "xtick.color": INK,
    "ytick.color": INK,
}

P = torch.linspace(0.002, 0.998, 499, dtype=torch.float64)
CURVES = {
    "cross-entropy": (cross_entropy_loss, {}),
    "focal, γ = 2": (focal_loss, {}),
    "dice (Eq. 7)": (dice_loss, {"level": "example"}),
    "self-adjusting, target": (self_adjusting_dice_loss, {"level": "example"}),
    "self-adjusting, literal": (self_adjusting_dice_loss, {"level": "example", "form": "literal"}),
}
COUNTS = torch.tensor([90, 10])  # training items without and with the label, where a loss asks
OPTIONS = {"mom": "majority_weight=1", "cb": "beta=0.99"}  # β such that 90 and 10 items differ


def curve(loss, gold, **options):
    """Loss of one item with one logit, and its slope in p, over p."""
    logits = torch.logit(P).requires_grad_()
    values = loss(logits, torch.full(P.shape, gold), reduction="none", **options)
    (slope,) = torch.autograd.grad(values.sum(), logits)
    return values.detach(), slope / (P * (1 - P))


def loss_curves(folder):
    """Loss and slope of each loss for a positive and for a negative item."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex=True)
    for column, gold in enumerate((1, 0)):
        for name, (loss, options) in CURVES.items():
            values, slope = curve(loss, gold, **options)
            style = "--" if "literal" in name else "-"
            axes[0, column].plot(P, values, style, label=name)
            axes[1, column].plot(P, slope, style)
        axes[0, column].set_ylim(0, 1.5)
        axes[1, column].set_ylim((-3, 1) if gold else (-1, 3))
        axes[1, column].axhline(0, color=INK, linewidth=0.8)
        axes[0, column].set_title(f"gold is {'positive' if gold else 'negative'}")
        axes[1, column].set_xlabel("p, probability of the positive class")
    axes[0, 0].set_ylabel("loss of one item")
    axes[1, 0].set_ylabel("slope dL/dp")
    axes[0, 1].legend(fontsize=8)
    save(figure, folder, "loss_curves")


def turning_point(folder):
    """The literal form's slope for several decays: it changes its sign at 1/(1+decay)."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, gold in zip(axes, (1, 0), strict=True):
        for decay in (0.5, 1.0, 3.0):
            options = {"decay": decay, "level": "example", "squared": False}
            _, slope = curve(self_adjusting_dice_loss, gold, form="literal", **options)
            (line,) = axis.plot(P, slope, label=f"decay {decay:g}: turns at {1 / (1 + decay):.2f}")
            axis.axvline(1 / (1 + decay), color=line.get_color(), linewidth=0.7, linestyle=":")
        _, slope = curve(self_adjusting_dice_loss, gold, form="target", **options | {"decay": 1.0})
        axis.plot(P, slope, "--", color=INK, linewidth=1, label="form 'target', decay 1: never")
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set_ylim(-1.1, 1.1)
        right = "below" if gold else "above"
        axis.set_title(f"gold is {'positive' if gold else 'negative'}: right is {right} 0")
        axis.set_xlabel("p, probability of the positive class")
    axes[0].set_ylabel("slope dL/dp")
    axes[0].legend(fontsize=8, loc="lower right")
    save(figure, folder, "turning_point")


def alone(name, gold):
    """The same of a loss by its name; of a set-level loss the item is the whole set."""
    spec = f"{name}:{OPTIONS[name]}" if name in OPTIONS else name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonTrainingLossWarning)
        loss = build(spec)
    logits = torch.logit(P).requires_grad_()
    target = torch.full((1,), gold)
    values = torch.stack([loss(z[None], target, class_counts=COUNTS) for z in logits])
    (slope,) = torch.autograd.grad(values.sum(), logits)
    return values.detach(), slope / (P * (1 - P))


def one_loss(folder, name):
    """Value and slope of one loss, for a positive and for a negative item."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.3))
    reach = 1.05
    for gold, word in ((1, "positive"), (0, "negative")):
        values, slope = alone(name, gold)
        left.plot(P, values, label=f"gold is {word}")
        right.plot(P, slope)
        reach = max(reach, 2.5 * float(slope.abs().median()))  # the ends may be infinite
    left.set_ylim(0, max(1.05, min(float(left.get_ylim()[1]), 3)))
    right.set_ylim(-reach, reach)
    right.axhline(0, color=INK, linewidth=0.8)
    left.set_ylabel("loss of one item")
    right.set_ylabel("slope dL/dp")
    for axis in (left, right):
        axis.set_xlabel("p, probability of the positive class")
    left.legend(fontsize=8, loc="best")
    save(figure, folder, name)


def package_imports():
    """Which parts of the package each part imports: folders and the modules beside them.

    A verb, ``dicetune.train``, is an import of the module that has the verb.
    """
    parts = {path.stem if path.is_file() else path.name: path for path in SRC.iterdir()}
    parts = {name: path for name, path in parts.items() if not name.startswith("_")}
    found = {}
    for name, path in sorted(parts.items()):
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        if not all(file.suffix == ".py" for file in files) or not files:
            continue
        modules = set()
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                module = (getattr(node, "module", None) or "").split(".")
                if module == ["dicetune"]:
                    modules |= {alias.name for alias in node.names}
                elif getattr(getattr(node, "value", None), "id", "") == "dicetune":
                    modules.add(dicetune._PUBLIC.get(node.attr, ".").split(".")[1])
                elif module[0] == "dicetune":
                    modules.add(module[1])
        found[name] = sorted(modules & parts.keys() - {name})
    return found


def packages(folder):
    """Boxes in rows: each part above everything that it imports; a line for each direct import.

    A line is left out where a longer way leads to the same part, so that the rows can be read.
    """
    imports = package_imports()

    def rank(name):
        return 1 + max(map(rank, imports[name]), default=-1)

    def reaches(start, end):
        return any(one == end or reaches(one, end) for one in imports[start])

    rows = {}
    for name in imports:
        rows.setdefault(rank(name), []).append(name)
    place = {}
    for height, names in rows.items():
        for number, name in enumerate(names):
            place[name] = ((number + 0.5) / len(names), height)
    figure, axis = plt.subplots(figsize=(7.5, 0.75 * len(rows)))
    for name, others in imports.items():
        for other in others:
            if any(reaches(one, other) for one in others if one != other):
                continue
            (x, y), (u, v) = place[name], place[other]
            (line,) = axis.plot([x, u], [y - 0.22, v + 0.22], color=INK, linewidth=0.8)
            line.set_gid(f"imports:{name}:{other}")
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.35", "facecolor": "none", "edgecolor": TONES[0]}
        axis.text(x, y, name, ha="center", va="center", color=INK, bbox=box)
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.axis("off")
    save(figure, folder, "packages")


def save(figure, folder, name):
    """Write the figure."""
    figure.tight_layout()
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main(folder=HERE):
    """Draw all into a folder."""
    with mpl.rc_context(STYLE):
        loss_curves(folder)
        turning_point(folder)
        packages(folder)
        for name in LOSSES:
            one_loss(folder, name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
