"""The authors' checkpoint, as a user may have it: its names become those of this network, and every one of them has to fit.

The U-Net's names are those of the public networks of its layout, whose number of parameters it has; they are found below any
prefix. The names within the decomposition network are not known: what they are called here is in docs/lighten_diffusion.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

NAMED = 8
"""Names of a kind that a message shows."""
_UNET, _CTDN = "unet.", "ctdn."
_LANDMARK = "temb.dense.0.weight"


class AnotherNetwork(ValueError):
    """A checkpoint is not of this network; the message says which names do not fit, and how many do."""


def fitted(
    state: Mapping[str, torch.Tensor], renames: Mapping[str, str], options: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint under this network's names.

    renames: beginnings of names there -> of names here, the longest first, for what is not found by itself; "" drops what
    begins so. options: of the network, as in `model.options`. Raises `AnotherNetwork`, ValueError.
    """
    from models.enhancers.lighten_diffusion import build

    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in build(**options).state_dict().items()}
    found: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        ours = _renamed(name, renames, _prefix(state))
        if ours in found:
            raise AnotherNetwork(f"two tensors of the checkpoint would be called {ours}: {name} is one of them")
        if ours is not None:
            found[ours] = tensor
    other = [
        f"{name} is {tuple(found[name].shape)}, here {shape}"
        for name, shape in wanted.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    faults = [
        _listed("not in the checkpoint", [name for name in wanted if name not in found]),
        _listed("only in the checkpoint", [name for name in found if name not in wanted]),
        _listed("of another shape", other),
    ]
    if any(faults):
        fit = len(set(found) & set(wanted)) - len(other)
        parts = ", ".join(
            f"{sum(name in found and tuple(found[name].shape) == wanted[name] for name in of)} of {len(of)} of {label}"
            for label, of in (
                ("the U-Net", [name for name in wanted if name.startswith(_UNET)]),
                ("the decomposition network", [name for name in wanted if name.startswith(_CTDN)]),
            )
        )
        raise AnotherNetwork(
            f"the checkpoint is of another network: {fit} of its {len(state)} tensors fit ({parts}).\n"
            + "\n".join(fault for fault in faults if fault)
            + "\nWhere only names differ, say which are which with --names FILE.json, {beginning of a name there: beginning "
            "here}; where shapes do, --options FILE.json takes the options of params.yaml's model"
        )
    return {name: found[name] for name in wanted}


def _prefix(state: Mapping[str, torch.Tensor]) -> str | None:
    """What the U-Net's names begin with; None where there is no U-Net of the layout."""
    return next((name.removesuffix(_LANDMARK) for name in state if name.endswith(_LANDMARK)), None)


def _renamed(name: str, renames: Mapping[str, str], unet: str | None) -> str | None:
    """What a tensor is called here; None where it is dropped."""
    for there in sorted(renames, key=len, reverse=True):
        if name.startswith(there):
            return renames[there] + name.removeprefix(there) if renames[there] else None
    if unet and name.startswith(unet):
        return _UNET + name.removeprefix(unet)
    return name


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"  {len(names)} {what}: {', '.join(names[:NAMED])}{more}"
