"""The command line, in this process: starting torch takes far longer than most commands."""

import subprocess
import sys

from dicetune.cli import main


def command(*arguments):
    """Exit code of ``dicetune ARGUMENT...``; pytest's ``capsys`` has what it printed."""
    sys.argv = ["dicetune", *map(str, arguments)]
    try:
        main()
    except SystemExit as done:
        return done.code or 0
    return 0


HEAVY = ("torch", "transformers", "datasets", "sklearn", "seqeval", "optuna", "scipy.stats")


def loaded_by(*commands, folder):
    """Output and loaded modules of ``HEAVY`` after commands that a new process runs in a folder."""
    code = f"""
import sys
from dicetune.cli import main
for arguments in {commands!r}:
    sys.argv = ["dicetune", *arguments]
    try:
        main()
    except SystemExit as done:
        assert not done.code, arguments
    print(arguments[0], "loaded", [name for name in {HEAVY!r} if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
