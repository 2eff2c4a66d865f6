"""Data sets of the ``datasets`` library: on the Hub by name, or saved in a folder.

``datasets`` is imported only here and only when called: it takes a second to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicetune.data.files.open_text import STDIN
from dicetune.errors import DataError, listed, quoted

_SAVED = ("dataset_dict.json", "dataset_info.json")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?(:[\w.-]+){0,2}")


def load_split(path: str | Path, split: str | None = None) -> Any:
    """One split of a data set, as the library has it: rows that are mappings.

    Args:
        path: a name on the Hub or a folder, with or without its split.
        split: which split, where the path does not say it.

    Raises:
        DataError: no such data set or split, or not reachable.
    """
    return _split(*_load(path, split))


def names_data_set(path: str | Path) -> bool:
    """Whether a path means a data set of the ``datasets`` library, in a folder or on the Hub.

    Raises:
        DataError: it means nothing: no file, no folder, and no name of a data set.
    """
    if str(path) == STDIN:
        return False
    file, folder = Path(path), split_of_folder(path)[0]
    if folder.is_dir() and _is_data_set(folder):
        return True
    if folder != file:
        raise DataError(
            path,
            f"expected a data set in the folder {quoted(folder)}, got a folder without one: "
            "save it there with save_to_disk(), or name a file",
        )
    if not file.exists() and _may_be_hub(str(path)):
        return True
    if not file.exists():
        raise DataError(
            path,
            "no such file: check the path (a data set on the Hub or in a folder is named with its "
            "split, NAME:SPLIT, or with the format 'hub')",
        )
    return False


def split_of_folder(path: str | Path) -> tuple[Path, str | None]:
    """The folder and the split in ``folder:split``, where there is such a folder.

    Args:
        path: a folder with or without a split behind it, or any other path or name.

    Returns:
        Both, or the path as it is and ``None``.

    Example:
        >>> split_of_folder("no/such:train")
        (PosixPath('no/such:train'), None)
    """
    folder, colon, split = str(path).rpartition(":")
    if colon and split and not Path(path).exists() and Path(folder).is_dir():
        return Path(folder), split
    return Path(path), None


def _is_data_set(folder: Path) -> bool:
    if any((folder / name).exists() for name in _SAVED):
        return True
    # Two levels, as data sets have them (data/train.parquet): a home folder is not searched.
    patterns = ("*.parquet", "*/*.parquet", "*.arrow", "*/*.arrow")
    return any(next(folder.glob(pattern), None) for pattern in patterns)


def _may_be_hub(name: str) -> bool:
    return bool(_HUB_NAME.fullmatch(name)) and ":" in name


def _load(path: str | Path, split: str | None) -> tuple[Any, str, str | None]:
    """The data set (one split or a dict of them), its name, and the split that is asked for."""
    import datasets

    folder, of_folder = split_of_folder(path)
    name, config = str(folder), None
    split = split or of_folder
    if not folder.exists():
        name, *rest = name.split(":")
        if rest:
            split = split or rest.pop()
            config = rest[0] if rest else None
    try:
        if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
            return datasets.load_from_disk(str(folder)), name, split
        return datasets.load_dataset(name, config), name, split
    except Exception as error:  # the library raises a dozen types; all mean "it cannot be had"
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            path,
            f"expected a data set on the Hub or in a folder, but it cannot be loaded ({reason}). "
            "Check the name; without a network, load it once where there is one, "
            "save it with save_to_disk() and give that folder",
        ) from error


def _split(data: Any, name: str, split: str | None) -> Any:
    if not isinstance(data, Mapping):
        if split is not None and str(getattr(data, "split", None)) not in ("None", split):
            raise DataError(
                name,
                f"expected the split {quoted(split)}, got a data set of "
                f"{quoted(str(data.split))} alone",
            )
        return data
    splits = list(data)
    if split is None and len(splits) == 1:
        return data[splits[0]]
    if split not in splits:
        got = "none was chosen" if split is None else f"got {quoted(split)}"
        raise DataError(
            name, f"expected one of the splits {listed(splits)}, {got}: use {name}:{splits[0]}"
        )
    return data[split]
