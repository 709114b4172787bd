"""Photos of several folders that belong together: by name in any form, by order, by time."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from cameras import shot

from pictures import ImageError, Listing, below, identifiers, join, join_by_stem, listing, name_key, stems

NFC, NFD = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "cases"


def paths(folder: str, *names: str) -> list[Path]:
    return [Path(folder, name) for name in names]


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_joined_by_stem_and_not_by_order() -> None:
    inputs, references = paths("in", "a.jpg", "b.png"), paths("out", "b.tif", "c.png", "0.png")
    assert join_by_stem(inputs, references) == [(inputs[0], None), (inputs[1], references[0])]
    assert join_by_stem(inputs, []) == [(inputs[0], None), (inputs[1], None)]


def test_names_join_in_any_form_and_case() -> None:
    inputs, references = (
        paths("in", f"{NFC}.jpg", "IMG_1.JPG", "Straße.png"),
        paths("out", f"{NFD}.png", "img_1.png", "STRASSE.jpg"),
    )
    assert [row[1] for row in join_by_stem(inputs, references)] == references
    assert join([inputs, references]).lonely == []
    assert name_key(Path(NFC)) == name_key(Path(NFD.upper())) == unicodedata.normalize("NFC", "café")


def test_two_files_with_one_stem_are_refused() -> None:
    with pytest.raises(ImageError, match=r"in/a\.png: has the same stem as in/a\.jpg; rename one"):
        stems(paths("in", "a.jpg", "a.png"))
    with pytest.raises(ImageError, match="same stem"):
        join_by_stem(paths("in", "a.jpg"), paths("out", "a.jpg", "a.png"))


@pytest.mark.parametrize("names", [(NFC, NFD), ("a", "A")])
def test_two_files_with_one_name_up_to_form_or_case_are_refused(names: tuple[str, str]) -> None:
    first, second = names
    with pytest.raises(ImageError, match="up to case and the form of accents") as error:
        stems(paths("in", f"{first}.jpg", f"{second}.jpg", "b.jpg", "b.png"))
    assert f"in/{first}.jpg" in str(error.value) and f"in/{second}.jpg" in str(error.value)
    assert "(1 more files like it)" in str(error.value)


def test_folders_without_a_common_name_show_the_nearest_and_the_way_out() -> None:
    with pytest.raises(ImageError) as error:
        join([paths("under", "DSC06620.JPG", "DSC06623.JPG"), paths("over", "DSC06622.JPG", "DSC06625.JPG")])
    assert str(error.value) == (
        "over: no photo here has the stem of one in under (2 here, 2 there; nearest are 'DSC06620' and 'DSC06622', "
        "'DSC06623' and 'DSC06625'); photos under other names are joined by order or by time "
        "(--pair-by, or pair_by in params.yaml)"
    )


def test_what_does_not_join_is_counted_and_named_with_the_nearest() -> None:
    found = join([paths("under", "a.jpg", "beach_1.jpg", "x.jpg"), paths("over", "a.jpg", "beach-1.jpg")])
    assert found.scenes == [(Path("under/a.jpg"), Path("over/a.jpg"))]
    assert found.said() == ["under and over: 1 joined by name, 3 photos did not"]
    assert [str(error) for error in found.lonely] == [
        "under/beach_1.jpg: has no partner of the stem 'beach_1' in over (the nearest there is 'beach-1'); add it, or take "
        "this file out",
        "under/x.jpg: has no partner of the stem 'x' in over; add it, or take this file out",
        "over/beach-1.jpg: has no partner of the stem 'beach-1' in under (the nearest there is 'beach_1'); add it, or take "
        "this file out",
    ]


def test_thousands_of_strangers_are_named_in_a_moment() -> None:
    first = paths("a", "same.jpg", *(f"IMG_{number:05d}.jpg" for number in range(5000)))
    other = paths("b", "same.jpg", *(f"DSC_{number:05d}.jpg" for number in range(5000)))
    assert len(join([first, other]).lonely) == 10_000


def test_a_folder_that_need_not_have_every_scene() -> None:
    found = join(
        [paths("u", "a.jpg", "b.jpg"), paths("o", "a.jpg", "b.jpg"), paths("r", "B.png", "typo.png")], optional={2}
    )
    assert [row[2] for row in found.scenes] == [None, Path("r/B.png")]
    assert [error.path for error in found.lonely] == [Path("r/typo.png")]
    strict = join([paths("u", "a.jpg", "b.jpg"), paths("o", "a.jpg", "b.jpg"), paths("r", "b.png")])
    assert [row[0] for row in strict.scenes] == [Path("u/b.jpg")]
    assert [error.path for error in strict.lonely] == [Path("u/a.jpg"), Path("o/a.jpg")]


def test_joined_by_order_with_numbers_as_numbers() -> None:
    found = join([paths("u", "IMG_10.jpg", "IMG_9.jpg"), paths("o", "DSC_099.jpg", "DSC_100.jpg")], "order")
    assert found.scenes == [(Path("u/IMG_10.jpg"), Path("o/DSC_100.jpg")), (Path("u/IMG_9.jpg"), Path("o/DSC_099.jpg"))]
    with pytest.raises(ImageError, match=r"o: has 1 photos and u has 2; joining by order needs as many in each"):
        join([paths("u", "a.jpg", "b.jpg"), paths("o", "c.jpg")], "order")


def test_joined_by_time(tmp_path: Path) -> None:
    under = [shot(tmp_path / "u" / f"DSC0{n}.jpg", seconds) for n, seconds in ((1, 0), (3, 60), (5, 120))]
    over = [shot(tmp_path / "o" / f"DSC0{n}.jpg", seconds) for n, seconds in ((2, 0.5), (4, 60.5), (8, 300))]
    found = join([listing(tmp_path / "u"), listing(tmp_path / "o")], "time")
    assert found.scenes == [(under[0], over[0]), (under[1], over[1])]
    assert [error.path for error in found.lonely] == [under[2], over[2]]
    assert "no partner within 10 s" in found.lonely[0].reason
    touched(tmp_path / "none", "a.jpg")
    with pytest.raises(ImageError, match=r"no photo here belongs to one in .*u by time; for one"):
        join([listing(tmp_path / "u"), listing(tmp_path / "none")], "time")


def test_photos_of_sub_folders_join_by_their_path_and_get_ids_of_it(tmp_path: Path) -> None:
    inputs = listing(touched(tmp_path / "in", "a.jpg", "x/a.jpg", "y/a.jpg"), recursive=True)
    references = listing(touched(tmp_path / "ref", "y/A.png", "x/b.png"), recursive=True)
    found = join([inputs, references], optional={1})
    assert [None if row[1] is None else row[1].name for row in found.scenes] == [None, None, "A.png"]
    assert list(identifiers(inputs).values()) == ["a", "x__a", "y__a"]
    touched(tmp_path / "in", "x__a.png")
    with pytest.raises(ImageError, match="has the same stem"):
        identifiers(listing(tmp_path / "in", recursive=True))
    assert identifiers(paths("in", "ordinary.jpg", "two.dots.jpg")) == {
        Path("in/ordinary.jpg"): "ordinary",
        Path("in/two.dots.jpg"): "two.dots",
    }


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder with cases is absent")
def test_the_cases() -> None:
    found = join([listing(DATA / "12-dataset" / "in"), listing(DATA / "12-dataset" / "ref")], optional={1})
    assert [row[0].name for row in found.scenes if row[0] and row[1] is None] in ([], ["phone.avif"])
    assert found.lonely == []
    both = [listing(DATA / "19-names" / part) for part in ("under", "over")]
    with pytest.raises(ImageError, match=r"nearest are 'DSC06620' and .*joined by order or by time"):
        join(both)
    assert [tuple(path.name for path in row if path) for row in join(both, "order").scenes] == [
        ("DSC06620.JPG", "DSC06622.JPG"),
        ("DSC06623.JPG", "DSC06625.JPG"),
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a.b.jpg", "deep.er/a", "deep/.a", "deep/.a.jpg", "a.", "..a", "É.JPG"])
def test_paths_below_a_folder_are_as_pathlib_has_them(name: str) -> None:
    for root in (Path("/r"), Path("r/s"), Path("/")):
        path = root / name
        assert below(path, root) == path.relative_to(root).as_posix()
        assert identifiers(Listing(root, [path])) == {path: Path(name).with_suffix("").as_posix().replace("/", "__")}
