"""The only file that imports pyiqa (PolyForm-Noncommercial). Every weight comes from models.weights: pyiqa's own
downloads, its prints and its pickle loading are never reached."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import weights
from models.quality import niqe
from models.quality.metric import Compute, one_by_one

LIBRARY = "pyiqa 0.1.16"


def build_piqe(device: str | torch.device) -> Compute:
    """PIQE (Venkatanath et al., Blind Image Quality Evaluation Using Perception Based Features, 2015)."""
    from pyiqa.archs.piqe_arch import piqe

    def compute(image: Tensor) -> Tensor:
        # pyiqa divides by the highest grey value. A black picture has no active block, as any flat one, which gets 100.
        if float(image.max()) <= 0:
            return image.new_full((), 100.0)
        return piqe(image.float())[0]

    return one_by_one(compute)


def build_musiq(device: str | torch.device) -> Compute:
    """MUSIQ (Ke et al., MUSIQ: Multi-scale Image Quality Transformer, 2021)."""
    from safetensors.torch import load_file

    state = load_file(weights.resolve("musiq"))
    from pyiqa.archs.musiq_arch import MUSIQ

    network = MUSIQ(pretrained=False)
    network.load_state_dict(state, strict=True)
    network = network.to(device).eval()
    return one_by_one(lambda image: network(image.float()))


def untrained_musiq(device: str | torch.device) -> Any:
    """MUSIQ's network with random weights, for benchmarks of its time."""
    from pyiqa.archs.musiq_arch import MUSIQ

    return MUSIQ(pretrained=False).to(device).eval()


def _nrqm_network(**options: Any) -> Any:
    path = weights.resolve("nrqm")
    from pyiqa.archs.nrqm_arch import NRQM

    return NRQM(pretrained_model_path=str(path), **options)


def build_nrqm(device: str | torch.device) -> Compute:
    """NRQM (Ma et al., Learning a No-Reference Quality Metric for Single-Image Super-Resolution, 2017)."""
    return one_by_one(_nrqm_network())


def build_pi(device: str | torch.device) -> Compute:
    """Perceptual index (Blau et al., The 2018 PIRM Challenge on Perceptual Image Super-Resolution)."""
    nrqm = _nrqm_network(crop_border=4, color_space="ycbcr")
    mean, covariance = niqe.parameters(device)

    def compute(image: Tensor) -> Tensor:
        natural = niqe.niqe(_ycbcr_grey(image)[4:-4, 4:-4], mean, covariance)
        return (10 - nrqm(image).reshape(()) + natural) / 2

    return one_by_one(compute)


def _ycbcr_grey(image: Tensor) -> Tensor:
    """(H, W) Y of YCbCr (ITU-R BT.601, 16 to 235), rounded, of one image (1, 3, H, W) in [0, 1]."""
    weights_ = torch.tensor([65.481, 128.553, 24.966], dtype=image.dtype, device=image.device)
    return (torch.einsum("chw,c->hw", image[0], weights_) + 16).round()


def original(name: str, device: str | torch.device = "cpu") -> Any:
    """pyiqa's own model object for niqe, brisque, piqe, entropy, psnr, ssim, ms_ssim or vif, as `pyiqa.create_metric`
    would give it, with weights from models.weights. For tests and benchmarks that compare with it."""
    from pyiqa.models.inference_model import InferenceModel

    if name == "niqe":
        return InferenceModel(name, device=device, pretrained_model_path=str(weights.resolve("niqe")))
    if name == "brisque":
        from safetensors.torch import load_file

        model = load_file(weights.resolve("brisque"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "brisque.pth"
            torch.save((model["sv_coef"], model["sv"]), path)
            return InferenceModel(name, device=device, pretrained_model_path=str(path))
    if name in {"piqe", "entropy", "psnr", "ssim", "ms_ssim", "vif"}:
        return InferenceModel(name, device=device)
    raise ValueError(f"original() serves niqe, brisque, piqe, entropy, psnr, ssim, ms_ssim and vif, not {name!r}")
