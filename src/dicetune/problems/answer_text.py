"""Exact match and F1 of answers, as the official scripts of the field define them.

A prediction is compared with each gold answer, and the best score counts. Texts are normalized
first: lower case, no ASCII punctuation, no articles (a, an, the), single blanks. F1 is over the
words that both texts have.

The two SQuAD scripts differ for a text that is empty after normalization. 2.0 (for data with any
question without gold): empty gold answers are ignored, and a question without gold answers is right
only for an empty prediction, with F1 1. 1.1: F1 without a common word is 0.

CMRC 2018, for Chinese: texts are lower-cased, a list of punctuation marks is removed, each Chinese
character is a piece, and text between Chinese characters is split into words. F1 is over the
longest *run* of pieces that both texts have (precision: by the pieces of the prediction, recall: by
the pieces of gold), not over a bag of words. The official script splits the text between with
NLTK's English tokenizer; here words and numbers are split from punctuation. The results differ for
contractions and abbreviations ("A.", "it's"): of the 9,657 gold answers of the dev file of CMRC
2018, 46 have other pieces, mostly in the spelling of quotation marks.

Characters: Japanese, Thai, Lao, Burmese and Khmer have no spaces between words, and Korean words
carry their particles. For these, F1 is over the characters that both texts have, without white
space and Unicode punctuation, as in KorQuAD and JaQuAD.

All commands choose the rules in the same way, from the letters of all texts (``language_of``).

References: Rajpurkar et al., EMNLP 2016 and ACL 2018 (``evaluate-v1.1.py``, ``evaluate-v2.0.py``);
Cui et al., EMNLP 2019 (``cmrc2018_evaluate.py``); Lim et al., KorQuAD 1.0, 2019; So et al.,
JaQuAD, 2022.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from dicetune.errors import unknown_name

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
SOUTH_EAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer."""

LANGUAGES = ("en", "zh", "characters")
"""Definitions of answer scores: words as in SQuAD, CMRC 2018, and every character by itself."""

RULES = {
    "en": "by words, as SQuAD does",
    "zh": "by CMRC 2018's rules for Chinese",
    "characters": "by characters, as KorQuAD does",
}

SHARE = 0.5
"""Highest share of letters of other scripts in a text that is compared by words."""

OTHERS = 0.05
"""Highest share of kana, Hangul and South-East Asian letters in a text that counts as Chinese."""

UNSPACED = f"{HAN}{KANA}{SOUTH_EAST}"
"""Scripts without spaces between words."""

_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_HAN = re.compile(f"[{HAN}]")
_OTHER = re.compile(f"[{KANA}{HANGUL}{SOUTH_EAST}]")

VERSIONS = ("1.1", "2.0", "cmrc2018", "characters")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_PIECE = re.compile(r"[\u4e00-\u9fa5]|[^\W\u4e00-\u9fa5]+(?:[.,][^\W\u4e00-\u9fa5]+)*|[^\w\s]")


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
    """1 where two texts are the same after normalization, else 0."""
    return float(normalize_answer(predicted) == normalize_answer(gold))


