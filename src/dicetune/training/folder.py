"""The folder of a run: held while the run goes on, whole or resumable at any moment after.

While a run goes on it holds ``config.yaml`` and ``checkpoints/``; ``run.json`` is written last and
says that the run is finished. A run that failed or was killed leaves its checkpoints behind.

Nothing is deleted but what a run made: files of known names, in a folder that a ``run.json``, or a
``config.yaml`` as a run writes it, shows to be one of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.lock import LOCK_FILE, locked
from dicetune.records import (
    DECISION_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    TUNED_FILE,
    read_json,
    replace_text,
    write_json,
)
from dicetune.training.config import RunConfig

CONFIG_FILE = "config.yaml"
CHECKPOINTS = "checkpoints"
_FINGERPRINTS = "data.json"
_WEIGHTS = "model.safetensors"
_TRAINER_STATE = "trainer_state.json"
_STATE = ("optimizer.pt", "scheduler.pt", _TRAINER_STATE)
_RECORDS = (
    *(CONFIG_FILE, RUN_FILE, METRICS_FILE, PREDICTIONS_FILE, SCORES_FILE, DECISION_FILE),
    *(TUNED_FILE, "README.md", LOCK_FILE, ".mode"),
)
# what save_pretrained of a model and of any tokenizer writes
_MODEL = re.compile(
    r"(model|adapter_model)(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
    r"|(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens"
    r"|vocab|entity_vocab|emoji|normalizer|preprocessor_config)\.json"
    r"|chat_template\.jinja|vocab\.txt|merges\.txt|bpe\.codes"
    r"|(spiece|spm|tokenizer|sentencepiece|sentencepiece\.bpe|source|target)\.(model|spm)"
)


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
            "give --resume to go on with it, --overwrite to delete it, or another --out"
            if (folder / CHECKPOINTS).is_dir()
            else "give --overwrite to delete it, or another --out"
        )
        raise InputError(f"expected a new or empty folder, got {quoted(folder)}: {hint}")
    else:
        _check_own(folder)
        _check_not_needed(folder, config)
    return folder


def check_finished(folder: Path) -> None:
    """Refuse the folder of a run that has not ended: what lies there may be half of its results.

    Args:
        folder: of a run, or of anything else, about which nothing is said.

    Raises:
        InputError: where a run made the folder and has not written its record.
    """
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
    """Hold the run's folder: made anew, or as the unfinished run left it.

    The place is checked again under the lock, as another process may have come first. A run that
    fails before there is anything to go on from takes what it made away again.

    Args:
        config: the run.
        fingerprints: SHA-256 of each split, for a resume to compare with.
        overwrite: as ``check_place`` takes it.
        resume: as ``check_place`` takes it.

    Raises:
        InputError: where another run works in the folder, or it cannot be made or gone on with.
    """
    folder = Path(str(config.out))
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"expected a folder that can be made, got {quoted(folder)}: {error.strerror}"
        ) from None
    kept = False
    with locked(folder, patience=0, who="another `dicetune train`"):
        try:
            if _is_used(folder):
                kept = True  # whatever happens now, it is not this run's
                check_place(config, overwrite=overwrite, resume=resume)
            if resume and (folder / CONFIG_FILE).is_file():
                _check_same_data(folder, fingerprints)
            else:
                text = config.to_yaml()
                clear(folder)
                kept = False
                (folder / CHECKPOINTS).mkdir(exist_ok=True)
                write_json(folder / CHECKPOINTS / _FINGERPRINTS, fingerprints)
                replace_text(folder / CONFIG_FILE, text)
            yield
        finally:
            begun = any((folder / CHECKPOINTS).glob(f"checkpoint-*/{_TRAINER_STATE}"))
            if not (kept or begun or (folder / RUN_FILE).exists()):
                with contextlib.suppress(InputError):  # somebody's file is there by now
                    clear(folder)
            (folder / LOCK_FILE).unlink(missing_ok=True)
            if made and not any(folder.iterdir()):
                folder.rmdir()


def clear(folder: Path) -> None:
    """Delete what a run made in a folder, but for its lock; a link is deleted, never followed.

    Args:
        folder: of a run.

    Raises:
        InputError: where something is in it that no run makes; nothing is deleted then.
    """
    if strange := _strangers(folder):
        raise InputError(
            f"expected nothing but a run in {quoted(folder)}, got {listed(strange, most=3)} too: "
            "only what dicetune made is deleted; move it elsewhere or give another --out"
        )
    drop_checkpoints(folder)
    # what shows the folder to be a run's goes last, so that a kill in between is no dead end
    last = {RUN_FILE: 1, CONFIG_FILE: 2}
    for path in sorted(folder.glob("*"), key=lambda path: last.get(path.name, 0)):
        if path.name != LOCK_FILE and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def find_best_again(checkpoint: Path) -> None:
    """Let the state of a checkpoint name the best one where it lies now.

    The trainer writes down its path as it was, and would silently take the last one in its place
    where a folder was moved.

    Args:
        checkpoint: to resume from.
    """
    path = checkpoint / _TRAINER_STATE
    best, state = _best_of(checkpoint), read_json(path)
    if best is not None and state["best_model_checkpoint"] != str(best):
        write_json(path, {**state, "best_model_checkpoint": str(best)})


def drop_checkpoints(folder: Path) -> None:
    """Delete what only a resume would need; what the trainer reports to ``runs`` stays."""
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


def last_checkpoint(folder: Path, report: Callable[[str], None] = lambda line: None) -> Path | None:
    """The newest whole checkpoint of an unfinished run.

    Args:
        folder: of the run.
        report: takes a line for each newer checkpoint that is damaged.
    """
    found = [path for path in (folder / CHECKPOINTS).glob("checkpoint-*") if _step(path)]
    for path in sorted(found, key=_step, reverse=True):
        fault = _fault(path)
        if fault is None:
            return path
        report(f"{path.name} is left out: {fault}")
    return None


def _step(checkpoint: Path) -> int:
    found = re.fullmatch("checkpoint-([0-9]+)", checkpoint.name)
    return int(found[1]) if found else 0


def _fault(checkpoint: Path) -> str | None:
    """What a kill, or a full disk, left unfinished in a checkpoint."""
    weights = _weights(checkpoint)
    random = sorted(checkpoint.glob("rng_state*.pth"))
    for what, found in ((_WEIGHTS, weights), ("rng_state.pth", random)):
        if not found:
            return f"{what} is missing"
    for name in _STATE:
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
    scaler = sorted(checkpoint.glob("scaler.pt"))
    for path in (*weights, *random, *scaler, *(checkpoint / name for name in _STATE)):
        if not _is_whole(path):
            return f"{path.name} is damaged"
    best = _best_of(checkpoint)
    if best is not None and not all(map(_is_whole, [*_weights(best)] or [best / _WEIGHTS])):
        return f"{best.name}, the best one until then, is missing or damaged"
    return None


def _best_of(checkpoint: Path) -> Path | None:
    """The best checkpoint until then, where the folder lies now."""
    best = read_json(checkpoint / _TRAINER_STATE).get("best_model_checkpoint")
    return None if best is None else checkpoint.with_name(Path(str(best)).name)


def _weights(checkpoint: Path) -> list[Path]:
    return sorted(checkpoint.glob("model*.safetensors"))


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            return "global_step" in read_json(path)
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(min(length, path.stat().st_size)))
            ends = [own["data_offsets"][1] for name, own in header.items() if name[:2] != "__"]
            return path.stat().st_size == 8 + length + max(ends, default=0)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, DataError, ValueError, TypeError, LookupError, zipfile.BadZipFile):
        return False


def _is_used(folder: Path) -> bool:
    """Whether something lies there beside a lock and the trainer's reports of an earlier try."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()} - {LOCK_FILE}
    reported = names == {CHECKPOINTS} and {
        path.name for path in (folder / CHECKPOINTS).glob("*")
    } == {"runs"}
    return bool(names) and not reported


