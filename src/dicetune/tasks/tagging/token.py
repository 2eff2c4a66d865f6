"""TokenTask: one label a word, by any ``AutoModelForTokenClassification``.

Worked example, from raw text to logits and back (WordPiece, labels O, B-site, I-site)::

    words    ["Pump", "down", "at", "Quay", "Nine"]   tags ["O", "O", "O", "B-site", "I-site"]
    encode   [CLS] pump down at qu ##ay nine [SEP]    the first sub-word of a word is labelled,
             -100  0    0    0  1  -100 2   -100      the rest is ignored
    model    logits (1, 8, 3)
    inputs   LossInput("tags", logits, labels, kind="classes", background=0)
    decode   log-probabilities at positions 1, 2, 3, 4, 6: (5, 3)
    predict  arg-max: ["O", "O", "O", "B-site", "I-site"]
    score    strict spans: site 3..5 found

``ner``, ``pos`` and ``seg-pos`` are this with labels and scores of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification

from dicetune.data import (
    Corpus,
    Inspection,
    Sentence,
    SubwordCounter,
    check_labels,
    inspect_tokens,
    label_names,
    plain_corpus,
    read_tokens,
)
from dicetune.errors import InputError
from dicetune.loss_input import LossInput
from dicetune.tasks.base import IGNORED, Encoded, Outputs, Trained, document_of
from dicetune.tasks.tagging.predictions import match_tag_file
from dicetune.tasks.tagging.source import read_untagged
from dicetune.tasks.tagging.tagged import Tagged, render_tagged, tag_sentence
from dicetune.tasks.tagging.windows import cut_windows

OUTSIDE = "O"


class TokenTask:
    """A label for each word. A task of its own gives it a name, options and scores.

    Args:
        labels: label names in the order of the model's outputs.
        scheme: span scheme of the labels ("iob2" or "iobes"); ``None`` where they are no spans.
        stride: sub-words that neighbouring windows of a long text share; by default 32, at most a
            quarter of the window.
        convention: what counts as a span when scoring, where labels are spans.
    """

    name: ClassVar[str]
    tags: ClassVar[Literal["ner", "pos"]]
    Options: ClassVar[type]
    auto_class = AutoModelForTokenClassification
    aligns: ClassVar[bool] = True
    reads_as_train: ClassVar[bool] = False
    pipeline: ClassVar[str | None] = "token-classification"
    model_config: ClassVar[Mapping[str, Any]] = {}
    targets: ClassVar[Mapping[str, int]] = {"labels": IGNORED}
    extra_inputs: ClassVar[Mapping[str, int]] = {}
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    out_formats: ClassVar[tuple[str, ...]] = ("same", "conll", "jsonl")

    def __init__(
        self,
        labels: Sequence[str],
        scheme: Literal["iob2", "iobes"] | None = None,
        stride: int | None = None,
        convention: Literal["strict", "conlleval"] = "strict",
    ) -> None:
        self.labels = tuple(labels)
        self.scheme = scheme
        self.stride = stride
        self.convention = convention
        self.background = self.labels.index(OUTSIDE) if OUTSIDE in self.labels else None
        self._number = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def read(
        cls,
        path: str | Path,
        options: Any,
        *,
        format: str = "auto",
        gold: bool = True,
        trained: Trained | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Corpus:
        """Tagged sentences; without ``gold`` plain text too, one text a line."""
        columns = None if trained is None else trained.options
        if not gold:
            return read_untagged(path, cls.tags, options.token_column, format, columns, report)
        corpus = read_tokens(
            path,
            task=cls.tags,
            format=format,
            scheme=getattr(options, "scheme", "auto"),
            token_column=options.token_column,
            tag_column=options.tag_column,
            trained=columns,
        )
        if corpus.found_scheme != corpus.scheme:
            report(
                f"{corpus.source}: tags of the scheme {corpus.found_scheme}, "
                f"read as {corpus.scheme}"
            )
        return corpus

    @classmethod
    def inspect(cls, splits: Mapping[str, Corpus], count_subwords: SubwordCounter) -> Inspection:
        """Sizes, imbalance, leaks, conflicts and unknown sub-words."""
        return inspect_tokens(splits, count_subwords)

    @classmethod
    def of(cls, train: Corpus, options: Any = None, labels: Sequence[str] | None = None) -> Self:
        """The task of a training corpus; ``labels`` where they are more than it shows.

        Raises:
            InputError: where one label is all there is.
        """
        options = cls.Options() if options is None else options
        names = label_names(train) if labels is None else labels
        if len(train.tag_counts) < 2:
            raise InputError(
                f"expected at least two labels in the {len(train)} training sentences of "
                f"{train.source}, got {len(train.tag_counts)} (single-class): "
                "raise max_train, or check the tag column"
            )
        return cls(names, train.scheme, options.stride, getattr(options, "convention", "strict"))

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        return cls(
            labels,
            settings.get("label_scheme"),
            stride=settings.get("stride"),
            convention=settings.get("convention", "strict"),
        )

    def settings(self) -> dict[str, Any]:
        """The scheme of the labels, the stride and the convention of the scores."""
        return {
            "label_scheme": self.scheme,
            "stride": self.stride,
            "convention": self.convention,
        }

    def problem(self, train: Corpus | None = None) -> dict[str, Any]:
        """One label a word."""
        found: dict[str, Any] = {
            "kind": "tags",
            "labels": list(self.labels),
            "metric": "accuracy",
        }
        if train is not None:
            found["class_counts"] = [train.tag_counts[label] for label in self.labels]
        return found

    def check(self, data: Corpus) -> None:
        """Refuse tags that the model has no output for, and tags of another scheme."""
        check_labels(self.labels, data, scheme=self.scheme)

    def texts(self, data: Corpus) -> Iterable[str]:
        """The words."""
        return (token for sentence in data for token in sentence.tokens)

    def encode(
        self,
        data: Corpus | Sequence[Sentence],
        tokenizer: Any,
        max_length: int,
        *,
        training: bool = False,
    ) -> Encoded:
        """Windows of sub-words; where the sentences have tags, each word's first is labelled."""
        sentences = list(data)
        stride = min(32, max_length // 4) if self.stride is None else self.stride
        windows = cut_windows([s.tokens for s in sentences], tokenizer, max_length, stride)
        features: list[dict[str, Any]] = [dict(inputs) for inputs in windows.inputs]
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
        return [
            LossInput(
                "tags",
                outputs["logits"],
                labels["labels"],
                kind="classes",
                background=self.background,
            )
        ]

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Labelled words."""
        return {"tags": (labels["labels"] != IGNORED).sum()}

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Words of each label."""
        known = labels["labels"][labels["labels"] != IGNORED]
        return {"tags": torch.bincount(known, minlength=len(self.labels))}

    def sigmoid_biases(self, model: Any) -> dict[str, Tensor]:
        """None: a softmax."""
        return {}

    def shrink(self, outputs: Any, labels: Any) -> Tensor:
        """Log-probabilities, so that nothing after this needs torch."""
        return outputs.float().log_softmax(-1)

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """Log-probabilities of each sentence, (words, labels)."""
        return encoded.back.gather(outputs)

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Any,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[list[str]]:
        """The likeliest label of each word."""
        decisive = scores if biased is None else biased
        return [[self.labels[number] for number in text.argmax(-1)] for text in decisive]

    def rows(self, data: Corpus, predictions: Sequence[Sequence[str]]) -> Iterable[dict[str, Any]]:
        """id, document, tokens, gold and predicted tags of each sentence."""
        for number, (sentence, predicted) in enumerate(zip(data, predictions, strict=True)):
            yield {
                "id": sentence.id or str(number),
                **document_of(sentence.document),
                "tokens": list(sentence.tokens),
                "gold": list(sentence.tags),
                "predicted": list(predicted),
            }

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[list[str]]:
        """Predicted tags of the rows' sentences."""
        return match_tag_file(path, rows, self.tags, self.scheme, split, report)

    def ask(self, values: Mapping[str, Sequence[Any]]) -> Corpus:
        """Sentences from texts, each a string or a list of words."""
        return plain_corpus(values["text"])

    def answers(
        self,
        data: Corpus,
        predictions: Sequence[Sequence[str]],
        scores: Sequence[np.ndarray],
    ) -> list[Tagged]:
        """Each sentence with its tags, and entities where the tags are spans."""
        places = getattr(data, "places", None) or [()] * len(data)
        texts = getattr(data, "texts", None) or [None] * len(data)
        return [
            tag_sentence(sentence.tokens, tags, self.chosen(own, tags), self.scheme, text, place)
            for sentence, tags, own, text, place in zip(
                data, predictions, scores, texts, places, strict=True
            )
        ]

    def chosen(self, scores: np.ndarray, tags: Sequence[str]) -> np.ndarray:
        """Log-probabilities of the tags that were decided for one sentence, (words,)."""
        found: np.ndarray = scores[np.arange(len(tags)), [self._number[tag] for tag in tags]]
        return found

    def render(self, data: Corpus, answers: Sequence[Tagged], out_format: str) -> str:
        """The format of the source, columns, or JSON lines."""
        return render_tagged(data, answers, out_format, spans=self.scheme is not None)
