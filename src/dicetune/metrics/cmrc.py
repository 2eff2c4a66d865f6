"""Exact match and F1 of Chinese answers, as the official script of CMRC 2018 defines them.

Texts are lower-cased, a list of punctuation marks goes, and each Chinese character is a piece of
its own; what stands between is split as words. F1 is over the longest *run* of pieces that both
have (precision: of the prediction's pieces, recall: of the gold's), not over a bag of words.

Where the official script calls NLTK's English tokenizer for what stands between Chinese
characters, words and numbers are split off from punctuation here: the two differ in contractions
and abbreviations ("A.", "it's"). Of the 9,657 gold answers of CMRC 2018's dev file, 46 come out in
other pieces, most of them in the spelling of quotation marks alone.

Reference: Cui et al., "A Span-Extraction Dataset for Chinese Machine Reading Comprehension",
EMNLP 2019 (``cmrc2018_evaluate.py``).
"""

from __future__ import annotations

import re

_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_PIECE = re.compile(r"[\u4e00-\u9fa5]|[^\W\u4e00-\u9fa5]+(?:[.,][^\W\u4e00-\u9fa5]+)*|[^\w\s]")


def cmrc_pieces(text: str) -> list[str]:
    """The pieces that F1 counts.

    Example:
        >>> cmrc_pieces("《战国无双3》（Wii，1,000元）")
        ['战', '国', '无', '双', '3wii1,000', '元']
    """
    return _PIECE.findall(_without_marks(text))


def cmrc_exact(predicted: str, gold: str) -> float:
    """1 where two texts are the same after levelling, else 0."""
    return float(_without_marks(predicted) == _without_marks(gold))


def cmrc_f1(predicted: str, gold: str) -> float:
    """F1 of the longest run of pieces that both texts have.

    Two empty texts agree: CMRC 2018 has no unanswerable questions, data in its layout may.

    Example:
        >>> round(cmrc_f1("战国无双3", "《无双3》"), 3)
        0.75
    """
    own, right = cmrc_pieces(predicted), cmrc_pieces(gold)
    if not own or not right:
        return float(predicted == gold == "")
    run = _longest_run(own, right)
    return 2 * run / (len(own) + len(right))


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
