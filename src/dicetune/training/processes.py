"""The group of processes that torchrun started: join it, ask it, leave it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dicetune.errors import InputError

_LAUNCHED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_ALONE = "unset WORLD_SIZE, RANK and LOCAL_RANK to train with one process"


def is_first_process() -> bool:
    """Whether this process writes files and messages: of several processes one does."""
    return os.environ.get("RANK", "0") == "0"


def group_arguments(use_cpu: bool = False) -> dict[str, Any]:
    """Keys of ``TrainingArguments`` by which the processes of torchrun find each other.

    Without a GPU (or with ``use_cpu``) transformers forms a group only with both keys; otherwise
    each process trains another model.
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
    """Refuse a group whose size is not WORLD_SIZE, or where the index is not RANK."""
    for name, found in (("WORLD_SIZE", processes), ("RANK", index)):
        if (given := os.environ.get(name)) is not None and given != str(found):
            raise InputError(
                f"expected a group of processes as {name}={given} says, got {found}: each would "
                "work for itself; start `dicetune train` by torchrun (in Python give "
                f"TrainingArguments use_cpu=True and ddp_backend='gloo' without a GPU), or {_ALONE}"
            )


def any_process(asked: bool) -> bool:
    """Whether ``asked`` is true in any process of the group; waits for no device."""
    if not torch.distributed.is_initialized():
        return asked
    flag = torch.tensor(float(asked))
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX, group=_hosts())
    return bool(flag.item())


@functools.cache
def _hosts() -> Any:
    """The group, for tensors of the CPU: a second group where the first knows GPUs alone."""
    if "gloo" in torch.distributed.get_backend_config():
        return None
    return torch.distributed.new_group(backend="gloo")


def process_count() -> int:
    """The number of processes in the group."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def process_number() -> int:
    """The number of this process in the group, from 0."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def summed(tensor: Tensor) -> Tensor:
    """The sum over the processes of the group; its gradient in ``tensor`` is that of the sum."""
    if process_count() == 1:
        return tensor
    total = tensor.detach().clone()
    torch.distributed.all_reduce(total)
    return total + (tensor - tensor.detach())


def by_process(tensor: Tensor) -> list[Tensor]:
    """The tensor of each process, whatever its shape; only one's own has a gradient."""
    if process_count() == 1:
        return [tensor]
    own = torch.tensor(tensor.shape)
    shapes = [torch.empty_like(own) for _ in range(process_count())]
    torch.distributed.all_gather(shapes, own, group=_hosts())
    sizes = [shape.tolist() for shape in shapes]
    # gloo and nccl gather tensors of one shape, and no truth values
    plain = tensor.detach().to(torch.uint8) if tensor.dtype == torch.bool else tensor.detach()
    padded = plain.new_zeros([max(each) for each in zip(*sizes, strict=True)])
    padded[tuple(map(slice, tensor.shape))] = plain
    found = [torch.empty_like(padded) for _ in sizes]
    torch.distributed.all_gather(found, padded)
    pieces = [
        part[tuple(map(slice, size))].to(tensor.dtype)
        for part, size in zip(found, sizes, strict=True)
    ]
    pieces[process_number()] = tensor
    return pieces


def from_first_process(find: Callable[[], float]) -> float:
    """A number that the first process finds, in every process that torchrun started."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return find()
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group()  # of every device; the trainer takes it over
    found = torch.tensor(find() if is_first_process() else 0.0, dtype=torch.float64)
    torch.distributed.broadcast(found, 0)
    return found.item()


def leave_processes(code: int = 0) -> None:
    """End this process with ``code`` if it belongs to a group; else return.

    The interpreter is not torn down: its teardown races with a thread of gloo, which holds the
    tensors of the last exchange. The process sometimes aborts or hangs after all work is done
    (torch 2.13: the destructor of the group joins the thread while it holds the lock of the
    interpreter, and the thread waits for the lock), and the launcher then reports a failure.
    """
    if not torch.distributed.is_initialized():
        return
    if code == 0:
        torch.distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
