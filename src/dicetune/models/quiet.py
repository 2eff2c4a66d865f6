"""Quiet the libraries' own progress bars while dicetune reports in its own words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """No bar for each file that is read or written; the setting is put back at the end."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
