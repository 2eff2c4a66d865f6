"""WholeStep: an optimizer step whose loss is that of all its micro-batches together, exactly.

Each micro-batch is forwarded, and only its logits are kept. The loss of all logits and its gradient
by the logits are computed once. Then each micro-batch is forwarded again, from the random state
that it had the first time, and its part of the gradient goes back through it. The graph of the
micro-batch that is forwarded last is kept, and goes back first.

Graphs are kept, and nothing is computed twice, as long as their saved tensors fit in ``GraphRoom``.
The micro-batches go back in the same order in both cases: room changes time and memory alone.
Where the processes of a group exchange gradients, the micro-batch that goes back last is always
forwarded again: its forward prepares the exchange.

A forward that changes buffers of the model (batch normalisation) changes them twice.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dicetune.loss_input import LossInput

Forward = Callable[[nn.Module, Any], list[LossInput]]
Parts = list[list[LossInput]]
"""The loss inputs of each micro-batch of a step, in the order of the micro-batches."""

SHARE_OF_FREE = 0.25
"""Share of the memory that is free when training begins that kept graphs may take."""


class WholeStep:
    """One optimizer step on one process; ``share`` is called once for each micro-batch.

    Args:
        batches: the micro-batches.
        forward: from the model and a micro-batch to its loss inputs.
        loss_of: from the loss inputs of all micro-batches to the loss; their logits are leaves.
        room: for graphs that are kept.
        exchanges: whether the backward pass of the last micro-batch exchanges gradients with other
            processes.
    """

    def __init__(
        self,
        batches: Sequence[Any],
        forward: Forward,
        loss_of: Callable[[Parts], Tensor],
        room: GraphRoom,
        *,
        exchanges: bool,
    ) -> None:
        self._batches = batches
        self._forward = forward
        self._loss_of = loss_of
        self._room = room
        last = len(batches) - 1
        self._order = [last, *range(last)]
        self._again = {self._order[-1]} if exchanges and last else set()
        self._states: list[RandomState] = []
        self._kept: dict[int, list[LossInput]] = {}
        self._gradients: list[list[Tensor]] = []
        self._value = torch.zeros(())
        self.parts: Parts = []

    def share(self, model: nn.Module) -> Tensor:
        """The share of the next micro-batch; its backward sends the gradient of the whole loss.

        The shares of a step add up to its loss.
        """
        if not self.parts:
            self._begin(model)
        place = self._order.pop(0)
        items = self._kept.pop(place, None)
        if items is None:
            with self._states[place].again():
                items = self._forward(model, self._batches[place])
        logits = [item.logits for item in items]
        sent: Tensor = _Prepared.apply(  # type: ignore[no-untyped-call]
            self._value, self._gradients[place], *logits
        )
        return sent

    def _begin(self, model: nn.Module) -> None:
        """Forward all micro-batches, and compute the loss and its gradient by their logits."""
        last, used = len(self._batches) - 1, 0
        for place, batch in enumerate(self._batches):
            self._states.append(RandomState(self._room.device))
            if place == last:
                items = self._kept[place] = self._forward(model, batch)
            elif place in self._again or not self._room.has_place(used):
                with torch.no_grad():
                    items = self._forward(model, batch)
            else:
                with self._room.measured(model) as size:
                    items = self._forward(model, batch)
                if used + size[0] <= self._room.limit:
                    self._kept[place], used = items, used + size[0]
            leaves = [replace(i, logits=i.logits.detach().requires_grad_()) for i in items]
            self.parts.append(leaves)
            del items
        with torch.enable_grad():
            loss = self._loss_of(self.parts)
        logits = [item.logits for part in self.parts for item in part]
        found = iter(torch.autograd.grad(loss, logits, materialize_grads=True))
        self._gradients = [[next(found) for _ in part] for part in self.parts]
        self._value = loss.detach() / len(self._batches)


class _Prepared(torch.autograd.Function):
    """A value whose backward sends gradients that are already there."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: list[Tensor], *logits: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return None, None, *((upstream * gradient).to(gradient) for gradient in ctx.gradients)


class RandomState:
    """The state of every generator that a forward pass may draw from, as it is now."""

    def __init__(self, device: torch.device) -> None:
        self._module = None if device.type == "cpu" else torch.get_device_module(device)
        self._device = device
        self._python, self._numpy = random.getstate(), np.random.get_state()
        self._cpu = torch.get_rng_state()
        self._of_device = self._module and self._module.get_rng_state(device)

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Draw the same numbers again; the state afterwards is the state before."""
        after = RandomState(self._device)
        self._set()
        try:
            yield
        finally:
            after._set()

    def _set(self) -> None:
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._cpu)
        if self._module is not None:
            self._module.set_rng_state(self._of_device, self._device)


class GraphRoom:
    """How much memory graphs may take that wait for their backward pass.

    Args:
        device: where the model is.
        limit: bytes; by default ``SHARE_OF_FREE`` of the memory that is free at the first question.
    """

    def __init__(self, device: torch.device, limit: int | None = None) -> None:
        self.device = device
        self._limit = limit
        self._largest = 0  # size of the largest graph so far

    @property
    def limit(self) -> int:
        """Bytes for all graphs together."""
        if self._limit is None:
            self._limit = int(SHARE_OF_FREE * free_memory(self.device))
        return self._limit

    def has_place(self, used: int) -> bool:
        """Whether one more graph fits, as large as the largest so far."""
        return 0 < self.limit >= used + self._largest

    @contextlib.contextmanager
    def measured(self, model: nn.Module) -> Iterator[list[int]]:
        """A list whose number becomes the bytes that the graph of a forward pass saves."""
        size = [0]
        seen = {_memory(weight)[0] for weight in model.parameters()}

        def count(tensor: Tensor) -> Tensor:
            address, length = _memory(tensor)
            if address not in seen:
                seen.add(address)
                size[0] += length
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            yield size
        self._largest = max(self._largest, size[0])


def _memory(tensor: Tensor) -> tuple[int, int]:
    """Address and bytes of the memory of a tensor; 0 of a sharded one, which has none itself."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    except RuntimeError:
        return 0, 0


def free_memory(device: torch.device) -> int:
    """Bytes that one process of this machine may still take on ``device``; 0 where unknown.

    On the CPU the memory of the machine, or of its control group (a container), is divided by the
    number of processes that torchrun started here.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    if device.type != "cpu":
        return 0
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable")))
    with contextlib.suppress(OSError, ValueError):  # the limit may be the word "max"
        group = Path("/sys/fs/cgroup")
        most, now = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        found.append(max(most - now, 0))
    return min(found, default=0) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
