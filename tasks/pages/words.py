"""How the report says things: names of models and metrics, rounded numbers, settings and versions."""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

SPACE = "\u00a0"
PACKAGES = (
    "loupe",
    "torch",
    "torchvision",
    "pyiqa",
    "accelerate",
    "numpy",
    "pandas",
    "pillow",
    "scikit-image",
    "dvc",
    "prefect",
)

# name -> (title, unit, decimals, what it measures); a metric that is not here is shown under its registry name.
METRICS: dict[str, tuple[str, str, int, str]] = {
    "niqe": ("NIQE", "", 2, "How unnatural a picture looks, without a reference"),
    "brisque": ("BRISQUE", "", 1, "Visible distortion, without a reference"),
    "piqe": ("PIQE", "", 1, "Distorted blocks, without a reference"),
    "entropy": ("Entropy", "bits", 2, "How much of the tonal range is used, without a reference"),
    "psnr": ("PSNR", "dB", 2, "Closeness to the reference, pixel by pixel"),
    "ssim": ("SSIM", "", 3, "Closeness of structure to the reference"),
    "lpips": ("LPIPS", "", 3, "Perceived difference from the reference"),
    "delta_e": ("Colour difference", "ΔE", 1, "Difference of colour from the reference"),
    "musiq": ("MUSIQ", "", 1, "Learned quality, without a reference"),
    "nrqm": ("NRQM", "", 2, "Learned quality, without a reference"),
    "mef_ssim": ("MEF-SSIM", "", 3, "Structure kept from the exposures, at the highest local contrast among them"),
    "mef_ms_ssim": ("MEF-SSIM (released code)", "", 3, "As MEF-SSIM, as its authors' program computes it"),
    "qabf": ("Qabf", "", 3, "Edges kept from the sources, as public kits compute it"),
    "qabf_folded": ("Qabf (folded)", "", 3, "Edges kept from the sources, orientations modulo half a turn"),
    "viff": ("VIFF", "", 3, "Information kept from the sources in the pixel domain, summed over them"),
    "vif_sources": (
        "VIF to sources",
        "",
        3,
        "Information kept from the sources in wavelet bands, summed over them",
    ),
    "vif_fusion": ("VIF to sources", "", 3, "Information kept from the sources in wavelet bands, summed over them"),
    "ms_ssim_sources": ("MS-SSIM to sources", "", 3, "Closeness of structure to the sources, over scales"),
    "ms_ssim": ("MS-SSIM", "", 3, "Closeness of structure to the reference, over scales"),
    "vif": ("VIF", "", 3, "Information kept from the reference, in wavelet bands"),
    "cc": ("CC", "", 3, "Correlation of grey values with the reference"),
    "tmqi": ("TMQI", "", 3, "Structure and naturalness of a tone-mapped picture, against the reference"),
    "sd": ("SD", "", 1, "Contrast: standard deviation of grey values, without a reference"),
    "sf": ("Spatial frequency", "", 1, "Differences of neighbouring grey values, without a reference"),
    "ag": ("Average gradient", "", 2, "How steep the grey values are, without a reference"),
    "ei": ("Edge intensity", "", 1, "Strength of edges, without a reference"),
    "mi": ("MI", "nats", 3, "What the grey values tell of the sources', summed over them"),
    "nmi": ("NMI", "", 3, "What the grey values tell of the sources', normalised, summed over them"),
    "cross_entropy": ("Cross entropy", "bits", 3, "How far the sources' histograms are from the fused one"),
    "scd": ("SCD", "", 3, "What one source lacks, correlated with the other"),
    "cc_sources": ("CC to sources", "", 3, "Correlation of grey values with the sources"),
    "ssim_sources": ("SSIM to sources", "", 3, "Closeness of structure to the sources"),
    "psnr_sources": ("PSNR to sources", "dB", 2, "Closeness to the sources"),
    "nabf": ("Nabf", "", 5, "Edges of the fused picture that are in no source: artifacts"),
    "qw": ("Qw", "", 3, "Closeness of edges to the sources, weighted by how much happens there"),
    "fmi": ("FMI", "", 3, "What gradients tell of the sources' gradients, window by window"),
    "qcb": ("Qcb", "", 3, "Visible local contrast kept from the sources"),
    "qcv": ("Qcv", "", 0, "Visible difference from the sources, most where they have edges"),
    "clipped": ("Burnt out", "%", 2, "Pixels that are burnt out, and were not in what the picture was made of"),
    "cast": ("Cast", "", 2, "How far what was grey has taken a colour, in CIELAB; 2 is just noticeable"),
    "loe": ("LOE", "", 0, "How far the order of lightness differs from that of the picture it was made from"),
    "ssim_rgb": ("SSIM (RGB)", "", 3, "Closeness of structure to the reference, mean over R, G and B"),
    "ciede2000": ("CIEDE2000", "ΔE", 1, "Difference of colour from the reference, pixel by pixel"),
    "dists": ("DISTS", "", 3, "Perceived difference from the reference, of structure and texture"),
    "pi": ("PI", "", 2, "Perceptual index, without a reference"),
}
CURVES = {
    "loss": "Total loss",
    "accuracy": "Accuracy on the training batch",
    "content": "Content loss",
    "ranker": "Ranker loss",
    "colour": "Colour loss",
    "exposure": "Exposure loss",
    "smoothness": "Smoothness loss",
    "spatial": "Spatial loss",
}
VARIANTS = {"content_only": "without the judge", "niqe_ranker": "with g0 only"}

