from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from models.core.adam import Adam

CODE = """
import sys, torch
from accelerate import Accelerator
from torch import nn
from models.core.adam import Adam
layer = nn.Linear(3, 3)
plain = Adam(layer.parameters(), lr=1e-3)
accelerator = Accelerator(cpu=True)
layer, optimiser = accelerator.prepare(layer, plain)
for _ in range(2):
    accelerator.backward(layer(torch.ones(2, 3)).square().sum())
    optimiser.step()
    optimiser.zero_grad()
plain.load_state_dict(plain.state_dict())
raise SystemExit("torch._dynamo" in sys.modules)
"""


def trained(optimiser: type[torch.optim.Adam], rate: float, decay: float, halfway: bool) -> dict[str, torch.Tensor]:
    """Weights after twenty steps; halfway: through a saved and loaded state."""
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.GELU(), nn.Flatten(), nn.Linear(180, 7))
    found = optimiser(network.parameters(), lr=rate, weight_decay=decay)
    for step in range(20):
        found.zero_grad()
        network(torch.rand(4, 3, 8, 8)).square().mean().backward()
        found.step()
        if halfway and step == 9:
            state = found.state_dict()
            found = optimiser(network.parameters(), lr=rate, weight_decay=decay)
            found.load_state_dict(state)
            for group in found.param_groups:
                group["lr"] = rate / 2
    return network.state_dict() | {
        f"state {place} {name}": value
        for place, entry in found.state_dict()["state"].items()
        for name, value in entry.items()
    }


@pytest.mark.parametrize("halfway", [False, True])
@pytest.mark.parametrize(("rate", "decay"), [(1e-3, 0.0), (0.1, 0.01)])
def test_every_bit_is_torchs(rate: float, decay: float, halfway: bool) -> None:
    ours, theirs = (trained(kind, rate, decay, halfway) for kind in (Adam, torch.optim.Adam))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


def test_the_compiler_is_not_imported() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
