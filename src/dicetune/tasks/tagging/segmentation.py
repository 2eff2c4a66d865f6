"""seg-pos: words and their parts of speech for text that is written without spaces.

Characters are labelled, as ``TokenTask`` labels words: B-, I-, E- of a word's part of speech, S-
for a word of one character (the setting of the paper for Chinese). Worked example::

    text     上海的                                words    上海_NR 的_DEG
    tokens   ["上", "海", "的"]                    labels   ["B-NR", "E-NR", "S-DEG"]
    decode   log-probabilities of each character, (3, labels)
    predict  the likeliest labels that spell words (word_paths): ["B-NR", "E-NR", "S-DEG"]
    score    words with their tags: 上海/NR is right where both its ends and its tag are
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from dicetune.data import (
    Corpus,
    Inspection,
    Predicted,
    SubwordCounter,
    corpus_words,
    detect_format,
    format_word_tags,
    from_characters,
    inspect_segmentation,
    label_names,
    read_lines,
    read_predictions,
    spans,
    to_characters,
    to_tags,
    word_breaks,
)
from dicetune.data.files.text import STDIN
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.metrics import segmentation_scores
from dicetune.tasks.base import Scores, Trained
from dicetune.tasks.options import GOLD, MODEL, at_least, option
from dicetune.tasks.tagging.predictions import pair_sentences
from dicetune.tasks.tagging.tagged import Tagged, render_tagged
from dicetune.tasks.tagging.token import OUTSIDE, TokenTask
from dicetune.tasks.tagging.word_paths import LETTERS, WordPaths


@dataclass(frozen=True)
class SegPosOptions:
    """What can be chosen for joint segmentation and parts of speech.

    Args:
        token_column: number (from 0) or key of the words; default: the first column. Beside a
            file of predictions it is that of the gold file, as the next one.
        tag_column: number or key of the tags; default: the last column, upos in CoNLL-U (xpos is
            the other choice).
        stride: characters' sub-words that neighbouring windows of a long text share; default: 32,
            at most a quarter of the window.
    """

    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    tag_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    stride: int | None = option(None, uses=MODEL)

    def __post_init__(self) -> None:
        at_least("stride", self.stride, 0)


class SegPosTask(TokenTask):
    """Words and parts of speech from characters, scored by exact words with their tags."""

    name = "seg-pos"
    tags = "pos"
    title = "word segmentation and part-of-speech"
    Options = SegPosOptions
    main_metric = "f1"
    shown = ("word_f1", "precision", "recall", "f1")
    scored = "Exact words with their part of speech (word f1: words alone), micro, in percent."
    pipeline = None
    out_formats: ClassVar[tuple[str, ...]] = ("word_tag", "jsonl")

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
        """Labelled characters of tagged words; without ``gold`` plain text too."""
        found = super().read(
            path, options, format=format, gold=gold, trained=trained, report=report
        )
        return to_characters(found)

    @classmethod
    def inspect(cls, splits: Mapping[str, Corpus], count_subwords: SubwordCounter) -> Inspection:
        """Sizes, words of each part of speech, leaks, conflicts and unknown characters."""
        return inspect_segmentation(splits, count_subwords)

    @classmethod
    def score_file(
        cls,
        predictions: str | Path,
        gold: str | Path | None,
        options: SegPosOptions,
        *,
        format: str = "auto",
        gold_format: str = "auto",
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> Scores:
        """Score the words of any tool (word_TAG lines and whatever else ``read`` takes).

        Without a file of gold: a run's own ``predictions.jsonl``, which holds its gold.
        """
        if gold is None:
            return _score_own(predictions, format, split, report)
        _check_words_alone(predictions, format, split)
        right = cls.read(gold, options, format=gold_format, report=report)
        own = cls.read(predictions, cls.Options(), format=format, report=report)
        for corpus in (right, own):
            for note in corpus.notes:
                report(f"{corpus.source}: {note}")
        _check_same_text(right, own)
        return segmentation_scores(corpus_words(right), corpus_words(own)).to_dict()

    @classmethod
    def of(cls, train: Corpus, options: Any = None, labels: Sequence[str] | None = None) -> Self:
        """The task of a training corpus: every letter of every part of speech, and no ``O``."""
        if labels is None:
            labels = [label for label in label_names(train) if label != OUTSIDE]
        return super().of(train, options, labels)

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model.

        Raises:
            InputError: where the labels are not B-, I-, E- and S- of each part of speech.
        """
        tags = dict.fromkeys(label[2:] for label in labels)
        expected = {f"{letter}-{tag}" for tag in tags for letter in LETTERS}
        if set(labels) != expected:
            odd = sorted(expected.symmetric_difference(labels))
            raise InputError(
                "expected labels B-, I-, E- and S- of each part of speech, got "
                f"{listed(labels, most=5)} (odd or missing: {listed(odd, most=5)}): choose "
                "task pos or ner"
            )
        return super().restore(labels, {**settings, "label_scheme": "iobes"})

    def problem(self, train: Corpus | None = None) -> dict[str, Any]:
        """Words with their tags, in labels of characters."""
        return {"kind": "words", "labels": list(self.labels), "metric": self.main_metric}

    def predict(
        self,
        scores: Sequence[np.ndarray],
        data: Corpus,
        biased: Sequence[np.ndarray] | None = None,
    ) -> list[list[str]]:
        """The likeliest labels of each sentence that spell words."""
        paths = WordPaths(self.labels)
        decisive = scores if biased is None else biased
        return [
            to_tags(paths.best(own, breaks), len(own), "iobes")
            for own, breaks in zip(decisive, word_breaks(data), strict=True)
        ]

    def score(self, data: Corpus, predictions: Sequence[Sequence[str]]) -> Scores:
        """Precision, recall and F1 of (word, tag) and of words; fractions in [0, 1]."""
        own = [
            from_characters(sentence.tokens, tags)
            for sentence, tags in zip(data, predictions, strict=True)
        ]
        return segmentation_scores(corpus_words(data), own).to_dict()

    def match_file(
        self,
        path: str | Path,
        rows: Sequence[Mapping[str, Any]],
        *,
        split: str | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> list[list[str]]:
        """Predicted labels of the rows' characters, from labelled characters or tagged words."""
        if _is_own(path):
            return super().match_file(path, rows, split=split, report=report)
        corpus = self.read(path, self.Options(), report=report)
        sentences = [Predicted(s.tokens, (), s.tags, s.line, s.id) for s in corpus]
        return [list(own.predicted) for own in pair_sentences(sentences, rows, str(path))]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> Corpus:
        """The characters of texts, each a string or a list of words that are not to be kept."""
        return to_characters(super().ask(values))

    def answers(
        self,
        data: Corpus,
        predictions: Sequence[Sequence[str]],
        scores: Sequence[np.ndarray],
    ) -> list[Tagged]:
        """The words of each sentence, their tags, and the mean probability of their labels."""
        answers = []
        for sentence, tags, own in zip(data, predictions, scores, strict=True):
            chosen = self.chosen(own, tags)
            found = spans(tags, "iobes")
            answers.append(
                Tagged(
                    ["".join(sentence.tokens[a:b]) for _, a, b in found],
                    [tag for tag, _, _ in found],
                    [float(np.exp(chosen[a:b]).mean()) for _, a, b in found],
                )
            )
        return answers

    def render(self, data: Corpus, answers: Sequence[Tagged], out_format: str) -> str:
        """Lines of word_TAG, or JSON lines."""
        if out_format == "jsonl":
            return render_tagged(data, answers, out_format, spans=False)
        return "".join(format_word_tags(one.tokens, one.tags) + "\n" for one in answers)


def _score_own(
    path: str | Path, format: str, split: str | None, report: Callable[[str], None]
) -> Scores:
    """Score characters with their gold and predicted labels, as ``rows`` writes them."""
    if format == "auto":
        format = "jsonl" if str(path) == STDIN else detect_format(path)[0]
    if format != "jsonl":
        raise InputError(
            f"expected a file of gold words beside {quoted(Path(path))}, got none: {format} "
            f"holds words "
            "with one tag each; only jsonl may hold its own gold"
        )
    found = read_predictions(path, format=format, scheme="iobes", split=split)
    for note in found.notes:
        report(str(note))
    if any("O" in (*sentence.gold, *sentence.predicted) for sentence in found):
        raise InputError(
            f"expected characters with labels B-, I-, E-, S- in {quoted(Path(path))}, got O: "
            f"give the "
            "file of gold words beside the predicted ones"
        )
    gold, own = (
        [
            from_characters(sentence.tokens, tags)
            for sentence, tags in zip(found, which, strict=True)
        ]
        for which in (found.gold, found.predicted)
    )
    return segmentation_scores(gold, own).to_dict()


def _check_words_alone(path: str | Path, format: str, split: str | None) -> None:
    """Refuse a run's own predictions, and a split, beside a file of gold."""
    if split is not None:
        raise InputError(
            f"expected words beside a file of gold, which name no split, got {quoted(split)}: "
            f"leave "
            "--split out, or the file of gold, where the predictions are those of a run"
        )
    if format not in ("auto", "jsonl") or str(path) == STDIN or not Path(path).is_file():
        return
    if _is_own(path):
        raise DataError(
            path,
            "expected words with tags beside a file of gold, got a run's predictions, which hold "
            "their gold: give them alone",
            line=1,
        )


def _is_own(path: str | Path) -> bool:
    """Whether a file holds a run's predictions."""
    first = next(line for line in read_lines(path) if line.strip())
    return first.lstrip().startswith("{") and '"predicted"' in first


def _check_same_text(gold: Corpus, predicted: Corpus) -> None:
    if len(gold) != len(predicted):
        raise DataError(
            predicted.source,
            f"expected {len(gold)} sentences as in {gold.source}, got {len(predicted)}",
        )
    for right, own in zip(gold, predicted, strict=True):
        if right.tokens != own.tokens:
            raise DataError(
                predicted.source,
                f"expected the text of {gold.source}:{right.line}, "
                f"{quoted(''.join(right.tokens)[:40])}, "
                f"got {quoted(''.join(own.tokens)[:40])}",
                line=own.line,
            )
