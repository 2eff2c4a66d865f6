"""How the comparison was run, as rows of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune import numbers


def run_facts(how: Mapping[str, Any]) -> dict[str, Any]:
    """Command, budget, versions and cells, ready to be printed."""
    cells = how["cells"]
    done = [cell for cell in cells if cell["state"] == "done"]
    model = how["model"]
    parameters = model.get("parameters")
    facts = [("model", _model(model["name"], parameters, model["sha256"]))]
    facts.append(("steps of a run", _span([cell["steps"] for cell in done])))
    facts.append(("evaluations on dev", _span([cell["evaluations"] for cell in done])))
    total = sum(cell["seconds"] for cell in done)
    facts.append(("time of all runs", f"{numbers.duration(total)} on {', '.join(how['device'])}"))
    if how["search"] is not None:
        facts.append(("search", f"{how['search']['trials']} trials of each loss"))
    return {
        "command": how["command"],
        "facts": facts,
        "files": [
            {
                "split": split,
                "path": own["path"],
                "examples": numbers.count(own["examples"]),
                "sha256": own["sha256"],
            }
            for split, own in how["files"].items()
        ],
        "settings": {
            f"{group}{name}": value
            for group, values in (
                ("", how["settings"]),
                ("option ", how["options"]),
                ("trainer.", how["trainer"]),
            )
            for name, value in values.items()
        },
        "versions": how["versions"],
        "foreign": how["foreign"],
        "seeds": list(dict.fromkeys(cell["seed"] for cell in cells)),
        "grid": _grid(cells),
        "planned": len(cells),
        "done": len(done),
        "missing": [cell for cell in cells if cell["state"] != "done"],
        "notes": how["notes"],
    }


def _grid(cells: list[dict[str, Any]]) -> dict[str, dict[int, dict[str, Any]]]:
    """For each loss and seed the state of its run, and how long it took."""
    grid: dict[str, dict[int, dict[str, Any]]] = {}
    for cell in cells:
        shown = numbers.duration(cell["seconds"]) if cell["state"] == "done" else cell["state"]
        grid.setdefault(cell["loss"], {})[cell["seed"]] = {**cell, "shown": shown}
    return grid


def _model(name: str | None, parameters: int | None, digest: str | None) -> str:
    parts = [name or "unnamed"]
    if parameters:
        parts.append(f"{parameters / 1e6:.1f} million parameters")
    if digest:
        parts.append(f"SHA-256 {digest[:12]}…")
    return ", ".join(parts)


def _span(values: list[int]) -> str:
    """One number where it is the same for all."""
    if not values:
        return numbers.MISSING
    low, high = min(values), max(values)
    if low == high:
        return f"{numbers.count(low)}, the same for all"
    return f"{numbers.count(low)} to {numbers.count(high)}: not the same for all"
