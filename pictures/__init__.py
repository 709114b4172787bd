"""Picture files: reading, writing, resizing, names. The ground floor: it imports no torch and nothing else of Loupe."""

from pictures.atomic import atomic_path, fresh_folder
from pictures.bursts import Burst, Bursts, bursts
from pictures.errors import FileFault, ImageError, printable
from pictures.formats import SUFFIXES, why_not_read
from pictures.joining import By, Joined, Photos, folded, identifiers, join, join_by_stem, name_key, nearest_name, stems
from pictures.listing import Listing, list_photos, listing, some
from pictures.opening import read_regular
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
from pictures.taken import Taken, header_size, taken

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Burst",
    "Bursts",
    "By",
    "FileFault",
    "ImageError",
    "Joined",
    "Listing",
    "Photo",
    "Photos",
    "Taken",
    "atomic_path",
    "bursts",
    "encode_png",
    "folded",
    "fresh_folder",
    "header_size",
    "identifiers",
    "join",
    "join_by_stem",
    "list_photos",
    "listing",
    "name_key",
    "nearest_name",
    "opened",
    "orientation_of",
    "printable",
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
    "some",
    "stems",
    "taken",
    "why_not_read",
    "write_png",
]
