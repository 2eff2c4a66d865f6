"""How a file of texts is read: by the options that were given, else as the model's own files were.

Where gold is read, a wrong layout shows: labels do not fit. Texts to be predicted are read by what
was trained only as far as columns go, since a header taken for granted would cost a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune.data import TextColumns, TextLayout
from dicetune.tasks.base import Trained

_OPEN = {"header": "auto", "quoting": "auto", "classes": "fine"}
"""Options that training may have settled, with their defaults."""


def text_layout(options: Any, trained: Trained, *, pair: bool, gold: bool) -> TextLayout:
    """What the reader of texts is asked for.

    Args:
        options: of the task.
        trained: how the model was trained.
        pair: whether there are two texts.
        gold: whether labels are read.
    """
    before = trained if gold else Trained()
    return TextLayout(
        _columns(vars(options)),
        _columns(trained.options),
        pair=pair,
        gold=gold,
        quoting=_settled("quoting", options, before),
        header=_settled("header", options, before),
        labels=before.labels if before.options.get("label_names") else (),
    )


def classes_of(options: Any, trained: Trained) -> str:
    """The reading of Sentiment Treebank files, for tasks that have several."""
    return _settled("classes", options, trained) if hasattr(options, "classes") else "fine"


def _settled(name: str, options: Any, trained: Trained) -> str:
    """What was chosen, else what the model was trained with."""
    chosen = getattr(options, name)
    return str(trained.options.get(name, chosen) if chosen == _OPEN[name] else chosen)


def _columns(options: Mapping[str, Any]) -> TextColumns:
    """The columns that options name."""
    names = ("text_column", "pair_column", "label_column", "id_column")
    return TextColumns(*(options.get(name) for name in names))
