"""Summaries of comparisons without the times that runs took."""

import re

TIMES = re.compile(rb'"seconds": [\d.]+|[\d.]+ m?s\b')


def without_times(out):
    """The summary of a comparison without times."""
    return TIMES.sub(b"", (out / "summary.json").read_bytes())
