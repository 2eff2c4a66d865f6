"""One decision on how texts are written: by words, as Chinese, or by characters."""

import pytest

from dicetune.problems.answer_text import language_of, words


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        ([], "en"),
        (["", "1, 2, 3."], "en"),
        (["The pump (泵) is down"], "en"),
        (["Die Größe: насос"], "en"),
        (["المضخة متوقفة", "משאבה"], "en"),
        (["泵站 2010年 OK"], "zh"),
        (["泵站停了,他们说。" * 9 + "ポンプ"], "zh"),
        (["ポンプが停止"], "characters"),
        (["東京都の水道局"], "characters"),
        (["ﾎﾟﾝﾌﾟ"], "characters"),
        (["부두 9의 펌프"], "characters"),
        (["ปั๊มหยุดทำงาน"], "characters"),
        (["ປ້ຳຢຸດ"], "characters"),
        (["ម៉ាស៊ីនបូមទឹក"], "characters"),
        (["The pump", "is down", "ポンプ"], "en"),
    ],
)
def test_the_letters_of_all_texts_tell(texts, language):
    assert language_of(texts) == language


def test_letters_of_scripts_without_spaces_are_words():
    assert words("Gate 2 . 泵站") == ["Gate", "2", ".", "泵", "站"]
    assert len(words("ポンプ停止")) == 5
    assert words("부두 9의 펌프") == ["부두", "9의", "펌프"]
