"""The folder of a run: locked during the run, finished or resumable at any moment after.

During a run the folder holds ``config.yaml`` and ``checkpoints/``; ``run.json`` is written last and
says that the run is finished. A run that failed or was killed keeps its checkpoints.

Only files that a run made are deleted: files of known names, in a folder that is shown to be the
folder of a run by a ``run.json``, or by a ``config.yaml`` in the layout that a run writes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from safetensors import SafetensorError, safe_open

from dicetune.decide.named import DEFAULT_FILE
from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.records import (
    DECISION_FILE,
    DEFAULT,
    LOCK_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILES,
    RUN_FILE,
    SCORES_FILE,
    TUNED,
    TUNED_FILE,
    locked,
    read_json,
    replace_text,
    write_json,
)
from dicetune.training.auto import AUTO
from dicetune.training.config import FP32, RunConfig
from dicetune.training.config_file import read_yaml
from dicetune.training.sets import BATCH

_log = logging.getLogger(__name__)
CONFIG_FILE = "config.yaml"
CHECKPOINTS = "checkpoints"
_FINGERPRINTS = "data.json"
_WEIGHTS = "model.safetensors"
OWN_WEIGHTS = "weights-of-the-optimizer.safetensors"  # where the model is a mean of weights
_TRAINER_STATE = "trainer_state.json"
_STATE = ("optimizer.pt", "scheduler.pt", _TRAINER_STATE)
_RECORDS = (
    *(CONFIG_FILE, RUN_FILE, METRICS_FILE, PREDICTIONS_FILE, SCORES_FILE, DECISION_FILE),
    *(DEFAULT_FILE, TUNED_FILE, "README.md", LOCK_FILE, ".mode"),
    *REPORT_FILES,
)
# earlier versions had no such keys
_LATER = (f"decision: {TUNED}\n", f"set: {BATCH}\n", f"precision: {FP32}\n")
_NAMED = re.compile(r"decision\.[\w-]+\.json|tuned\.[\w-]+\.jsonl")
# files that save_pretrained of a model and of any tokenizer writes
_MODEL = re.compile(
    r"(model|adapter_model)(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
    r"|(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens"
    r"|adapter_config|vocab|entity_vocab|emoji|normalizer|preprocessor_config)\.json"
    r"|chat_template\.jinja|vocab\.txt|merges\.txt|bpe\.codes"
    r"|(spiece|spm|tokenizer|sentencepiece|sentencepiece\.bpe|source|target)\.(model|spm)"
)


# the place of a run


def check_place(config: RunConfig, *, overwrite: bool = False, resume: bool = False) -> Path:
    """The folder of a run, or an error where the run may not use it; nothing is changed."""
    if config.out is None:
        raise InputError("expected a folder for the run, got none: give out (--out)")
    if overwrite and resume:
        raise InputError("expected --overwrite or --resume, got both: one deletes the other's run")
    folder = Path(config.out)
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise InputError(f"expected a folder for the run, got the file {quoted(above)}")
    if not os.access(above, os.W_OK):
        raise InputError(
            f"expected a folder that can be written, got {quoted(above)}: no permission"
        )
    if not _is_used(folder):
        return folder
    if resume:
        _check_resumable(folder, config)
    elif not overwrite:
        hint = (
            "give --resume to continue the run, --overwrite to delete it, or another --out"
            if (folder / CHECKPOINTS).is_dir()
            else "give --overwrite to delete it, or another --out"
        )
        raise InputError(f"expected a new or empty folder, got {quoted(folder)}: {hint}")
    else:
        _check_deletable(folder, config)
    return folder


def check_finished(folder: Path) -> None:
    """Refuse the folder of an unfinished run: it may hold half of the results."""
    begun = _has_record(folder) or (folder / CHECKPOINTS / _FINGERPRINTS).is_file()
    if begun and not (folder / RUN_FILE).is_file():
        raise InputError(
            f"expected the folder of a finished run, got {quoted(folder)} without {RUN_FILE}, "
            "which a run writes last: end the run with `dicetune train --config "
            f"{folder / CONFIG_FILE} --out {folder} --resume`"
        )


@contextlib.contextmanager
def held(
    config: RunConfig, fingerprints: dict[str, str | None], *, overwrite: bool, resume: bool
) -> Iterator[None]:
    """Lock the folder of a run: a new folder, or the folder of the unfinished run.

    The folder is checked again under the lock, as another process may have been faster. A run that
    fails before its first checkpoint deletes its files. A resume compares ``fingerprints``, the
    SHA-256 of each split, with the fingerprints of the unfinished run.
    """
    folder = Path(str(config.out))
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"expected a folder that can be made, got {quoted(folder)}: {error.strerror}"
        ) from None
    foreign = False
    with locked(folder, patience=0, who="another `dicetune train`"):
        try:
            if _is_used(folder):
                foreign = True  # until the check passes, the files belong to another run
                check_place(config, overwrite=overwrite, resume=resume)
            if resume and (folder / CONFIG_FILE).is_file():
                _check_same_data(folder, fingerprints)
            else:
                text = config.to_yaml()
                clear(folder)
                foreign = False
                (folder / CHECKPOINTS).mkdir(exist_ok=True)
                write_json(folder / CHECKPOINTS / _FINGERPRINTS, fingerprints)
                replace_text(folder / CONFIG_FILE, text)
            yield
        finally:
            begun = any((folder / CHECKPOINTS).glob(f"checkpoint-*/{_TRAINER_STATE}"))
            if not (foreign or begun or (folder / RUN_FILE).exists()):
                with contextlib.suppress(InputError):  # somebody added a file meanwhile
                    clear(folder)
            (folder / LOCK_FILE).unlink(missing_ok=True)
            if made and not any(folder.iterdir()):
                folder.rmdir()


def clear(folder: Path) -> None:
    """Delete the files of a run except the lock; a link is deleted, never followed.

    A folder with a file that no run makes is refused, and nothing is deleted.
    """
    _check_no_strangers(folder)
    drop_checkpoints(folder)
    if (folder / DEFAULT).is_dir() and not (folder / DEFAULT).is_symlink():
        clear(folder / DEFAULT)
        (folder / DEFAULT).rmdir()
    # the files that show the folder to be a run's go last: after a kill, clear works again
    last = {RUN_FILE: 1, CONFIG_FILE: 2}
    for path in sorted(folder.glob("*"), key=lambda path: last.get(path.name, 0)):
        if path.name != LOCK_FILE and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def follow_umask(folder: str | Path) -> None:
    """Give weights the mode of a new file: safetensors writes files that only the owner reads."""
    fresh = Path(folder) / ".mode"
    fresh.touch()
    mode = fresh.stat().st_mode
    fresh.unlink()
    for path in Path(folder).glob("*.safetensors"):
        path.chmod(mode)


def _is_used(folder: Path) -> bool:
    """Whether the folder holds more than a lock and reports of the trainer."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()} - {LOCK_FILE}
    reported = names == {CHECKPOINTS} and {
        path.name for path in (folder / CHECKPOINTS).glob("*")
    } == {"runs"}
    return bool(names) and not reported


