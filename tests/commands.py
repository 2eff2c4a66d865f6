"""The command line, in this process: starting torch takes far longer than most commands."""

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
