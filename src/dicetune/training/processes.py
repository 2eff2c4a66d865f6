"""Join and leave the group of processes that torchrun started."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch

from dicetune.errors import InputError

_LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_ALONE = "unset WORLD_SIZE, RANK and LOCAL_RANK to train with one process"


def group_arguments(use_cpu: bool = False) -> dict[str, Any]:
    """Keys of ``TrainingArguments`` by which the processes of torchrun find each other.

    Without a GPU the library forms a group only where both keys say so; else every process trains
    a model of its own.

    Args:
        use_cpu: whether a GPU is left aside.

    Raises:
        InputError: where WORLD_SIZE promises other processes and no launcher says where they are.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return {}
    missing = [name for name in _LAUNCHED if name not in os.environ]
    if missing:
        raise InputError(
            f"expected {', '.join(missing)} beside WORLD_SIZE={os.environ['WORLD_SIZE']}, got none:"
            f" start it by torchrun, or {_ALONE}"
        )
    device = torch.accelerator.current_accelerator()
    if use_cpu or device is None or device.type == "mps":
        return {"use_cpu": True, "ddp_backend": "gloo"}
    return {}


def check_group(processes: int = 1, index: int = 0) -> None:
    """Refuse to work beside processes that know nothing of each other.

    Args:
        processes: in the group of this one.
        index: of this one among them.

    Raises:
        InputError: where WORLD_SIZE or RANK says something else.
    """
    for name, found in (("WORLD_SIZE", processes), ("RANK", index)):
        if (given := os.environ.get(name)) is not None and given != str(found):
            raise InputError(
                f"expected a group of processes as {name}={given} says, got {found}: each would "
                "work for itself; start `dicetune train` by torchrun (in Python give "
                f"TrainingArguments use_cpu=True and ddp_backend='gloo' without a GPU), or {_ALONE}"
            )


def leave_processes(code: int = 0) -> None:
    """End this process where it is one of several; return where it is alone.

    The interpreter is not torn down: its teardown races with a thread of gloo, which holds the
    tensors of the last exchange. It aborts or hangs now and then after all work is done (torch
    2.13: the group's destructor joins that thread with the interpreter's lock in its hand, and
    the thread waits for the lock), and the launcher then reports a failure.

    Args:
        code: exit code; a process that ends well waits for the others first.
    """
    if not torch.distributed.is_initialized():
        return
    if code == 0:
        torch.distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
