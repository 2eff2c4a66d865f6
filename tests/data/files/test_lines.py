"""Lines kept as bytes: the same as a list of all lines."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dicetune.data.files import text as module
from dicetune.data.files.text import Lines

PIECES = st.sampled_from(["\n", "\r\n", "\r", "a", "é", "漢", "\u2028", " ", "# b", "𝄞"])


@given(st.lists(PIECES, max_size=30).map("".join), st.integers(1, 9), st.booleans())
@example("", 1, False)
@example("\n", 1, True)
@example("a\r", 1, False)
@example("\n\r", 1, False)
def test_the_same_as_a_list(text, block, returns):
    expected = text.split("\n")
    if not expected[-1]:
        expected.pop()
    bare = [line.removesuffix("\r") for line in expected]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = Lines(text.encode(), returns)
        expected = expected if returns else bare
        assert list(found) == expected
        assert list(found.without_returns()) == bare
        assert len(found) == len(expected)
        for place in range(-len(expected), len(expected)):
            assert found[place] == expected[place]
            assert found[place:] == expected[place:]
            assert found[:place] == expected[:place]
        assert found[::-1] == expected[::-1]
        for line in expected:
            assert found.index(line) == expected.index(line)
        assert found.is_blank == (not text.strip())
        with pytest.raises(IndexError):
            found[len(expected)]
        with pytest.raises(ValueError):  # noqa: PT011
            found.index("none")


@given(st.binary(max_size=40), st.integers(1, 9))
def test_the_first_wrong_byte_is_named(raw, block):
    with contextlib.suppress(UnicodeDecodeError):
        raw.decode()
        assert Lines(raw) is not None
        return
    with pytest.raises(UnicodeDecodeError) as expected:
        raw.decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        with pytest.raises(UnicodeDecodeError) as found:
            Lines(raw)
    assert found.value.start == expected.value.start
    assert found.value.reason == expected.value.reason
