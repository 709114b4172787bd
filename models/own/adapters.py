"""A user's own network as an enhancer: checked, its reach declared or measured, its weights under their own names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.enhancers.base import Enhancer
from models.enhancers.registry import GROUP
from models.own.errors import OwnModelError
from models.own.probing import Reach, check_pictures, learns, reach_of
from models.own.references import ONNX, faults_of_options, locate


class OwnEnhancer(Enhancer):
    """A network of the user's: what it makes is clipped to [0, 1]; its weights keep the names that it gives them.

    learns_not: why it cannot be trained, else None.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name
        network.eval()
        check_pictures(self._made, 1, name)
        self.learns_not = learns(network, 1)
        reach = _declared(network) or reach_of(self._made, 1)
        self.halo, self.stride, self.whole = reach.halo, reach.stride, reach.whole

    def _made(self, image: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(image)
        return made

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self._made(image).clamp(0, 1)

    # A weights file of the user's is read as it is, and what is written can be read without Loupe.
    def state_dict(self, *arguments: Any, **named: Any) -> Any:
        return self.network.state_dict(*arguments, **named)

    def load_state_dict(self, state_dict: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        return self.network.load_state_dict(state_dict, *arguments, **named)


def own_enhancer(name: str, options: Mapping[str, Any]) -> Enhancer:
    """The enhancer that a reference names (see `models.own.references.locate`), built with its options.

    Raises `OwnModelError`: it cannot be found or built, takes other options, or makes no pictures.
    """
    found = locate(name, GROUP)
    if isinstance(found, Path):
        if options:
            raise OwnModelError(f"{name} is a file and takes no options, not {', '.join(options)}")
        return OwnEnhancer(_from_file(found), name)
    faults = faults_of_options(name, found, options)
    if faults:
        raise OwnModelError("; ".join(faults))
    built = _built(name, found, options)
    if isinstance(built, Enhancer):
        return built
    return OwnEnhancer(built, name)


def _built(name: str, build: Callable[..., Any], options: Mapping[str, Any]) -> nn.Module:
    try:
        built = build(**options)
    except Exception as error:
        told = str(error).strip().splitlines()
        raise OwnModelError(
            f"{name} with options {dict(options)} cannot be built: {type(error).__name__}: {told[0] if told else ''}"
        ) from error
    if not isinstance(built, nn.Module):
        raise OwnModelError(f"{name} makes a {type(built).__name__}; it should make a torch.nn.Module")
    return built


def _from_file(path: Path) -> nn.Module:
    if path.suffix in ONNX:
        from models.own.onnx import OnnxNetwork

        return OnnxNetwork(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # TorchScript goes on working
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise OwnModelError(
            f"{path} is no TorchScript file that this torch reads ({str(error).strip().splitlines()[0]}); save one by "
            "torch.jit.script(model).save(path)"
        ) from error
    return network


def _declared(network: nn.Module) -> Reach | None:
    """The reach that a network says of itself, by attributes `halo` and `stride`; None where it says nothing."""
    try:
        halo, stride = network.halo, network.stride
    except AttributeError:
        return None
    if isinstance(halo, int) and isinstance(stride, int) and halo >= 0 and stride >= 1:
        return Reach(halo, stride)
    raise OwnModelError(f"a network's halo and stride are whole numbers of pixels, not {halo!r} and {stride!r}")
