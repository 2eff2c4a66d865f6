"""The folder of a run: claimed before training, whole or resumable at any moment after.

While a run goes on it holds ``config.yaml`` and ``checkpoints/``; ``run.json`` is written last and
says that the run is finished. A run that failed or was killed leaves its checkpoints behind.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from dicetune.errors import InputError
from dicetune.records import RUN_FILE
from dicetune.training.config import RunConfig

CONFIG_FILE = "config.yaml"
CHECKPOINTS = "checkpoints"


def claim(config: RunConfig, *, overwrite: bool = False, resume: bool = False) -> Path:
    """Make the run's folder, or take up the one that is there.

    Args:
        config: the run; its ``out`` names the folder.
        overwrite: delete an earlier run of that name first.
        resume: go on in a folder that an unfinished run of the same configuration left.

    Raises:
        InputError: where the folder is in the way, or is not one to resume.
    """
    if config.out is None:
        raise InputError("expected a folder for the run, got none: give out (--out)")
    folder = Path(config.out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"expected a folder for the run, got the file {str(folder)!r}")
    used = folder.is_dir() and any(folder.iterdir())
    if resume:
        _check_resumable(folder, config)
        return folder
    if used and not overwrite:
        hint = (
            "give --resume to go on with it, --overwrite to delete it, or another --out"
            if (folder / CHECKPOINTS).is_dir()
            else "give --overwrite to delete it, or another --out"
        )
        raise InputError(f"expected a new or empty folder, got {str(folder)!r}: {hint}")
    if used:
        if not (folder / CONFIG_FILE).is_file():
            raise InputError(
                f"expected an earlier run to overwrite, got {str(folder)!r} without {CONFIG_FILE}: "
                "only folders that dicetune made are deleted; remove it yourself or give "
                "another --out"
            )
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"expected a folder that can be made, got {str(folder)!r}: {error.strerror}"
        ) from None
    (folder / CONFIG_FILE).write_text(config.to_yaml(), encoding="utf-8")
    return folder


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of an unfinished run."""
    found = [
        path
        for path in (folder / CHECKPOINTS).glob("checkpoint-*")
        # the trainer writes its state last
        if (path / "trainer_state.json").is_file() and path.name.split("-")[-1].isdigit()
    ]
    return max(found, key=lambda path: int(path.name.split("-")[-1]), default=None)


def drop_checkpoints(folder: Path) -> None:
    """Delete what only a resume would need."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _check_resumable(folder: Path, config: RunConfig) -> None:
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(
            f"expected an unfinished run to resume, got {str(folder)!r} without {CONFIG_FILE}: "
            "start it without --resume"
        )
    if (folder / RUN_FILE).is_file():
        raise InputError(
            f"expected an unfinished run to resume, got {str(folder)!r}, which is finished: "
            "its scores are in metrics.json"
        )
    before = asdict(RunConfig.from_yaml(folder / CONFIG_FILE).without_place())
    now = asdict(config.without_place())
    changed = [name for name in before if before[name] != now[name]]
    if changed:
        raise InputError(
            f"expected the configuration of the unfinished run in {str(folder)!r}, got another "
            f"{', '.join(f'{name} ({before[name]!r} then, {now[name]!r} now)' for name in changed)}"
            f": give `--config {folder / CONFIG_FILE} --resume` alone"
        )
