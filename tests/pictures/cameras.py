"""Photos as cameras write them: JPEG files with EXIF time and exposure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

START = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
EXIF_IFD = 0x8769


def shot(
    path: Path,
    seconds: float,
    exposure: float | None = 1 / 100,
    *,
    aperture: float = 8.0,
    iso: int = 100,
    bias: float | None = None,
    mode: int | None = None,
    camera: str = "A",
    fine: bool = True,
    size: tuple[int, int] = (80, 64),
    **save: Any,
) -> Path:
    """Write a photo taken `seconds` after START. fine: with sub-seconds; else the whole seconds only, as many cameras do."""
    moment = START + timedelta(seconds=seconds)
    exif = Image.Exif()
    exif[272] = camera
    tags: dict[int, Any] = {
        36867: moment.strftime("%Y:%m:%d %H:%M:%S"),
        33437: IFDRational(round(aperture * 10), 10),
        34855: iso,
    }
    if fine:
        tags[37521] = f"{moment.microsecond // 1000:03d}"
    if exposure is not None:
        tags[33434] = IFDRational(round(exposure * 1_000_000), 1_000_000)
    if bias is not None:
        tags[37380] = IFDRational(round(bias * 3), 3)
    if mode is not None:
        tags[41986] = mode
    exif.get_ifd(EXIF_IFD).update(tags)
    exif[EXIF_IFD] = 0  # its place in the file, which Pillow sets; a TIFF loses the tags without it
    path.parent.mkdir(parents=True, exist_ok=True)
    level = min(round(2000 * (exposure or 0.05)), 255)
    Image.new("RGB", size, (level, level, level)).save(path, exif=exif, **save)
    return path


def bracket(
    folder: Path, number: int, seconds: float, exposures: tuple[float, ...], step: float = 0.5, **more: Any
) -> list[Path]:
    """An AEB burst: IMG_0001.jpg and so on, `step` seconds apart."""
    return [
        shot(folder / f"IMG_{number + place:04d}.jpg", seconds + place * step, exposure, **more)
        for place, exposure in enumerate(exposures)
    ]
