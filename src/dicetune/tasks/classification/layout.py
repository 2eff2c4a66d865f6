"""How a file of texts is read: by the options that were given, else as the model's own files were.

Where gold is read, a wrong layout shows: labels do not fit. Texts to be predicted are read by what
was trained only as far as columns go, since a header taken for granted would cost a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicetune.data import TextColumns, TextLayout
from dicetune.data.texts.labels import AUTO
from dicetune.tasks.base import Trained

_OPEN = {"header": "auto", "quoting": "auto", "classes": "fine", "separator": "auto"}
"""Options that training may have settled, with their defaults."""

_NAMING = ("label_names", "label_columns")
"""Options that name a model's labels beside the rows of its files."""


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
        labels=before.labels if any(map(before.options.get, _NAMING)) else (),
        separator=separator_of(options, before),
        seen=before.labels,
    )


def label_columns(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that ``label_columns`` lists; the tasks of one label a text have no such option.

    Example:
        >>> label_columns({"label_columns": "toxic, threat"})
        ('toxic', 'threat')
    """
    chosen = options.get("label_columns")
    return () if chosen is None else tuple(name.strip() for name in chosen.split(","))


def separator_of(options: Any, trained: Trained | None = None) -> str:
    """What stands between the labels of a cell, for the task that has several."""
    if not hasattr(options, "separator"):
        return AUTO
    return _settled("separator", options, trained or Trained())


def classes_of(options: Any, trained: Trained) -> str:
    """The reading of Sentiment Treebank files, for tasks that have several."""
    return _settled("classes", options, trained) if hasattr(options, "classes") else "fine"


def _settled(name: str, options: Any, trained: Trained) -> str:
    """What was chosen, else what the model was trained with."""
    chosen = getattr(options, name)
    return str(trained.options.get(name, chosen) if chosen == _OPEN[name] else chosen)


def _columns(options: Mapping[str, Any]) -> TextColumns:
    """The columns that options name."""
    return TextColumns(
        options.get("text_column"),
        options.get("pair_column"),
        options.get("label_column"),
        options.get("id_column"),
        label_columns(options),
    )
