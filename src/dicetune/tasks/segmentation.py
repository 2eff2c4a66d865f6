r"""seg-pos: words and their parts of speech for text that is written without spaces.

Characters are labelled, as ``TokenTask`` labels words: B-, I-, E- of a word's part of speech, S-
for a word of one character (the setting of the paper for Chinese). Worked example::

    text     上海的                                words    上海_NR 的_DEG
    tokens   ["上", "海", "的"]                    labels   ["B-NR", "E-NR", "S-DEG"]
    decode   log-probabilities of each character, (3, labels)
    predict  the likeliest labels that spell words: ["B-NR", "E-NR", "S-DEG"]
    score    words with their tags: 上海/NR is right where both its ends and its tag are

Labels of characters spell words only in some orders: B-x is followed by I-x or E-x, and so is I-x;
E and S end a word. Arg-max of each character alone breaks that here and there. Instead, of all cuts
into words with one tag each, ``WordPaths`` takes the cut with the largest sum of log-probabilities
(Viterbi), so that every character is in exactly one word:

.. math::
    e_t = \max\Big(e_{t-1} + \max_k S_{t,k},\ \max_k (o_{t-1,k} + E_{t,k})\Big), \qquad
    o_{t,k} = \max\big(e_{t-1} + B_{t,k},\ o_{t-1,k} + I_{t,k}\big)

with :math:`e_t` the best sum up to character :math:`t` where a word ends there, :math:`o_{t,k}` the
best where a word with tag :math:`k` is open, :math:`e_0 = 0`, :math:`o_{0,k} = -\infty`. Where the
arg-max spells words already, this is the arg-max.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from dicetune.data import (
    Corpus,
    corpus_words,
    detect_format,
    format_word_tags,
    inspect_segmentation,
    label_names,
    log_notes,
    read_lines,
    read_predictions,
    spans,
    to_characters,
    to_tags,
    word_breaks,
)
from dicetune.data.files.tables import WRITTEN
from dicetune.data.files.text import STDIN
from dicetune.decide import DecisionRule
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.problems import Words
from dicetune.tasks.base import Arrays, File, Scores, Source, Trained
from dicetune.tasks.options import GOLD, MODEL, TaskOptions, option
from dicetune.tasks.tag_files import pair_sentences, predicted_sentences
from dicetune.tasks.token import OUTSIDE, Tagged, TokenTask

_log = logging.getLogger(__name__)
LETTERS = "BIES"


@dataclass(frozen=True)
class SegPosOptions(TaskOptions):
    """Options of joint segmentation and parts of speech.

    Args:
        token_column: number (from 0) or name of the column of words; default: the first column.
            Beside a file of predictions, token_column and tag_column are of the gold file.
        tag_column: number or name of the column of tags; default: the last column, in CoNLL-U upos
            (or choose xpos).
        stride: sub-words of characters that neighbouring windows of a long text share; default: 32,
            at most a quarter of the window.
    """

    token_column: int | str | None = option(None, uses=(*GOLD, "predict", "compare"))
    tag_column: int | str | None = option(None, uses=(*GOLD, "compare"))
    stride: int | None = option(None, uses=MODEL, least=0)


class SegPosTask(TokenTask):
    """Words and parts of speech from characters, scored by exact words with their tags."""

    name = "seg-pos"
    title = "word segmentation and part-of-speech"
    predicts = Words
    Options = SegPosOptions
    main_metric = "f1"
    shown = ("word_f1", "precision", "recall", "f1")
    scored = "Exact words with their part of speech (word f1: words alone), micro, in percent."
    pipeline = None
    out_formats = ("word_tag", "jsonl", *WRITTEN)
    inspect = staticmethod(inspect_segmentation)

    @classmethod
    def read_source(cls, source: Source, options: Any, gold: bool, trained: Trained) -> Corpus:
        """Labelled characters of tagged words; without ``gold`` plain text too."""
        return to_characters(super().read_source(source, options, gold, trained))

    @classmethod
    def score_source(cls, source: Source, gold: Source | None, options: Any) -> Scores:
        """Score the words of any tool (word_TAG lines and whatever else ``read`` takes).

        Without a file of gold: the ``predictions.jsonl`` of a run, which holds gold too.
        """
        if gold is None:
            return _score_run(source)
        _check_words_alone(source)
        gold_corpus = cls.read_source(gold, options, True, Trained())
        found = cls.read_source(source, cls.Options(), True, Trained())
        for corpus in (gold_corpus, found):
            for note in corpus.notes:
                _log.info("%s: %s", corpus.source, note)
        _check_same_text(gold_corpus, found)
        return Words({}).word_scores(corpus_words(gold_corpus), corpus_words(found))

    @classmethod
    def of(cls, train: Corpus, options: Any = None, labels: Sequence[str] | None = None) -> Self:
        """The task of a training corpus: every letter of every part of speech, and no ``O``."""
        if labels is None:
            labels = [label for label in label_names(train) if label != OUTSIDE]
        return super().of(train, options, labels)

    @classmethod
    def restore(cls, labels: Sequence[str], settings: Mapping[str, Any]) -> Self:
        """The task of a saved model."""
        tags = dict.fromkeys(label[2:] for label in labels)
        expected = {f"{letter}-{tag}" for tag in tags for letter in LETTERS}
        if set(labels) != expected:
            odd = sorted(expected.symmetric_difference(labels))
            raise InputError(
                "expected labels B-, I-, E- and S- of each part of speech, got "
                f"{listed(labels, most=5)} (odd or missing: {listed(odd, most=5)}): use pos or ner"
            )
        return super().restore(labels, {**settings, "label_scheme": "iobes"})

    def choose(self, scores: Arrays, data: Corpus, deciding: Arrays) -> list[list[str]]:
        """The likeliest labels of each sentence that spell words."""
        paths = WordPaths(self.labels)
        return [
            to_tags(paths.best(row, breaks), len(row), "iobes")
            for row, breaks in zip(deciding, word_breaks(data), strict=True)
        ]

    def match_source(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Predicted labels of the rows' characters, from labelled characters or tagged words."""
        if _is_run(source.path):
            return super().match_source(source, rows)
        corpus = self.read_source(source, self.Options(), True, Trained())
        paired = pair_sentences(predicted_sentences(corpus), rows, source)
        return [list(sentence.predicted) for sentence in paired]

    def ask(self, values: Mapping[str, Sequence[Any]]) -> Corpus:
        """The characters of texts, each a string or a list of words that are not to be kept."""
        return to_characters(super().ask(values))

    def answers(
        self, data: Corpus, predictions: Sequence[Sequence[str]], scores: Arrays
    ) -> list[Tagged]:
        """The words of each sentence, their tags, and the mean probability of their labels."""
        answers = []
        for sentence, tags, row in zip(data, predictions, scores, strict=True):
            chosen = self.chosen(row, tags)
            found = spans(tags, "iobes")
            answers.append(
                Tagged(
                    ["".join(sentence.tokens[a:b]) for _, a, b in found],
                    [tag for tag, _, _ in found],
                    [float(np.exp(chosen[a:b]).mean()) for _, a, b in found],
                )
            )
        return answers

    def cells(self, answers: Sequence[Tagged]) -> list[dict[str, Any]]:
        """Each word with its tag."""
        return [{"tagged": format_word_tags(answer.tokens, answer.tags)} for answer in answers]

    def other_text(
        self, data: Corpus, answers: Sequence[Tagged], out_format: str, rule: DecisionRule | None
    ) -> str:
        """Lines of word_TAG, or JSON lines."""
        if out_format == "jsonl":
            return super().other_text(data, answers, out_format, rule)
        return "".join(format_word_tags(answer.tokens, answer.tags) + "\n" for answer in answers)