def _has_record(folder: Path) -> bool:
    """Whether a run wrote a record or a configuration there; other layouts prove nothing."""
    with contextlib.suppress(DicetuneError, OSError):
        if "record_version" in read_json(folder / RUN_FILE):
            return True
    with contextlib.suppress(DicetuneError, OSError, UnicodeDecodeError):
        path = folder / CONFIG_FILE
        given, text = path.read_text(encoding="utf-8"), RunConfig.from_yaml(path).to_yaml()
        for line in _LATER:
            text = text if line in given else text.replace(line, "")
        return given == text
    return False


def _is_bare(folder: Path) -> bool:
    """Whether a run was killed there before it wrote ``config.yaml``."""
    place = folder / CHECKPOINTS
    first = {LOCK_FILE, CHECKPOINTS, f"{CONFIG_FILE}.part"}
    within = {_FINGERPRINTS, f"{_FINGERPRINTS}.part", "runs"}
    return {path.name for path in folder.iterdir()} <= first and not (
        place.is_symlink() or {path.name for path in place.glob("*")} - within
    )


def _check_deletable(folder: Path, config: RunConfig) -> None:
    """Refuse to delete a folder that no run made, or that the new run reads."""
    if not _has_record(folder) and not _is_bare(folder):
        raise InputError(
            f"expected an earlier run to overwrite, got {quoted(folder)} without a {RUN_FILE} or "
            f"{CONFIG_FILE} of a run: dicetune deletes only its files; remove the folder "
            "yourself or give another --out"
        )
    _check_no_strangers(folder)
    whole = folder.resolve()
    for name in ("model", "train", "dev", "test"):
        path = Path(getattr(config, name) or "")
        if path.exists() and (path.resolve() == whole or whole in path.resolve().parents):
            raise InputError(
                f"expected --overwrite of a folder that the run does not need, got "
                f"{quoted(folder)}, from which it reads its {name}: give another --out"
            )