_ABSOLUTE = re.compile(r"(?<![\w:/.<])(?:[A-Za-z]:\\|/)(?:[^\s/\\'\",;:()]+[/\\])+([^\s/\\'\",;:()]*)")


def metric_title(name: str) -> str:
    return METRICS[name][0] if name in METRICS else name


def metric_unit(name: str) -> str:
    return METRICS[name][1] if name in METRICS else ""


def metric_meaning(name: str) -> str:
    return METRICS[name][3] if name in METRICS else ""


def metric_value(name: str, value: float | None) -> str:
    """A metric rounded as its readers expect; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{METRICS[name][2]}f}" if name in METRICS else f"{value:.3g}"


def change(name: str, found: Mapping[str, Any] | None) -> str:
    """'changed by +0.012 (95 % interval +0.004 to +0.020)'; empty for none."""
    if not found:
        return ""
    mean, low, high = (
        ("" if value < 0 else "+") + metric_value(name, value) for value in (found["mean"], found["low"], found["high"])
    )
    return f"changed by {mean} (95{SPACE}% interval {low} to {high}, {count(found['photographs'], 'photograph')})"


def meaningful(name: str) -> float:
    """The smallest span of a metric that a chart fills its height with: ten units of the last printed digit."""
    return 10.0 ** (1 - METRICS[name][2]) if name in METRICS else 0.0


def model_title(model: str) -> str:
    """What a column or a dot is called: 'input', 'f0', 'without the judge'."""
    return VARIANTS.get(model, model)


def percent(rate: float | None) -> str:
    """0.784 -> '78 %', with a space that does not break; a dash for none."""
    if rate is None or not math.isfinite(rate):
        return "–"
    return f"{math.floor(rate * 100 + 0.5)}{SPACE}%"


def interval(low: float, high: float) -> str:
    return f"{math.floor(low * 100 + 0.5)}–{math.floor(high * 100 + 0.5)}{SPACE}%"


def count(number: int, one: str, many: str | None = None) -> str:
    """'1 photograph', '20 photographs', with thin groups of thousands."""
    return f"{number:,}".replace(",", "\u202f") + SPACE + (one if number == 1 else many or f"{one}s")


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def without_folders(text: str) -> str:
    """Absolute paths shortened to their last part: a report that is passed on names nobody's folders."""
    return _ABSOLUTE.sub(lambda match: f"…/{match[1]}" if match[1] else "…/", text)


def settings(sections: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sections of params.yaml as (section, [(key path, value)]), in the given order; plain values under 'general'."""
    general: list[tuple[str, str]] = []
    found = []
    for name, value in sections.items():
        if isinstance(value, Mapping):
            found.append((name, list(_flat(value, ""))))
        else:
            general.append((name, _shown(value)))
    return [("general", general), *found] if general else found


def _flat(value: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    rows = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            rows += _flat(item, f"{before}{key}.")
        else:
            rows.append((f"{before}{key}", _shown(item)))
    return rows


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, str):
        path: PurePath = PureWindowsPath(value) if "\\" in value else PurePosixPath(value)
        return f"…/{path.name}" if path.is_absolute() else value
    return str(value)


def versions() -> list[tuple[str, str]]:
    """Python and the packages that results depend on, with the versions that are installed here."""
    rows = [("Python", platform.python_version())]
    for name in PACKAGES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, "from the source tree" if name == "loupe" else "not installed"))
    return rows
