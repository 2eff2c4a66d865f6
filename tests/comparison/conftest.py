"""A tiny comparison: a model, three files, and runs in this process."""

from types import SimpleNamespace

import pytest

from dicetune.comparison import execute
from local_runs import SENTENCES, TRAINER, Here
from tiny import tiny_bert


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a tiny model and small files, and the configuration that names them."""
    folder = tmp_path_factory.mktemp("compare")
    tiny_bert(folder / "model")
    paths = {}
    for split, times in (("train", 12), ("dev", 3), ("test", 4)):
        paths[split] = str(folder / f"{split}.conll")
        (folder / f"{split}.conll").write_text(SENTENCES * times, encoding="utf-8")
    config = {"task": "ner", **paths, "model": str(folder / "model"), "trainer": dict(TRAINER)}
    return SimpleNamespace(folder=folder, config=config, **paths)


@pytest.fixture
def in_process(monkeypatch):
    """Runs are made in this process."""
    monkeypatch.setattr(execute, "Local", Here)
