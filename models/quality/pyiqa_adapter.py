"""The only file that imports pyiqa (PolyForm-Noncommercial). Every weight comes from models.weights: pyiqa's own
downloads, its prints and its pickle loading are never reached."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models import weights
from models.quality.metric import Compute, MetricInfo, need, one_by_one

LIBRARY = "pyiqa 0.1.16"
NIQE_BLOCK = 96

NIQE_INFO = MetricInfo(
    name="niqe",
    higher_is_better=False,
    value_range=(0.0, math.inf),
    needs_reference=False,
    variant="original model, Y of YIQ rounded to 8 bit, blocks of 96, incomplete blocks cut off",
    library=LIBRARY,
    min_size=NIQE_BLOCK,
)
BRISQUE_INFO = MetricInfo(
    name="brisque",
    higher_is_better=False,
    value_range=(-math.inf, math.inf),
    needs_reference=False,
    variant="original LIVE model, Y of YIQ rounded to 8 bit",
    library=LIBRARY,
    min_size=16,
)
PIQE_INFO = MetricInfo(
    name="piqe",
    higher_is_better=False,
    value_range=(0.0, 100.0),
    needs_reference=False,
    variant="Y of YIQ, stretched to its maximum, blocks of 16; 100 where no block is active (a flat or black picture)",
    library=LIBRARY,
    min_size=16,
)
MUSIQ_INFO = MetricInfo(
    name="musiq",
    higher_is_better=True,
    value_range=(0.0, 100.0),
    needs_reference=False,
    variant="KonIQ-10k model, full size and 384 and 224 pixels",
    library=LIBRARY,
    min_size=32,
)
NRQM_INFO = MetricInfo(
    name="nrqm",
    higher_is_better=True,
    value_range=(0.0, 10.0),
    needs_reference=False,
    variant="Y of YIQ",
    library=LIBRARY,
    min_size=64,
)
PI_INFO = MetricInfo(
    name="pi",
    higher_is_better=False,
    value_range=(-math.inf, math.inf),
    needs_reference=False,
    variant="(10 - NRQM + NIQE) / 2, Y of YCbCr, 4 pixels cut from each edge (PIRM 2018)",
    library=LIBRARY,
    min_size=NIQE_BLOCK + 8,
)
VIF_INFO = MetricInfo(
    name="vif",
    higher_is_better=True,
    value_range=(0.0, math.inf),
    needs_reference=True,
    variant="vector GSM in steerable pyramids (not the pixel domain), statistics in float64, Y of YIQ; 0 for a flat reference",
    library=LIBRARY,
    min_size=33,
)


def _niqe_parameters(device: str | torch.device) -> tuple[Tensor, Tensor]:
    from scipy.io import loadmat

    file = loadmat(weights.resolve("niqe"))
    mu = torch.from_numpy(file["mu_prisparam"].ravel()).to(device)
    return mu, torch.from_numpy(file["cov_prisparam"]).to(device)


def build_niqe(device: str | torch.device) -> Compute:
    """NIQE (Mittal et al., Making a Completely Blind Image Quality Analyzer, 2013, Eq. 10)."""
    mu, cov = _niqe_parameters(device)
    from pyiqa.archs.niqe_arch import calculate_niqe

    return one_by_one(lambda image: _niqe(calculate_niqe, image, mu_pris_param=mu, cov_pris_param=cov))


def _niqe(calculate: Callable[..., Tensor], image: Tensor, **options: Any) -> Tensor:
    """pyiqa's calculate_niqe, NaN where every block is flat (it would fail in its linear algebra)."""
    if _flat(image):
        return image.new_full((), math.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"cov\(\): degrees of freedom")
        try:
            return calculate(image, **options)
        except torch.linalg.LinAlgError:
            return image.new_full((), math.nan)


def build_brisque(device: str | torch.device) -> Compute:
    """BRISQUE (Mittal et al., No-Reference Image Quality Assessment in the Spatial Domain, 2012)."""
    from safetensors.torch import load_file

    model = load_file(weights.resolve("brisque"), device=str(device))
    gamma, rho = model["gamma"].item(), model["rho"].item()
    from pyiqa.archs.brisque_arch import brisque

    def compute(image: Tensor) -> Tensor:
        # pyiqa asserts that the luma varies.
        if _flat(image):
            return image.new_full((), math.nan)
        return brisque(image.float(), sv_coef=model["sv_coef"], sv=model["sv"], gamma=gamma, rho=rho)

    return one_by_one(compute)


def _flat(image: Tensor) -> bool:
    from models.quality.fidelity import luma

    grey = luma(image)
    return bool((grey == grey.flatten()[0]).all())


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


def build_vif(device: str | torch.device) -> Compute:
    """VIF (Sheikh and Bovik, Image Information and Visual Quality, 2006); may exceed 1 where contrast is enhanced."""
    from pyiqa.archs.vif_arch import VIF

    class Vif(VIF):
        """In float32 the covariance of a smooth picture's subbands is singular by rounding, and the score NaN."""

        def refparams_vecgsm(self, org: list[Tensor]) -> Any:
            return super().refparams_vecgsm([band.double() for band in org])

    network = Vif()

    def compute(image: Tensor, reference: Tensor | None) -> Tensor:
        # One by one: pyiqa's float32 sums differ between batch sizes, and its memory is forty times the batch's.
        pairs = zip(image.float().split(1), need(reference).float().split(1), strict=True)
        return torch.cat([network(one, other) for one, other in pairs])

    return compute


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
    mu, cov = _niqe_parameters(device)
    from pyiqa.archs.niqe_arch import calculate_niqe

    def compute(image: Tensor) -> Tensor:
        niqe = _niqe(calculate_niqe, image, crop_border=4, color_space="ycbcr", mu_pris_param=mu, cov_pris_param=cov)
        return (10 - nrqm(image).reshape(()) + niqe.reshape(())) / 2

    return one_by_one(compute)


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
