"""``python -m dicetune``: the command line, also under torchrun."""

from dicetune.cli import main

main()
