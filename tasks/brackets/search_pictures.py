"""The search over time as pictures: how much each operation of a node, and each loss, counted after every epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.search.loop import Epoch
from models.search.space import NODES, OPERATIONS

_CELL = 12
_LABEL, _VALUE, _HEAD, _GAP = 150, 46, 26, 18
_COLUMNS = 5
_MOST_WIDE = 30
_WHITE, _INK, _SOFT = (255, 255, 255), (27, 27, 27), (120, 120, 120)
_LIGHT, _DARK = np.array([235, 241, 247.0]), np.array([0, 68, 119.0])


def alphas_picture(history: Sequence[Epoch]) -> np.ndarray:
    """(H, W, 3) uint8: a panel a node, a row an operation, a column an epoch; darker is heavier, blank is pruned."""
    shown = thinned(history)
    panels = [
        panel(name, list(OPERATIONS), np.array([entry.alphas[place] for entry in shown]).T)
        for place, name in enumerate(NODES)
    ]
    return on_page(panels, _COLUMNS)


def betas_picture(history: Sequence[Epoch]) -> np.ndarray:
    """(H, W, 3) uint8: a row a loss, a column an epoch; darker is heavier; losses that cannot be used are blank."""
    shown = thinned(history)
    names = list(shown[0].betas)
    values = np.array([[entry.betas[name] for entry in shown] for name in names])
    return on_page([panel("weights of the losses", names, values)], 1)


def thinned(history: Sequence[Epoch]) -> list[Epoch]:
    """At most `_MOST_WIDE` entries, the first and the last among them."""
    places = np.unique(np.linspace(0, len(history) - 1, min(len(history), _MOST_WIDE)).round().astype(int))
    return [history[place] for place in places]


def panel(title: str, names: Sequence[str], values: np.ndarray) -> Image.Image:
    """One table of weights (rows, epochs) as coloured cells, with names before and the last value behind."""
    rows, columns = values.shape
    width = _LABEL + max(columns * _CELL, 7 * _CELL) + _VALUE
    image = Image.new("RGB", (width, _HEAD + rows * _CELL + 2), _WHITE)
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(13), ImageFont.load_default(10)
    draw.text((4, 4), title, fill=_INK, font=font)
    top_value = max(float(values.max()), 1e-9)
    for row, name in enumerate(names):
        top = _HEAD + row * _CELL
        draw.text((_LABEL - 6, top), name, fill=_INK if values[row, -1] > 0 else _SOFT, font=small, anchor="ra")
        for column, value in enumerate(values[row]):
            if value > 0:
                left = _LABEL + column * _CELL
                draw.rectangle((left, top, left + _CELL - 2, top + _CELL - 2), fill=colour(value / top_value))
        if values[row, -1] > 0:
            draw.text((_LABEL + columns * _CELL + 4, top), f"{values[row, -1]:.3f}", fill=_INK, font=small)
    return image


def colour(share: float) -> tuple[int, int, int]:
    """From light to dark blue; the square root keeps small weights apart."""
    red, green, blue = (_LIGHT + (_DARK - _LIGHT) * share**0.5).round().astype(int).tolist()
    return red, green, blue


def on_page(panels: Sequence[Image.Image], columns: int) -> np.ndarray:
    """The panels in rows of `columns` on white."""
    columns = min(columns, len(panels))
    width, height = max(one.width for one in panels), max(one.height for one in panels)
    rows = -(-len(panels) // columns)
    page = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), _WHITE)
    for number, one in enumerate(panels):
        page.paste(one, (_GAP + number % columns * (width + _GAP), _GAP + number // columns * (height + _GAP)))
    return np.asarray(page)
