"""Leave the group of processes that torchrun started."""

from __future__ import annotations

import os
import sys

import torch


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
