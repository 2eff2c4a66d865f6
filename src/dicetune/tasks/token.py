"""TokenTask: one label a word, by any ``AutoModelForTokenClassification``.

Worked example, from raw text to logits and back (WordPiece, labels O, B-site, I-site)::

    words    ["Pump", "down", "at", "Quay", "Nine"]   tags ["O", "O", "O", "B-site", "I-site"]
    encode   [CLS] pump down at qu ##ay nine [SEP]    the first sub-word of a word is labelled,
             -100  0    0    0  1  -100 2   -100      the rest is ignored
    model    logits (1, 8, 3)
    targets  LossTarget("tags", labels, kind="classes", background=0)
    decode   log-probabilities at positions 1, 2, 3, 4, 6: (5, 3)
    predict  arg-max: ["O", "O", "O", "B-site", "I-site"]
    score    strict spans: site 3..5 found

``ner``, ``pos`` and ``seg-pos`` give it labels and scores.

Plain text comes back with its entities marked in place (``down at [[Quay Nine|SITE]] again``), or
as word_TAG where the tags are parts of speech. Output has as many lines and rows as the input: a
line or row without words gives one without words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from dicetune.data import (
    Corpus,
    Sentence,
    check_labels,
    inspect_tokens,
    label_names,
    log_notes,
    plain_corpus,
    read_predictions,
    read_tokens,
    spans,
    write_conll,
)
from dicetune.data.exports.read import EXPORTS
from dicetune.data.files.tables import WRITTEN
from dicetune.data.tagged.read import WORD_FORMATS
from dicetune.decide import DecisionRule
from dicetune.errors import InputError, quoted
from dicetune.loss_input import IGNORED, LossTarget
from dicetune.problems import Spans, Tags
from dicetune.tasks.base import (
    Arrays,
    Encoded,
    ModelClass,
    Scores,
    Source,
    Task,
    Trained,
    decided,
    present,
)
from dicetune.tasks.tag_files import export_choice, log_scheme, match_tags, read_untagged
from dicetune.tasks.windows import cut_windows

if TYPE_CHECKING:
    from torch import Tensor

OUTSIDE = "O"


@dataclass(frozen=True)
class Entity:
    """A named entity in a text."""

    type: str
    text: str  # its characters, as the text has them
    start: int  # first character, or first word where words were given
    end: int  # one past the last
    score: float  # mean probability of the words' labels

    @classmethod
    def of(
        cls,
        span: tuple[str, int, int],
        score: float,
        tokens: Sequence[str],
        text: str | None,
        places: Sequence[tuple[int, int]],
    ) -> Self:
        """The entity of words; in characters of ``text`` where ``tokens`` are cut from a text."""
        kind, start, end = span
        if text is None:
            return cls(kind, " ".join(tokens[start:end]), start, end, score)
        first, last = places[start][0], places[end - 1][1]
        return cls(kind, text[first:last], first, last, score)


def shown_entities(entities: Iterable[Entity]) -> str:
    """Entities in one cell of a table: "Quay Nine (SITE); Ada (PERSON)"."""
    return "; ".join(f"{entity.text} ({entity.type})" for entity in entities)


@dataclass(frozen=True)
class Tagged:
    """One text with a tag for each word."""

    tokens: list[str]
    tags: list[str]
    probabilities: list[float]
    entities: list[Entity] = field(default_factory=list)  # empty for part of speech

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)

    def marked(self, text: str | None) -> str:
        """The text with each entity in double brackets."""
        text = text or " ".join(self.tokens)
        parts, end = [], 0
        for entity in self.entities:
            parts += [text[end : entity.start], f"[[{entity.text}|{entity.type}]]"]
            end = entity.end
        return "".join([*parts, text[end:]])

    def word_tags(self) -> str:
        """Each word with its tag: word_TAG."""
        pairs = zip(self.tokens, self.tags, strict=True)
        return " ".join(f"{word}_{tag}" for word, tag in pairs)


class TokenTask(Task):
    """A label for each word. A subclass gives it a name, options and scores."""

    spells_spans: ClassVar[bool] = False
    auto_class = ModelClass("AutoModelForTokenClassification")
    pipeline: ClassVar[str | None] = "token-classification"
    head: ClassVar[str | None] = "tags"
    formats: ClassVar[tuple[str, ...]] = WORD_FORMATS
    out_formats: ClassVar[tuple[str, ...]] = ("same", "conll", "jsonl", *WRITTEN)
    inspect = staticmethod(inspect_tokens)

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
        outside = self.spells_spans and OUTSIDE in self.labels  # O may be a part of speech
        self.background = self.labels.index(OUTSIDE) if outside else None
        self._number = {label: number for number, label in enumerate(self.labels)}

    @classmethod
    def read_source(cls, source: Source, options: Any, gold: bool, trained: Trained) -> Corpus:
        """Tagged sentences; without ``gold`` plain text too, one text a line."""
        if not gold:
            return read_untagged(source, cls.spells_spans, options.token_column, trained)
        layout = cls._layout(source, options)
        corpus = read_tokens(
            **layout,
            tag_column=options.tag_column,
            trained=trained.options,
            choice=export_choice(options),
        )
        log_scheme(corpus)
        return corpus

    @classmethod
    def _layout(cls, source: Source, options: Any) -> dict[str, Any]:
        """How the words and tags of a source are read, gold or predicted."""
        return {
            "path": source.path,
            "spans": cls.spells_spans,
            "format": source.format,
            "scheme": getattr(options, "scheme", "auto"),
            "token_column": options.token_column,
        }

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: Any) -> Scores:
        """Score columns word, gold, predicted, or JSON lines with tokens, gold, predicted."""
        if gold is not None:
            raise InputError(
                f"expected a model folder before {quoted(Path(gold.path))}, got "
                f"{quoted(Path(source.path))}: a file of predicted tags holds its own gold and is "
                "given alone; answers and other predictions are scored with --task (qa, text, …)"
            )
        found = read_predictions(
            **cls._layout(source, options),
            gold_column=options.gold_column,
            predicted_column=options.predicted_column,
            split=source.split,
        )
        log_scheme(found)
        log_notes(found.notes)
        if found.scheme is None:
            return Tags({}).scores(found.gold, found.predicted)
        problem = Spans({"scheme": found.scheme, "convention": options.convention})
        return problem.scores_of(*found.columns)

    @classmethod
    def of(cls, train: Corpus, options: Any = None, labels: Sequence[str] | None = None) -> Self:
        """The task of a training corpus; ``labels`` where the corpus does not show all of them."""
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
        return {"label_scheme": self.scheme, "stride": self.stride, "convention": self.convention}

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
        stride = min(32, max_length // 4) if self.stride is None else self.stride
        windows = cut_windows((s.tokens for s in data), tokenizer, max_length, stride)
        features, places = windows.inputs, windows.places
        numbers = self._number
        tags = np.fromiter((numbers[tag] for s in data for tag in s.tags), dtype=np.int32)
        if len(tags):
            at = (places.window, places.position)
            features = features.with_targets("labels", IGNORED, *at, tags)
        counts = {"sentences": len(data), "words": len(places.window)}
        return Encoded(features, places, counts | windows.facts())

    def loss_targets(self, labels: Mapping[str, Tensor]) -> list[LossTarget]:
        """One softmax a word."""
        return [LossTarget("tags", labels["labels"], background=self.background)]

    def choose(self, scores: Arrays, data: Any, deciding: Arrays) -> list[list[str]]:
        """The likeliest label of each word."""
        return [[self.labels[number] for number in text.argmax(-1)] for text in deciding]

    def row(self, example: Sentence, prediction: Sequence[str]) -> dict[str, Any]:
        """Tokens, gold and predicted tags of a sentence."""
        return {
            "tokens": list(example.tokens),
            "gold": list(example.tags),
            "predicted": list(prediction),
        }

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Predicted tags of the rows' sentences."""
        return match_tags(source, rows, self.spells_spans, self.scheme)

    def ask(self, values: Mapping[str, Sequence[Any]]) -> Corpus:
        """Sentences from texts, each a string or a list of words."""
        return plain_corpus(values["text"])

    def answers(
        self, data: Corpus, predictions: Sequence[Sequence[str]], scores: Arrays
    ) -> list[Tagged]:
        """Each sentence with its tags, and entities where the tags are spans."""
        places = getattr(data, "places", None) or [()] * len(data)
        found = []
        for sentence, tags, row, text, place in zip(
            data, predictions, scores, _texts_of(data), places, strict=True
        ):
            p = np.exp(self.chosen(row, tags))
            marked = spans(tags, self.scheme) if self.scheme is not None else ()
            entities = [
                Entity.of(span, float(p[span[1] : span[2]].mean()), sentence.tokens, text, place)
                for span in marked
            ]
            found.append(Tagged(list(sentence.tokens), list(tags), [*map(float, p)], entities))
        return found

    def chosen(self, scores: np.ndarray, tags: Sequence[str]) -> np.ndarray:
        """Log-probabilities of the tags that were decided for one sentence, (words,)."""
        found: np.ndarray = scores[np.arange(len(tags)), [self._number[tag] for tag in tags]]
        return found

    def cells(self, answers: Sequence[Tagged]) -> list[dict[str, Any]]:
        """The entities, or each word with its tag."""
        if self.scheme is None:
            return [{"tagged": answer.word_tags()} for answer in answers]
        return [{"entities": shown_entities(answer.entities)} for answer in answers]

    def other_text(
        self, data: Corpus, answers: Sequence[Tagged], out_format: str, rule: DecisionRule | None
    ) -> str:
        """The format of the source ("same"), columns, or JSON lines.

        The rows of a file of columns get one cell more.
        """
        texts = _texts_of(data)
        if out_format == "jsonl" or (out_format == "same" and data.format in ("jsonl", *EXPORTS)):
            found = [
                decided(present({"id": sentence.id, "text": text, **answer.to_dict()}), rule)
                for answer, sentence, text in zip(answers, data, texts, strict=True)
            ]
            return self.json_lines(data, found)
        if data.kept is not None and data.kept.has_columns:
            return data.kept.tagged([answer.tags for answer in answers])
        if out_format == "conll" or data.format != "text":
            stream = StringIO()
            plain = [Sentence(tuple(answer.tokens)) for answer in answers]
            sentences = plain if data.format == "text" else data
            write_conll(stream, sentences, [answer.tags for answer in answers])
            is_later = data.numbered.starts[0] > 0  # a part: no file begins with it
            return stream.getvalue().removeprefix("\ufeff" if is_later else "")
        lines = (
            answer.marked(text) if self.scheme is not None else answer.word_tags()
            for text, answer in zip(texts, answers, strict=True)
        )
        return "".join(line + "\n" for line in lines)


def _texts_of(data: Corpus) -> Sequence[str | None]:
    """The plain texts that the sentences were cut from; ``None`` where words were given."""
    return getattr(data, "texts", None) or [None] * len(data)