class WordPaths:
    """Finds the best words for scores of a set of labels."""

    def __init__(self, labels: Sequence[str]) -> None:
        number = {label: place for place, label in enumerate(labels)}
        self.tags = list(dict.fromkeys(label[2:] for label in labels))
        self._columns = np.array(
            [[number[f"{letter}-{tag}"] for tag in self.tags] for letter in LETTERS]
        )

    def best(self, scores: np.ndarray, breaks: Collection[int] = ()) -> list[tuple[str, int, int]]:
        """The words of one sentence: (tag, first character, one past the last)."""
        begin, inside, end, single = np.moveaxis(scores[:, self._columns], 1, 0)
        count, tags = begin.shape
        ended = 0.0
        is_open = np.full(tags, -np.inf)
        begins = np.zeros((count, tags), dtype=bool)  # whether the open word begins at t, not I
        last_tag = np.zeros(count, dtype=int)  # of the best word that ends at t
        is_single = np.zeros(count, dtype=bool)
        for t in range(count):
            if t in breaks:
                is_open = np.full(tags, -np.inf)
            longer, alone = is_open + end[t], single[t]
            long_tag, alone_tag = longer.argmax(), alone.argmax()
            is_single[t] = ended + alone[alone_tag] >= longer[long_tag]
            last_tag[t] = alone_tag if is_single[t] else long_tag
            opened, kept = ended + begin[t], is_open + inside[t]
            begins[t] = opened >= kept
            is_open = np.maximum(opened, kept)
            ended = max(ended + alone[alone_tag], longer[long_tag])
        words: list[tuple[str, int, int]] = []
        stop = count
        while stop > 0:
            start, tag = stop - 1, int(last_tag[stop - 1])
            if not is_single[start]:
                start -= 1
                while not begins[start, tag]:
                    start -= 1
            words.append((self.tags[tag], start, stop))
            stop = start
        return words[::-1]


