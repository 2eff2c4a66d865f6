"""Leave the group of processes that torchrun started, before the interpreter goes."""

from __future__ import annotations

import torch


def leave_processes() -> None:
    """Wait for the others, then close the connections; nothing where there is one process.

    Threads of the communication library that still run while the interpreter is torn down abort
    the process, after its work is done, so that the launcher reports a failure.
    """
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
