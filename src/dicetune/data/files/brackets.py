"""Bracketed trees: the format of the Penn and Chinese Treebanks, and of the Sentiment Treebank.

``(S (NP (NN Pump)) (VP (VBD failed)))``: a bracket, a label, then either one word or subtrees.
A file may hold several trees, and a tree may continue over several lines. The root alone may lack
a label, ``( (S ...))``. Words end at a space, a tab, a line end or a bracket, and at nothing else:
U+00A0 is part of a word. A line of markup between trees (``<S ID=1>``, as the Chinese Treebank has
them) is no tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dicetune.data.files.text import NoteBook
from dicetune.errors import DataError, quoted

MARKUP = "lines of markup between trees: skipped"

_PIECE = re.compile(r"[()]|[^ \t\r()]+")
_MARKUP = re.compile(r"[ \t]*<[^>]*>([^<]*</[^>]*>)?[ \t]*")
_BRACKETS = dict(zip(("-LRB-", "-RRB-", "-LSB-", "-RSB-", "-LCB-", "-RCB-"), "()[]{}", strict=True))


@dataclass(frozen=True)
class Tree:
    """One node: its label, and either subtrees or the word of a pre-terminal, as the file has it.

    Only a root may have an empty label. The line is where the bracket of the node opens.
    """

    label: str
    children: tuple[Tree, ...] = ()
    word: str | None = None
    line: int = field(default=1, compare=False)

    def leaves(self) -> Iterator[Tree]:
        """The pre-terminals, in the order of the text."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.word is not None:
                yield node
            stack.extend(reversed(node.children))


@dataclass
class _Open:
    """A node whose bracket is not closed yet."""

    line: int
    label: str | None = None
    words: list[str] = field(default_factory=list)
    children: list[Tree] = field(default_factory=list)


def parse_brackets(
    lines: Sequence[str], source: str | Path, notes: NoteBook | None = None
) -> Iterator[Tree]:
    """Lines to trees; skipped markup is counted in the notes."""
    stack: list[_Open] = []
    for number, line in enumerate(lines, 1):
        if not stack and is_markup(line):
            if notes is not None:
                notes.add(MARKUP, f"{source}:{number}")
            continue
        for match in _PIECE.finditer(line):
            piece = match.group()
            if piece == "(":
                stack.append(_Open(number))
            elif not stack:
                got = (
                    "a bracket that closes nothing" if piece == ")" else f"{quoted(piece)} outside"
                )
                raise DataError(source, f"expected '(' to open a tree, got {got}", line=number)
            elif piece == ")":
                node = _closed(stack.pop(), is_root=not stack, source=source)
                if stack:
                    stack[-1].children.append(node)
                else:
                    yield node
            elif stack[-1].label is None and not stack[-1].children:
                stack[-1].label = piece
            else:
                stack[-1].words.append(piece)
    if stack:
        raise DataError(
            source,
            f"expected ')' for the tree that opens here, got the end of the file with {len(stack)} "
            f"bracket{'s' if len(stack) > 1 else ''} open",
            line=stack[0].line,
        )


def is_markup(line: str) -> bool:
    """Whether a line is nothing but SGML: the Chinese Treebank has such lines between sentences."""
    return bool(_MARKUP.fullmatch(line))


def plain_word(word: str) -> str:
    """A word as the text had it: treebanks write brackets and slashes by names."""
    return _BRACKETS.get(word.upper(), word).replace("\\/", "/").replace("\\*", "*")


def _closed(node: _Open, is_root: bool, source: str | Path) -> Tree:
    label = node.label or ""
    if node.label is None and not (is_root and node.children and not node.words):
        raise DataError(source, "expected a label after '(', got none", line=node.line)
    if len(node.words) + bool(node.children) != 1:
        got = "both" if node.words and node.children else " ".join(node.words) or "nothing"
        raise DataError(
            source, f"expected one word or subtrees in ({label} ...), got {got}", line=node.line
        )
    return Tree(label, tuple(node.children), node.words[0] if node.words else None, node.line)
