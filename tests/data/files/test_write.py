"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from dicetune.data import write_text
from dicetune.errors import InputError


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
