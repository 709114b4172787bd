"""Folders of pictures, one a method, joined by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import UserError
from pictures import ImageError, is_folder, join, listing, name_key, opened, orientation_of, printable, read_picture

Scenes = dict[str, dict[str, Path]]
"""Name of a picture, as `name_key` makes it -> method -> its file."""


def methods_of(pictures: Sequence[str]) -> dict[str, Path]:
    """Method -> folder. A folder without a name is called as it is. Raises `UserError`."""
    found: dict[str, Path] = {}
    for argument in pictures:
        name, equals, folder = argument.partition("=")
        path = Path(argument) if not equals or is_folder(Path(argument)) else Path(folder)
        name = path.resolve().name if str(path) == argument else name
        if name in found:
            raise UserError(f"two methods are called {name!r}: {found[name]} and {path}; write NAME={path}")
        found[name] = path
    return found


def scenes_of(methods: Mapping[str, Path]) -> tuple[Scenes, dict[str, str]]:
    """The pictures that all methods have, and why others are left out, by path. Raises `ImageError`."""
    listed = [listing(folder) for folder in methods.values()]
    if len(listed) == 1:
        return {name_key(path): dict(zip(methods, [path], strict=True)) for path in listed[0].photos}, {}
    joined = join(listed)
    scenes = {
        name_key(row[0]): {method: path for method, path in zip(methods, row, strict=True) if path is not None}
        for row in joined.scenes
        if row[0] is not None
    }
    return scenes, {str(error.path): str(error) for error in joined.lonely}


def sizes_of(scenes: Scenes, left_out: dict[str, str]) -> dict[str, tuple[int, int]]:
    """The (width, height) of each scene, upright. Scenes whose pictures cannot be opened, or differ, are taken out."""
    sizes = {}
    for key, files in list(scenes.items()):
        try:
            found = {path: upright_size(path) for path in files.values()}
        except ImageError as error:
            left_out[key] = str(error)
            del scenes[key]
            continue
        (first, sizes[key]), *others = found.items()
        for path, size in others:
            if size != sizes[key]:
                left_out[key] = (
                    f"{printable(path)}: is {size[0]} x {size[1]}, but {printable(first)} is {sizes[key][0]} x {sizes[key][1]}"
                )
        if key in left_out:
            del scenes[key]
    return sizes


def upright_size(path: Path) -> tuple[int, int]:
    """(width, height) as the picture is read. Raises `ImageError`."""
    with opened(path, read_picture(path)) as image:
        return (image.height, image.width) if orientation_of(image) >= 5 else (image.width, image.height)
