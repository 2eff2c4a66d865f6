"""Panels of lines: precision and recall, learning curves, loss against metric; one a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune import numbers
from dicetune.records import DEFAULT, TUNED
from dicetune.reporting.figures import MARKS, Panel, Point, colours, fitted_scale, nice_scale


def precision_recall_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss its curve, the curves of other losses behind it, and the chosen points."""
    found = summary["precision_recall"]
    palette = colours(summary)
    # both axes run from somewhat below the lowest chosen point to 100
    decisions = [seeds for trade_off in found.values() for seeds in trade_off["seeds"].values()]
    chosen_values = [value for seeds in decisions for point in seeds for value in point]
    lowest = 100 * min(chosen_values, default=0.0)
    scale = nice_scale([max(0.0, lowest - 0.4 * (100 - lowest)), 100.0], within=(0.0, 100.0))
    curves = {loss: _percent(trade_off["curve"]) for loss, trade_off in found.items()}
    panels = []
    for loss, trade_off in found.items():
        chosen = [
            {
                "decision": decision,
                "mark": MARKS[decision],
                "precision": numbers.points(precision),
                "recall": numbers.points(recall),
            }
            for decision, (recall, precision) in trade_off["chosen"].items()
        ]
        points = "; ".join(
            f"{row['decision']} at precision {row['precision']}, recall {row['recall']}"
            for row in chosen
        )
        label = f"Precision against recall of {loss}: {points}"
        panel = Panel(scale, scale, "recall, %", "precision, %", label, height=214.0, above=34.0)
        _add_guides(panel)
        for other, curve in curves.items():
            if other != loss:
                panel.line(curve, "other", other)
        panel.line(curves[loss], f"main {palette[loss]}", f"{loss}, mean of the seeds")
        for decision, seeds in trade_off["seeds"].items():
            if len(seeds) > 1:
                for point in _percent(seeds):
                    panel.mark(point, f"seed {palette[loss]} {decision}", "", MARKS[decision])
        for row, point in zip(chosen, _percent(trade_off["chosen"].values()), strict=True):
            title = f"{row['decision']}: precision {row['precision']}, recall {row['recall']}"
            panel.mark(point, f"chosen {palette[loss]} {row['decision']}", title, row["mark"])
        panels.append({"loss": loss, "colour": palette[loss], "panel": panel, "chosen": chosen})
    return panels


def _percent(points: Any) -> list[Point]:
    return [(100 * x, 100 * y) for x, y in points]


def _add_guides(panel: Panel) -> None:
    """Lines of equal F1, one for each tick, named where they leave the axes above."""
    for tick in panel.y.ticks:
        if 0 < tick < 100:
            line = _percent(equal_f1(tick / 100))
            panel.line(line, "guide", f"F1 = {tick:g}")
            panel.note(line[0][0], f"F1 {tick:g}")


def equal_f1(f1: float) -> list[Point]:
    """40 points (recall, precision) that have this F1, from precision 1 to recall 1.

    Precision is ``F R / (2 R - F)``, so the line runs from ``R = F / (2 - F)``.
    """
    first = f1 / (2 - f1)
    recalls = [first + (1 - first) * number / 39 for number in range(40)]
    return [(recall, f1 * recall / (2 * recall - f1)) for recall in recalls]


