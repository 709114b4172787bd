"""Building what a reference names: a network of the user's, from a callable or from a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from models.own.errors import OwnModelError
from models.own.probing import Reach, check_pictures, learns, reach_of
from models.own.references import ONNX, faults_of_options, locate


def built(name: str, group: str, options: Mapping[str, Any]) -> nn.Module:
    """The network that a reference names (see `models.own.references.locate`), built with its options.

    group: of entry points. Raises `OwnModelError`: it
    cannot be found or built, takes other options, or is no torch.nn.Module.
    """
    found = locate(name, group)
    if isinstance(found, Path):
        if options:
            raise OwnModelError(f"{name} is a file and takes no options, not {', '.join(options)}")
        return from_file(found)
    faults = faults_of_options(name, found, options)
    if faults:
        raise OwnModelError("; ".join(faults))
    return called(name, found, options)


def called(name: str, build: Callable[..., Any], options: Mapping[str, Any]) -> nn.Module:
    try:
        network = build(**options)
    except Exception as error:
        told = str(error).strip().splitlines()
        raise OwnModelError(
            f"{name} with options {dict(options)} cannot be built: {type(error).__name__}: {told[0] if told else ''}"
        ) from error
    if not isinstance(network, nn.Module):
        raise OwnModelError(f"{name} makes a {type(network).__name__}; it should make a torch.nn.Module")
    return network


def from_file(path: Path) -> nn.Module:
    """The network in a TorchScript or ONNX file."""
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


class Wrapped(nn.Module):
    """Around a network of the user's: weights keep the names that it gives them.

    A weights file of the user's is read as it is, and what is written can be read without Loupe.
    """

    network: nn.Module

    def state_dict(self, *arguments: Any, **named: Any) -> Any:
        return self.network.state_dict(*arguments, **named)

    def load_state_dict(self, state_dict: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        return self.network.load_state_dict(state_dict, *arguments, **named)


class PictureNetwork(Wrapped):
    """One that makes a picture of one or several, and is tried when it is wrapped: what it makes is clipped to [0, 1].

    learns_not: why it cannot be trained, else None. Raises `OwnModelError` where it makes no pictures.
    """

    sources: ClassVar[int]

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name
        network.eval()
        check_pictures(network, self.sources, name)
        self.learns_not = learns(network, self.sources)
        found = reach(network, self.sources)
        self.halo, self.stride, self.whole = found.halo, found.stride, found.whole


def reach(network: nn.Module, sources: int) -> Reach:
    """The reach that a network says of itself, by attributes `halo` and `stride`, or what is found by trial."""
    try:
        halo, stride = network.halo, network.stride
    except AttributeError:
        return reach_of(network, sources)
    if isinstance(halo, int) and isinstance(stride, int) and halo >= 0 and stride >= 1:
        return Reach(halo, stride)
    raise OwnModelError(f"a network's halo and stride are whole numbers of pixels, not {halo!r} and {stride!r}")
