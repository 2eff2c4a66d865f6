"""mrc-ner: named entities as answers to a question about each type; they may be nested.

Worked example, from raw text to logits and back (WordPiece, one type, query "Find sites")::

    words    ["Pump", "at", "Quay", "Nine"]        entities [site 2..4]
    encode   [CLS] find sites [SEP] pump at qu ##ay nine [SEP]
             candidates              1    1  1       1     a word stands on its first sub-word
             start                   0    0  1       0     elsewhere -100
             end                     0    0  0       1
    model    start logits (1, 10), end logits (1, 10); candidates (1, M, 2): positions such as
             [6, 8], best first; match logits (1, M)
    inputs   LossInput("start", (1, 10, 1)), ("end", (1, 10, 1)), ("match", (1, M, 1)): one sigmoid
             each, positions that are no word and candidates that do not exist masked
    decode   each candidate as [type, first word, one past the last, three logits]: [0, 2, 4, …]
    predict  all three logits above 0: site 2..4
    score    exact spans, nested ones too

Reference: Li et al., A Unified MRC Framework for Named Entity Recognition, ACL 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from dicetune.data import (
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    Inspection,
    SubwordCounter,
    choose_queries,
    default_query,
    entity_corpus,
    inspect_entities,
    plain_corpus,
    read_entities,
    read_queries,
    read_span_predictions,
)
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.loss_input import LossInput
from dicetune.metrics import entity_scores
from dicetune.models import MAX_SPAN_WORDS, MrcNerModel
from dicetune.problems.entities import likely_spans
from dicetune.tasks.base import IGNORED, Encoded, Outputs, Scores, Trained, document_of
from dicetune.tasks.mrc_ner.answers import (
    FoundEntities,
    found_entities,
    render_entities,
)
from dicetune.tasks.mrc_ner.heads import HEADS, head_class_counts, head_counts, head_inputs
from dicetune.tasks.mrc_ner.options import AUTO, MrcNerOptions
from dicetune.tasks.mrc_ner.source import read_unmarked
from dicetune.tasks.mrc_ner.windows import encode_pairs


class MrcNerTask:
    """Named entities by a question for each type.

    Args:
        queries: the question of each type, in the order of the types.
        max_span_words: longest entity that can be found.
        options: everything else that can be chosen.
    """

    name: ClassVar[str] = "mrc-ner"
    title: ClassVar[str] = "named-entity (reading comprehension)"
    Options: ClassVar[type] = MrcNerOptions
    main_metric: ClassVar[str] = "f1"
    shown: ClassVar[tuple[str, ...]] = ("precision", "recall", "f1")
    scored: ClassVar[str] = "Exact spans, nested ones too, micro, in percent."
    auto_class: Any = MrcNerModel
    aligns: ClassVar[bool] = True
    reads_as_train: ClassVar[bool] = False
    pipeline: ClassVar[str | None] = None
    model_config: ClassVar[Mapping[str, Any]] = {}
    targets: ClassVar[Mapping[str, int]] = {
        "start_labels": IGNORED,
        "end_labels": IGNORED,
        "answer_starts": -1,
        "answer_ends": -1,
    }
    extra_inputs: ClassVar[Mapping[str, int]] = {
        "candidate_mask": 0,
        "gold_starts": -1,
        "gold_ends": -1,
    }
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    out_formats: ClassVar[tuple[str, ...]] = ("jsonl",)

    def __init__(
        self,
        queries: Mapping[str, str],
        max_span_words: int = MAX_SPAN_WORDS,
        options: MrcNerOptions | None = None,
    ) -> None:
        self.queries = dict(queries)
        self.labels = tuple(self.queries)
        self.max_span_words = max_span_words
        self.options = MrcNerOptions() if options is None else options
        # the model has to look at the spans that are counted here
        sizes = {
            "max_span_words": max_span_words,
            "candidates_per_window": self.options.candidates,
        }
        self.auto_class = SimpleNamespace(
            from_pretrained=partial(MrcNerModel.from_pretrained, **sizes)
        )

    @classmethod
    def read(
        cls,
        path: str | Path,
        options: MrcNerOptions,
        *,
        format: str = "auto",
        gold: bool = True,
        trained: Trained | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> EntityCorpus:
        """Sentences with entities; without ``gold`` plain text too, one text a line."""
        columns = None if trained is None else trained.options
        if not gold:
            return read_unmarked(path, options.token_column, format, columns, report)
        return read_entities(
            path,
            format=format,
            scheme=options.scheme,
            token_column=options.token_column,
            tag_column=options.tag_column,
            trained=columns,
        )

    @classmethod
    def inspect(
        cls, splits: Mapping[str, EntityCorpus], count_subwords: SubwordCounter
    ) -> Inspection:
        """Sizes, nesting, imbalance, leaks, conflicts and unknown sub-words."""
        return inspect_entities(splits, count_subwords)

    @classmethod
    def score_file(
        cls,
        predictions: str | Path,
        gold: str | Path | None,
        options: MrcNerOptions,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Scores:
        """Score JSON lines with predicted entities; the gold is in them or in a file of its own."""
        right = None if gold is None else cls.read(gold, options, format=gold_format, report=report)
        found = read_span_predictions(predictions, right, format=format, split=split)
        for note in (*(right.notes if right else ()), *found.notes):
            report(str(note))
        return entity_scores(found.gold, found.predicted).to_dict()

    @classmethod
    def of(
        cls,
        train: EntityCorpus,
        options: MrcNerOptions | None = None,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """The task of a training corpus; ``labels`` where the types are more than it shows.

        Raises:
            InputError: where there is no type.
            DataError: where the file of queries lacks a type.
        """
        options = MrcNerOptions() if options is None else options
        kinds = train.types if labels is None else list(labels)
        if not kinds or not any(sentence.spans for sentence in train):
            raise InputError(
                f"expected entities in the {len(train)} training sentences of {train.source}, got "
                "none: raise max_train, or check the column of the tags"
            )
        given = None if options.queries is None else read_queries(options.queries)
        queries = choose_queries(kinds, given, train.queries, str(options.queries))
        longest = max((s.end - s.start for own in train for s in own.spans), default=1)
        words = options.max_span_words
        if isinstance(words, str):
            words = min(longest, MAX_SPAN_WORDS)
        return cls(queries, words, options)

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model, with the queries that it was trained with.

        Raises:
            InputError: where the labels are no entity types.
        """
        if all(label == f"LABEL_{number}" for number, label in enumerate(labels)):
            raise InputError(
                f"expected the names of entity types as labels, got {listed(labels, most=5)}: the "
                "model was saved without them"
            )
        known = {name: settings[name] for name in _KEPT if name in settings}
        queries = settings.get("queries") or {}
        if not isinstance(queries, Mapping):  # a file, given for this prediction
            queries = choose_queries(labels, read_queries(queries), {}, str(queries))
        words = settings.get("max_span_words", AUTO)
        return cls(
            {label: queries.get(label) or default_query(label) for label in labels},
            MAX_SPAN_WORDS if isinstance(words, str) else words,
            MrcNerOptions(**known),
        )

    def settings(self) -> dict[str, Any]:
        """The queries, the sizes of the candidates, and how entities are decided."""
        kept = {name: getattr(self.options, name) for name in _KEPT}
        return {"queries": self.queries, "max_span_words": self.max_span_words, **kept}

    def problem(self, train: EntityCorpus | None = None) -> dict[str, Any]:
        """Spans by place, of the candidates that all three heads take for entities."""
        return {
            "kind": "entities",
            "labels": list(self.labels),
            "metric": self.main_metric,
            "nested": self.options.nested,
        }

    def check(self, data: EntityCorpus) -> None:
        """Refuse types that the model is not asked for."""
        for sentence in data:
            for span in sentence.spans:
                if span.type not in self.queries:
                    raise DataError(
                        data.source,
                        f"expected entities of the types that the model knows "
                        f"({listed(self.labels)}), got {quoted(span.type)}: a model cannot "
                        f"find what "
                        "it was never asked for. Add training sentences with it, or remove or "
                        "rename it here",
                        line=sentence.line,
                    )

    def texts(self, data: EntityCorpus) -> Iterable[str]:
        """The words, and the queries."""
        yield from (token for sentence in data for token in sentence.tokens)
        yield from (word for query in self.queries.values() for word in query.split())

    def encode(
        self, data: EntityCorpus, tokenizer: Any, max_length: int, *, training: bool = False
    ) -> Encoded:
        """Windows of every sentence for every type, with targets where there is gold."""
        return encode_pairs(
            data.sentences,
            self.queries,
            tokenizer,
            max_length,
            stride=self.options.stride,
            max_words=self.max_span_words,
            candidates=self.options.candidates,
            gold=data.has_gold,
            negative_share=self.options.negative_share if training else 1.0,
        )

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """A sigmoid for each word as a start, as an end, and for each candidate span."""
        weights = {name: getattr(self.options, name) for name in HEADS}
        return head_inputs(outputs, labels, weights)

    def item_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Words, twice, and the candidates that the model takes from as many words."""
        return head_counts(labels, self.max_span_words, self.options.candidates)

    def class_counts(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Words that are no start, no end, and those that are one; spans, wrong and right."""
        return head_class_counts(labels, self.item_counts(labels))

    def sigmoid_biases(self, model: Any) -> dict[str, Tensor]:
        """Those of the three heads."""
        layers = {"start": model.start, "end": model.end, "match": model.match[-1]}
        return {name: layer.bias for name, layer in layers.items()}

    def shrink(self, outputs: Any, labels: Any) -> Tensor:
        """(windows, candidates, 5): first and last position, logits of start, end and match."""
        start_logits, end_logits, spans, span_logits = outputs
        first, last = spans.clamp(min=0).unbind(-1)
        logits = [start_logits.gather(1, first), end_logits.gather(1, last), span_logits]
        return torch.cat([spans.float(), torch.stack(logits, dim=-1).float()], dim=-1)

    def decode(self, outputs: Outputs, encoded: Encoded) -> list[np.ndarray]:
        """The candidates of each sentence, (spans, 6): type, first word, one past it, logits."""
        return encoded.back.gather(np.asarray(outputs))

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Any,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[list[EntitySpan]]:
        """The candidates whose three logits are above 0."""
        nested = self.options.nested
        decisive = scores if biased is None else biased
        return [
            [EntitySpan(self.labels[kind], a, b) for kind, a, b in likely_spans(own, nested)]
            for own in decisive
        ]

    def score(self, data: EntityCorpus, predictions: Sequence[Sequence[EntitySpan]]) -> Scores:
        """Precision, recall and F1 of spans, micro and of each type; fractions in [0, 1]."""
        return entity_scores([sentence.spans for sentence in data], predictions).to_dict()

    def rows(
        self, data: EntityCorpus, predictions: Sequence[Sequence[EntitySpan]]
    ) -> Iterable[dict[str, Any]]:
        """id, document, tokens, gold and predicted entities of each sentence."""
        for number, (sentence, predicted) in enumerate(zip(data, predictions, strict=True)):
            yield {
                "id": sentence.id or str(number),
                **document_of(sentence.document),
                "tokens": list(sentence.tokens),
                "gold": [span._asdict() for span in sentence.spans],
                "predicted": [span._asdict() for span in predicted],
            }

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[list[dict[str, Any]]]:
        """Predicted entities of the rows' sentences, in their order."""
        sentences = tuple(
            EntitySentence(tuple(row["tokens"]), tuple(EntitySpan(**own) for own in row["gold"]))
            for row in rows
        )
        gold = EntityCorpus(sentences, "the test data")
        found = read_span_predictions(path, gold, split=split)
        for note in found.notes:
            report(str(note))
        return [[span._asdict() for span in own] for own in found.predicted]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> EntityCorpus:
        """Sentences from texts, each a string or a list of words."""
        return entity_corpus(plain_corpus(values["text"]))

    def answers(
        self,
        data: EntityCorpus,
        predictions: Sequence[Sequence[EntitySpan]],
        scores: Sequence[np.ndarray],
    ) -> list[FoundEntities]:
        """Each sentence with its entities."""
        texts = data.texts or [None] * len(data)
        places = data.places or [()] * len(data)
        return [
            found_entities(sentence, spans, own, self.labels, text, place)
            for sentence, spans, own, text, place in zip(
                data, predictions, scores, texts, places, strict=True
            )
        ]

    def render(self, data: EntityCorpus, answers: Sequence[FoundEntities], out_format: str) -> str:
        """JSON lines."""
        return render_entities(answers)


_KEPT = ("candidates", "nested", "stride", "start", "end", "match", "negative_share")
