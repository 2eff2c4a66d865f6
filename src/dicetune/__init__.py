"""Fine-tune text models for F1: losses that train on imbalanced data.

Importing ``dicetune`` loads neither torch nor transformers: the public names below are
looked up on first use (PEP 562).
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "LossInput": "dicetune.loss_input",
    "ObjectiveTrainer": "dicetune.training",
    "RunConfig": "dicetune.training",
    "resolve_encoder": "dicetune.models",
    "run": "dicetune.training",
}

__all__ = [
    "LossInput",
    "ObjectiveTrainer",
    "RunConfig",
    "__version__",
    "resolve_encoder",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dicetune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
