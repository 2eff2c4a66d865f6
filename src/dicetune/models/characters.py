"""Characters that a tokenizer does not know, given to its vocabulary.

A tokenizer made for another script turns most characters into its unknown token, and no training
can then tell them apart. The characters go into the vocabulary of its model and not among its
"added tokens": those cut words wherever they occur, and a few thousand of them cost gigabytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from dicetune.errors import InputError, quoted


def with_characters(tokenizer: Any, texts: Iterable[str]) -> tuple[Any, int]:
    """A tokenizer that knows the characters of some texts, and how many of them are new to it.

    Args:
        tokenizer: one whose model is WordPiece, WordLevel, BPE or Unigram.
        texts: the training split's words.

    Returns:
        The tokenizer, itself where nothing is new, and the number of new characters.

    Raises:
        InputError: for a model of another kind, and for a slow tokenizer.
    """
    if not tokenizer.is_fast:
        raise _no_room(type(tokenizer).__name__)
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = tokenizer.backend_tokenizer.normalizer
    seen = {character for text in texts for character in text}
    if normalizer is not None:  # an uncased tokenizer never meets the capital
        seen = {part for character in seen for part in normalizer.normalize_str(character)}
    new = _unknown(tokenizer, sorted(character for character in seen if character.strip()))
    if not new:
        return tokenizer, 0
    _extend(state["model"], new, first_id=len(tokenizer))
    names = [name for name in tokenizer.special_tokens_map if name != "additional_special_tokens"]
    extended = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        padding_side=tokenizer.padding_side,
        **{name: tokenizer.special_tokens_map[name] for name in names},
    )
    return extended, len(new)


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer with a piece that a model has no embedding for.

    Args:
        model: as it was loaded.
        tokenizer: as it was loaded with the model.

    Raises:
        InputError: where the two do not belong together.
    """
    embeddings = _embeddings(model)
    if embeddings is None:
        return
    last = max(tokenizer.get_vocab().values())
    if last >= embeddings:
        raise InputError(
            f"expected a tokenizer whose pieces all have one of the model's {embeddings} "
            f"embeddings, got a piece of number {last} in {quoted(Path(tokenizer.name_or_path))}: "
            "restore the model's own tokenizer.json, or call resize_token_embeddings on the model "
            "and save it again"
        )


def fit_vocabulary(model: Any, tokenizer: Any) -> None:
    """Give a model an embedding, random ones at the end, for each piece of its tokenizer."""
    embeddings = _embeddings(model)
    if embeddings is not None and len(tokenizer) > embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)


def _embeddings(model: Any) -> int | None:
    """How many pieces a model has embeddings for; ``None`` where it reads any character."""
    found: int | None = getattr(model.config, "vocab_size", None)
    return found


def _unknown(tokenizer: Any, characters: list[str]) -> list[str]:
    if tokenizer.unk_token_id is None or not characters:
        return []
    pieces = tokenizer(characters, add_special_tokens=False)["input_ids"]
    return [
        character
        for character, ids in zip(characters, pieces, strict=True)
        if tokenizer.unk_token_id in ids
    ]


def _extend(model: dict[str, Any], characters: list[str], first_id: int) -> None:
    """Add the characters; to WordPiece also as the inside of a word."""
    kind, vocabulary = model["type"], model["vocab"]
    inside = model.get("continuing_subword_prefix") or ""
    pieces = characters
    if kind == "WordPiece":
        pieces = [*characters, *(inside + character for character in characters)]
    if kind in ("WordPiece", "WordLevel", "BPE"):
        for number, piece in enumerate((p for p in pieces if p not in vocabulary), first_id):
            vocabulary[piece] = number
    elif kind == "Unigram":
        least = min(score for _, score in vocabulary)
        vocabulary += [[piece, least] for piece in pieces]
    else:
        raise _no_room(kind)


def _no_room(kind: str) -> InputError:
    return InputError(
        f"expected a tokenizer model that takes characters, got {kind}: leave out --add-characters"
    )
