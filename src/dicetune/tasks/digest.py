"""Digests of data: of a file, of a sheet of a workbook, of a folder of annotations.

A run, a comparison and a split name their data by these digests, so that a change is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dicetune.data.exports.brat import brat_files, is_brat
from dicetune.data.files.tables import sheet_of
from dicetune.records import sha256


def data_digest(path: str | Path) -> str | None:
    """SHA-256 of what a path of data means.

    ``None`` for what is no file and no folder of brat: a data set, or the input stream.
    """
    if Path(path).is_dir() and is_brat(path):
        files = brat_files(path)
        return _joined(f"{file.relative_to(path).as_posix()} {sha256(file)}" for file in files)
    file, sheet = sheet_of(path)
    if not file.is_file():
        return None
    return sha256(file) if sheet is None else _joined([sha256(file), sheet])


def _joined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
