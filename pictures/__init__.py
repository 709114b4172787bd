"""Picture files: reading, writing, resizing, names. The ground floor: it imports no torch and nothing else of Loupe."""

from pictures.alignment import GHOSTS, disagreement, moved, register_all
from pictures.atomic import atomic_path, fresh_folder, placed, remove_leftovers, writing_aside
from pictures.bursts import Burst, Bursts, bursts
from pictures.crossmodal import Shift, shift_between, shifted
from pictures.decoding import MAX_PIXELS, opened, orientation_of
from pictures.errors import AbsentFile, FileFault, ImageError, printable
from pictures.files import MAX_PICTURE, sha256_bytes, sha256_file, write_json
from pictures.formats import SUFFIXES, why_not_read
from pictures.joining import By, Joined, Photos, folded, identifiers, join, join_by_stem, name_key, nearest_name, stems
from pictures.listing import Listing, list_photos, listing, said_of, some
from pictures.opening import MAX_BYTES, check_regular, open_regular, read_picture, read_regular
from pictures.png import encode_png, quantise, write_png
from pictures.reading import (
    Photo,
    as_uint8,
    photo_from,
    read_array,
    read_image,
    read_noted,
    read_photo,
    read_uint8,
    refuse_sizes,
)
from pictures.receipts import Receipts, digest
from pictures.registration import Registration, RegistrationError, register
from pictures.resizing import reduce_to
from pictures.saving import refuse_suffix, save_like
from pictures.taken import Taken, header_size, taken
from pictures.targets import (
    Found,
    Work,
    depth_of,
    find_photos,
    is_folder,
    plan,
    refuse_file_as_folder,
    refuse_names,
    sorted_out,
    without,
    written_name,
)
from pictures.text import MAX_TEXT, mended, parse_json, read_json, read_text, shortened

__all__ = [
    "GHOSTS",
    "MAX_BYTES",
    "MAX_PICTURE",
    "MAX_PIXELS",
    "MAX_TEXT",
    "SUFFIXES",
    "AbsentFile",
    "Burst",
    "Bursts",
    "By",
    "FileFault",
    "Found",
    "ImageError",
    "Joined",
    "Listing",
    "Photo",
    "Photos",
    "Receipts",
    "Registration",
    "RegistrationError",
    "Shift",
    "Taken",
    "Work",
    "as_uint8",
    "atomic_path",
    "bursts",
    "check_regular",
    "depth_of",
    "digest",
    "disagreement",
    "encode_png",
    "find_photos",
    "folded",
    "fresh_folder",
    "header_size",
    "identifiers",
    "is_folder",
    "join",
    "join_by_stem",
    "list_photos",
    "listing",
    "mended",
    "moved",
    "name_key",
    "nearest_name",
    "open_regular",
    "opened",
    "orientation_of",
    "parse_json",
    "photo_from",
    "placed",
    "plan",
    "printable",
    "quantise",
    "read_array",
    "read_image",
    "read_json",
    "read_noted",
    "read_photo",
    "read_picture",
    "read_regular",
    "read_text",
    "read_uint8",
    "reduce_to",
    "refuse_file_as_folder",
    "refuse_names",
    "refuse_sizes",
    "refuse_suffix",
    "register",
    "register_all",
    "remove_leftovers",
    "said_of",
    "save_like",
    "sha256_bytes",
    "sha256_file",
    "shift_between",
    "shifted",
    "shortened",
    "some",
    "sorted_out",
    "stems",
    "taken",
    "why_not_read",
    "without",
    "write_json",
    "write_png",
    "writing_aside",
    "written_name",
]
