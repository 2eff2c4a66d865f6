"""Panels, one a loss: precision and recall, calibration, learning curves, loss against metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dicetune import numbers
from dicetune.records import DEFAULT, TUNED
from dicetune.reporting.figures import (
    MARKS,
    NamedScale,
    Panel,
    Point,
    Scale,
    colours,
    fitted_scale,
    nice_scale,
)

_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
NARROW, WIDE = 260.0, 400.0
"""Widths of a panel among several, and of one of two side by side."""


def panel_width(losses: int) -> float:
    """Panels of one or two losses are wide, so that two of them fill a page."""
    return WIDE if losses <= 2 else NARROW


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
        width = panel_width(len(found))
        titles = ("recall, %", "precision, %", label)
        panel = Panel(scale, scale, *titles, width, height=214.0, above=34.0)
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


def calibration_panels(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each loss how often decisions of a probability are right, against that probability."""
    found = (summary["calibration"] or {}).get("losses", {})
    palette = colours(summary)
    scale = nice_scale([0.0, 100.0], within=(0.0, 100.0))
    panels = []
    for loss, decisions in found.items():
        label = f"How often decisions of {loss} hold, against their probability"
        titles = ("probability, %", "of these right, %", label)
        panel = Panel(scale, scale, *titles, panel_width(len(found)), 214.0)
        panel.line([(0.0, 0.0), (100.0, 100.0)], "other", "right as often as it says")
        errors = []
        for decision, one in decisions.items():
            style = f"{palette[loss]} {decision}"
            panel.line([(100 * row[0], 100 * row[1]) for row in one["bins"]], f"trace {style}")
            for said, right, low, high, count in one["bins"]:
                panel.line([(100 * said, 100 * low), (100 * said, 100 * high)], f"whisker {style}")
                title = f"said {numbers.points(said)}%, right {numbers.points(right)}%, n = {count}"
                panel.mark((100 * said, 100 * right), f"seed full {style}", title, MARKS[decision])
            errors.append(
                {
                    "decision": decision,
                    "mark": MARKS[decision],
                    "ece": numbers.points(one["ece"]),
                    "log_loss": numbers.plain(one["log_loss"], 3),
                }
            )
        panels.append({"loss": loss, "colour": palette[loss], "panel": panel, "errors": errors})
    return panels


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
        width = panel_width(len(curves))
        metric = Panel(steps, scores, "step", f"{title} on dev, %", label, width, 170.0)
        label = f"Losses of {loss} over training"
        losses = Panel(
            steps, values, "step", "loss", label, width, 150.0 if width < WIDE else 170.0
        )
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
    width = panel_width(len(summary["loss_against_metric"]))
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
            panel = Panel(x, y, f"loss {words}", title, label, width, 170.0)
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
    span = None
    if len(known) > 1:
        span = f"{numbers.plain(min(known))} to {numbers.plain(max(known))}"
    mean = tracked["spearman"]
    return {"mean": numbers.plain(mean), "value": mean, "range": span}


def threshold_panel(edges: Sequence[float]) -> Panel:
    """The empty panel in which the script draws precision, recall and F1 at each threshold."""
    places = [min(range(len(edges)), key=lambda at: abs(edges[at] - tick)) for tick in _TICKS]
    x = NamedScale(0.0, len(edges) - 1.0, tuple(map(float, places)), tuple(map(str, _TICKS)))
    y = Scale(0.0, 100.0, (0.0, 25.0, 50.0, 75.0, 100.0))
    label = "Precision, recall and F1 at each threshold"
    return Panel(x, y, "threshold", "precision, recall, F1, %", label, WIDE, 200.0)