def _check_no_strangers(folder: Path) -> None:
    """Refuse a folder with a file that no run makes."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        plain = path.name.removesuffix(".part")
        known = plain in _RECORDS or any(kind.fullmatch(plain) for kind in (_MODEL, _NAMED))
        if path.is_dir() and not path.is_symlink():
            known = path.name in (CHECKPOINTS, DEFAULT)
            if path.name == DEFAULT:  # the best checkpoint by the default decision
                _check_no_strangers(path)
        if not known:
            found.append(path.name)
    place = folder / CHECKPOINTS
    for path in sorted(place.iterdir()) if place.is_dir() and not place.is_symlink() else ():
        known = path.name == "runs" or _step(path) > 0
        known = known and path.is_dir() and not path.is_symlink()
        if not known and path.name.removesuffix(".part") != _FINGERPRINTS:
            found.append(f"{CHECKPOINTS}/{path.name}")
    if found:
        raise InputError(
            f"expected nothing but a run in the folder, got {quoted(folder)}, which holds "
            f"{listed(found, most=3)} too: dicetune deletes only its files; move the others "
            "elsewhere or give another --out"
        )


def _check_same_data(folder: Path, fingerprints: dict[str, str | None]) -> None:
    """Refuse to resume on data that changed since the run began."""
    path = folder / CHECKPOINTS / _FINGERPRINTS
    if not path.is_file() and last_checkpoint(folder) is None:
        path.parent.mkdir(exist_ok=True)
        write_json(path, fingerprints)  # nothing was trained yet
        return
    try:
        before = read_json(path)
    except (OSError, DataError) as error:
        raise InputError(
            f"expected {path}, the fingerprints of the data of the run, got none that can be read "
            f"({error}): give --overwrite in place of --resume to start again"
        ) from None
    changed = [split for split in before if before[split] != fingerprints.get(split)]
    if changed:
        raise InputError(
            f"expected the data with which the run in {quoted(folder)} began, got other "
            f"files for {listed(changed)}: start a new run, or restore the files"
        )


def _check_resumable(folder: Path, config: RunConfig) -> None:
    """Refuse to resume a finished run, or a run of another configuration."""
    if (folder / RUN_FILE).is_file():
        raise InputError(
            f"expected an unfinished run to resume, got {quoted(folder)}, which is finished: "
            "its scores are in metrics.json"
        )
    if not (folder / CONFIG_FILE).is_file():
        if not _is_bare(folder):
            raise InputError(
                f"expected an unfinished run to resume, got {quoted(folder)} without "
                f"{CONFIG_FILE}: give another --out"
            )
        return  # killed before the first step: the run starts again
    try:
        before = asdict(RunConfig.from_yaml(folder / CONFIG_FILE)) | {"out": None}
    except DicetuneError as error:
        raise InputError(
            f"expected the configuration of the unfinished run, got one that cannot be read "
            f"({error}): delete {quoted(folder)} to start again"
        ) from None
    if before["loss"] == AUTO and "decision" not in read_yaml(folder / CONFIG_FILE):
        raise InputError(
            f"expected an unfinished run of this version, got one of 0.1 in {quoted(folder)}, "
            "where 'auto' was ce+dice: start again with --overwrite, with --loss ce+dice for the "
            "same losses"
        )
    now = asdict(config) | {"out": None}
    changes = [
        f"{name} ({quoted(before[name])} then, {quoted(now[name])} now)"
        for name in before
        if before[name] != now[name]
    ]
    if changes:
        raise InputError(
            f"expected the configuration of the unfinished run in {quoted(folder)}, got "
            f"another {listed(changes)}: give `--config {folder / CONFIG_FILE} --resume` alone"
        )


# checkpoints


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run."""
    return next((path for path, fault in _newest_first(folder) if fault is None), None)


