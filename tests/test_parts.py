"""A file that is taken in parts is answered and scored as it is in one."""

import shutil
from pathlib import Path

import pytest

from dicetune import predictor as module
from dicetune.predictor import load

PINNED = Path(__file__).parent / "pinned" / "models"


@pytest.mark.parametrize("folder", sorted(PINNED.iterdir()), ids=lambda folder: folder.name)
def test_parts_are_as_the_whole(folder, tmp_path, monkeypatch):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    file = next(path for path in folder.iterdir() if path.stem == "a")
    model = load(run, use="evaluate", batch_size=1)
    data = model.read(file)
    whole = model.answer(data), model.evaluate(data)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    assert len(data) > 1
    answers, scores = model.answer(data), model.evaluate(data)
    assert [one.to_dict() for one in answers] == [one.to_dict() for one in whole[0]]
    assert scores == whole[1]