def _score_run(source: Source) -> Scores:
    """Score characters with their gold and predicted labels, as ``rows`` writes them."""
    format, path = source.format, source.path
    if format == "auto":
        format = "jsonl" if str(path) == STDIN else detect_format(path)[0]
    if format != "jsonl":
        raise InputError(
            f"expected a file of gold words beside {quoted(Path(path))}, got none: {format} "
            "holds words with one tag each; only jsonl may hold its own gold"
        )
    found = read_predictions(path, format=format, scheme="iobes", split=source.split)
    log_notes(found.notes)
    if any(OUTSIDE in (*sentence.gold, *sentence.predicted) for sentence in found):
        raise InputError(
            f"expected characters with labels B-, I-, E-, S- in {quoted(Path(path))}, got O: "
            "give the file of gold words beside the predicted ones"
        )
    return Words({}).scores(found.gold, found.predicted)


def _check_words_alone(source: Source) -> None:
    """Refuse the predictions of a run, and a split, beside a file of gold."""
    path = source.path
    if source.split is not None:
        raise InputError(
            "expected words beside a file of gold, which name no split, got "
            f"{quoted(source.split)}: leave --split out, or the file of gold, where the "
            "predictions are from a run"
        )
    if source.format not in ("auto", "jsonl") or str(path) == STDIN or not Path(path).is_file():
        return
    if _is_run(path):
        raise DataError(
            path,
            "expected words with tags beside a file of gold, got a run's predictions, which hold "
            "their gold: give them alone",
            line=1,
        )


def _is_run(path: File) -> bool:
    """Whether a file holds a run's predictions."""
    first = next(line for line in read_lines(path) if line.strip())
    return first.lstrip().startswith("{") and '"predicted"' in first


def _check_same_text(gold: Corpus, predicted: Corpus) -> None:
    if len(gold) != len(predicted):
        raise DataError(
            predicted.source,
            f"expected {len(gold)} sentences as in {gold.source}, got {len(predicted)}",
        )
    for right, found in zip(gold, predicted, strict=True):
        if right.tokens != found.tokens:
            raise DataError(
                predicted.source,
                f"expected the text of {gold.source}:{right.line}, "
                f"{quoted(''.join(right.tokens)[:40])}, got {quoted(''.join(found.tokens)[:40])}",
                line=found.line,
            )
