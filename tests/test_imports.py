"""Importing dicetune, its data and metrics, or asking for help loads no torch."""

import subprocess
import sys

import pytest

from commands import loaded_by
from comparisons import make_comparison

HEAVY = "{'torch', 'transformers', 'datasets', 'sklearn', 'seqeval'}"
LIGHT = [
    "dicetune",
    "dicetune.records",
    "dicetune.reporting",
    "dicetune.data",
    "dicetune.cli",
    "dicetune.runs",
    "dicetune.scoring",
    "dicetune.comparison.summary",
]


def test_light_modules_stay_light():
    """All in one process, and the data before anything that needs scipy."""
    lines = [f"import {name}; print('{name}', *{HEAVY} & sys.modules.keys())" for name in LIGHT]
    lines.insert(4, "print('scipy' in sys.modules)")
    code = "import sys\n" + "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*LIGHT[:4], "False", *LIGHT[4:]]


def test_a_report_is_made_without_what_trains_or_scores(tmp_path):
    folder = make_comparison(tmp_path / "c", "spans", units=10)
    said = loaded_by(["report", str(folder)], folder=tmp_path)
    assert said.splitlines()[-2:] == [f"Report: {folder / 'report.html'}", "report loaded []"]
    assert (folder / "report.html").is_file()


def test_files_are_scored_and_tables_printed_without_torch(tmp_path):
    (tmp_path / "tags.tsv").write_text("Quay B-SITE B-SITE\nNine I-SITE I-SITE\n", "utf-8")
    (tmp_path / "labels.jsonl").write_text('{"gold": "a", "predicted": "a"}\n', "utf-8")
    scores = (
        '{"gold": "a", "logits": {"a": 1, "b": 0}}\n{"gold": "b", "logits": {"a": 1, "b": 0}}\n'
    )
    (tmp_path / "scores.jsonl").write_text(scores, "utf-8")
    commands = [
        ["evaluate", "tags.tsv"],
        ["evaluate", "labels.jsonl", "--task", "text"],
        ["tune", "--scores", "scores.jsonl"],
        ["tasks"],
        ["tasks", "qa"],
        ["losses"],
    ]
    said = loaded_by(*commands, folder=tmp_path)
    assert said.count("loaded []") == len(commands), said


def test_public_names_are_found_on_first_use():
    import dicetune

    for name in dicetune.__all__:
        assert getattr(dicetune, name) is not None
    assert set(dir(dicetune)) == set(dicetune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dicetune.nothing  # noqa: B018


def test_a_place_that_cannot_be_is_refused_before_torch_is_loaded(tmp_path):
    code = (
        "import sys, dicetune\n"
        "try: dicetune.compare('ner', data='sample', jobs=0)\n"
        "except dicetune.errors.InputError as error: print(error, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "expected at least 1 run at a time, got --jobs 0 False\n"