def answer_f1(predicted: str, gold: str) -> float:
    """F1 of the words of two texts after normalization; 0 without a common word.

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
    found, right = "".join(_pieces(predicted)), "".join(_pieces(gold))
    return _f1(found, right) if found and right else float(predicted == gold == "")


def _pieces(text: str) -> list[str]:
    """The pieces between blanks, in lower case and without punctuation."""
    return "".join(
        character
        for character in text.lower().translate(_PUNCTUATION)
        if not unicodedata.category(character).startswith("P")
    ).split()


def _f1(found: Sequence[str], right: Sequence[str]) -> float:
    common = (Counter(found) & Counter(right)).total()
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(right)
    return 2 * precision * recall / (precision + recall)


def _f1_of_nothing(predicted: str, gold: str) -> float:
    found, right = normalize_answer(predicted), normalize_answer(gold)
    return answer_f1(predicted, gold) if found and right else float(found == right)


def cmrc_pieces(text: str) -> list[str]:
    """The pieces that F1 counts.

    Example:
        >>> cmrc_pieces("《战国无双3》（Wii，1,000元）")
        ['战', '国', '无', '双', '3wii1,000', '元']
    """
    return _PIECE.findall(_without_marks(text))


def cmrc_exact(predicted: str, gold: str) -> float:
    """1 where two texts are the same after normalization, else 0."""
    return float(_without_marks(predicted) == _without_marks(gold))


def cmrc_f1(predicted: str, gold: str) -> float:
    """F1 of the longest run of pieces that both texts have.

    Two empty texts agree: CMRC 2018 has no unanswerable questions, data in its layout may.

    Example:
        >>> round(cmrc_f1("战国无双3", "《无双3》"), 3)
        0.75
    """
    found, right = cmrc_pieces(predicted), cmrc_pieces(gold)
    if not found or not right:
        return float(predicted == gold == "")
    run = _longest_run(found, right)
    return 2 * run / (len(found) + len(right))


def _without_marks(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in _MARKS)


def _longest_run(first: list[str], second: list[str]) -> int:
    """Length of the longest contiguous sequence that two lists share."""
    best = 0
    above = [0] * (len(second) + 1)
    for piece in first:
        row = [0] * (len(second) + 1)
        for place, other in enumerate(second):
            if piece == other:
                row[place + 1] = above[place] + 1
        best = max(best, *row)
        above = row
    return best


def best_threshold(
    scores: Sequence[float],
    answerable: Sequence[bool],
    answered: Sequence[bool],
    null_odds: Sequence[float],
) -> dict[str, float]:
    """The threshold on null odds with the highest mean score, as the SQuAD 2.0 script finds it.

    At first no question is answered, and each question without gold scores a point. Then questions
    are answered in the order of their odds: a question with gold adds its score, a question without
    gold loses its point.

    Args:
        scores: of each question's answer, from 0 to 1.
        answerable: whether each question has gold answers.
        answered: whether each question has a predicted answer.
        null_odds: of each question; higher is likelier to be unanswerable.

    Returns:
        The mean "score", and the "threshold": a question whose null odds are higher has no
        answer. Where no answers at all are best, the threshold is 0 as in the official script.

    Example:
        >>> best_threshold([1.0, 0.0, 1.0], [True, False, True], [True] * 3, [-5.0, 3.0, -1.0])
        {'score': 1.0, 'threshold': -1.0}
    """
    current = best = float(sum(not has for has in answerable))
    threshold = 0.0
    for number in sorted(range(len(scores)), key=lambda number: null_odds[number]):
        if answerable[number]:
            current += scores[number]
        elif answered[number]:
            current -= 1
        if current > best:
            best, threshold = current, float(null_odds[number])
    return {"score": best / len(scores), "threshold": threshold}


def words(text: str) -> list[str]:
    """The words of a text: between spaces, or single letters where words have none between.

    Example:
        >>> words("At Quay 9"), words("泵站 9")
        (['At', 'Quay', '9'], ['泵', '站', '9'])
    """
    return _WORD.findall(text)


def language_of(texts: Iterable[str]) -> str:
    """The definitions by which answers are compared, one of ``LANGUAGES``.

    Args:
        texts: all texts of a set: the contexts, or else the answers.

    Example:
        >>> [language_of([text]) for text in ("The pump (泵) is down", "泵站停了", "ポンプが停止")]
        ['en', 'zh', 'characters']
        >>> language_of(["부두 9의 펌프"]), language_of(["ปั๊มหยุดทำงาน"])
        ('characters', 'characters')
    """
    letters = han = others = 0
    for text in texts:
        letters += _letters(text)
        han += _letters(_HAN.findall(text))
        others += _letters(_OTHER.findall(text))
    if han + others <= SHARE * letters:
        return "en"
    return "zh" if others <= OTHERS * (han + others) else "characters"


def _letters(characters: Iterable[str]) -> int:
    return sum(map(str.isalpha, characters))
