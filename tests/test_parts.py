"""A file that is taken in parts is answered and scored as it is in one."""

import shutil
from pathlib import Path

import pytest

import dicetune
from dicetune import predictor as module
from dicetune.live import BY_LINE
from dicetune.predictor import load

PINNED = Path(__file__).parent / "pinned" / "models"


@pytest.mark.parametrize("folder", sorted(PINNED.iterdir()), ids=lambda folder: folder.name)
def test_parts_are_as_the_whole(folder, tmp_path, monkeypatch):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    file = next(path for path in folder.iterdir() if path.stem == "a")
    model = load(run, use="evaluate", batch_size=1)
    data = model.read(file)
    whole = model.answer(data), model.evaluate(data)
    monkeypatch.setattr(type(model.task), "at_once", 1)
    assert len(data) > 1
    answers, scores = model.answer(data), model.evaluate(data)
    assert [one.to_dict() for one in answers] == [one.to_dict() for one in whole[0]]
    assert scores == whole[1]


@pytest.mark.parametrize("folder", sorted(PINNED.iterdir()), ids=lambda folder: folder.name)
def test_output_in_parts_is_as_the_whole(folder, tmp_path, monkeypatch):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    file = str(next(path for path in folder.iterdir() if path.stem == "a"))
    model = load(run)
    data = model.read(file, gold=False)
    answers = model.answer(data)
    monkeypatch.setattr(module, "_ANSWERED", 1)
    parts = list(model.answered(data))
    assert len(parts) == len(data) > 1
    shapes = [shape for shape in model.task.out_formats if shape in BY_LINE]
    for shape in shapes:
        whole = model.task.render(data, answers, shape, model.decision)
        found = [model.task.render(*part, shape, model.decision) for part in parts]
        assert "".join(found) == whole
    out = tmp_path / "out"
    shown = dicetune.predict(run, file, out=str(out), keep=False, out_format=shapes[-1])
    assert shown == []
    assert out.read_text("utf-8") == whole


def test_a_word_that_begins_with_a_mark_is_written_once(tmp_path, monkeypatch):
    run = shutil.copytree(PINNED / "ner" / "run", tmp_path / "run")
    file = tmp_path / "a.conll"
    file.write_text("\ufeff\ufeffat\tO\n\n\ufeffQuay\tO\n\n", "utf-8")
    whole = dicetune.predict(run, str(file)).text
    monkeypatch.setattr(module, "_ANSWERED", 1)
    dicetune.predict(run, str(file), out=str(tmp_path / "out"), keep=False)
    assert (tmp_path / "out").read_text("utf-8") == whole
    assert whole.count("\ufeff") == 3
