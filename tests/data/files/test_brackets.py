"""Bracketed trees: shapes, lines, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import read_lines
from dicetune.data.files.brackets import Tree, parse_brackets, plain_word
from dicetune.data.files.text import NoteBook
from dicetune.errors import DataError


def parse(text):
    return list(parse_brackets(text.split("\n"), "a.mrg"))


def words(tree):
    return [leaf.word for leaf in tree.leaves()]


def test_by_hand():
    (tree,) = parse("(S (NP (DT The) (NN pump)) (VP (VBD failed)))")
    assert tree == Tree(
        "S",
        (
            Tree("NP", (Tree("DT", word="The"), Tree("NN", word="pump"))),
            Tree("VP", (Tree("VBD", word="failed"),)),
        ),
    )
    assert [leaf.label for leaf in tree.leaves()] == ["DT", "NN", "VBD"]


def test_several_trees_over_several_lines_with_empty_root_label():
    first, second = parse("( (S (NN Pump)\n     (VBD failed)))\n\n((X\n(Y z)))")
    assert (first.label, words(first), first.line) == ("", ["Pump", "failed"], 1)
    assert [leaf.line for leaf in first.leaves()] == [1, 2]
    assert (second.line, [leaf.line for leaf in second.leaves()]) == (4, [5])


def test_two_trees_on_a_line():
    assert [words(tree) for tree in parse("(A b) (C d)")] == [["b"], ["d"]]


def test_a_tree_of_one_word():
    assert parse("(2 fine)") == [Tree("2", word="fine")]


@pytest.mark.parametrize("word", ["a\u00a0b", "\u3000", "\u200b", "a\u2028b", "<tag>"])
def test_odd_characters_stay_in_words(word):
    assert parse(f"(S (X {word}))") == [Tree("S", (Tree("X", word=word),))]


def test_markup_between_trees_is_counted_and_skipped():
    notes = NoteBook()
    lines = ["<S ID=1>", "(A", "<b>)", "</S>", "<DOCID> 7 </DOCID>"]
    assert [words(tree) for tree in parse_brackets(lines, "a.fid", notes)] == [["<b>"]]
    assert [(note.count, note.places[0]) for note in notes.notes()] == [(3, "a.fid:1")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("(S (A b)", 1, "1 bracket open"),
        ("(A b)\n(S (A\nb", 2, "2 brackets open"),
        ("(A b))", 1, "closes nothing"),
        ("(A b)\nmore", 2, "'more' outside"),
        ("(S (A b)\n( ))", 2, "a label"),
        ("(S ((A b)))", 1, "a label"),
        ("()", 1, "a label"),
        ("(S\n(A))", 2, "got nothing"),
        ("(S (A b c))", 1, "got b c"),
        ("(S (A b)\nc)", 1, "got both"),
        ("( (A b) c)", 1, "a label"),
    ],
)
def test_broken_trees_are_refused_with_their_line(text, line, message):
    with pytest.raises(DataError, match=message) as caught:
        parse(text)
    assert caught.value.line == line


def test_deep_trees_need_no_deep_stack():
    depth = 20_000
    (tree,) = parse("(a " * depth + "b" + ")" * depth)
    assert words(tree) == ["b"]
    # taken apart by hand: the interpreter itself would free it one call a level
    while tree.children:
        (tree,) = tree.children


labels = st.text(st.characters(exclude_characters="() \t\r\n<"), min_size=1, max_size=4)
trees = st.recursive(
    st.builds(lambda label, word: Tree(label, word=word), labels, labels),
    lambda inner: st.builds(
        lambda label, children: Tree(label, tuple(children)),
        labels,
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def spell(tree):
    inside = tree.word if tree.word is not None else "\n ".join(map(spell, tree.children))
    return f"({tree.label} {inside})"


@given(st.lists(trees, max_size=3))
def test_what_is_spelled_is_read_back(found):
    assert parse("\n".join(map(spell, found))) == found


def test_names_of_brackets():
    assert [plain_word(word) for word in ("-LRB-", "-rrb-", r"1\/2", "--", "LRB")] == [
        "(",
        ")",
        "1/2",
        "--",
        "LRB",
    ]


@pytest.mark.parametrize(("split", "size"), [("train", 8544), ("dev", 1101), ("test", 2210)])
def test_sentiment_treebank(real_data, split, size):
    path = real_data(f"sst/{split}.txt")
    found = list(parse_brackets(read_lines(path), path))
    assert len(found) == size
    assert {tree.label for tree in found} == set("01234")
