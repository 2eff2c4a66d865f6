"""Files of tags that any tool predicted: score them, or match them with the rows of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from dicetune.data import Predicted, convert, detect_format, read_predictions, read_tokens
from dicetune.errors import DataError, InputError, quoted
from dicetune.metrics import label_scores, span_scores
from dicetune.tasks.base import Scores


def score_tag_file(
    predictions: str | Path,
    gold: str | Path | None,
    options: Any,
    tags: Literal["ner", "pos"],
    format: str,
    split: str | None,
    report: Callable[[str], None],
) -> Scores:
    """Scores as fractions in [0, 1], with a table for each type or label.

    Raises:
        InputError: for a file of gold beside it.
    """
    if gold is not None:
        raise InputError(
            f"expected a model folder before {quoted(Path(gold))}, got "
            f"{quoted(Path(predictions))}: a file of "
            "predicted tags holds its own gold and is given alone; answers and other predictions "
            "are scored with --task (qa, text, …)"
        )
    found = read_predictions(
        predictions,
        task=tags,
        format=format,
        scheme=getattr(options, "scheme", "auto"),
        token_column=options.token_column,
        gold_column=options.gold_column,
        predicted_column=options.predicted_column,
        split=split,
    )
    if found.found_scheme != found.scheme:
        report(f"{found.source}: tags of the scheme {found.found_scheme}, read as {found.scheme}")
    for note in found.notes:
        report(str(note))
    if found.scheme is None:
        return label_scores(found.gold, found.predicted).to_dict()
    return span_scores(
        found.gold, found.predicted, scheme=found.scheme, convention=options.convention
    ).to_dict()


def match_tag_file(
    path: str | Path,
    rows: Sequence[Mapping[str, Any]],
    tags: Literal["ner", "pos"],
    scheme: str | None,
    split: str | None,
    report: Callable[[str], None],
) -> list[list[str]]:
    """The predicted tags of each row, in its scheme.

    Args:
        path: words, gold and predicted tags, as ``score_tag_file`` takes them; or words with
            predicted tags alone, in any format of tagged text.
        rows: of a run: tokens and gold tags.
        tags: what kind.
        scheme: of the run's tags, where they are spans.
        split: which rows of the file, where it names several.
        report: takes the reader's notes.

    Raises:
        DataError: other sentences, words or gold tags than those of the rows.
    """
    if _holds_gold(path):
        wanted = {} if scheme is None or tags == "ner" else {"scheme": scheme}
        found = read_predictions(path, task=tags, split=split, **wanted)
        sentences, own_scheme, notes = list(found), found.scheme, found.notes
    else:
        corpus = read_tokens(path, task=tags)
        sentences = [Predicted(s.tokens, (), s.tags, s.line, s.id) for s in corpus]
        own_scheme, notes = corpus.scheme, corpus.notes
    for note in notes:
        report(str(note))
    return [
        _in_scheme(own.predicted, own_scheme, scheme)
        for own in pair_sentences(sentences, rows, str(path), own_scheme, scheme)
    ]


def pair_sentences(
    sentences: Sequence[Predicted],
    rows: Sequence[Mapping[str, Any]],
    source: str,
    own_scheme: str | None = None,
    scheme: str | None = None,
) -> list[Predicted]:
    """Sentences in the order of the rows: by id where both have the same ids.

    Raises:
        DataError: another number of sentences, other words or other gold tags.
    """
    if len(sentences) != len(rows):
        raise DataError(
            source, f"expected the {len(rows)} sentences of the test data, got {len(sentences)}"
        )
    by_id = {sentence.id: sentence for sentence in sentences}
    ids = [row["id"] for row in rows]
    if by_id.keys() == set(ids) and len(by_id) == len(rows):
        sentences = [by_id[name] for name in ids]
    for row, own in zip(rows, sentences, strict=True):
        if own.tokens and list(own.tokens) != row["tokens"]:
            raise DataError(
                source,
                f"expected the words of {quoted(row['id'])} of the test data, "
                f"{quoted(' '.join(row['tokens'])[:40])}, got {quoted(' '.join(own.tokens)[:40])}",
                line=own.line,
            )
        gold = _in_scheme(own.gold, own_scheme, scheme)
        if len(own.predicted) != len(row["gold"]) or (gold and gold != row["gold"]):
            raise DataError(
                source,
                f"expected the gold tags of {quoted(row['id'])} of the test data, "
                f""
                f"{quoted(' '.join(row['gold'])[:60])}, got {quoted(' '.join(gold)[:60])}: "
                f"the last two "
                "columns are gold and predicted",
                line=own.line,
            )
    return list(sentences)


def _in_scheme(tags: Sequence[str], own: str | None, scheme: str | None) -> list[str]:
    if own is None or scheme is None or own == scheme:
        return list(tags)
    return convert(tags, own, scheme)


def _holds_gold(path: str | Path) -> bool:
    """Whether gold and predicted tags stand side by side in a file."""
    format, lines = detect_format(path)
    rows = [line for line in lines if line.strip()]
    if format == "jsonl":
        return bool({"predicted", "gold"} <= json.loads(rows[0]).keys())
    return format == "conll" and len(rows[0].split()) > 2
