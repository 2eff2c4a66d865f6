"""Importing dicetune, its data and metrics, or asking for help loads no torch."""

import subprocess
import sys

import pytest

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
    code = (
        "import sys\nfrom dicetune.cli import main\n"
        f"sys.argv = ['dicetune', 'report', {str(folder)!r}]\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print(sorted({HEAVY} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == [f"Report: {folder / 'report.html'}", "[]"]
    assert (folder / "report.html").is_file()


def test_public_names_are_found_on_first_use():
    import dicetune

    for name in dicetune.__all__:
        assert getattr(dicetune, name) is not None
    assert set(dir(dicetune)) == set(dicetune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dicetune.nothing  # noqa: B018
