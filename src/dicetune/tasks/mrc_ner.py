"""mrc-ner: named entities as answers to a question about each type; they may be nested.

Worked example, from raw text to logits and back (WordPiece, one type, query "Find sites")::

    words    ["Pump", "at", "Quay", "Nine"]        entities [site 2..4]
    encode   [CLS] find sites [SEP] pump at qu ##ay nine [SEP]
             candidates              1    1  1       1     at the first sub-word of each word
             start                   0    0  1       0     elsewhere -100
             end                     0    0  0       1
    model    start logits (1, 10), end logits (1, 10); candidates (1, M, 2): positions such as
             [6, 8], best first; match logits (1, M)
    targets  LossTarget("start", (1, 10, 1)), ("end", (1, 10, 1)), ("match", (1, M, 1)): one
             sigmoid each, positions that are no word and candidates that do not exist masked
    decode   each candidate as [type, first word, one past the last, three logits]: [0, 2, 4, …]
    predict  all three logits above 0: site 2..4
    score    exact spans, nested ones too

Reference: Li et al., A Unified MRC Framework for Named Entity Recognition, ACL 2020.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from dicetune.data import (
    ENTITY_FORMATS,
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    choose_queries,
    entity_corpus,
    inspect_entities,
    is_mrc,
    log_notes,
    names_data_set,
    parse_contexts,
    plain_corpus,
    read_entities,
    read_lines,
    read_queries,
    read_span_predictions,
)
from dicetune.data.exports.documents import OFFSETS
from dicetune.data.exports.read import export_at, export_in
from dicetune.data.tagged.read import NO_LINES
from dicetune.errors import DataError, InputError, listed, quoted, unknown_name
from dicetune.loss_input import IGNORED, LossInput, LossTarget
from dicetune.problems import Entities
from dicetune.problems.entities import (
    CANDIDATES,
    END,
    FIRST,
    KIND,
    MAX_SPAN_WORDS,
    likely_spans,
    weakest_logits,
)
from dicetune.tasks.base import Arrays, Encoded, ModelClass, Scores, Source, Task, Trained, present
from dicetune.tasks.mrc_ner_spans import ask_sentences, encode_pairs
from dicetune.tasks.options import GOLD, MODEL, TaskOptions, at_least, option
from dicetune.tasks.tag_files import export_choice, read_untagged
from dicetune.tasks.token import Entity, shown_entities

if TYPE_CHECKING:
    from torch import Tensor

HEADS = ("start", "end", "match")
AUTO = "auto"


@dataclass(frozen=True)
class MrcNerOptions(TaskOptions):
    """Options of named entities by reading comprehension.

    Args:
        queries: file with the question for each type: YAML or JSON, or lines of a type, a tab and
            its query; default: the queries of the training data, else made from the type names.
        negative_share: share of the questions without an answer that training keeps, from 0 to 1,
            such as 0.3; chosen by their words, the same in each run. Dev and test keep all.
        start: weight of the loss on starts.
        end: weight of the loss on ends.
        match: weight of the loss on pairs of a start and an end.
        max_span_words: longest entity in words that can be found; auto is the longest entity of
            the training data, at most 32.
        candidates: number of spans of a window that the match head scores.
        nested: whether entities of one type may overlap; false keeps the likeliest entities.
        stride: sub-words that neighbouring windows of a long text share; default: 32, at most half
            of the room beside the longest query.
        scheme: span scheme of files of tags: io, iob1, iob2, iobes, bmes, bilou; auto looks at all
            tags of a file.
        token_column: number (from 0) or name of the column of words; default: the first column.
        tag_column: number or name of the column of tags, or key of the entities; default: the last
            column. In an export of an annotation tool the name of the spans, and token_column the
            name of the text.
        annotator: whose annotations are read, in an export of several annotators.
        offsets: what an export counts to place a span: characters, utf-16; auto finds out.
    """

    queries: str | None = option(None, uses=MODEL)
    negative_share: float = option(1.0, uses=["train"])
    start: float = option(1.0, uses=["train"], least=0)
    end: float = option(1.0, uses=["train"], least=0)
    match: float = option(1.0, uses=["train"], least=0)
    max_span_words: int | str = option(AUTO, uses=["train"])  # these two are saved in the model
    candidates: int = option(CANDIDATES, uses=["train"], least=1)
    nested: bool = option(True, uses=MODEL)
    stride: int | None = option(None, uses=MODEL, least=0)
    scheme: str = option("auto", uses=(*GOLD, "compare"))
    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    tag_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    annotator: int | str | None = option(None, uses=(*GOLD, "compare"))
    offsets: str = option("auto", uses=(*GOLD, "compare"), choices=OFFSETS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.negative_share <= 1:
            raise InputError(f"expected negative_share from 0 to 1, got {self.negative_share}")
        if not self.start + self.end + self.match:
            raise InputError("expected a weight above 0 for start, end or match, got 0 for each")
        if isinstance(self.max_span_words, str) and self.max_span_words != AUTO:
            raise unknown_name("max_span_words", self.max_span_words, [AUTO, "a number"])
        if not isinstance(self.max_span_words, str):
            at_least("max_span_words", self.max_span_words, 1)


@dataclass(frozen=True)
class FoundEntities:
    """The entities of one text, which may be nested."""

    tokens: list[str]
    entities: list[Entity]  # score: the least of the probabilities of start, end and match
    text: str | None = None
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines: with ``text``, or with ``tokens``."""
        words = {"text": self.text, "tokens": self.tokens if self.text is None else None}
        entities = [asdict(entity) for entity in self.entities]
        return present({"id": self.id, **words, "entities": entities})


