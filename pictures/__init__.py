"""Picture files: reading, writing, resizing, names. The ground floor: it imports no torch and nothing else of Loupe."""

from pictures.atomic import atomic_path, fresh_folder
from pictures.errors import AbsentFile, FileFault, ImageError
from pictures.formats import SUFFIXES, why_not_read
from pictures.names import join_by_stem, list_photos, stems
from pictures.opening import check_regular, read_regular
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
from pictures.text import MAX_TEXT, mended, parse_json, read_json, read_text, shortened

__all__ = [
    "MAX_PIXELS",
    "MAX_TEXT",
    "SUFFIXES",
    "AbsentFile",
    "FileFault",
    "ImageError",
    "Photo",
    "atomic_path",
    "check_regular",
    "encode_png",
    "fresh_folder",
    "join_by_stem",
    "list_photos",
    "mended",
    "opened",
    "orientation_of",
    "parse_json",
    "quantise",
    "read_array",
    "read_image",
    "read_json",
    "read_pair",
    "read_photo",
    "read_regular",
    "read_text",
    "read_uint8",
    "reduce_to",
    "refuse_suffix",
    "save_like",
    "shortened",
    "stems",
    "why_not_read",
    "write_png",
]