def checkpoint_to_resume(folder: Path) -> Path | None:
    """``last_checkpoint``; the log names the checkpoint and each damaged checkpoint."""
    for path, fault in _newest_first(folder):
        if fault is None:
            _log.info("resuming from %s", path.name)
            return path
        _log.warning("%s is ignored: %s", path.name, fault)
    _log.info("no checkpoint in %s yet: starting with the first step", folder)
    return None


def _newest_first(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """The checkpoints of a run, each with its fault, or ``None``."""
    found = [path for path in (folder / CHECKPOINTS).glob("checkpoint-*") if _step(path)]
    return ((path, _fault(path)) for path in sorted(found, key=_step, reverse=True))


def find_best_again(checkpoint: Path) -> None:
    """Update the path of the best checkpoint in the state of a checkpoint.

    The trainer stores the path: after a move of the folder it would silently take the last
    checkpoint for the best checkpoint.
    """
    path = checkpoint / _TRAINER_STATE
    best, state = _best_of(checkpoint), read_json(path)
    if best is not None and state["best_model_checkpoint"] != str(best):
        write_json(path, {**state, "best_model_checkpoint": str(best)})


def drop_oldest(place: Path, needed: Collection[int], most: int) -> None:
    """Delete the oldest checkpoints that are not of the ``needed`` steps, if more than ``most``."""
    found = sorted((path for path in place.glob("checkpoint-*") if _step(path)), key=_step)
    spare = [path for path in found if _step(path) not in needed]
    for path in spare[: max(len(found) - most, 0)]:
        shutil.rmtree(path)


def drop_checkpoints(folder: Path) -> None:
    """Delete the files that only a resume needs; reports of the trainer in ``runs`` stay."""
    place = folder / CHECKPOINTS
    if not place.is_dir() or place.is_symlink():
        return
    for path in place.iterdir():
        if _step(path) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name.removesuffix(".part") == _FINGERPRINTS:
            path.unlink()
    if not any(place.iterdir()):
        place.rmdir()


def _step(checkpoint: Path) -> int:
    found = re.fullmatch("checkpoint-([0-9]+)", checkpoint.name)
    return int(found[1]) if found else 0


def _fault(checkpoint: Path) -> str | None:
    """The file that a kill, or a full disk, left missing or damaged in a checkpoint."""
    random = sorted(checkpoint.glob("rng_state*.pth"))
    needed = {_WEIGHTS: _weights(checkpoint), "rng_state.pth": random}
    needed |= {name: sorted(checkpoint.glob(name)) for name in _STATE}
    for name, found in needed.items():
        if not found:
            return f"{name} is missing"
    further = (path for name in ("scaler.pt", OWN_WEIGHTS) for path in checkpoint.glob(name))
    for path in (*chain(*needed.values()), *further):
        if not _is_whole(path):
            return f"{path.name} is damaged"
    best = _best_of(checkpoint)
    if best is not None and not all(map(_is_whole, _weights(best) or [best / _WEIGHTS])):
        return f"{best.name}, the best checkpoint until then, is missing or damaged"
    return None


def _best_of(checkpoint: Path) -> Path | None:
    """The best checkpoint until this checkpoint, as a path in the present folder."""
    best = read_json(checkpoint / _TRAINER_STATE).get("best_model_checkpoint")
    return None if best is None else checkpoint.with_name(Path(str(best)).name)


def _weights(checkpoint: Path) -> list[Path]:
    return sorted(checkpoint.glob("model*.safetensors"))


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            return "global_step" in read_json(path)
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np"):  # compares the header with the size
                return True
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, SafetensorError, zipfile.BadZipFile):
        return False
