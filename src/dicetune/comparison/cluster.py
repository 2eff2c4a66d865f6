"""Runs of a comparison on the nodes of a Ray cluster.

Each run is an actor with the CPUs and GPUs that a run asks for; ``node`` is its other end. Data and
model go into the object store once. While a run goes on, its log and its checkpoints come back, so
that a run whose node is lost goes on from its last checkpoint on another node, or on this machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from dicetune.comparison.folder import FAILED
from dicetune.comparison.node import WHOLE, News, RunOnNode, Shipped
from dicetune.comparison.one_run import INTERRUPTED, MISTAKE, beside
from dicetune.comparison.places import Started, Workplace
from dicetune.comparison.plan import Plan
from dicetune.errors import DicetuneError, InputError, quoted
from dicetune.models import resolve_encoder
from dicetune.records import LOCK_FILE, RUN_FILE, read_json, sha256, versions, write_json
from dicetune.training.config import SAMPLE, RunConfig

try:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
except ModuleNotFoundError:
    raise InputError(
        "expected Ray for --on ray, got none: pip install 'dicetune[ray]' here and on every node"
    ) from None

PREFIX, AUTO = "ray", "auto"
PATIENCE = 3.0
"""Seconds in which the head of a cluster has to answer."""

LOOK_EVERY = 0.5
"""Seconds between two looks at a run."""

MOST_LOST = 3
"""Nodes that a run may lose before it counts as failed: it may be what ends them."""

_FRESH = 2.0
"""Seconds for which the number of nodes is not asked again."""

_OF_MODEL = (".json", ".safetensors", ".txt", ".model", ".jinja", ".codes", ".spm")
_INPUTS = ("train", "dev", "test", "model")
_log = logging.getLogger(__name__)


class Cluster(Workplace):
    """The nodes of a Ray cluster.

    Args:
        on: "ray" for the cluster of this machine, or "ray://HOST:PORT", the address that
            ``ray start --head`` prints.
        cpus: of a run; it has as many threads.
        gpus: of a run; by default 1 where the cluster has some.
        jobs: the largest number of runs at a time; by default as many as the nodes hold.

    Raises:
        InputError: resources that cannot be; on opening, no cluster, or none with such a node.
    """

    def __init__(
        self,
        on: str = PREFIX,
        cpus: int | None = None,
        gpus: float | None = None,
        jobs: int | None = None,
    ) -> None:
        if cpus is not None and cpus < 1:
            raise InputError(f"expected at least 1 for --cpus-per-run, got {cpus}")
        if gpus is not None and not (0 <= gpus <= 1 or (gpus > 1 and float(gpus).is_integer())):
            raise InputError(
                "expected a share of a GPU, or a whole number of them, for --gpus-per-run, such "
                f"as 0.5 or 2, got {gpus:g}"
            )
        if jobs is not None and jobs < 1:
            raise InputError(f"expected at least 1 run at a time, got --jobs {jobs}")
        self.on, self.cpus, self.gpus, self.jobs = on, cpus or 1, gpus, jobs
        self._address = AUTO if on == PREFIX else on.removeprefix(f"{PREFIX}://")
        if on != PREFIX and not all(_parts(self._address)):
            raise InputError(
                f"expected --on ray, or --on ray://HOST:PORT such as ray://10.0.0.1:6379, got {on}"
            )
        given = (("--on", on), ("--cpus-per-run", cpus), ("--gpus-per-run", gpus), ("--jobs", jobs))
        self.flags = [part for name, one in given if one is not None for part in (name, str(one))]
        self._items: dict[str, tuple[tuple[int, int], str, Any]] = {}
        self._room, self._asked = 0, float("-inf")
        self._warned: set[str] = set()

    @contextlib.contextmanager
    def opened(self, plan: Plan, keep_open: Sequence[int]) -> Iterator[None]:
        """As ``joined``."""
        with self.joined():
            yield

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Join the cluster; leave it in the end, which ends whatever still runs there."""
        joined = not ray.is_initialized()
        if joined:
            try:
                if self._address != AUTO:  # Ray would try for minutes
                    socket.create_connection(_parts(self._address), timeout=PATIENCE).close()
                ray.init(address=self._address, log_to_driver=False, configure_logging=False)
            except (OSError, ValueError, RuntimeError, AssertionError) as error:
                raise InputError(
                    f"expected a Ray cluster that this machine belongs to, got none for --on "
                    f"{self.on} ({str(error).strip().splitlines()[0]}): start one by `ray start "
                    "--head --disable-usage-stats`, join it by `ray start --address=HOST:PORT`, "
                    "and name it by the port of `ray start --head` (6379; Ray's clients have 10001)"
                ) from None
        try:
            nodes = _nodes()
            if self.gpus is None:
                self.gpus = float(any(node.get("GPU", 0) >= 1 for node in nodes))
            if not any(map(self._fits, nodes)):
                have = "; ".join(f"{n.get('CPU', 0):g} and {n.get('GPU', 0):g}" for n in nodes)
                raise InputError(
                    f"expected a node with {self.cpus} CPUs and {self.gpus:g} GPUs for a run, got "
                    f"nodes with {have}: lower --cpus-per-run or --gpus-per-run"
                )
            yield
        finally:
            if joined:
                ray.shutdown()

    def said(self) -> list[str]:
        """The nodes, and the resources of a run."""
        threads = f"{self.cpus} CPU{'s' * (self.cpus > 1)} and as many threads"
        gpus = f", {self.gpus:g} GPU{'s' * (self.gpus != 1)}" if self.gpus else ""
        nodes, room = len(_nodes()), self.room()
        return [
            f"on a Ray cluster of {nodes} node{'s' * (nodes != 1)}, {room} "
            f"run{'s' * (room != 1)} at a time, each with {threads}{gpus}"
        ]

    def room(self) -> int:
        """How many runs the living nodes hold; at least 1, which may have to wait for a node."""
        if time.monotonic() - self._asked > _FRESH:
            self._room = sum(map(self._fits, _nodes()))
            self._asked = time.monotonic()
        return max(min(self._room, self.jobs or self._room), 1)

    def _fits(self, node: Mapping[str, float]) -> int:
        """How many runs fit on a node."""
        runs = int(node.get("CPU", 0) // self.cpus)
        return min(runs, int(node.get("GPU", 0) // self.gpus)) if self.gpus else runs

    def start(self, config: Path, flags: Sequence[str]) -> Started:
        """Ask for a node for a run."""
        return Remote(self, config, flags)

    def actor(self, *given: Any) -> Any:
        """A new actor for a run."""
        needs = {"num_cpus": self.cpus, "num_gpus": self.gpus or 0, "max_restarts": 0}
        return ray.remote(RunOnNode).options(**needs).remote(*given)

    def inputs(self, config: Mapping[str, Any]) -> list[Shipped]:
        """The data files and the model of a run, in the object store."""
        names = [config.get(key) for key in _INPUTS] + list((config.get("options") or {}).values())
        found = []
        for name in dict.fromkeys(name for name in names if isinstance(name, str)):
            path = Path(name).absolute()
            if name == config.get("model"):
                path = Path(resolve_encoder(name)).absolute()
            if name == SAMPLE and name == config.get("train"):
                continue
            if path.is_dir() and name == config.get("model"):
                files = {p.name: self._item(p) for p in path.iterdir() if p.suffix in _OF_MODEL}
                found.append(Shipped(name, str(path), files, path.name))
            elif path.is_file():
                found.append(Shipped(name, str(path), {"": self._item(path)}, path.name))
        return found

    def _item(self, path: Path) -> tuple[str, Any]:
        """Digest and reference of a file; a file that has not changed is stored once."""
        stat = path.stat()
        state = stat.st_mtime_ns, stat.st_size
        known = self._items.get(str(path))
        if known is None or known[0] != state:
            known = state, sha256(path), ray.put(path.read_bytes())
            self._items[str(path)] = known
        return known[1:]

    def check_versions(self, node: Mapping[str, Any]) -> None:
        """Warn once of a node with other versions of what results depend on."""
        own = versions()
        differ = [
            f"{name} {node['versions'].get(name)} in place of {own[name]}"
            for name in own
            if node["versions"].get(name) != own[name]
        ]
        if differ and node["node"] not in self._warned:
            self._warned.add(node["node"])
            _log.warning("node %s has %s: runs may differ", node["node"], ", ".join(differ))


class Remote(Started):
    """A run on a node.

    The folder of the run here follows its folder there, so that the run can go on anywhere.
    """

    def __init__(self, cluster: Cluster, config: Path, flags: Sequence[str]) -> None:
        self._cluster, self._config, self._flags = cluster, config, flags
        self._folder = beside(config, "")
        self._code: int | None = None
        self._lost = 0
        self._stopping = False
        self._begin()

    def _begin(self) -> None:
        """Ask for a node, and send what there is of the run."""
        self.waits, self._next = True, 0.0
        text = self._config.read_text(encoding="utf-8")
        files = {
            path.relative_to(self._folder).as_posix(): ray.put(path.read_bytes())
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and path.name != LOCK_FILE
        }
        self._known = set(files)
        self._node = self._cluster.actor(
            self._folder.name, text, list(self._flags), self._cluster.cpus
        )
        self._pending: Any = self._node.begin.remote(
            self._cluster.inputs(yaml.safe_load(text)), files
        )

    def poll(self) -> int | None:
        """The exit code, once the run has ended and everything has come back."""
        if self._code is not None:
            return self._code
        if self._pending is None:
            if time.monotonic() < self._next:
                return None
            self._pending = self._node.look.remote()
        if not ray.wait([self._pending], timeout=0)[0]:
            return None
        asked, self._pending = self._pending, None
        try:
            found = ray.get(asked)
            if isinstance(found, News):
                self._follow(found)
        except ray.exceptions.RayTaskError as error:
            self._fail(str(error.cause).strip() or type(error.cause).__name__)
        except ray.exceptions.RayError as error:
            self._lose(error)
        else:
            if not isinstance(found, News):
                self.waits = False
                self._cluster.check_versions(found)
        return self._code

    def interrupt(self) -> None:
        """Pass Ctrl-C on to the node; a run that has no node yet ends at once."""
        self._stopping = True
        if self.waits:
            self._end(INTERRUPTED)
        else:
            self._node.interrupt.remote()

    def kill(self) -> None:
        """Take the run from its node; what came back stays."""
        self._end(INTERRUPTED)

    def _end(self, code: int) -> None:
        """Give the node back."""
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(self._node)
        self._code = code

    def _follow(self, news: News) -> None:
        """Write what came back: what marks a checkpoint or the folder as whole comes last."""
        with beside(self._config, ".log").open("ab") as log:
            log.write(news.log)
        for name in sorted(news.files, key=lambda name: name.endswith((RUN_FILE, WHOLE))):
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ray.get(news.files[name]))
            if name in (RUN_FILE, f"argmax/{RUN_FILE}"):
                record = read_json(path)
                record["config"]["out"] = str(self._folder)
                write_json(path, record)
            elif name in ("config.yaml", "argmax/config.yaml"):
                own = RunConfig.from_yaml(path).updated({"out": str(self._folder)})
                path.write_text(own.to_yaml(), encoding="utf-8")
        for name in self._known - news.names:
            (self._folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # other files are left in it
                (self._folder / name).parent.rmdir()
        self._known = set(news.names)
        if news.failure is not None:
            beside(self._config, FAILED).write_bytes(news.failure)
        self._next = time.monotonic() + LOOK_EVERY
        if news.code is not None:
            self._end(news.code)

    def _lose(self, error: Exception) -> None:
        """Go on elsewhere after the loss of a node."""
        self._lost += 1
        said = str(error).strip().splitlines()[0]
        if self._stopping:
            self._end(INTERRUPTED)
        elif self._lost > MOST_LOST:
            self._fail(f"its node was lost {self._lost} times; last said: {said}")
        else:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(self._node)
            _log.warning(
                "the node of %s was lost (%s): it goes on from its last checkpoint on another",
                *(self._folder.name, quoted(said)),
            )
            self._begin()

    def _fail(self, reason: str) -> None:
        write_json(beside(self._config, FAILED), {"reason": reason, "type": DicetuneError.__name__})
        self._end(MISTAKE)


def _parts(address: str) -> tuple[str, int]:
    """Host and port; "" or 0 for what is missing."""
    try:
        parts = urlsplit(f"//{address}")
        return parts.hostname or "", parts.port or 0
    except ValueError:
        return "", 0


def _nodes() -> list[Mapping[str, float]]:
    """The resources of each living node."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
