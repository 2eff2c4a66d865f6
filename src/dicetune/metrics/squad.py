"""Exact match and F1 of extractive question answering, as the official SQuAD scripts define them.

A prediction is compared with each gold answer, the best counts, and questions are averaged. Texts
are levelled first: lower case, ASCII punctuation off, the articles a, an and the off, white space
to single blanks. F1 is over the words that both have.

The two scripts differ where nothing is left of a text. 2.0 (any question without gold): gold
answers of which nothing is left are not counted, a question without gold answers is right only
where the prediction is empty, and then with F1 1. 1.1: F1 over no common word is 0.

For Chinese, CMRC 2018's definitions (``metrics.cmrc``). Japanese, Thai, Lao, Burmese and Khmer
have no spaces between words, and Korean words carry their particles: there F1 is over the
characters that both have, white space left out, and all Unicode punctuation is off, as in KorQuAD
and JaQuAD.

References: Rajpurkar et al., EMNLP 2016 and ACL 2018 (``evaluate-v1.1.py``, ``evaluate-v2.0.py``);
Lim et al., KorQuAD 1.0, 2019; So et al., JaQuAD, 2022.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dicetune.errors import InputError, unknown_name
from dicetune.metrics.cmrc import cmrc_exact, cmrc_f1
from dicetune.metrics.null_threshold import BestThreshold, best_threshold
from dicetune.writing import LANGUAGES

VERSIONS = ("1.1", "2.0", "cmrc2018", "characters")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@dataclass(frozen=True)
class AnswerScores:
    """Scores of one set of questions; fractions from 0 to 1.

    Args:
        exact: share of questions whose prediction is a gold answer after levelling.
        f1: mean F1 of words.
        total: number of questions.
    """

    exact: float
    f1: float
    total: int


@dataclass(frozen=True)
class QuestionScores(AnswerScores):
    """Scores of all questions, and of those with and without gold answers.

    Args:
        version: of the definitions, one of ``VERSIONS``.
        language: one of ``writing.LANGUAGES``.
        has_answer: of the questions with gold answers, where there are others too.
        no_answer: of the questions without.
        best_exact: the highest exact match that a threshold on the null odds can give, and the
            threshold: a question whose odds are above it is left unanswered.
        best_f1: the same for F1.
    """

    version: str
    language: str
    has_answer: AnswerScores | None = None
    no_answer: AnswerScores | None = None
    best_exact: BestThreshold | None = None
    best_f1: BestThreshold | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; without what does not apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def question_scores(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[str | None],
    *,
    spans: Sequence[str | None] | None = None,
    null_odds: Sequence[float] | None = None,
    language: str = "en",
) -> QuestionScores:
    """Exact match and F1 over all questions.

    Args:
        gold: the answers of each question, none where it is unanswerable.
        predicted: one text each; empty where the system gives no answer, ``None`` where it says
            nothing, which is wrong whatever the gold.
        spans: the text that the system would give if it had to; with ``null_odds`` and
            unanswerable questions, the best thresholds are found on them.
        null_odds: how much each question looks unanswerable; any scale, higher is likelier.
        language: "en"; "zh" for CMRC 2018's definitions; "characters" for F1 over characters.

    Raises:
        InputError: unequal lengths, no question, an unknown language.

    Example:
        >>> scores = question_scores([["Quay Nine", "at Quay Nine"], []], ["the quay", ""])
        >>> scores.exact, round(scores.f1, 3), scores.no_answer.exact
        (0.5, 0.833, 1.0)
    """
    version = version_of(language, gold)
    given = {"predictions": predicted, "spans": spans, "null odds": null_odds}
    for name, values in given.items():
        if values is not None and len(values) != len(gold):
            raise InputError(f"expected {len(gold)} {name}, one a question, got {len(values)}")
    if not gold:
        raise InputError("expected at least one question to score, got none")
    answerable = [bool(answers) for answers in gold]
    scored = [
        score_answer(own, answers, version) for own, answers in zip(predicted, gold, strict=True)
    ]
    total = _mean(scored)
    extra: dict[str, Any] = {}
    if not all(answerable):
        pairs = list(zip(scored, answerable, strict=True))
        extra["has_answer"] = _mean([score for score, has in pairs if has])
        extra["no_answer"] = _mean([score for score, has in pairs if not has])
        if spans is not None and null_odds is not None:
            raw = [
                score_answer(own, answers, version)
                for own, answers in zip(spans, gold, strict=True)
            ]
            for number, name in enumerate(("best_exact", "best_f1")):
                extra[name] = best_threshold(
                    [score[number] for score in raw],
                    # what has no prediction is right at no threshold
                    [has or own is None for has, own in zip(answerable, predicted, strict=True)],
                    [bool(own) for own in spans],
                    null_odds,
                )
    return QuestionScores(total.exact, total.f1, total.total, version, language, **extra)


def version_of(language: str, gold: Sequence[Sequence[str]]) -> str:
    """The definitions for a language and the gold answers of all questions.

    Raises:
        InputError: an unknown language.

    Example:
        >>> version_of("en", [["Quay"], []]), version_of("zh", [["码头"]])
        ('2.0', 'cmrc2018')
    """
    if language not in LANGUAGES:
        raise unknown_name("language of answers", language, LANGUAGES)
    if language != "en":
        return "cmrc2018" if language == "zh" else language
    return "1.1" if all(gold) else "2.0"


def score_answer(predicted: str | None, gold: Sequence[str], version: str) -> tuple[float, float]:
    """Exact match and F1 of one prediction, the best over the gold answers.

    Args:
        predicted: a text; empty for no answer, ``None`` for no prediction, which scores 0.
        gold: the gold answers, none for an unanswerable question.
        version: one of ``VERSIONS``.
    """
    if predicted is None:
        return 0.0, 0.0
    if version in ("cmrc2018", "characters"):
        answers = list(gold) or [""]
        exact, f1 = cmrc_exact, cmrc_f1
        if version == "characters":
            exact, f1 = characters_exact, characters_f1
    else:
        answers = list(gold)
        exact, f1 = answer_exact, answer_f1
        if version == "2.0":
            answers = [answer for answer in gold if normalize_answer(answer)] or [""]
            f1 = _f1_of_nothing
    return max(exact(predicted, a) for a in answers), max(f1(predicted, a) for a in answers)


def normalize_answer(text: str) -> str:
    """Lower case, ASCII punctuation and English articles off, single blanks.

    Example:
        >>> normalize_answer("The  pump (at Quay-Nine).")
        'pump at quaynine'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def answer_exact(predicted: str, gold: str) -> float:
    """1 where two texts are the same after levelling, else 0."""
    return float(normalize_answer(predicted) == normalize_answer(gold))


