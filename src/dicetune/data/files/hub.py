"""Data sets of the ``datasets`` library: on the Hub, saved in a folder, or a Parquet file.

A data set on the Hub is called ``name``, ``name:split`` or ``name:config:split``; a folder with
several splits ``folder:split``. ``datasets`` is imported only here and only when called: it takes
a second to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicetune.data.files.text import STDIN
from dicetune.errors import DataError, listed, quoted

_SAVED = ("dataset_dict.json", "dataset_info.json")
_PARQUET = b"PAR1"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?(:[\w.-]+){0,2}")


def load_split(path: str | Path) -> Any:
    """One split of a data set on the Hub, in a folder or a file: rows that are mappings."""
    if is_parquet(path):
        return _of_parquet(path)
    data, name, wanted = _load(path)
    if not isinstance(data, Mapping):
        if wanted is not None and str(getattr(data, "split", None)) not in ("None", wanted):
            raise DataError(
                name,
                f"expected the split {quoted(wanted)}, got a data set of "
                f"{quoted(str(data.split))} alone",
            )
        return data
    splits = list(data)
    if wanted is None and len(splits) == 1:
        return data[splits[0]]
    if wanted not in splits:
        got = "none was chosen" if wanted is None else f"got {quoted(wanted)}"
        raise DataError(
            name, f"expected one of the splits {listed(splits)}, {got}: use {name}:{splits[0]}"
        )
    return data[wanted]


def split_names(path: str | Path) -> list[str]:
    """The splits of a data set that is named without one; none where the path is a file."""
    if Path(path).is_file() or _split_of_folder(path)[1] is not None:
        return []
    # a name with an ending is a path that is mistyped
    if not Path(path).is_dir() and (Path(path).suffix or not _HUB_ID.fullmatch(str(path))):
        return []
    data = _load(path)[0]
    return list(data) if isinstance(data, Mapping) else []


def names_data_set(path: str | Path) -> bool:
    """Whether a path means a data set of the ``datasets`` library: folder, Hub, Parquet file.

    A path that is no file, no folder and no name of a data set is an error.
    """
    if str(path) == STDIN:
        return False
    if is_parquet(path):
        return True
    file, folder = Path(path), _split_of_folder(path)[0]
    if folder.is_dir() and _is_data_set(folder):
        return True
    if folder != file:
        raise DataError(
            path,
            f"expected a data set in the folder {quoted(folder)}, got a folder without one: "
            "save it there with save_to_disk(), or name a file",
        )
    if file.exists():
        return False
    if ":" in str(path) and _HUB_NAME.fullmatch(str(path)):
        return True
    raise DataError(
        path,
        "no such file: check the path (a data set on the Hub or in a folder is named with its "
        "split, NAME:SPLIT, or with the format 'hub')",
    )


def is_parquet(path: str | Path) -> bool:
    """Whether a file is a Parquet file, by its first bytes."""
    if not Path(path).is_file():
        return False
    with Path(path).open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET


def _of_parquet(path: str | Path) -> Any:
    """The rows of a Parquet file; nothing is copied into the cache of ``datasets``."""
    import datasets
    import pyarrow
    from pyarrow import parquet

    try:
        return datasets.Dataset(parquet.read_table(path, memory_map=True))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            path, f"expected a Parquet file, got a damaged one ({error}): fetch it again"
        ) from None


def _split_of_folder(path: str | Path) -> tuple[Path, str | None]:
    """The folder and the split in ``folder:split``; any other path as it is, and ``None``."""
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


def _load(path: str | Path) -> tuple[Any, str, str | None]:
    """The data set (one split or a dict of splits), and the names of data set and split."""
    import datasets

    folder, split = _split_of_folder(path)
    name, config = str(folder), None
    if not folder.exists():
        name, *rest = name.split(":")
        if rest:
            split = rest.pop()
            config = rest[0] if rest else None
    try:
        if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
            return datasets.load_from_disk(str(folder)), name, split
        return datasets.load_dataset(name, config), name, split
    except Exception as error:  # datasets raises a dozen types; all mean "not available"
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            path,
            f"expected a data set on the Hub or in a folder, but it cannot be loaded ({reason}). "
            "Check the name; without a network, load it once where there is one, "
            "save it with save_to_disk() and give that folder",
        ) from error
