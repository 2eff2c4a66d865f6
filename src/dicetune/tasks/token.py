"""TokenTask: one label a word. Named entities (spans in IOB2 or IOBES) and part of speech.

Worked example, from raw text to logits and back (WordPiece, labels O, B-site, I-site)::

    words    ["Pump", "down", "at", "Quay", "Nine"]   tags ["O", "O", "O", "B-site", "I-site"]
    encode   [CLS] pump down at qu ##ay nine [SEP]    the first sub-word of a word is labelled,
             -100  0    0    0  1  -100 2   -100      the rest is ignored
    model    logits (1, 8, 3)
    inputs   LossInput("tags", logits, labels, kind="classes", background=0)
    decode   log-probabilities at positions 1, 2, 3, 4, 6: (5, 3)
    predict  arg-max: ["O", "O", "O", "B-site", "I-site"]
    score    strict spans: site 3..5 found
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification

from dicetune.data import Corpus, Sentence, label_names
from dicetune.loss_input import LossInput
from dicetune.metrics import label_scores, span_scores
from dicetune.tasks.base import Encoded, Scores
from dicetune.tasks.windows import cut_windows

IGNORED = -100
OUTSIDE = "O"


class TokenTask:
    """A label for each word, by any ``AutoModelForTokenClassification``.

    Args:
        name: "ner" (spans, scored strictly) or "pos" (labels, scored by accuracy and macro F1).
        labels: label names in the order of the model's outputs.
        scheme: span scheme of the labels ("iob2" or "iobes"); ``None`` for "pos".
        class_counts: training words of each label, for class-weighted losses.
        stride: sub-words that neighbouring windows of a long text share; by default 32, at most a
            quarter of the window.
    """

    auto_class = AutoModelForTokenClassification

    def __init__(
        self,
        name: Literal["ner", "pos"],
        labels: Sequence[str],
        scheme: Literal["iob2", "iobes"] | None = None,
        class_counts: Sequence[int] | None = None,
        stride: int | None = None,
    ) -> None:
        self.name = name
        self.labels = tuple(labels)
        self.scheme = scheme
        self.stride = stride
        self.class_counts = None if class_counts is None else torch.tensor(class_counts)
        self.main_metric = "f1" if name == "ner" else "accuracy"
        self.background = self.labels.index(OUTSIDE) if OUTSIDE in self.labels else None
        self._number = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def of(
        cls,
        name: Literal["ner", "pos"],
        train: Corpus,
        stride: int | None = None,
        labels: Sequence[str] | None = None,
    ) -> TokenTask:
        """The task of a training corpus.

        Args:
            name: "ner" or "pos".
            train: its words are counted, for class-weighted losses.
            stride: as for the class.
            labels: where they are more than the corpus shows; by default its own, "O" first.
        """
        names = label_names(train) if labels is None else labels
        counts = train.tag_counts
        return cls(name, names, train.scheme, [counts[label] for label in names], stride)

    def encode(
        self, texts: Corpus | Sequence[Sentence], tokenizer: Any, max_length: int
    ) -> Encoded:
        """Windows of sub-words; where the sentences have tags, each word's first is labelled."""
        sentences = list(texts)
        stride = min(32, max_length // 4) if self.stride is None else self.stride
        windows = cut_windows([s.tokens for s in sentences], tokenizer, max_length, stride)
        features = [dict(inputs) for inputs in windows.inputs]
        tags = [tag for sentence in sentences for tag in sentence.tags]
        if tags:
            for feature in features:
                feature["labels"] = [IGNORED] * len(feature["input_ids"])
            places = windows.places
            for tag, window, place in zip(tags, places.window, places.position, strict=True):
                features[window]["labels"][place] = self._number[tag]
        facts = {
            "sentences": len(sentences),
            "words": len(windows.places.window),
            "windows": len(features),
            "subwords": sum(windows.subwords),
            "unknown_subwords": windows.unknown,
            "longest_subwords": max(windows.subwords, default=0),
        }
        return Encoded(features, windows.places, facts)

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """One softmax a word."""
        logits = outputs["logits"]
        counts = self.class_counts
        return [
            LossInput(
                "tags",
                logits,
                labels["labels"],
                kind="classes",
                background=self.background,
                class_counts=None if counts is None else counts.to(logits.device),
            )
        ]

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Labelled words."""
        return {"tags": (labels["labels"] != IGNORED).sum()}

    def shrink(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Log-probabilities, so that nothing after this needs torch."""
        return logits.float().log_softmax(-1)

    def decode(self, outputs: np.ndarray, encoded: Encoded) -> list[np.ndarray]:
        """Log-probabilities of each sentence, (words, labels)."""
        return encoded.back.gather(outputs)

    def predict(self, scores: Sequence[np.ndarray]) -> list[list[str]]:
        """The likeliest label of each word."""
        return [[self.labels[number] for number in text.argmax(-1)] for text in scores]

    def score(
        self,
        texts: Corpus | Sequence[Sentence],
        predictions: Sequence[Sequence[str]],
        convention: Literal["strict", "conlleval"] = "strict",
    ) -> Scores:
        """Spans for "ner", labels for "pos"; fractions in [0, 1]."""
        gold = [list(sentence.tags) for sentence in texts]
        if self.name == "pos":
            return label_scores(gold, predictions).to_dict()
        return span_scores(
            gold, predictions, scheme=self.scheme or "iob2", convention=convention
        ).to_dict()
