"""Records: read back as written, and refused with a reason where they cannot be."""

import logging
import subprocess
import sys

import pytest

from dicetune.errors import DataError, InputError
from dicetune.records import (
    RunRecord,
    read_json,
    read_json_lines,
    sha256,
    silent_log,
    versions,
    write_json,
)
from tiny import RECORDED

RECORD = RunRecord(
    config={"task": "ner", "train": "a.conll", "seed": 1, "options": {}, "trainer": {}},
    labels=["O", "B-A"],
    settings={"label_scheme": "iob2"},
    **RECORDED,
)


def test_round_trip(tmp_path):
    RECORD.save(tmp_path)
    assert RunRecord.load(tmp_path) == RECORD
    assert RECORD.versions == versions()
    assert {"python", "torch", "transformers", "dicetune"} <= RECORD.versions.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_folder_without_a_record(tmp_path):
    with pytest.raises(InputError, match=r"expected the folder of a finished run \(with run\.json"):
        RunRecord.load(tmp_path)


def test_a_record_of_another_layout(tmp_path):
    write_json(tmp_path / "run.json", {"record_version": 99})
    with pytest.raises(DataError, match=r"run\.json: expected record_version 2, got 99"):
        RunRecord.load(tmp_path)


def test_broken_json_is_named_with_its_line(tmp_path):
    (tmp_path / "a.json").write_text('{\n"a": \n}', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json:3: expected JSON"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DataError, match="expected a JSON object, got list"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.jsonl").write_text('{"a": 1}\n{"a": \n', encoding="utf-8")
    with pytest.raises(DataError, match=r"c\.jsonl:2: expected JSON"):
        list(read_json_lines(tmp_path / "c.jsonl"))


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_the_log_is_silent_for_a_while(log):
    of_module = logging.getLogger("dicetune.records")
    of_module.info("before")
    with silent_log():
        of_module.error("meanwhile")
    of_module.info("after")
    assert log.messages == ["before", "after"]


def test_a_program_that_configures_no_logging_prints_no_message():
    code = "import logging, dicetune; logging.getLogger('dicetune.records').warning('a warning')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
