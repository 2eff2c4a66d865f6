"""Importing dicetune, its data and metrics, or asking for help loads no torch."""

import subprocess
import sys

import pytest

HEAVY = "{'torch', 'transformers', 'datasets', 'sklearn'}"


@pytest.mark.parametrize(
    "module", ["dicetune", "dicetune.cli", "dicetune.data", "dicetune.records"]
)
def test_light_modules_stay_light(module):
    code = f"import sys, {module}; print(sorted({HEAVY} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_found_on_first_use():
    import dicetune

    for name in dicetune.__all__:
        assert getattr(dicetune, name) is not None
    assert set(dir(dicetune)) == set(dicetune.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dicetune.nothing  # noqa: B018
