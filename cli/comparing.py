"""`loupe enhance --compare`: a page of the photos before and after, beside the enhanced ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cli.errors import UserError
from pictures import ImageError, Work, atomic_path, printable, read_photo

NAME = "compare.html"


def refuse_page(out: Path, overwrite: bool) -> None:
    """Raise `UserError` where a file of that name lies in the folder that is no page of ours."""
    from tasks.pages.compared import MARK

    path = out / NAME
    if path.exists() and not overwrite:
        ours = path.is_file() and MARK in path.read_text(encoding="utf-8", errors="replace")[:2000]
        if not ours:
            raise UserError(f"{printable(path)} is there and no page of ours; move it, or use --overwrite")


def write_page(out: Path, work: Sequence[Work], by: str, page: int) -> None:
    """Write OUT/compare.html of the photos that are enhanced, and say so; by: what enhanced them. page: of files with several.

    Raises `UserError` where it cannot be written.
    """
    from tasks.pages.compared import page as rendered

    def pairs() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for item in work:
            try:
                before, after = read_photo(item.sources[0], page), read_photo(item.target)
            except ImageError:  # named when it was left out
                continue
            yield printable(str(item.target.relative_to(out))), before.pixels, after.pixels

    text = rendered(pairs(), by)
    try:
        with atomic_path(out / NAME) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{printable(out / NAME)} could not be written: {error.strerror or error}; the photos are enhanced, and the same "
            "command makes the page"
        ) from error
    print(f"before and after: {printable(out / NAME)} (opens in any browser, without a network)")
