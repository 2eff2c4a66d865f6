"""What every test shares: offline, one place for real data, a clear message where it is absent."""

import gc
import json
import os
from functools import cache
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import settings

# a busy machine is no failure
settings.register_profile("dicetune", deadline=None, max_examples=50)
settings.load_profile("dicetune")

ROOT = Path(__file__).resolve().parent.parent
# tests that wait for processes of their own: begun last, they would end alone
WAITING = (
    *("test_cluster", "test_interruptions", "test_resume", "test_places", "test_live"),
    "test_invariance",
)


def pytest_xdist_auto_num_workers():
    """A worker more than cores, for the time in which tests wait."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else None


def pytest_collection_modifyitems(items):
    """Begin with the tests that wait, so that others fill the time."""
    items.sort(key=lambda item: item.path.stem not in WAITING)


def pytest_collection_finish():
    """Each run looks for garbage, which took half of its time: imported modules hold none."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def log(caplog):
    """What the library logs: ``messages`` are the lines so far, ``clear`` forgets them."""
    caplog.set_level("INFO", logger="dicetune")
    return caplog


@pytest.fixture
def later(monkeypatch):
    """As if a CPU were a GPU for the losses; nothing is left to be asked for."""
    from dicetune.losses import _targets as targets

    monkeypatch.setattr(targets, "_AT_ONCE", ())
    yield
    targets._found.clear()


@pytest.fixture
def file(tmp_path, request):
    """Function from a content to a file of a name, by default of the module's ``NAME``.

    Bytes and text are written as they are, other data as JSON: a list as lines into a .jsonl file.
    """

    def write(content, name=None):
        path = tmp_path / (name or getattr(request.module, "NAME", "a"))
        if isinstance(content, list) and path.suffix == ".jsonl":
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        elif not isinstance(content, str | bytes):
            content = json.dumps(content, ensure_ascii=False)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="session")
def saved_family(tmp_path_factory):
    """Function from family and head to the folder of a tiny model, which no test may change."""

    @cache
    def find(name, head="token"):
        from families import save_family

        return save_family(name, head, tmp_path_factory.mktemp("family") / f"{name}-{head}")

    return find


def _real_data() -> Path:
    return Path(os.environ.get("DICETUNE_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data():
    """Function from a path below the real data to the file, or a skip that says why."""

    def find(relative: str) -> Path:
        path = _real_data() / relative
        if not path.exists():
            pytest.skip(
                f"real data {relative!r} is absent: set DICETUNE_DATA to the folder that holds it"
            )
        return path

    return find
