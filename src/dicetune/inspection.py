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
    token_column: int | str | None = None,
    tag_column: int | str | None = None,
) -> Inspection:
    """Describe tagged files as a model would see them.

    Args:
        files: up to three, which are called train, dev and test; more by their names. Whatever
            ``read_tokens`` takes.
        task: "ner" (spans) or "pos".
        model: whose sub-words are counted: "minilm", a folder, or a Hub id.
        format: data format of the files.
        scheme: span scheme of the files.
        token_column: number or key of the words; where ``model`` is the folder of a run, the
            columns that it was trained on are the default.
        tag_column: number or key of the tags.

    Raises:
        InputError: files that cannot be read, or files of the same name.
    """
    corpora = [
        read_tokens(
            file,
            task=task,
            format=format,
            scheme=scheme,
            token_column=token_column,
            tag_column=tag_column,
            run=model,
        )
        for file in files
    ]
    names = (
        list(_SPLITS[: len(files)]) if len(files) <= len(_SPLITS) else [Path(f).name for f in files]
    )
    if len(set(names)) < len(names):
        raise InputError(f"expected files with different names, got {', '.join(names)}")
    tokenizer = load_tokenizer(resolve_encoder(model))

    def encode(text: str | Sequence[str]) -> tuple[int, int]:
        whole = isinstance(text, str)
        ids = tokenizer(
            text if whole else list(text),
            is_split_into_words=not whole,
            add_special_tokens=False,
            verbose=False,
        )["input_ids"]
        return len(ids), ids.count(tokenizer.unk_token_id)

    return inspect_tokens(dict(zip(names, corpora, strict=True)), encode)
