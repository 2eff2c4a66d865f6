"""How a comparison names what it counts: metrics, units, competitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ARGMAX, TUNED = "argmax", "tuned"

METRICS = {
    "f1": "F1",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "exact": "exact match",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "token_accuracy": "accuracy of tags",
    "tag_accuracy": "accuracy of tags",
    "mcc": "MCC",
    "word_f1": "F1 of words",
    "word_precision": "precision of words",
    "word_recall": "recall of words",
}

_HEADLINES = {
    ("spans", "f1"): "strict span F1",
    ("entities", "f1"): "span F1",
    ("words", "f1"): "F1 of words with their tag",
    ("answer", "f1"): "F1 of answers",
}

_UNITS = {
    "spans": ("sentence", "sentences"),
    "words": ("sentence", "sentences"),
    "tags": ("sentence", "sentences"),
    "entities": ("sentence", "sentences"),
    "answer": ("question", "questions"),
    "label": ("text", "texts"),
    "label_set": ("text", "texts"),
}

_CLASSES = {
    "spans": "entities",
    "entities": "entities",
    "words": "words",
    "tags": "words",
}


def metric_title(problem: Mapping[str, Any], metric: str) -> str:
    """The headline metric in words.

    Example:
        >>> metric_title({"kind": "label", "positive": "spam"}, "f1")
        'F1 of “spam”'
        >>> metric_title({"kind": "spans"}, "f1")
        'strict span F1'
    """
    kind, positive = problem.get("kind"), problem.get("positive")
    if kind == "spans" and problem.get("convention") == "conlleval" and metric == "f1":
        return "span F1 (conlleval)"
    if kind == "label" and metric == "f1" and positive is not None:
        return f"F1 of “{positive}”"
    return _HEADLINES.get((str(kind), metric)) or METRICS.get(metric, metric.replace("_", " "))


def units(problem: Mapping[str, Any], task: str) -> tuple[str, str]:
    """What is resampled, one of it and several.

    Example:
        >>> units({"kind": "label"}, "pair"), units({"kind": "spans"}, "ner")
        (('pair', 'pairs'), ('sentence', 'sentences'))
    """
    if task == "pair":
        return "pair", "pairs"
    return _UNITS[str(problem["kind"])]


def class_unit(problem: Mapping[str, Any], task: str) -> str:
    """What the support of a class counts, in the plural."""
    return _CLASSES.get(str(problem["kind"])) or units(problem, task)[1]


def competitor_name(loss: str, decision: str) -> str:
    """How a loss with its decision rule is called.

    Example:
        >>> competitor_name("ce", "argmax"), competitor_name("ce", "tuned")
        ('ce', 'ce, tuned')
    """
    return loss if decision == ARGMAX else f"{loss}, {TUNED}"
