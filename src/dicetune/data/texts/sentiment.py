"""Sentiment Treebank: a sentence a tree, whose root says how positive it is, from 0 to 4.

``(3 (2 It) (4 (2 's) (4 fun)))`` is "It 's fun" with label 3. Two readings, as in the field:
``fine`` (SST-5, the five labels) and ``binary`` (SST-2: 0 and 1 are negative, 3 and 4 positive,
neutral sentences are left out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dicetune.data.files.brackets import parse_brackets, plain_word
from dicetune.data.files.text import NoteBook
from dicetune.data.texts.corpus import TextExample
from dicetune.errors import DataError, quoted, unknown_name

CLASSES = ("fine", "binary")
NEUTRAL = "neutral sentences (label 2): left out, since classes=binary"
_BINARY = {"0": "negative", "1": "negative", "3": "positive", "4": "positive"}


def parse_sentiment(
    lines: Sequence[str], source: str, notes: NoteBook, *, classes: str = "fine", gold: bool = True
) -> Iterator[TextExample]:
    """Lines to sentences with the label of their root.

    Args:
        lines: of trees.
        source: the file, for messages.
        notes: where neutral sentences are counted.
        classes: ``fine`` or ``binary``.
        gold: without it, every sentence and no label.

    Raises:
        DataError: no tree, or a root that is not 0 to 4.
        InputError: other classes.

    Example:
        >>> tree = "(3 (2 It) (4 (2 's) (4 fun)))"
        >>> [(e.text, e.labels) for e in parse_sentiment([tree], "a.txt", NoteBook())]
        [("It 's fun", ('3',))]
    """
    if classes not in CLASSES:
        raise unknown_name("classes of trees", classes, CLASSES)
    for tree in parse_brackets(lines, source, notes):
        text = " ".join(plain_word(leaf.word or "") for leaf in tree.leaves())
        if not gold:
            yield TextExample(text, line=tree.line)
            continue
        if tree.label not in ("0", "1", "2", "3", "4"):
            raise DataError(
                source,
                f"expected a root label from 0 to 4, as the Sentiment Treebank has, got "
                f"{quoted(tree.label)}",
                line=tree.line,
            )
        if classes == "fine":
            yield TextExample(text, labels=(tree.label,), line=tree.line)
        elif tree.label in _BINARY:
            yield TextExample(text, labels=(_BINARY[tree.label],), line=tree.line)
        else:
            notes.add(NEUTRAL, f"{source}:{tree.line}")