def learning_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss the dev metric and the losses at each evaluation, one line a seed."""
    palette = colours(summary)
    curves = summary["curves"]
    steps = fitted_scale(0.0, max(_known(curves, "steps"), default=1.0))
    dev = [100 * v for name in ("dev_metric", "dev_tuned") for v in _known(curves, name)]
    scores = nice_scale(dev, within=None if any(score < 0 for score in dev) else (0.0, 100.0))
    title = summary["metric_title"]
    panels = []
    for loss, runs in curves.items():
        trained = _known({loss: runs}, "train_loss")
        values = nice_scale(trained + _known({loss: runs}, "dev_loss"), parts=3)
        label = f"Dev {title} of {loss} over training"
        metric = Panel(steps, scores, "step", f"{title} on dev, %", label, height=170.0)
        label = f"Losses of {loss} over training"
        losses = Panel(steps, values, "step", "loss", label, height=150.0)
        for run in runs:
            _add_run(metric, losses, run, palette[loss])
        panels.append(
            {
                "loss": loss,
                "colour": palette[loss],
                "metric": metric,
                "losses": losses,
                "with_train": bool(trained),
            }
        )
    return panels


def _add_run(metric: Panel, losses: Panel, run: Mapping[str, Any], colour: str) -> None:
    seed = f"seed {run['seed']}"
    best = {DEFAULT: run["best_step"], **run.get("best_steps", {})}
    for name, decision, style in (("dev_metric", DEFAULT, ""), ("dev_tuned", TUNED, " dashed")):
        scores = [(step, 100.0 * score) for step, score in _pairs(run, name)]
        words = f"{seed}, {decision}" if len(best) > 1 else seed
        metric.line(scores, f"run{style} {colour}", words)
        for step, score in scores:
            if step == best.get(decision):
                title = f"{words}: chosen at step {step:g}, {score:.1f}"
                metric.mark((step, score), f"best {colour}", title, MARKS[decision])
    losses.line(_pairs(run, "train_loss"), f"run {colour}", f"{seed}, train")
    losses.line(_pairs(run, "dev_loss"), f"run dashed {colour}", f"{seed}, dev")


def _known(curves: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> list[float]:
    values = (value for runs in curves.values() for run in runs for value in run.get(name, ()))
    return [value for value in values if value is not None]


def _pairs(run: Mapping[str, Any], name: str) -> list[Point]:
    pairs = zip(run["steps"], run.get(name) or [None] * len(run["steps"]), strict=True)
    return [(step, value) for step, value in pairs if value is not None]


def tracking_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss its value against 1 - metric on dev, in training and on dev."""
    palette = colours(summary)
    title = f"100 − {summary['metric_title']}"
    panels = []
    for loss, tracked in summary["loss_against_metric"].items():
        points = tracked["points"]
        y = nice_scale([100 * error for error in _values(points, "error")], parts=3)
        found = []
        for where, words in (("train", "in training"), ("dev", "on dev")):
            name = f"{where}_loss"
            values = _values(points, name)
            if not values:
                continue
            label = f"Loss {words} of {loss} against 100 minus dev {summary['metric_title']}"
            x = nice_scale(values, parts=3)
            panel = Panel(x, y, f"loss {words}", title, label, height=170.0)
            _add_traces(panel, points, name, palette[loss])
            found.append({"words": words, "panel": panel, "rho": _rho(tracked[where])})
        panels.append(
            {
                "loss": loss,
                "colour": palette[loss],
                "panels": found,
                "evaluations": tracked["evaluations"],
            }
        )
    return panels


def _add_traces(panel: Panel, points: Sequence[Mapping[str, Any]], name: str, colour: str) -> None:
    """One line a seed and one mark an evaluation, the last evaluation larger."""
    for seed in dict.fromkeys(point["seed"] for point in points):
        trace = [
            (point[name], 100 * point["error"], point["step"])
            for point in points
            if point["seed"] == seed and None not in (point[name], point["error"])
        ]
        panel.line([place[:2] for place in trace], f"trace {colour}")
        for number, (x, error, step) in enumerate(trace, start=1):
            last = " last" if number == len(trace) else ""
            title = f"seed {seed}, step {step}: loss {x:.3g}, error {error:.1f}"
            panel.mark((x, error), f"point {colour}{last}", title)


def _values(points: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [point[name] for point in points if point[name] is not None]


def _rho(tracked: Mapping[str, Any]) -> dict[str, Any]:
    """The mean rank correlation, and its range over the seeds."""
    known = [value for value in tracked["per_seed"] if value is not None]
    ends = [numbers.plain(end) for end in (min(known), max(known))] if len(known) > 1 else []
    mean = tracked["spearman"]
    return {"mean": numbers.plain(mean), "value": mean, "range": " to ".join(ends)}
