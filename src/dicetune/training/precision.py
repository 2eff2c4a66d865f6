"""Precision of the training: ``auto`` measures once whether bf16 is fast here, and is kept.

Under ``bf16`` the matrix products of the model run under autocast in bfloat16, in training and in
the evaluations of the run. Weights, optimizer, logits and losses stay in float32.

``auto`` is settled before anything is made: the configuration that a run or a comparison writes
holds ``bf16`` or ``fp32``, so that a resume, and another machine, do the same.
"""

from __future__ import annotations

import logging
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dicetune.training.auto import AUTO
from dicetune.training.config import BF16, FP32, RunConfig
from dicetune.training.folder import CONFIG_FILE
from dicetune.training.processes import from_first_process

_log = logging.getLogger(__name__)
ENOUGH = 1.3
"""How many times as fast bf16 must be for ``auto`` to take it."""
_SECONDS = 0.5
_ROWS, _WIDTH = 1024, 384  # a batch of 32 short texts, and the hidden size of a small encoder


def with_precision(config: RunConfig, earlier: Path | None = None) -> RunConfig:
    """The configuration, whose precision "auto" is settled.

    Args:
        config: of a run.
        earlier: folder of the unfinished run that goes on, which has settled it.
    """
    if config.precision != AUTO:
        return config
    if earlier is not None and (earlier / CONFIG_FILE).is_file():
        return replace(config, precision=RunConfig.from_yaml(earlier / CONFIG_FILE).precision)
    return replace(config, precision=measured_precision(config.trainer.get("use_cpu", False)))


def measured_precision(use_cpu: bool = False) -> str:
    """``bf16`` where the device of a run is faster with it, else ``fp32``; the log says why.

    All processes of a group do what the first one measured.
    """
    device = None if use_cpu else torch.accelerator.current_accelerator()
    device = torch.device("cpu") if device is None or device.type == "mps" else device
    gain = from_first_process(lambda: bf16_gain(device))
    chosen = BF16 if gain >= ENOUGH else FP32
    _log.info(
        "precision auto: %s, because a layer in bf16 is %.1f times as fast as in fp32 on this %s "
        "(from %.1f times on bf16 is taken)",
        *(chosen, gain, device.type, ENOUGH),
    )
    return chosen


def bf16_gain(device: torch.device, seconds: float = _SECONDS) -> float:
    """How many times as fast a layer of an encoder is under bf16 autocast, forward and backward.

    The two take turns for about ``seconds``; the median of the ratios counts.
    """
    narrow, wide = _WIDTH, 4 * _WIDTH
    with torch.random.fork_rng(devices=[]):  # no run may depend on it
        layer = torch.nn.Sequential(
            torch.nn.Linear(narrow, wide), torch.nn.GELU(), torch.nn.Linear(wide, narrow)
        ).to(device)
        rows = torch.randn(_ROWS, _WIDTH).to(device)

    def once(half: bool) -> float:
        begun = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            found: Tensor = layer(rows)
        torch.autograd.backward(found.float().square().mean())
        if device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter() - begun

    for half in (False, True):
        once(half)  # the first calls pay for memory and kernels
    ratios: list[float] = []
    end = time.perf_counter() + seconds
    while not ratios or time.perf_counter() < end:
        ratios.append(once(False) / once(True))
    return statistics.median(ratios)


def precision_arguments(precision: str) -> dict[str, Any]:
    """Keys of ``TrainingArguments`` for a precision that is settled."""
    if precision != BF16:
        return {}
    no_other = torch.accelerator.current_accelerator() is None  # transformers wants to be told
    return {"bf16": True, **({"use_cpu": True} if no_other else {})}
