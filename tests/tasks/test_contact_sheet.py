from __future__ import annotations

import numpy as np

from tasks.genetic.contact_sheet import contact_sheet
from tasks.genetic.one_photo import PhotoFront


def front(count: int) -> PhotoFront:
    return PhotoFront(
        genes=[[1.0, 1.0, 1.0]] * count, values=[[7.0, 1.0]] * count, objectives=["entropy", "distance"],
        entropy=[7.0] * count, distance=[1.0] * count, rank=[0] * count, crowding=[None] * count, chosen=0, evaluations={},
    )  # fmt: skip


def test_every_version_is_on_it_and_the_chosen_one_is_framed() -> None:
    colours = [(0, 0, 200), (0, 200, 0), (200, 0, 0), (200, 200, 0), (0, 200, 200), (200, 0, 200)]
    versions = [(place, np.full((30, 60, 3), colour, np.uint8)) for place, colour in enumerate(colours)]
    sheet = contact_sheet(np.full((30, 60, 3), 10 * 257, np.uint16), versions, front(6))
    assert sheet.dtype == np.uint8
    for colour in [*colours, (10, 10, 10)]:
        assert (sheet == colour).all(2).sum() == 280 * 140
    chosen = np.argwhere((sheet == colours[0]).all(2)).min(0)
    other = np.argwhere((sheet == colours[1]).all(2)).min(0)
    assert (sheet[chosen[0] - 2, chosen[1] : chosen[1] + 280] == 255).all()
    assert not (sheet[other[0] - 2, other[1] : other[1] + 280] == 255).all()