def _strangers(folder: Path) -> list[str]:
    """Names of what no run makes."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        plain = path.name.removesuffix(".part")
        known = plain in _RECORDS or _MODEL.fullmatch(plain) is not None
        if path.is_dir() and not path.is_symlink():
            known = path.name == CHECKPOINTS
        if not known:
            found.append(path.name)
    place = folder / CHECKPOINTS
    for path in sorted(place.iterdir()) if place.is_dir() and not place.is_symlink() else ():
        own = path.is_dir() and not path.is_symlink() and (_step(path) or path.name == "runs")
        if not own and path.name.removesuffix(".part") != _FINGERPRINTS:
            found.append(f"{CHECKPOINTS}/{path.name}")
    return found


def _check_own(folder: Path) -> None:
    """Refuse to delete what is not a run of ours."""
    if not _has_record(folder) and not _is_bare(folder):
        raise InputError(
            f"expected an earlier run to overwrite, got {quoted(folder)} without a {RUN_FILE} or "
            f"{CONFIG_FILE} of a run: only what dicetune made is deleted; remove the folder "
            "yourself or give another --out"
        )
    if strange := _strangers(folder):
        raise InputError(
            f"expected an earlier run to overwrite, got {quoted(folder)}, which holds "
            f"{listed(strange, most=3)} too: only what dicetune made is deleted; move it elsewhere "
            "or give another --out"
        )


def _check_not_needed(folder: Path, config: RunConfig) -> None:
    """Refuse to delete what the run is about to read."""
    whole = folder.resolve()
    for name in ("model", "train", "dev", "test"):
        path = Path(getattr(config, name) or "")
        if path.exists() and (path.resolve() == whole or whole in path.resolve().parents):
            raise InputError(
                f"expected --overwrite of a folder that the run does not need, got "
                f"{quoted(folder)}, from which it reads its {name}: give another --out"
            )


def _has_record(folder: Path) -> bool:
    """Whether a run wrote its record or configuration there; one written by hand is no proof."""
    with contextlib.suppress(DicetuneError, OSError):
        if "record_version" in read_json(folder / RUN_FILE):
            return True
    with contextlib.suppress(DicetuneError, OSError, UnicodeDecodeError):
        path = folder / CONFIG_FILE
        return RunConfig.from_yaml(path).to_yaml() == path.read_text(encoding="utf-8")
    return False


def _is_bare(folder: Path) -> bool:
    """Whether a kill left no more there than what comes before ``config.yaml``."""
    place = folder / CHECKPOINTS
    first = {LOCK_FILE, CHECKPOINTS, f"{CONFIG_FILE}.part"}
    within = {_FINGERPRINTS, f"{_FINGERPRINTS}.part", "runs"}
    return {path.name for path in folder.iterdir()} <= first and not (
        place.is_symlink() or {path.name for path in place.glob("*")} - within
    )


def _check_same_data(folder: Path, fingerprints: dict[str, str | None]) -> None:
    """Refuse to resume on data that was changed since the run began."""
    path = folder / CHECKPOINTS / _FINGERPRINTS
    if not path.is_file() and last_checkpoint(folder) is None:
        path.parent.mkdir(exist_ok=True)
        write_json(path, fingerprints)  # nothing was trained yet
        return
    try:
        before = read_json(path)
    except (OSError, DataError) as error:
        raise InputError(
            f"expected {path}, which says with what data the run began, got none that can be read "
            f"({error}): give --overwrite in place of --resume to begin anew"
        ) from None
    changed = [split for split in before if before[split] != fingerprints.get(split)]
    if changed:
        raise InputError(
            f"expected the data with which the run in {quoted(folder)} began, got other "
            f"files for {listed(changed)}: start a new run, or restore them"
        )


def _check_resumable(folder: Path, config: RunConfig) -> None:
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
        return  # a kill before the first step: it begins anew
    try:
        before = asdict(RunConfig.from_yaml(folder / CONFIG_FILE).without_place())
    except DicetuneError as error:
        raise InputError(
            f"expected the configuration of the unfinished run, got one that cannot be read "
            f"({error}): delete {quoted(folder)} to begin anew"
        ) from None
    now = asdict(config.without_place())
    changed = [name for name in before if before[name] != now[name]]
    if changed:
        changes = [
            f"{name} ({quoted(before[name])} then, {quoted(now[name])} now)" for name in changed
        ]
        raise InputError(
            f"expected the configuration of the unfinished run in {quoted(folder)}, got "
            f"another {listed(changes)}: give `--config {folder / CONFIG_FILE} --resume` alone"
        )
