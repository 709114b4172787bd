"""An ONNX file as a network that cannot be trained: for candidates, baselines and a user's photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models.own.errors import OwnModelError


class OnnxNetwork(nn.Module):
    """The network in an ONNX file, run by onnxruntime on the CPU: pictures (B, 3, H, W) float in [0, 1] in and out.

    Raises `OwnModelError`: onnxruntime is not installed, the file cannot be read, it has other inputs or outputs.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._session: Any = session(path)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = list(inputs[0].shape) if inputs else []
        if (
            not inputs
            or not outputs
            or len(shape) != 4
            or shape[1] not in (3, "3")
            or inputs[0].type != "tensor(float)"
        ):
            given = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
            raise OwnModelError(f"{path} takes {given or 'nothing'}; it should take pictures (B, 3, H, W), float32")
        if any(isinstance(side, int) for side in shape[2:]):
            raise OwnModelError(
                f"{path} takes pictures of {shape[3]} x {shape[2]} pixels only; export it with dynamic height and width"
            )
        self._inputs = [each.name for each in inputs]

    def forward(self, *pictures: torch.Tensor) -> torch.Tensor:
        if len(pictures) != len(self._inputs):
            raise OwnModelError(f"{self.path} takes {len(self._inputs)} pictures, not {len(pictures)}")
        given = {
            name: np.ascontiguousarray(picture.detach().cpu().numpy(), dtype=np.float32)
            for name, picture in zip(self._inputs, pictures, strict=True)
        }
        made = self._session.run(None, given)[0]
        return torch.from_numpy(made).to(pictures[0].device)

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        return OnnxNetwork(self.path)


def session(path: Path) -> Any:
    """An onnxruntime session on the CPU. Raises `OwnModelError`: onnxruntime is not installed, or the file is not read."""
    try:
        import onnxruntime
    except ImportError:
        raise OwnModelError(
            f"{path} needs onnxruntime: pip install 'loupe[onnx]', or pip install onnxruntime"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise OwnModelError(
            f"{path} is no ONNX file that onnxruntime reads ({str(error).strip().splitlines()[0]})"
        ) from error
