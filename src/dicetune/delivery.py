"""The verbs that take a model out: export.

Flags of the commands are keyword arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicetune import terminal
from dicetune.errors import unknown_name
from dicetune.terminal import Printed

KINDS = ("transformers",)


@dataclass(frozen=True, repr=False)
class Exported(Printed):
    """A folder for other tools, and what it holds in sentences."""

    folder: Path
    said: tuple[str, ...]

    def parts(self) -> list[str]:
        """The sentences."""
        return [terminal.escape(line) for line in self.said]

    def to_dict(self) -> dict[str, object]:
        """Plain data, ready for JSON."""
        return {"folder": str(self.folder), "said": list(self.said)}


def export(
    run: str | Path,
    *,
    to: str,
    out: str | Path,
    decision: str | None = None,
    task: str | None = None,
) -> Exported:
    """Write a model for other tools, with its decision rule.

    Args:
        run: folder of a finished run, or a saved model; it is not changed.
        to: "transformers": a folder for ``transformers`` and every tool that reads it, with the
            rule in the biases of the head, so that arg-max or 0.5 is the tuned decision.
        out: new folder.
        decision: the rule: "auto" (the default rule of the folder), the name of a rule, or a file.
        task: of a model that dicetune did not train.

    Raises:
        InputError: a rule that the format cannot hold, or a place that is in use.

    Example:
        ``dicetune.export("runs/a", to="transformers", out="runs/a-baked")``
    """
    if to not in KINDS:
        raise unknown_name("format to export to", to, KINDS)
    from dicetune.deploy.bake import bake_rule  # loads torch

    rule = bake_rule(run, out, decision or "auto", task)
    said = f"{out}: a model for transformers, with the rule {rule.told()} in its head"
    return Exported(Path(out), (said,))
