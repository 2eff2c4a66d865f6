r"""Tagged sentences to files that ``read_tokens`` and ``read_predictions`` read back the same.

Columns are word TAB tag, or word TAB gold TAB predicted, with ``\n`` after each row and a blank
line after each sentence. What such a file cannot hold (a tab in a word) is refused before
anything is written, not written wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from dicetune.data.files.columns import DOCUMENT
from dicetune.data.files.write import Target, write_text
from dicetune.data.tagged.corpus import Sentence
from dicetune.errors import InputError, quoted

Tagged = Sequence[Sequence[str]]


def write_conll(
    target: Target, sentences: Iterable[Sentence], predicted: Tagged | None = None
) -> None:
    r"""Write columns.

    Args:
        target: a file, an open text stream, or ``-`` for stdout.
        sentences: a Corpus, or any sentences.
        predicted: tags to write as the last column, one list for each sentence.

    Raises:
        InputError: a sentence with neither tags nor predicted tags, unequal lengths, or a word
            or tag that a column cannot hold.

    Example:
        >>> from io import StringIO
        >>> out = StringIO()
        >>> write_conll(out, [Sentence(("in", "Bonn"), ("O", "B-LOC"))])
        >>> out.getvalue()
        'in\tO\nBonn\tB-LOC\n\n'
    """
    out = []
    for number, (sentence, own) in enumerate(_paired(sentences, predicted)):
        columns = [sentence.tokens, *(tags for tags in (sentence.tags, own) if tags)]
        if len(columns) == 1 and sentence.tokens:
            raise InputError(f"sentence {number}: expected tags or predicted tags, got neither")
        for row in zip(*columns, strict=True):
            _check_row(row, number)
            out.append("\t".join(row) + "\n")
        out.append("\n")
    text = "".join(out)
    # A reader drops one byte order mark; a first word that begins with U+FEFF needs one to lose.
    write_text(target, "\ufeff" + text if text.startswith("\ufeff") else text)


def write_jsonl(
    target: Target, sentences: Iterable[Sentence], predicted: Tagged | None = None
) -> None:
    """Write JSON lines: ``tokens`` and ``tags``; with both, ``tokens``, ``gold``, ``predicted``.

    Args:
        target: a file, an open text stream, or ``-`` for stdout.
        sentences: a Corpus, or any sentences.
        predicted: tags to write, one list for each sentence; as ``tags`` where the sentence has
            none of its own.

    Raises:
        InputError: unequal lengths.

    Example:
        >>> write_jsonl("-", [Sentence(("in", "Bonn"), ("O", "B-LOC"))], [["O", "O"]])
        {"tokens": ["in", "Bonn"], "gold": ["O", "B-LOC"], "predicted": ["O", "O"]}
    """
    out = []
    for sentence, own in _paired(sentences, predicted):
        record: dict[str, object] = {} if sentence.id is None else {"id": sentence.id}
        record["tokens"] = sentence.tokens
        if sentence.tags and predicted is not None:
            record["gold"] = sentence.tags
            record["predicted"] = own
        elif sentence.tags or own:
            record["tags"] = sentence.tags or own
        out.append(json.dumps(record, ensure_ascii=False) + "\n")
    write_text(target, "".join(out))


def _paired(
    sentences: Iterable[Sentence], predicted: Tagged | None
) -> Iterable[tuple[Sentence, Sequence[str]]]:
    given = list(sentences)
    if predicted is not None and len(predicted) != len(given):
        raise InputError(
            f"expected predicted tags for {len(given)} sentences, got {len(predicted)}"
        )
    for number, sentence in enumerate(given):
        own = () if predicted is None else predicted[number]
        for tags in (sentence.tags, own):
            if tags and len(tags) != len(sentence.tokens):
                raise InputError(
                    f"sentence {number}: expected {len(sentence.tokens)} tags, one for each word, "
                    f"got {len(tags)}"
                )
        yield sentence, own


def _check_row(row: Sequence[str], number: int) -> None:
    for cell in row:
        if "\t" in cell or "\n" in cell:
            raise InputError(
                f"sentence {number}: a column cannot hold the tab or line end in {quoted(cell)}: "
                "write JSON lines instead"
            )
    for tag in row[1:]:
        if not tag.strip() or tag != tag.strip():
            raise InputError(
                f"sentence {number}: expected a tag without white space around it, got "
                f"{quoted(tag)}"
            )
    if row[0] == DOCUMENT:
        raise InputError(
            f"sentence {number}: the word {DOCUMENT} means a document boundary in column files: "
            "write JSON lines instead"
        )