@dataclass(frozen=True)
class _Sized:
    """The class of a task's model with the sizes of the task; torch is imported on first use."""

    task: Any
    sizes: Mapping[str, int]

    def from_pretrained(self, source: Any, *positional: Any, **options: Any) -> Any:
        """The model of a folder or a name."""
        load = self.task.auto_class.from_pretrained
        return load(source, *positional, **{**self.sizes, **options})


class MrcNerTask(Task):
    """Named entities by a question for each type."""

    name = "mrc-ner"
    title = "named-entity (reading comprehension)"
    predicts = Entities
    Options = MrcNerOptions
    formats = ENTITY_FORMATS
    main_metric = "f1"
    shown = ("precision", "recall", "f1")
    scored = "Exact spans, nested ones too, micro, in percent."
    auto_class: Any = ModelClass("MrcNerModel", "dicetune.models")
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
    inspect = staticmethod(inspect_entities)

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
        sizes = {"max_span_words": max_span_words, "candidates_per_window": self.options.candidates}
        self.auto_class = _Sized(type(self), sizes)

    @classmethod
    def read_source(
        cls, source: Source, options: MrcNerOptions, gold: bool, trained: Trained
    ) -> EntityCorpus:
        """Sentences with entities; without ``gold`` also plain text and files of a tagger."""
        if not gold:
            return _read_unmarked(source, options.token_column, trained)
        return read_entities(
            source.path,
            format=source.format,
            scheme=options.scheme,
            token_column=options.token_column,
            tag_column=options.tag_column,
            trained=trained.options,
            choice=export_choice(options),
        )

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: MrcNerOptions) -> Scores:
        """Score JSON lines with predicted entities; the gold is in them or in another file."""
        gold_corpus = None if gold is None else cls.read_source(gold, options, True, Trained())
        found = _predictions(source, gold_corpus)
        return Entities({}).scores(found.gold, found.predicted)

    @classmethod
    def of(
        cls,
        train: EntityCorpus,
        options: MrcNerOptions | None = None,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """The task of a training corpus; ``labels`` if the corpus does not have all types."""
        options = MrcNerOptions() if options is None else options
        kinds = train.types if labels is None else list(labels)
        if not kinds or not any(sentence.spans for sentence in train):
            raise InputError(
                f"expected entities in the {len(train)} training sentences of {train.source}, got "
                "none: raise max_train, or check the column of the tags"
            )
        given = None if options.queries is None else read_queries(options.queries)
        queries = choose_queries(kinds, given, train.queries, str(options.queries))
        longest = max((s.end - s.start for sentence in train for s in sentence.spans), default=1)
        words = options.max_span_words
        if isinstance(words, str):
            words = min(longest, MAX_SPAN_WORDS)
        return cls(queries, words, options)

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model, with the queries of its training."""
        if all(label == f"LABEL_{number}" for number, label in enumerate(labels)):
            raise InputError(
                f"expected the names of entity types as labels, got {listed(labels, most=5)}: the "
                "model was saved without them"
            )
        known = {name: settings[name] for name in _KEPT if name in settings}
        queries = settings.get("queries") or {}
        if isinstance(queries, Mapping):
            chosen = choose_queries(labels, None, queries, "")
        else:  # a file, given for this prediction
            chosen = choose_queries(labels, read_queries(queries), {}, str(queries))
        words = settings.get("max_span_words", AUTO)
        words = MAX_SPAN_WORDS if isinstance(words, str) else words
        return cls(chosen, words, MrcNerOptions(**known))

    def settings(self) -> dict[str, Any]:
        """The queries, the sizes of the candidates, and how entities are decided."""
        kept = {name: getattr(self.options, name) for name in _KEPT}
        return {"queries": self.queries, "max_span_words": self.max_span_words, **kept}

    def problem_settings(self, train: EntityCorpus | None) -> dict[str, Any]:
        """Whether entities of one type may share words."""
        return {"nested": self.options.nested}

    def check(self, data: EntityCorpus) -> None:
        """Refuse types for which the model has no query."""
        for sentence in data:
            for span in sentence.spans:
                if span.type not in self.queries:
                    raise DataError(
                        data.source,
                        f"expected entities of the types that the model knows "
                        f"({listed(self.labels)}), got {quoted(span.type)}: a model cannot "
                        "find what it was never asked for. Add training sentences with it, or "
                        "remove or rename it here",
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
        share = self.options.negative_share if training and data.has_gold else 1.0
        pairs = ask_sentences(data.sentences, list(self.queries), share)
        return encode_pairs(
            data, pairs, self.queries, tokenizer, max_length, self.max_span_words, self.options
        )

    def loss_targets(self, labels: Mapping[str, Tensor]) -> list[LossTarget]:
        """Sigmoids for each word as a start and as an end, and for each candidate span.

        While a model trains, its candidates hold the right spans, as many as fit. Here the right
        spans of a window come before the wrong ones; ``loss_inputs`` has the order of the model.
        """
        import torch

        from dicetune.models import span_count

        found = []
        for name in ("start", "end"):
            gold = labels[f"{name}_labels"]
            found.append(self._sigmoids(name, gold, gold != IGNORED, f"{name}_logits"))
        words = (labels["start_labels"] != IGNORED).sum(-1, keepdim=True)
        place = torch.arange(self.options.candidates, device=words.device)
        exists = place < span_count(words, self.max_span_words)
        is_gold = place < (labels["answer_starts"] >= 0).sum(-1, keepdim=True)
        return [*found, self._sigmoids("match", (is_gold & exists).long(), exists, "span_logits")]

    def _sigmoids(self, name: str, target: Tensor, mask: Tensor, output: str) -> LossTarget:
        weight = getattr(self.options, name)
        return LossTarget(name, target[..., None], "labels", mask, None, None, weight, output)

    def loss_inputs(self, outputs: Any, labels: Mapping[str, Tensor]) -> list[LossInput]:
        """The targets beside the logits; candidates are compared with the right spans."""
        import torch

        *ends, match = super().loss_inputs(outputs, labels)
        spans = outputs["span_positions"]
        answers = torch.stack([labels["answer_starts"], labels["answer_ends"]], dim=-1)
        exists = spans[..., 0] >= 0
        is_gold = (spans[:, :, None] == answers[:, None]).all(-1).any(-1) & exists
        return [*ends, replace(match, target=is_gold.long()[..., None], mask=exists)]

    def head_biases(self, model: Any) -> dict[str, Tensor]:
        """Biases of the three heads."""
        layers = {"start": model.start, "end": model.end, "match": model.match[-1]}
        return {name: layer.bias for name, layer in layers.items()}

    def preprocess_logits(self, outputs: Any, labels: Any) -> Tensor:
        """(windows, candidates, 5): first and last position, logits of start, end and match."""
        import torch

        start_logits, end_logits, spans, span_logits = outputs
        first, last = spans.clamp(min=0).unbind(-1)
        logits = [start_logits.gather(1, first), end_logits.gather(1, last), span_logits]
        return torch.cat([spans.float(), torch.stack(logits, dim=-1).float()], dim=-1)

    def choose(self, scores: Arrays, data: Any, deciding: Arrays) -> list[list[EntitySpan]]:
        """The candidates whose three logits are above 0."""
        nested = self.options.nested
        return [
            [EntitySpan(self.labels[kind], a, b) for kind, a, b in likely_spans(rows, nested)]
            for rows in deciding
        ]

    def row(self, example: EntitySentence, prediction: Sequence[EntitySpan]) -> dict[str, Any]:
        """Tokens, gold and predicted entities of a sentence."""
        return {
            "tokens": list(example.tokens),
            "gold": [span._asdict() for span in example.spans],
            "predicted": [span._asdict() for span in prediction],
        }

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Predicted entities of the rows' sentences, in their order."""
        sentences = tuple(
            EntitySentence(tuple(row["tokens"]), tuple(EntitySpan(**span) for span in row["gold"]))
            for row in rows
        )
        found = _predictions(source, EntityCorpus(sentences, "the test data"))
        return [[span._asdict() for span in spans] for spans in found.predicted]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> EntityCorpus:
        """Sentences from texts, each a string or a list of words."""
        return entity_corpus(plain_corpus(values["text"]))

    def answers(
        self, data: EntityCorpus, predictions: Sequence[Sequence[EntitySpan]], scores: Arrays
    ) -> list[FoundEntities]:
        """Each sentence with its entities."""
        texts = data.texts or [None] * len(data)
        places = data.places or [()] * len(data)
        found = []
        for sentence, spans, rows, text, place in zip(
            data, predictions, scores, texts, places, strict=True
        ):
            candidates = map(tuple, rows[:, [KIND, FIRST, END]].astype(int))
            weakest = dict(zip(candidates, weakest_logits(rows), strict=True))
            entities = []
            for span in spans:
                logit = weakest[self.labels.index(span.type), span.start, span.end]
                score = float(1 / (1 + np.exp(-logit)))
                entities.append(Entity.of(span, score, sentence.tokens, text, place))
            found.append(FoundEntities(list(sentence.tokens), entities, text, sentence.id))
        return found

    def cells(self, answers: Sequence[FoundEntities]) -> list[dict[str, Any]]:
        """The entities."""
        return [{"entities": shown_entities(answer.entities)} for answer in answers]


_KEPT = ("candidates", "nested", "stride", *HEADS, "negative_share")
"""Options that a saved model keeps."""


def _read_unmarked(
    source: Source, token_column: int | str | None, trained: Trained
) -> EntityCorpus:
    """The words of a source; its entities, if any, are not read."""
    formats = ("auto", "text", *ENTITY_FORMATS)
    format = source.format
    if format not in formats:
        raise unknown_name("input format", format, formats)
    if format == "auto":
        format = export_at(source.path) or ("hub" if names_data_set(source.path) else format)
    if format in NO_LINES:
        named = replace(source, format=format)
        return entity_corpus(read_untagged(named, True, token_column, trained))
    lines = read_lines(source.path)
    if format == "auto":
        format = export_in(lines) or ("mrc" if is_mrc(lines) else format)
    if format == "mrc":
        return parse_contexts(lines, source.path, token_column)
    named = replace(source, format="jsonl" if format == "entities" else format)
    return entity_corpus(read_untagged(named, True, token_column, trained, lines))


def _predictions(source: Source, gold: EntityCorpus | None) -> Any:
    """Gold and predicted entities of a file; the notes of both are reported."""
    found = read_span_predictions(source.path, gold, format=source.format, split=source.split)
    log_notes((*(gold.notes if gold else ()), *found.notes))
    return found
