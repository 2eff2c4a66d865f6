"""Each example runs, and learns what its made-up data holds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
FEW = {
    "plain_loop": (["--steps", "100"], 60),
    "lightning_module": (["--epochs", "2"], 60),
    "cross_encoder": (["--steps", "3"], 0),
    "own_tagger": (["--steps", "100"], 60),
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path):
    flags, least = FEW[path.stem]
    done = subprocess.run(
        [sys.executable, str(path), *flags],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = [float(score) for score in re.findall(r"F1 ([\d.]+)", done.stdout)]
    assert scores
    assert min(scores) >= least, done.stdout
    assert not list(tmp_path.iterdir())
