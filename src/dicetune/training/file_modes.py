"""Weights that others may read as far as the umask says; safetensors writes for its owner alone."""

from __future__ import annotations

from pathlib import Path


def follow_umask(folder: str | Path) -> None:
    """Give the safetensors files of a folder the mode of a file that is made there now.

    Args:
        folder: into which a model or scores were written.
    """
    fresh = Path(folder) / ".mode"
    fresh.touch()
    mode = fresh.stat().st_mode
    fresh.unlink()
    for path in Path(folder).glob("*.safetensors"):
        path.chmod(mode)
