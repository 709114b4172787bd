"""Picture files: reading, writing, resizing, names. The ground floor: it imports no torch and nothing else of Loupe."""

from pictures.atomic import atomic_path, fresh_folder
from pictures.decoding import MAX_PIXELS, opened, orientation_of
from pictures.errors import FileFault, ImageError
from pictures.formats import SUFFIXES, why_not_read
from pictures.names import join_by_stem, list_photos, stems
from pictures.opening import MAX_BYTES, read_picture, read_regular
from pictures.png import encode_png, quantise, write_png
from pictures.reading import (
    Photo,
    as_uint8,
    photo_from,
    read_array,
    read_image,
    read_pair,
    read_photo,
    read_uint8,
)
from pictures.resizing import reduce_to
from pictures.saving import refuse_suffix, save_like

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "FileFault",
    "ImageError",
    "Photo",
    "as_uint8",
    "atomic_path",
    "encode_png",
    "fresh_folder",
    "join_by_stem",
    "list_photos",
    "opened",
    "orientation_of",
    "photo_from",
    "quantise",
    "read_array",
    "read_image",
    "read_pair",
    "read_photo",
    "read_picture",
    "read_regular",
    "read_uint8",
    "reduce_to",
    "refuse_suffix",
    "save_like",
    "stems",
    "why_not_read",
    "write_png",
]
