"""What every test shares: offline, one place for real data, a clear message where it is absent."""

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import settings

# a busy machine is no failure
settings.register_profile("dicetune", deadline=None)
settings.load_profile("dicetune")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def log(caplog):
    """What the library logs: ``messages`` are the lines so far, ``clear`` forgets them."""
    caplog.set_level("INFO", logger="dicetune")
    return caplog


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
