"""Plates for the check of colours: who lacks a kind of cone sees one hue, everybody else two."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from labelling.desk.plates import DIGITS, RGB_TO_LMS, colours, digit_of, kind_of, plate


@pytest.mark.parametrize(("kind", "lacks"), [("protan", 0), ("deutan", 1)])
def test_the_two_hues_differ_for_one_kind_of_cone_alone(kind: str, lacks: int) -> None:
    digit, around = (RGB_TO_LMS @ colour for colour in colours(kind))
    others = [i for i in range(3) if i != lacks]
    np.testing.assert_allclose(digit[others], around[others], rtol=1e-9)
    assert abs(digit[lacks] / around[lacks] - 1) > 0.1
    assert all((colour > 0.02).all() and (colour < 0.5).all() for colour in colours(kind))  # room for lighter dots


def test_the_first_plate_is_told_by_lightness() -> None:
    digit, around = colours(kind_of(1))
    assert (digit > 2 * around).all()
    assert [kind_of(number) for number in (1, 2, 3, 4)] == ["lightness", "protan", "deutan", "protan"]


def test_a_seed_gives_the_same_plate_and_others_other_digits() -> None:
    made = plate("anna", 2)
    plate.cache_clear()
    assert plate("anna", 2) == made != plate("berta", 2)
    assert {digit_of(str(i), 1) for i in range(60)} == set(DIGITS)


def test_dots_of_the_digit_are_reddish_and_where_it_is() -> None:
    with Image.open(io.BytesIO(plate("anna", 2))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    red = pixels[..., 0] - pixels[..., 1] > 20
    dots = (pixels < 200).all(-1)
    assert 0.4 < dots.mean() < 0.7
    assert 0.05 < (red & dots).sum() / dots.sum() < 0.5
    assert not red[:20].any()
    assert not red[:, :60].any()
