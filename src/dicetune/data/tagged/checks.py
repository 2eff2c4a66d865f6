"""Checks of labels: gold of a single one, and between splits those that training never shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dicetune.data.files.notes import NoteBook
from dicetune.data.tagged.corpus import Corpus, Sentence
from dicetune.data.tagged.labels import split_tag, to_tags
from dicetune.errors import DataError, listed, quoted

NO_ENTITY = "gold without any entity: what is found counts as wrong, recall and F1 are 0"
ONE_LABEL = "gold of one label alone, {label}: a score on it tells nothing of other labels"


def note_one_label(gold: Iterable[Sequence[str]], source: str, task: str, notes: NoteBook) -> None:
    """Note where all words of a file have one label: it can be scored, not learnt from.

    Args:
        gold: tags of each sentence.
        source: the file.
        task: ``ner`` or ``pos``.
        notes: takes it.

    Example:
        >>> book = NoteBook()
        >>> note_one_label([["O", "O"], ["O"]], "a.conll", "ner", book)
        >>> book.notes()[0].rule == NO_ENTITY
        True
    """
    labels = {tag for tags in gold for tag in tags}
    if task == "ner" and labels <= {"O"}:
        notes.add(NO_ENTITY, source)
    elif task == "pos" and len(labels) == 1:
        notes.add(ONE_LABEL.format(label=quoted(labels.pop())), source)


def check_filled(sentences: Iterable[Sentence], source: str) -> None:
    """Refuse a tag that is empty or white space.

    Raises:
        DataError: with its line.

    Example:
        >>> check_filled([Sentence(("in", "Bonn"), ("O", "B-LOC"))], "a.conll")
    """
    for sentence in sentences:
        for position, tag in enumerate(sentence.tags):
            if not tag.strip():
                raise DataError(
                    source, "expected a tag, got an empty one", line=sentence.line_of(position)
                )


def label_names(corpus: Corpus) -> list[str]:
    """The labels that a model trained on this corpus has to know, ``O`` first.

    Parts of speech: those that occur. Spans: ``O`` and, for each type that occurs, every letter
    of the scheme, since a corpus may hold a type without any span of two words.

    Example:
        >>> from dicetune.data.tagged.corpus import Sentence
        >>> label_names(Corpus((Sentence(("in", "Bonn"), ("O", "B-LOC")),), "a", scheme="iob2"))
        ['O', 'B-LOC', 'I-LOC']
    """
    if corpus.scheme is None:
        return sorted(corpus.tag_counts)
    # One span of three words and one of one word together hold every letter of a scheme.
    shapes = to_tags([("", 0, 3), ("", 4, 5)], 5, corpus.scheme)
    letters = list(dict.fromkeys(tag[0] for tag in shapes if tag != "O"))
    kinds = sorted({split_tag(tag)[1] for tag in corpus.tag_counts if tag != "O"})
    return ["O", *(f"{letter}-{kind}" for kind in kinds for letter in letters)]


def check_labels(known_labels: Sequence[str], other: Corpus, scheme: str | None = None) -> None:
    """Refuse a corpus that holds a label which the model has no output for.

    Args:
        known_labels: the labels of the training set, ``label_names(train)``.
        other: the dev or test split.
        scheme: the span scheme of these labels.

    Raises:
        DataError: the label, the first line that holds it, and what to do.
    """
    # tags of no entity are spelled alike in every scheme
    if other.scheme != scheme and other.tag_counts.keys() != {"O"}:
        raise DataError(
            other.source,
            f"expected tags of the scheme {scheme}, which the model knows, got {other.scheme} "
            f"(found: {other.found_scheme}): convert one of the files",
        )
    known = set(known_labels)
    where = f"the model knows ({listed(known_labels)})"
    for sentence in other:
        for position, tag in enumerate(sentence.tags):
            if tag not in known:
                count = other.tag_counts[tag]
                raise DataError(
                    other.source,
                    f"expected labels that {where}, got {quoted(tag)} "
                    f"({count} in this file): a model cannot predict what it was never shown. "
                    "Add training sentences with it, or remove or rename it here",
                    line=sentence.line_of(position),
                )
