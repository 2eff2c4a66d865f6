"""How a comparison names its competitors."""

from __future__ import annotations

ARGMAX, TUNED = "argmax", "tuned"


def competitor_name(loss: str, decision: str) -> str:
    """How a loss with its decision rule is called.

    Example:
        >>> competitor_name("ce", "argmax"), competitor_name("ce", "tuned")
        ('ce', 'ce, tuned')
    """
    return loss if decision == ARGMAX else f"{loss}, {TUNED}"
