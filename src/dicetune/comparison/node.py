"""A run on another machine: what happens on a node of a Ray cluster.

The node gets the configuration, the files of an unfinished run, and references to data and model in
the object store. A file that lies under the same path with the same SHA-256, in a shared folder, is
used where it is; any other is fetched. The run is a process, as on one machine, in a folder of the
node. ``look`` returns what the run has written since: its log, its whole checkpoints, and in the
end its records. Everything travels as bytes. Needs neither torch nor transformers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicetune.comparison.folder import FAILED
from dicetune.comparison.local import Process
from dicetune.comparison.one_run import beside
from dicetune.errors import InputError, quoted
from dicetune.records import LOCK_FILE, sha256, versions, write_json

_EARLY = ("config.yaml", "checkpoints/data.json")
WHOLE = "trainer_state.json"
"""File of a checkpoint that is written last."""


@dataclass(frozen=True)
class Shipped:
    """A data file or a folder with a model: its name in the configuration, and its contents.

    Args:
        name: in the configuration.
        path: on the machine of the comparison.
        files: SHA-256 and reference of each file, by its name below a folder; for a file by "".
        file_name: of a single file; its ending may say its format.
    """

    name: str
    path: str
    files: Mapping[str, tuple[str, Any]]
    file_name: str

    def found_here(self) -> bool:
        """Whether the same path holds the same files on this machine."""
        for name, (digest, _) in self.files.items():
            path = Path(self.path, name)
            if not path.is_file() or sha256(path) != digest:
                return False
        return True

    def fetch(self, place: Path) -> str:
        """Write the files below ``place``, and return the path of the file or folder."""
        import ray

        for name, (digest, reference) in self.files.items():
            path = place / (name or self.file_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ray.get(reference))
            if sha256(path) != digest:
                raise InputError(
                    f"expected {quoted(self.name)} as it was sent ({digest[:8]}), got another file "
                    f"({sha256(path)[:8]}): make the run again"
                )
        return str(place if "" not in self.files else place / self.file_name)


@dataclass(frozen=True)
class News:
    """What a run has written since the last look.

    Args:
        log: bytes that are new in the log.
        files: references of new and changed files of the folder, by path below it.
        names: all files of the folder that belong to the machine of the comparison.
        failure: why the run failed, as it wrote it down.
        code: exit code, once the run has ended.
    """

    log: bytes
    files: Mapping[str, Any]
    names: frozenset[str]
    failure: bytes | None
    code: int | None


@dataclass
class RunOnNode:
    """A run in a process of this node; a Ray actor holds it.

    Args:
        name: of the run, and of its folder.
        config: text of the configuration file.
        flags: of ``dicetune.comparison.one_run``.
        threads: of the process.
    """

    name: str
    config: str
    flags: Sequence[str]
    threads: int
    _sent: dict[str, tuple[int, int]] = field(default_factory=dict)
    _read: int = 0

    def begin(self, inputs: Sequence[Shipped], files: Mapping[str, Any]) -> dict[str, Any]:
        """Begin the run, or go on with it from its files; the name and versions of this node."""
        self._place = Path(tempfile.mkdtemp(prefix="dicetune-"))
        self._held = _held_until_the_end(self._place)
        self._file = self._place / f"{self.name}.yaml"
        self._file.write_text(self.config, encoding="utf-8")
        self._folder = beside(self._file, "")
        import ray

        for name, content in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ray.get(content))
            self._sent[name] = _state(path)
        elsewhere = {}
        for number, one in enumerate(inputs):
            if one.found_here():
                elsewhere[one.name] = one.path
            else:
                elsewhere[one.name] = one.fetch(self._place / "inputs" / str(number))
        places = self._place / "elsewhere.json"
        write_json(places, elsewhere)
        self._process = Process(
            self._file,
            [*self.flags, "--elsewhere", str(places)],
            {"OMP_NUM_THREADS": str(self.threads)},
            [self._held],
        )
        return {"node": socket.gethostname(), "versions": versions()}

    def look(self) -> News:
        """What the run has written since the last look; after the last look its folder is gone."""
        import ray

        code = self._process.poll()
        log = beside(self._file, ".log").read_bytes()[self._read :]
        self._read += len(log)
        present = self._present(ended=code is not None)
        files = {}
        for name in present:
            with contextlib.suppress(FileNotFoundError):  # the run has dropped a checkpoint
                state = _state(self._folder / name)
                if self._sent.get(name) != state:
                    files[name] = ray.put((self._folder / name).read_bytes())
                    self._sent[name] = state
        failed, failure = beside(self._file, FAILED), None
        if code is not None:
            failure = failed.read_bytes() if failed.is_file() else None
            shutil.rmtree(self._place, ignore_errors=True)
            os.close(self._held)
        return News(log, files, frozenset(present), failure, code)

    def interrupt(self) -> None:
        """As ``Started.interrupt``."""
        self._process.interrupt()

    def _present(self, ended: bool) -> list[str]:
        """The files that are whole: of a run that goes on, those of its whole checkpoints."""
        found = []
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if not path.is_file() or name.endswith((LOCK_FILE, ".part")):
                continue
            if ended or name in _EARLY or _is_whole(path.parent / WHOLE):
                found.append(name)
        return found


def _held_until_the_end(place: Path) -> int:
    """A descriptor; once every process that holds it has ended, however, ``place`` is deleted.

    A shell waits for that, in the background: Ray kills the children of a worker that ends.
    """
    theirs, ours = os.pipe()
    wait = 'exec 3<&0; { cat <&3 >/dev/null; rm -rf -- "$0"; } &'
    subprocess.run(
        ["sh", "-c", wait, str(place)],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )
    os.close(theirs)
    return ours


def _is_whole(state: Path) -> bool:
    """Whether a checkpoint is whole: the trainer writes its state last."""
    try:
        return isinstance(json.loads(state.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
