"""Reading segmentation masks: a PNG a picture, whose values are ids of classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.downstream.base import IGNORED
from models.downstream.boxes import Sizes
from models.downstream.classes import Classes
from models.downstream.errors import LabelError, refuse
from pictures import ImageError, opened, printable, read_picture, stems

_IDS = ("1", "L", "P", "I;16")


def find_masks(folder: Path, wanted: Mapping[str, Path], sizes: Sizes, classes: Classes) -> dict[str, Path]:
    """The masks `folder/NAME.png` of pictures, each read once and checked.

    wanted: name of a picture, as `pictures.name_key` makes it -> its file. sizes: of the pictures, which must be the masks'.

    Raises:
        LabelError: all faults: no mask, none of ids, another size, an id that no class has. ImageError: two masks of one name.
    """
    if not folder.is_dir():
        raise LabelError([f"{printable(folder)}: no such folder; segmentation is labelled by a folder of .png files"])
    if len(classes.names) > IGNORED:
        raise LabelError(
            [f"there are {len(classes.names)} classes, and masks hold {IGNORED} at most ({IGNORED} is ignored)"]
        )
    files = stems(sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png"))
    found: dict[str, Path] = {}
    faults: list[str] = []
    for key, picture in wanted.items():
        if key not in files:
            faults.append(
                f"{printable(folder)}: no {picture.stem}.png for {printable(picture)}; add it, or take the picture out"
            )
            continue
        found[key] = files[key]
        try:
            mask = read_mask(files[key], classes)
        except (LabelError, ImageError) as error:
            faults.append(str(error))
            continue
        if mask.shape[::-1] != sizes[key]:
            faults.append(
                f"{printable(files[key])}: is {mask.shape[1]} x {mask.shape[0]}, but {printable(picture)} is {sizes[key][0]} x "
                f"{sizes[key][1]}; score pictures of the size that was labelled"
            )
    refuse(faults)
    return found


def read_mask(path: Path, classes: Classes) -> np.ndarray:
    """A mask: (H, W) int64, places in the classes, or `IGNORED`; pixels of classes that are not scored are ignored, too.

    The values of a grey PNG, or the indices of one with a palette. Raises `LabelError`, `ImageError` for a damaged file.
    """
    with opened(path, read_picture(path)) as image:
        if image.mode not in _IDS:
            raise LabelError(
                [f"{printable(path)}: holds colours ({image.mode}), and should hold ids: grey, or with a palette"]
            )
        try:
            mask = np.asarray(image).astype(np.int64)
        except (OSError, ValueError, SyntaxError) as error:
            raise LabelError([f"{printable(path)}: is damaged ({error}); export or copy it again"]) from error
    wrong = (mask >= len(classes.names)) & (mask != IGNORED)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise LabelError(
            [
                f"{printable(path)}: row {row}, column {column}: id {mask[row, column]} is unknown ({int(wrong.sum())} pixels "
                f"are of unknown ids); the classes have 0 to {len(classes.names) - 1}, and {IGNORED} is ignored"
            ]
        )
    mask[~np.isin(mask, classes.scored)] = IGNORED
    return mask