def answer_f1(predicted: str, gold: str) -> float:
    """F1 of the words of two texts after levelling; 0 where they have none in common.

    Example:
        >>> answer_f1("the Quay Nine pump", "Quay Nine")
        0.8
    """
    return _f1(normalize_answer(predicted).split(), normalize_answer(gold).split())


def characters_exact(predicted: str, gold: str) -> float:
    """1 where two texts are the same but for case, punctuation and the width of blanks, else 0."""
    return float(_pieces(predicted) == _pieces(gold))


def characters_f1(predicted: str, gold: str) -> float:
    """F1 of the characters of two texts, without case, punctuation and white space.

    Example:
        >>> characters_f1("「ポンプ」が", "ポンプ")
        0.8571428571428571
    """
    own, right = "".join(_pieces(predicted)), "".join(_pieces(gold))
    return _f1(own, right) if own and right else float(predicted == gold == "")


def _pieces(text: str) -> list[str]:
    """Between blanks, in lower case and without punctuation."""
    return "".join(
        character
        for character in text.lower().translate(_PUNCTUATION)
        if not unicodedata.category(character).startswith("P")
    ).split()


def _f1(own: Sequence[str], right: Sequence[str]) -> float:
    common = (Counter(own) & Counter(right)).total()
    if not common:
        return 0.0
    precision, recall = common / len(own), common / len(right)
    return 2 * precision * recall / (precision + recall)


def _f1_of_nothing(predicted: str, gold: str) -> float:
    own, right = normalize_answer(predicted), normalize_answer(gold)
    return answer_f1(predicted, gold) if own and right else float(own == right)


def _mean(scored: Sequence[tuple[float, float]]) -> AnswerScores:
    count = len(scored)
    if not count:
        return AnswerScores(0.0, 0.0, 0)
    exact, f1 = (sum(column) / count for column in zip(*scored, strict=True))
    return AnswerScores(exact, f1, count)
