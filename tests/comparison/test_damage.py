"""Records that are damaged, or that come from somebody else: one message, and nothing elsewhere."""

import os
import shutil

import pytest

from comparisons import make_comparison
from dicetune.comparison import execute
from dicetune.comparison.compare import compare
from dicetune.comparison.merge import compare_records
from dicetune.comparison.plan import Plan
from dicetune.comparison.summary import write_summary
from dicetune.errors import DataError, DicetuneError, InputError
from dicetune.records import read_json, write_json
from local_runs import Here

DAMAGES = {
    "not UTF-8": b"\xff\xfe\x00{",
    "an empty object": b"{}",
    "a list": b"[1, 2]",
    "a number of 5,000 digits": b'{"version": ' + b"9" * 5000 + b"}",
    "half": None,
    "gone": None,
}
RUN_FILES = ("run.json", "metrics.json", "predictions.jsonl", "scores.safetensors",
              "decision.json", "tuned.jsonl")  # fmt: skip


def damage(path, how):
    if how == "gone":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if how == "half" else DAMAGES[how])


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A comparison with weights of nothing: its records alone."""
    return make_comparison(tmp_path_factory.mktemp("made") / "c", seeds=(1,), units=12)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["comparison.json", *RUN_FILES])
def test_a_damaged_record_is_one_message_and_nothing_is_merged(tmp_path, made, name, how):
    folder = shutil.copytree(made, tmp_path / "c")
    place = next((folder / "cells").glob("dice-*/")) if name in RUN_FILES else folder
    damage(place / name, how)
    unfinished = how == "gone" and name in ("run.json", "decision.json")  # as a kill leaves it
    for act in (lambda: write_summary(folder), lambda: compare_records([folder], tmp_path / "m")):
        if unfinished:
            act()
            continue
        with pytest.raises(DicetuneError) as refused:
            act()
        said = str(refused.value)
        assert "\n" not in said
        assert name in said or "comparison.json" in said
        assert any(word in said for word in ("again", "give another", "give the", "got neither"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_predictions_of_a_tool_and_a_damaged_inspection_say_what_heals_them(tmp_path, how):
    folder = make_comparison(tmp_path / "c", seeds=(1,), units=12, tuned=False, foreign=True)
    theirs = folder / "foreign" / "other tool" / "predictions.jsonl"
    whole = theirs.read_bytes()
    damage(theirs, how)
    with pytest.raises(DataError, match=r"predictions\.jsonl.*--predictions 'other tool=FILE'"):
        write_summary(folder)
    theirs.write_bytes(whole)
    if how != "gone":
        (folder / "inspection.json").write_bytes(DAMAGES[how] or b'{"splits": [')
        with pytest.raises(DataError, match=r"inspection\.json.*delete it"):
            write_summary(folder)


@pytest.fixture(scope="module")
def trained(files):
    out = files.folder / "trained"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "Local", Here)
        compare(out, files.config, losses=["ce", "dice"], seeds=1)
    return out


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("name", "how"),
    [*zip(RUN_FILES[:4], DAMAGES, strict=False), ("tuned.jsonl", "gone")],
)
def test_a_damaged_run_is_made_again_by_the_same_command(tmp_path, trained, name, how, log):
    out = shutil.copytree(trained, tmp_path / "c")
    first, second = (run.folder(out) for run in Plan.load(out).runs)
    before, other = (first / "predictions.jsonl").read_bytes(), everything(second)
    damage(first / name, how)
    assert compare(out).exit_code == 0
    (line,) = [line for line in log.messages if "made again" in line]
    assert f"run {first.name} is made again, its records are damaged" in line
    assert name in line
    assert (first / "predictions.jsonl").read_bytes() == before
    assert everything(second) == other


@pytest.mark.parametrize(
    "name",
    ["../../x", "/x", "..", "", "a/b", "a\\b", "a\x1bb", "a\nb", ".hidden", "x" * 300],
)
@pytest.mark.parametrize("what", ["run", "foreign"])
def test_a_name_that_would_lead_elsewhere_is_refused_where_it_is_read(tmp_path, made, what, name):
    inside = tmp_path / "deep" / "er"
    folder = shutil.copytree(made, inside / "c")
    values = read_json(folder / "comparison.json")
    if what == "run":
        values["cells"][0]["id"], values["merged"] = name, True
    else:
        values["foreign"] = {name: {"file": "f", "sha256": "0"}}
    write_json(folder / "comparison.json", values)
    before = everything(tmp_path)
    for act in (lambda: write_summary(folder), lambda: compare_records([folder], inside / "m"),
                lambda: compare(folder)):  # fmt: skip
        with pytest.raises(DataError, match=r"comparison\.json: expected"):
            act()
    assert everything(tmp_path) == before


@pytest.mark.parametrize("place", ["cells", "cells/RUN", "cells/RUN/predictions.jsonl",
                                   "summary.json.part", "foreign"])  # fmt: skip
def test_a_link_in_a_folder_that_was_received_is_refused(tmp_path, made, place):
    folder = shutil.copytree(made, tmp_path / "c")
    path = folder / place.replace("RUN", Plan.load(folder).runs[0].id)
    elsewhere = tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    path.symlink_to(elsewhere)
    before = everything(tmp_path)
    for act in (lambda: write_summary(folder), lambda: compare_records([folder], tmp_path / "m")):
        with pytest.raises(DataError, match="got a link to another place"):
            act()
    assert everything(tmp_path) == before


def test_a_merge_leaves_what_was_in_the_folder(tmp_path, made):
    out = tmp_path / "m"
    out.mkdir()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    outcome = compare_records([made], out)
    assert outcome.folder == out
    assert (out / "mine.txt").is_file()
    assert (out / "report.html").is_file()
    assert compare_records([made], out).summary == outcome.summary
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_what_cannot_be_written_is_one_message_before_anything_is_trained(tmp_path, made, files):
    below = tmp_path / "file"
    below.write_text("", encoding="utf-8")
    for act in (
        lambda: compare(below / "c", files.config, losses=["ce", "dice"]),
        lambda: compare_records([made], below / "m"),
    ):
        with pytest.raises(InputError, match=r"expected a folder for the comparison, got the file"):
            act()
    if os.geteuid():
        (tmp_path / "shut").mkdir(mode=0o500)
        with pytest.raises(InputError, match="that can be written in"):
            compare(tmp_path / "shut" / "c", files.config, losses=["ce", "dice"])
