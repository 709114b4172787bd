"""Several processes that train one model, on one GPU each or on cores: each takes its share of a step's batches.

Every process runs the same code and ends with the same weights. The first one leads: its files are those that count. A launcher
(`accelerate launch`, torchrun) says in the environment how many there are; alone, nothing here does anything.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed, nn

PATIENCE_MINUTES = 30
"""How long a process waits for another before it gives up: the first one looks, saves and prepares meanwhile."""
GRACE_SECONDS = 30.0
"""Within this time a launcher has ended the processes whose like has failed, and what they would say is of no use."""
_BUCKET = 2**24
"""Numbers that are sent at once: more would need the memory of all weights once more."""


class ProcessesError(RuntimeError):
    """The processes of a training cannot work together, or one of them has gone."""


def launched() -> int:
    """How many processes a launcher says that there are; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def count() -> int:
    """How many processes have joined: 1 where nobody has."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def place() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def leads() -> bool:
    """Whether this process's files are those that count."""
    return place() == 0


def join(device: str) -> None:
    """Meet the other processes that the launcher started; on 'cuda' each takes the GPU of its number on its machine.

    Raises `ProcessesError`: fewer GPUs than processes, or the others do not come.
    """
    if launched() == 1 or distributed.is_initialized():
        return
    if device == "cuda":
        number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= there:
            raise ProcessesError(
                f"{launched()} processes were started, and torch sees {there} GPUs here: start one a GPU, or set "
                "machine.device to cpu"
            )
        torch.cuda.set_device(number)
    with _heard():
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=timedelta(minutes=PATIENCE_MINUTES)
        )


def leave() -> None:
    """Wait until all are done, and part."""
    if distributed.is_initialized():
        meet()
        distributed.destroy_process_group()


def meet() -> None:
    """Wait until all processes are here: what the first one wrote before is there for the others."""
    told("")


def told(text: str) -> list[str]:
    """What each process says here, in their order; each gets all of it."""
    if count() == 1:
        return [text]
    said = torch.tensor([*text.encode(), 0], dtype=torch.uint8)
    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(count())]
    with _heard():
        distributed.all_gather(sizes, torch.tensor([len(said)]))
        longest = max(int(size) for size in sizes)
        found = [torch.zeros(longest, dtype=torch.uint8) for _ in sizes]
        distributed.all_gather(found, nn.functional.pad(said, (0, longest - len(said))))
    return [bytes(each.tolist()[: int(size) - 1]).decode() for each, size in zip(found, sizes, strict=True)]


def of_the_first(text: str) -> str:
    """What the first process says here."""
    return told(text)[0]


def check_alike(text: str, fault: str) -> None:
    """Raise `ProcessesError` with `fault` in all processes where one of them says something else."""
    said = told(text)
    if other := [str(number) for number, each in enumerate(said) if each != said[0]]:
        raise ProcessesError(f"{fault} (process {', '.join(other)} of {len(said)} differs from process 0)")


def check_shares(name: str, accumulate: int) -> None:
    """Raise `ProcessesError` where the processes cannot share the `accumulate` batches of a step of a training evenly."""
    if accumulate % count():
        raise ProcessesError(
            f"{name}: accumulate is {accumulate}, the batches of a step, which {count()} processes cannot share evenly; set its "
            f"accumulate to a multiple of {count()} in params.yaml (and its batch so many times smaller, that a step sees as "
            "many pictures), or start fewer processes"
        )


def add_up(model: nn.Module, values: Mapping[str, float]) -> dict[str, float]:
    """Add the gradients of all processes, in place, and their values by name, each in the order of the processes.

    A gradient that only some have counts as 0 in the others. Buffers are those of the first process
    (`models.core.statistics` then mends those of batch normalisation).
    """
    if count() == 1:
        return dict(values)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    has = "".join("01"[parameter.grad is not None] for parameter in parameters)
    said = [json.loads(each) for each in told(json.dumps([has, dict(values)]))]
    gradients = []
    for number, parameter in enumerate(parameters):
        if any(there[number] == "1" for there, _ in said):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
    together(gradients, added)
    together(list(model.buffers()), _from_the_first)
    return _sums([each for _, each in said])


def totals(values: Mapping[str, float]) -> dict[str, float]:
    """The values of all processes by name, added up in their order."""
    return _sums([json.loads(each) for each in told(json.dumps(dict(values)))])


def _sums(said: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in said:
        for key, value in each.items():
            found[key] = found.get(key, 0.0) + value
    return found


def follow(model: nn.Module) -> None:
    """Give all processes the parameters and buffers of the first, in place."""
    if count() > 1:
        together(list(model.state_dict().values()), _from_the_first)


def added(tensor: torch.Tensor) -> None:
    """In place the sum over all processes; for `together`."""
    distributed.all_reduce(tensor)


def _from_the_first(tensor: torch.Tensor) -> None:
    distributed.broadcast(tensor.view(torch.uint8), 0)  # gloo does not know every type


@torch.no_grad()
def together(tensors: Sequence[torch.Tensor], what: Callable[[torch.Tensor], object]) -> None:
    """Do something in place to many tensors at once, which are the same ones in all processes; alone, nothing."""
    if count() == 1:
        return
    for group in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        with _heard():
            what(flat)
        for tensor, part in zip(group, flat.split([tensor.numel() for tensor in group]), strict=True):
            tensor.copy_(part.view_as(tensor))


def _buckets(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Neighbours of one type, some `_BUCKET` numbers at a time."""
    group: list[torch.Tensor] = []
    for tensor in tensors:
        alike = not group or (group[0].dtype, group[0].device) == (tensor.dtype, tensor.device)
        if group and (not alike or sum(one.numel() for one in group) + tensor.numel() > _BUCKET):
            yield group
            group = []
        group.append(tensor)
    if group:
        yield group


@contextmanager
def _heard() -> Iterator[None]:
    """Raise `ProcessesError` where others are not heard of, unless the launcher, who knows why, ends this process before."""
    try:
        yield
    except RuntimeError as error:
        time.sleep(GRACE_SECONDS)
        raise ProcessesError(
            f"another process of this training has ended, or did not answer for {PATIENCE_MINUTES} minutes; what was saved is "
            "kept, and the training goes on from there when it is started again"
        ) from error
