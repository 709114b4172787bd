"""The sample photographs: well-lit colour photos that packages ship which the project needs anyway."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


class PhotoMissing(FileNotFoundError):
    """A sample photograph is not where its package keeps it."""


@dataclass(frozen=True)
class Photo:
    """name: of the photograph. package: `skimage`, `sklearn` or `pictures` (pyiqa's test pictures, by the weight resolver).

    file: place within the package. credit: who made it, and its licence where the package states one.
    """

    name: str
    package: str
    file: str
    credit: str


PHOTOS = (
    Photo("astronaut", "skimage", "data/astronaut.png", "NASA, public domain"),
    Photo("chelsea", "skimage", "data/chelsea.png", "Stéfan van der Walt, CC0"),
    Photo("coffee", "skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    Photo(
        "motorcycle",
        "skimage",
        "data/motorcycle_left.png",
        "Middlebury Stereo 2014 (Scharstein et al., GCPR 2014), as shipped by scikit-image",
    ),
    Photo("china", "sklearn", "datasets/images/china.jpg", "danielbuechele on flickr, CC BY 2.0"),
    Photo("flower", "sklearn", "datasets/images/flower.jpg", "vultilion on flickr, CC BY 2.0"),
    Photo("caps", "pictures", "ResultsCalibra/ref_dir/I03.bmp", "reference picture of pyiqa's calibration set"),
    Photo("portrait", "pictures", "ResultsCalibra/ref_dir/I04.bmp", "reference picture of pyiqa's calibration set"),
    Photo("boat", "pictures", "ResultsCalibra/ref_dir/I06.bmp", "reference picture of pyiqa's calibration set"),
    Photo("houses", "pictures", "ResultsCalibra/ref_dir/I08.bmp", "reference picture of pyiqa's calibration set"),
    Photo("lighthouse", "pictures", "ResultsCalibra/ref_dir/I19.bmp", "reference picture of pyiqa's calibration set"),
    Photo("fountain", "pictures", "tests/test_efficiency_img_dir/frame_4wrwr48cdk6rbcjl.jpg", "pyiqa's test pictures"),
    Photo("sunset", "pictures", "tests/test_efficiency_img_dir/frame_7gzdcz9sif0ekg31.jpg", "pyiqa's test pictures"),
    Photo("snow", "pictures", "tests/test_efficiency_img_dir/frame_9ogwhvvy7gfj6jzh.jpg", "pyiqa's test pictures"),
)


def locate(photo: Photo) -> Path:
    """The photograph's file. Raises `PhotoMissing`, or `WeightUnavailable` where pyiqa's pictures cannot be had."""
    if photo.package == "pictures":
        from models.weights import resolve

        path = resolve("pictures") / photo.file
    else:
        spec = find_spec(photo.package)
        if spec is None or spec.origin is None:
            raise PhotoMissing(f"{photo.name}: package {photo.package} is not installed; run `make setup`")
        path = Path(spec.origin).parent / photo.file
    if not path.is_file():
        raise PhotoMissing(f"{photo.name}: {path} is missing; install the pinned packages anew (make clean setup)")
    return path
