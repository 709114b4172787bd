"""Picture files: reading, writing, resizing, names. The ground floor: it imports no torch and nothing else of Loupe."""

from pictures.atomic import atomic_path, fresh_folder
from pictures.errors import FileFault, ImageError
from pictures.formats import SUFFIXES, why_not_read
from pictures.names import join_by_stem, list_photos, stems
from pictures.opening import open_regular, read_regular
from pictures.png import encode_png, quantise, write_png
from pictures.reading import (
    MAX_PIXELS,
    Photo,
    opened,
    orientation_of,
    read_array,
    read_image,
    read_pair,
    read_photo,
    read_uint8,
)
from pictures.resizing import reduce_to
from pictures.saving import refuse_suffix, save_like

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "FileFault",
    "ImageError",
    "Photo",
    "atomic_path",
    "encode_png",
    "fresh_folder",
    "join_by_stem",
    "list_photos",
    "open_regular",
    "opened",
    "orientation_of",
    "quantise",
    "read_array",
    "read_image",
    "read_pair",
    "read_photo",
    "read_regular",
    "read_uint8",
    "reduce_to",
    "refuse_suffix",
    "save_like",
    "stems",
    "why_not_read",
    "write_png",
]
