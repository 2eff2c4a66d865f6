"""Inspect files as a model would see them: ``data.inspect`` with a tokenizer's sub-words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dicetune.data import Inspection, inspect_tokens, read_tokens
from dicetune.errors import InputError
from dicetune.models import load_tokenizer, resolve_encoder

_SPLITS = ("train", "dev", "test")


def inspect_files(
    files: Sequence[str],
    *,
    task: Literal["ner", "pos"] = "ner",
    model: str = "minilm",
    format: str = "auto",
    scheme: str = "auto",
) -> Inspection:
    """Read up to three files as train, dev and test, more by their names, and describe them."""
    corpora = [read_tokens(file, task=task, format=format, scheme=scheme) for file in files]
    names = (
        list(_SPLITS[: len(files)]) if len(files) <= len(_SPLITS) else [Path(f).name for f in files]
    )
    if len(set(names)) < len(names):
        raise InputError(f"expected files with different names, got {', '.join(names)}")
    tokenizer = load_tokenizer(resolve_encoder(model))

    def encode(tokens: Sequence[str]) -> tuple[int, int]:
        ids = tokenizer(
            list(tokens), is_split_into_words=True, add_special_tokens=False, verbose=False
        )["input_ids"]
        return len(ids), ids.count(tokenizer.unk_token_id)

    return inspect_tokens(dict(zip(names, corpora, strict=True)), encode)
