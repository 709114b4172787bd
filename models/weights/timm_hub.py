"""Weights of timm's networks by their names there: kept by the user or in the cache, else fetched by timm from its hub.

The catalogue has what Loupe itself uses; this is for encoders that a user names.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from models.weights.errors import WeightUnavailable
from models.weights.resolver import cache_folder
from pictures import atomic_path

if TYPE_CHECKING:
    from torch import nn


def timm_weights(name: str) -> Path:
    """The safetensors file of the network `name` of timm, without its classifier: `timm/NAME.safetensors` in the cache.

    Where it is absent timm fetches it (huggingface.co), unless `LOUPE_OFFLINE` is set. Raises WeightUnavailable.
    """
    path = cache_folder() / "timm" / f"{name}.safetensors"
    if path.is_file():
        return path
    tried = [f"cache {path}: absent"]
    if os.environ.get("LOUPE_OFFLINE", "") not in {"", "0"}:
        tried.append(f"timm's hub for {name}: not tried, LOUPE_OFFLINE is set")
    else:
        try:
            _keep(_fetched(name), path)
        except Exception as error:  # whatever the hub's client raises, the way out is the same
            tried.append(f"timm's hub for {name}: {' '.join(str(error).split())[:200]}")
        else:
            return path
    remedy = [
        f"Put the network's state dict, as safetensors with timm's keys, there as {path}",
        f"  model.safetensors of https://huggingface.co/timm/{name} is such a file (its licence is stated there)",
    ]
    raise WeightUnavailable(f"timm/{name}", tried, remedy)


def _fetched(name: str) -> nn.Module:
    import timm
    from huggingface_hub import constants

    # The hub's client tries for most of a minute; without its address there is nothing to wait for.
    host = urlsplit(constants.ENDPOINT).hostname
    socket.getaddrinfo(host, 443)
    network: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
    return network


def _keep(network: nn.Module, path: Path) -> None:
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, temporary)
