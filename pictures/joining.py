"""How the photos of several folders belong together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pictures.errors import ImageError


def stems(paths: Iterable[Path]) -> dict[str, Path]:
    """The files by their name without suffix. Raises `ImageError` naming both when two share one."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise ImageError(path, f"has the same stem as {found[path.stem]}; rename one of them or take it out")
        found[path.stem] = path
    return found


def join_by_stem(inputs: Iterable[Path], references: Iterable[Path]) -> list[tuple[Path, Path | None]]:
    """Every input with the reference of the same stem, or None where there is none, in the order of the inputs.

    Raises:
        ImageError: two inputs or two references share a stem, or no reference fits any input (surely the wrong folder).
    """
    by_stem = stems(references)
    joined = [(path, by_stem.get(stem)) for stem, path in stems(inputs).items()]
    if joined and by_stem and all(reference is None for _, reference in joined):
        folder, example = next(iter(by_stem.values())).parent, joined[0][0]
        raise ImageError(folder, f"no reference here has the stem of an input, such as {example.stem!r} of {example}")
    return joined
