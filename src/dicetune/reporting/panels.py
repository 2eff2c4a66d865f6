"""Panels of lines: precision and recall, learning curves, loss against metric; one a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune import numbers
from dicetune.reporting.axes import Panel, equal_f1
from dicetune.reporting.colours import MARKS, colours
from dicetune.reporting.figures import Scale, fitted_scale, nice_scale


def precision_recall_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss its curve, those of the others behind it, and the chosen points."""
    found = summary["precision_recall"]
    palette = colours(summary)
    scale = _shared_scale(found)
    curves = {
        loss: [(100 * recall, 100 * precision) for recall, precision in own["curve"]]
        for loss, own in found.items()
    }
    panels = []
    for loss, own in found.items():
        panel = Panel(
            scale, scale, "recall, %", "precision, %", _said(loss, own), height=214.0, above=34.0
        )
        _add_guides(panel)
        for other, points in curves.items():
            if other != loss:
                panel.line(points, "other", other)
        panel.line(curves[loss], f"main {palette[loss]}", f"{loss}, mean of the seeds")
        for decision, seeds in own["seeds"].items():
            if len(seeds) > 1:
                for recall, precision in seeds:
                    style = f"seed {palette[loss]} {decision}"
                    panel.mark((100 * recall, 100 * precision), style, "", MARKS[decision])
        for decision, (recall, precision) in own["chosen"].items():
            title = f"{decision}: precision {numbers.points(precision)}, "
            title += f"recall {numbers.points(recall)}"
            style = f"chosen {palette[loss]} {decision}"
            panel.mark((100 * recall, 100 * precision), style, title, MARKS[decision])
        panels.append(
            {"loss": loss, "colour": palette[loss], "panel": panel, "chosen": _chosen(own)}
        )
    return panels


def _add_guides(panel: Panel) -> None:
    """Lines of equal F1, one for each tick, named where they leave the axes above."""
    for tick in panel.y.ticks:
        if 0 < tick < 100:
            line = [(100 * recall, 100 * precision) for recall, precision in equal_f1(tick / 100)]
            panel.line(line, "guide", f"F1 = {tick:g}")
            panel.note(line[0][0], f"F1 {tick:g}")


def _shared_scale(found: Mapping[str, Any]) -> Scale:
    """From somewhat below the lowest chosen point to 100, the same for both axes."""
    chosen = [
        value
        for own in found.values()
        for seeds in own["seeds"].values()
        for point in seeds
        for value in point
    ]
    lowest = 100 * min(chosen, default=0.0)
    return nice_scale([max(0.0, lowest - 0.4 * (100 - lowest)), 100.0], within=(0.0, 100.0))


def _chosen(own: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "decision": decision,
            "mark": MARKS[decision],
            "precision": numbers.points(precision),
            "recall": numbers.points(recall),
        }
        for decision, (recall, precision) in own["chosen"].items()
    ]


def _said(loss: str, own: Mapping[str, Any]) -> str:
    points = "; ".join(
        f"{row['decision']} at precision {row['precision']}, recall {row['recall']}"
        for row in _chosen(own)
    )
    return f"Precision against recall of {loss}: {points}"


def learning_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss the dev metric and the losses at each evaluation, one line a seed."""
    palette = colours(summary)
    curves = summary["curves"]
    steps = fitted_scale(0.0, max(_known(curves, "steps"), default=1.0))
    scores = nice_scale(
        [100 * value for value in _known(curves, "dev_metric")],
        within=None if _below_zero(curves) else (0.0, 100.0),
    )
    panels = []
    for loss, runs in curves.items():
        of_loss = _known({loss: runs}, "train_loss") + _known({loss: runs}, "dev_loss")
        metric = Panel(
            steps,
            scores,
            "step",
            f"{summary['metric_title']} on dev, %",
            f"Dev {summary['metric_title']} of {loss} over training",
            height=170.0,
        )
        losses = Panel(
            steps,
            nice_scale(of_loss, parts=3),
            "step",
            "loss",
            f"Losses of {loss} over training",
            height=150.0,
        )
        for run in runs:
            _add_run(metric, losses, run, palette[loss])
        panels.append(
            {
                "loss": loss,
                "colour": palette[loss],
                "metric": metric,
                "losses": losses,
                "with_train": bool(_known({loss: runs}, "train_loss")),
            }
        )
    return panels


def _add_run(metric: Panel, losses: Panel, run: Mapping[str, Any], colour: str) -> None:
    seed = f"seed {run['seed']}"
    scores = _pairs(run["steps"], run["dev_metric"], 100.0)
    metric.line(scores, f"run {colour}", seed)
    for step, score in scores:
        if step == run["best_step"]:
            title = f"{seed}: chosen at step {step:g}, {score:.1f}"
            metric.mark((step, score), f"best {colour}", title)
    losses.line(_pairs(run["steps"], run["train_loss"]), f"run {colour}", f"{seed}, train")
    losses.line(_pairs(run["steps"], run["dev_loss"]), f"run dashed {colour}", f"{seed}, dev")


def tracking_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss its value against 1 - metric on dev, in training and on dev."""
    palette = colours(summary)
    panels = []
    for loss, own in summary["loss_against_metric"].items():
        errors = [100 * p["error"] for p in own["points"] if p["error"] is not None]
        y = nice_scale(errors, parts=3)
        found = []
        for where, words in (("train", "in training"), ("dev", "on dev")):
            name = f"{where}_loss"
            values = [p[name] for p in own["points"] if p[name] is not None]
            if not values:
                continue
            label = f"Loss {words} of {loss} against 100 minus dev {summary['metric_title']}"
            panel = Panel(
                nice_scale(values, parts=3),
                y,
                f"loss {words}",
                f"100 − {summary['metric_title']}",
                label,
                height=170.0,
            )
            for seed in dict.fromkeys(p["seed"] for p in own["points"]):
                points = [
                    (p[name], 100 * p["error"], p["step"])
                    for p in own["points"]
                    if p["seed"] == seed and None not in (p[name], p["error"])
                ]
                panel.line([point[:2] for point in points], f"trace {palette[loss]}")
                for at, (x, error, step) in enumerate(points):
                    last = " last" if at == len(points) - 1 else ""
                    panel.mark(
                        (x, error),
                        f"point {palette[loss]}{last}",
                        f"seed {seed}, step {step}: loss {x:.3g}, error {error:.1f}",
                    )
            found.append({"words": words, "panel": panel, "rho": _rho(own[where])})
        panels.append(
            {
                "loss": loss,
                "colour": palette[loss],
                "panels": found,
                "evaluations": own["evaluations"],
            }
        )
    return panels


def _rho(own: Mapping[str, Any]) -> dict[str, Any]:
    """The mean rank correlation, and its range over the seeds."""
    known = [value for value in own["per_seed"] if value is not None]
    span = None
    if len(known) > 1:
        span = f"{numbers.plain(min(known))} to {numbers.plain(max(known))}"
    return {"mean": numbers.plain(own["spearman"]), "value": own["spearman"], "range": span}


def _known(curves: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> list[float]:
    return [
        value
        for runs in curves.values()
        for run in runs
        for value in run[name]
        if value is not None
    ]


def _below_zero(curves: Mapping[str, Any]) -> bool:
    return any(value < 0 for value in _known(curves, "dev_metric"))


def _pairs(
    steps: Sequence[float], values: Sequence[float | None], times: float = 1.0
) -> list[tuple[float, float]]:
    return [
        (step, times * value)
        for step, value in zip(steps, values, strict=True)
        if value is not None
    ]
