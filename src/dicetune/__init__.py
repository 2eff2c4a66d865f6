"""Fine-tune text models for F1: losses that train on imbalanced data.

The verbs take what the commands of the same names take: ``train``, ``evaluate``, ``predict``,
``load``, ``inspect``, ``tune``, ``split``, ``compare`` and ``report``. ``ObjectiveTrainer`` and
``dicetune.losses`` train your own model. Importing ``dicetune`` loads neither torch nor
transformers: the public names are looked up on first use (PEP 562).

Example:
    >>> import dicetune
    >>> run = dicetune.train("ner", data="sample", loss="dice", out="runs/a")    # doctest: +SKIP
    >>> tagger = dicetune.load("runs/a")                                         # doctest: +SKIP
    >>> tagger("The pump at Quay Nine is down again.")[0].entities               # doctest: +SKIP
    [Entity(type='SITE', text='Quay Nine', start=12, end=21, score=0.97)]
"""

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

# without this, Python prints warnings of a library whose log nobody asked for
logging.getLogger(__name__).addHandler(logging.NullHandler())

_PUBLIC = {
    **dict.fromkeys(("train", "compare", "report", "split"), "dicetune.runs"),
    **dict.fromkeys(("evaluate", "predict", "inspect"), "dicetune.scoring"),
    "LossInput": "dicetune.loss_input",
    "ObjectiveTrainer": "dicetune.training",
    "RunConfig": "dicetune.training",
    "load": "dicetune.predictor",
    "resolve_encoder": "dicetune.models",
    "run": "dicetune.training",
    "push": "dicetune.hub",
    "serve": "dicetune.service",
    **dict.fromkeys(("tune", "export"), "dicetune.tuning"),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dicetune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _of_predict(name: str) -> Any:
    """``dicetune.predict`` was a module before it was a verb: ``load`` works with a warning."""
    if name == "load":
        return getattr(__getattr__("predict"), name)
    raise AttributeError(f"module 'dicetune.predict' has no attribute {name!r}")


_earlier = ModuleType("dicetune.predict", _of_predict.__doc__)
_earlier.__dict__["__getattr__"] = _of_predict
sys.modules.setdefault(_earlier.__name__, _earlier)
