"""The folder of a run: claimed before training, whole or resumable at any moment after.

While a run goes on it holds ``config.yaml`` and ``checkpoints/``; ``run.json`` is written last and
says that the run is finished. A run that failed or was killed leaves its checkpoints behind.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from dicetune.errors import DataError, InputError, quoted
from dicetune.records import RUN_FILE, read_json, write_json
from dicetune.training.config import RunConfig

CONFIG_FILE = "config.yaml"
CHECKPOINTS = "checkpoints"
_FINGERPRINTS = "data.json"


def check_place(config: RunConfig, *, overwrite: bool = False, resume: bool = False) -> Path:
    """Find out whether the run's folder can be had, and touch nothing.

    Args:
        config: the run; its ``out`` names the folder.
        overwrite: an earlier run of that name may be deleted.
        resume: go on in a folder that an unfinished run of the same configuration left.

    Raises:
        InputError: where the folder is in the way, or is not one to resume.
    """
    if config.out is None:
        raise InputError("expected a folder for the run, got none: give out (--out)")
    if overwrite and resume:
        raise InputError("expected --overwrite or --resume, got both: one deletes the other's run")
    folder = Path(config.out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"expected a folder for the run, got the file {quoted(folder)}")
    used = folder.is_dir() and any(folder.iterdir())
    if resume:
        _check_resumable(folder, config)
    elif used and not overwrite:
        hint = (
            "give --resume to go on with it, --overwrite to delete it, or another --out"
            if (folder / CHECKPOINTS).is_dir()
            else "give --overwrite to delete it, or another --out"
        )
        raise InputError(f"expected a new or empty folder, got {quoted(folder)}: {hint}")
    elif used and not (folder / CONFIG_FILE).is_file():
        raise InputError(
            f"expected an earlier run to overwrite, got {quoted(folder)} without "
            f"{CONFIG_FILE}: "
            "only folders that dicetune made are deleted; remove it yourself or give another --out"
        )
    return folder


def claim(folder: Path, config: RunConfig, fingerprints: dict[str, str | None]) -> None:
    """Make the folder anew and write down what will be run in it.

    Args:
        folder: what ``check_place`` allowed.
        config: the run.
        fingerprints: SHA-256 of each split, for a resume to compare with.

    Raises:
        InputError: where the folder cannot be made.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
        (folder / CHECKPOINTS).mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"expected a folder that can be made, got {quoted(folder)}: {error.strerror}"
        ) from None
    (folder / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
    write_json(folder / CHECKPOINTS / _FINGERPRINTS, fingerprints)


def check_same_data(folder: Path, fingerprints: dict[str, str | None]) -> None:
    """Refuse to resume on data that was changed since the run began."""
    before = read_json(folder / CHECKPOINTS / _FINGERPRINTS)
    changed = [split for split in before if before[split] != fingerprints.get(split)]
    if changed:
        raise InputError(
            f"expected the data with which the run in {quoted(folder)} began, got other "
            f"files for "
            f"{' and '.join(changed)}: start a new run, or restore them"
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of an unfinished run."""
    found = [path for path in (folder / CHECKPOINTS).glob("checkpoint-*") if _is_whole(path)]
    return max(found, key=lambda path: int(path.name.split("-")[-1]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    """The trainer writes its state last; a kill may leave half of it."""
    try:
        read_json(checkpoint / "trainer_state.json")
    except (OSError, DataError):
        return False
    return checkpoint.name.split("-")[-1].isdigit()


def release(folder: Path) -> None:
    """Take back the folder of a run that failed before there was anything to go on from."""
    if last_checkpoint(folder) is None and not (folder / RUN_FILE).exists():
        shutil.rmtree(folder, ignore_errors=True)


def drop_checkpoints(folder: Path) -> None:
    """Delete what only a resume would need."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _check_resumable(folder: Path, config: RunConfig) -> None:
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(
            f"expected an unfinished run to resume, got {quoted(folder)} without "
            f"{CONFIG_FILE}: "
            "start it without --resume"
        )
    if (folder / RUN_FILE).is_file():
        raise InputError(
            f"expected an unfinished run to resume, got {quoted(folder)}, which is finished: "
            "its scores are in metrics.json"
        )
    before = asdict(RunConfig.from_yaml(folder / CONFIG_FILE).without_place())
    now = asdict(config.without_place())
    changed = [name for name in before if before[name] != now[name]]
    if changed:
        changes = [
            f"{name} ({quoted(before[name])} then, {quoted(now[name])} now)" for name in changed
        ]
        raise InputError(
            f"expected the configuration of the unfinished run in {quoted(folder)}, got "
            f"another "
            f""
            f"{', '.join(changes)}"
            f": give `--config {folder / CONFIG_FILE} --resume` alone"
        )
