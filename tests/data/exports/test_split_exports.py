"""An export is one file: its parts are exports of the same tool, and hold each text once."""

import json
import random

import pytest

from dicetune.data import read_entities, read_texts, read_tokens
from dicetune.data.exports.brat import brat_files
from dicetune.errors import DataError, InputError
from dicetune.tasks import TASKS
from dicetune.tasks.split import split_file
from exports import (
    TEXTS,
    annotation,
    choice,
    docbin,
    found_spans,
    region,
    task,
    write_brat,
    write_json,
    write_lines,
)

SHARES = (0.6, 0.2, 0.2)
WORDS = ["pump", "gate", "dock", "crane", "ship"]


def many(count=30):
    """Tasks of different texts: the second part of each has an entity."""
    chance, tasks = random.Random(1), []
    for n in range(count):
        one = task(n % 4, annotation([*region(n % 4), choice("ab"[n % 2])]))
        one["id"], more = 100 + n, f" {chance.choice(WORDS)} {n}"
        one["data"] = {"text": one["data"]["text"] + more, "id": f"own {n}"}
        tasks.append(one)
    return tasks


@pytest.mark.parametrize("indent", [None, 1], ids=["on one line", "over many lines"])
@pytest.mark.parametrize("name", ["ner", "mrc-ner", "text", "multilabel"])
def test_parts_of_label_studio(tmp_path, name, indent):
    tasks = many()
    tasks[3]["annotations"][0]["was_cancelled"] = True
    path = tmp_path / "all.json"
    path.write_text(json.dumps(tasks, indent=indent), encoding="utf-8")
    chosen = TASKS[name]
    parts = split_file(chosen, path, tmp_path / "parts", SHARES)
    ids = {}
    for part, file in parts.files.items():
        data = chosen.read(file, chosen.Options())
        ids[part] = [entry.id for entry in data]
        assert len(data) == parts.record["parts"][part]["examples"]
    found = sorted(int(i) for own in ids.values() for i in own)
    assert found == [100 + n for n in range(30) if n != 3]
    assert {part: len(own) for part, own in ids.items()} == {"train": 17, "dev": 6, "test": 6}


def test_parts_of_lines_and_of_docbin(tmp_path):
    rows = [{"id": n, "text": f"at Bonn {n}", "label": [[3, 7, "LOC"]]} for n in range(10)]
    path = write_lines(tmp_path / "a.jsonl", rows)
    parts = split_file(TASKS["ner"], path, tmp_path / "lines", (0.8, 0.2))
    read = [s for file in parts.files.values() for s in read_tokens(file)]
    assert sorted(s.id for s in read) == [str(n) for n in range(10)]
    asked = [
        {"text": f"text {n}", "_input_hash": n, "label": label, "answer": "accept"}
        for label in ("X", "Y")
        for n in range(10)
    ]
    path = write_lines(tmp_path / "b.jsonl", asked)
    parts = split_file(TASKS["multilabel"], path, tmp_path / "answers", (0.8, 0.2))
    texts = [e for file in parts.files.values() for e in read_texts(file, several=True)]
    assert sorted(e.text for e in texts) == sorted(f"text {n}" for n in range(10))
    assert {e.labels for e in texts} == {("X", "Y")}
    docbin().to_disk(tmp_path / "c.spacy")
    parts = split_file(TASKS["mrc-ner"], tmp_path / "c.spacy", tmp_path / "docs", (0.5, 0.5))
    texts = [" ".join(s.tokens) for file in parts.files.values() for s in read_entities(file)]
    assert sorted(texts) == sorted(TEXTS)
    assert sum(len(x) for f in parts.files.values() for x in found_spans(read_tokens(f))) == 4


def test_parts_of_a_folder_of_brat_are_folders(tmp_path):
    whole, out = write_brat(tmp_path / "a" / "sub.d").parent, tmp_path / "parts"
    before = {path.name: path.read_bytes() for path in brat_files(whole)}
    parts = split_file(TASKS["ner"], whole, out, (0.5, 0.5))
    copied = [path for folder in parts.files.values() for path in brat_files(folder)]
    assert {path.name: path.read_bytes() for path in copied} == before
    assert len(copied) == len(before)
    ids = [s.id for folder in parts.files.values() for s in read_tokens(folder)]
    assert sorted(ids) == sorted(s.id for s in read_tokens(whole))
    assert all(folder.is_dir() for folder in (out / "train", out / "dev"))
    assert split_file(TASKS["ner"], whole, out, (0.5, 0.5)).record == parts.record
    (whole / "sub.d" / "11.ann").write_text("")
    with pytest.raises(InputError, match="got another sha256"):
        split_file(TASKS["ner"], whole, out, (0.5, 0.5))
    (out / "train" / "own.md").write_text("kept")
    again = split_file(TASKS["ner"], whole, out, (0.5, 0.5), seed=2, overwrite=True)
    assert again.is_whole()
    assert (out / "train" / "own.md").exists()
    copied[0].write_text("changed")
    assert not again.is_whole()


def test_one_document_of_brat_has_no_parts(tmp_path):
    with pytest.raises(DataError, match="got none for"):
        split_file(TASKS["ner"], write_brat(tmp_path / "a") / "11.ann", tmp_path / "b", (0.5, 0.5))


def test_parts_that_cannot_be_written(tmp_path):
    path = write_json(tmp_path / "all.json", many(8))
    options = TASKS["text"].Options(id_column="data.id")
    with pytest.raises(DataError, match=r"tool's own ids .*: leave -o id_column= out"):
        split_file(TASKS["text"], path, tmp_path / "parts", (0.5, 0.5), options=options)
