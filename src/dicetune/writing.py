"""How texts are written: with spaces between words or without, and so how answers are compared.

One decision for all commands, from the letters of all texts of a set. ``words`` are what is counted
where sizes are told: a letter of a script that has no spaces between words is a word of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
SOUTH_EAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer."""

LANGUAGES = ("en", "zh", "characters")
"""Of definitions of answer scores: words as SQuAD, CMRC 2018, and every character by itself."""

RULES = {
    "en": "by words, as SQuAD does",
    "zh": "by CMRC 2018's rules for Chinese",
    "characters": "by characters, as KorQuAD does",
}

SHARE = 0.5
"""Share of letters of other scripts up to which a text is compared by words."""

OTHERS = 0.05
"""Share of kana, Hangul and South-East Asian letters up to which a text is Chinese that quotes."""

_UNSPACED = f"{HAN}{KANA}{SOUTH_EAST}"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_HAN = re.compile(f"[{HAN}]")
_OTHER = re.compile(f"[{KANA}{HANGUL}{SOUTH_EAST}]")


def words(text: str) -> list[str]:
    """The words of a text: between spaces, or single letters where words have none between.

    Example:
        >>> words("At Quay 9"), words("泵站 9")
        (['At', 'Quay', '9'], ['泵', '站', '9'])
    """
    return _WORD.findall(text)


def language_of(texts: Iterable[str]) -> str:
    """By which definitions answers in some texts are compared, one of ``LANGUAGES``.

    Args:
        texts: all of a set, contexts where they are known.

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
