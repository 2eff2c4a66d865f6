"""Draw the figures of docs/losses.md from the library itself.

Usage: python docs/figures/draw.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import torch

mpl.use("svg")
import matplotlib.pyplot as plt

from dicetune.losses import (
    cross_entropy_loss,
    dice_loss,
    focal_loss,
    self_adjusting_dice_loss,
)

HERE = Path(__file__).resolve().parent
P = torch.linspace(0.002, 0.998, 499, dtype=torch.float64)
CURVES = {
    "cross-entropy": (cross_entropy_loss, {}),
    "focal, γ = 2": (focal_loss, {}),
    "dice (Eq. 7)": (dice_loss, {"level": "example"}),
    "self-adjusting, target": (self_adjusting_dice_loss, {"level": "example"}),
    "self-adjusting, literal": (self_adjusting_dice_loss, {"level": "example", "form": "literal"}),
}


def curve(loss, gold, **options):
    """Loss of one item with one logit, and its slope in p, over p."""
    logits = torch.logit(P).requires_grad_()
    values = loss(logits, torch.full(P.shape, gold), reduction="none", **options)
    (slope,) = torch.autograd.grad(values.sum(), logits)
    return values.detach(), slope / (P * (1 - P))


def loss_curves():
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
        axes[1, column].axhline(0, color="0.6", linewidth=0.8)
        axes[0, column].set_title(f"gold is {'positive' if gold else 'negative'}")
        axes[1, column].set_xlabel("p, probability of the positive class")
    axes[0, 0].set_ylabel("loss of one item")
    axes[1, 0].set_ylabel("slope dL/dp")
    axes[0, 1].legend(fontsize=8)
    save(figure, "loss_curves")


def turning_point():
    """The literal form's slope for several decays: it changes its sign at 1/(1+decay)."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, gold in zip(axes, (1, 0), strict=True):
        for decay in (0.5, 1.0, 3.0):
            options = {"decay": decay, "level": "example", "squared": False}
            _, slope = curve(self_adjusting_dice_loss, gold, form="literal", **options)
            (line,) = axis.plot(P, slope, label=f"decay {decay:g}: turns at {1 / (1 + decay):.2f}")
            axis.axvline(1 / (1 + decay), color=line.get_color(), linewidth=0.7, linestyle=":")
        _, slope = curve(self_adjusting_dice_loss, gold, form="target", **options | {"decay": 1.0})
        axis.plot(P, slope, "k--", linewidth=1, label="form 'target', decay 1: never")
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_ylim(-1.1, 1.1)
        right = "below" if gold else "above"
        axis.set_title(f"gold is {'positive' if gold else 'negative'}: right is {right} 0")
        axis.set_xlabel("p, probability of the positive class")
    axes[0].set_ylabel("slope dL/dp")
    axes[0].legend(fontsize=8, loc="lower right")
    save(figure, "turning_point")


def save(figure, name):
    """Write the figure, the same bytes in every run."""
    figure.tight_layout()
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main():
    """Draw all."""
    plt.rcParams.update({"svg.hashsalt": "dicetune", "svg.fonttype": "none", "font.size": 9})
    loss_curves()
    turning_point()


if __name__ == "__main__":
    main()
