"""Inspect the data of a comparison once, for the report: imbalance, duplicates, leaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dicetune.comparison.data_facts import INSPECTION_FILE
from dicetune.comparison.plan import Plan
from dicetune.errors import DicetuneError
from dicetune.records import write_json


def inspect_data(plan: Plan, out: Path, report: Callable[[str], None] = lambda line: None) -> None:
    """Write what the files of a plan hold; what cannot be inspected is said and stops nothing.

    Args:
        plan: of the comparison.
        out: its folder; where it holds an inspection already, nothing is done.
        report: takes a line where it went wrong.
    """
    if (out / INSPECTION_FILE).is_file():
        return
    from dicetune.models import load_tokenizer, resolve_encoder, subword_counter
    from dicetune.training.config import RunConfig
    from dicetune.training.prepare import read_splits

    try:
        config = RunConfig.from_mapping(plan.base())
        splits, task = read_splits(config, lambda line: None)
        tokenizer = load_tokenizer(resolve_encoder(config.model), aligns=task.aligns)
        found = task.inspect(splits, subword_counter(tokenizer))
    except DicetuneError as error:
        report(f"the data was not inspected: {error}")
        return
    write_json(out / INSPECTION_FILE, found.to_dict())
