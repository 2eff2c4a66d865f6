"""Text files: what a compressed file may hold; a file is written whole or not at all."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from dicetune.data import write_text
from dicetune.data.files.text import LIMIT, read_lines
from dicetune.decide.score_file import tune_scores
from dicetune.errors import DataError, InputError


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    path = tmp_path_factory.mktemp("bomb") / "bomb.gz"
    # a file of several members is one file
    path.write_bytes(gzip.compress(b"a\n" * 1_000_000) * 150)
    return path


@pytest.mark.parametrize("read", [read_lines, tune_scores])
def test_a_bomb_is_refused(bomb, read):
    with pytest.raises(DataError, match=f"at most 256 MB unpacked, got more .* {LIMIT}"):
        read(bomb)


def test_the_limit_can_be_moved(bomb, tmp_path, monkeypatch):
    small = tmp_path / "small.gz"
    small.write_bytes(gzip.compress(b"a\n" * 2_000_000))
    assert len(read_lines(small)) == 2_000_000
    monkeypatch.setenv(LIMIT, "1")
    tracemalloc.start()
    with pytest.raises(DataError, match="at most 1 MB unpacked"):
        read_lines(bomb)
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()
    monkeypatch.setenv(LIMIT, "much")
    with pytest.raises(InputError, match=f"{LIMIT} to be a whole number of MB, got 'much'"):
        read_lines(small)


def test_what_is_no_bomb_has_no_limit(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT, "0")
    plain, packed = tmp_path / "plain", tmp_path / "packed.gz"
    text = "".join(f"{number:x}\n" for number in range(0, 10**6, 7))
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_lines(plain) == read_lines(packed)


@pytest.mark.parametrize("raw", [b"\x1f\x8bdamaged", b"\xff\xfe\0", b"caf\xe9\n", b""])
def test_score_files_are_opened_in_the_same_way(tmp_path, raw):
    path = tmp_path / "scores.jsonl"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"scores\.jsonl.* expected (a whole gzip|UTF-8|text)"):
        tune_scores(path)


def test_a_file_is_written_whole_through_links_and_into_devices(tmp_path):
    (tmp_path / "real").write_text("earlier", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new\n"
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link"}
    device = tmp_path / "device"
    device.symlink_to("/dev/null")
    write_text(device, "x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none/out", r"expected a file in an existing folder, got .*none/out': make the folder"),
        ("", "expected a file to write to, got the folder .*: name a file in it"),
        ("n" * 300, "expected a file that can be written, got .*: File name too long"),
    ],
)
def test_targets_that_cannot_be_written(tmp_path, target, message):
    with pytest.raises(InputError, match=message):
        write_text(tmp_path / target, "x")
    assert list(tmp_path.iterdir()) == []
