"""Studies: from folders to a round of the store, and from votes to scores; nothing of it tells the store who is who."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from exchange_helpers import METHODS, PHOTOS, picture, write_outputs
from PIL import Image

from labelling.exchange import manifest, results, study
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.exchange.folders import FolderError, as_png, collect, parse
from labelling.exchange.manifest import Manifest, StudyError
from labelling.exchange.results import results as study_results
from labelling.store import Options, Store, Vote
from pictures import ImageError, read_uint8, write_png


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def opened(root: Path) -> Iterator[Store]:
    with Store.open(root / "labels.sqlite") as store:
        yield store


def prefer(made: Manifest, order: tuple[str, ...], observer: str) -> list[Vote]:
    """The votes of someone who ranks methods in that order on every photo."""
    votes = {}
    for pair in made.pairs:
        first = order.index(pair.first_method) < order.index(pair.second_method)
        votes[pair.key] = Vote(
            id=f"{observer}-{pair.key}", key=pair.key, observer=observer, kind="people", round=made.name, seconds=1.5,
            preferred=pair.first_sha256 if first else pair.second_sha256, left=pair.second_sha256,
        )  # fmt: skip
    return list(votes.values())


# Folders


def test_arguments_name_folders_in_their_order() -> None:
    assert parse(["b=x/y", "a=z=1"], "method") == {"b": Path("x/y"), "a": Path("z=1")}
    for wrong, said in (
        (["a"], "METHOD=DIR"),
        (["=x"], "METHOD=DIR"),
        (["a="], "METHOD=DIR"),
        (["a=x", "a=y"], "twice"),
    ):
        with pytest.raises(FolderError, match=said):
            parse(wrong, "method")


def test_photos_are_joined_by_name_and_the_rest_is_left_out_with_a_reason(root: Path) -> None:
    folders = write_outputs(root, photos=(*PHOTOS, "broken", "large"))
    write_png(root / "ours" / "alone.png", picture("ours", "alone"))
    (root / "old" / "broken.png").write_bytes(b"no picture")
    write_png(root / "theirs" / "large.png", picture("theirs", "large", (24, 32)))
    (root / "ours" / "notes.txt").write_text("not a photo")
    found = collect(folders, {})
    assert found.photos == list(PHOTOS)
    assert found.pictures["ours", "cat"].path == root / "ours" / "cat.png"
    assert set(found.left_out) == {"alone", "broken", "large"}
    assert "missing in method 'theirs', method 'old'" in found.left_out["alone"]
    assert "old/broken.png" in found.left_out["broken"]
    assert "ours 16 x 12, theirs 32 x 24" in found.left_out["large"]


def test_names_join_in_any_form_and_case_and_keep_their_spelling(root: Path) -> None:
    """macOS writes é as two characters, and cameras shout."""
    for folder, names in {
        "ours": ("Cafe\u0301", "IMG_1", "beach_1"),
        "theirs": ("Caf\u00e9", "img_1", "beach-1"),
    }.items():
        for name in names:
            write_png(root / folder / f"{name}.png", picture(folder, "cat"))
    (root / "ours" / "clip.mov").touch()
    (root / "ours" / "more").mkdir()
    (root / "ours" / "more" / "cat.png").touch()
    found = collect({"ours": root / "ours", "theirs": root / "theirs"}, {})
    assert found.photos == ["Cafe\u0301", "IMG_1"]
    assert found.pictures["theirs", "IMG_1"].path == root / "theirs" / "img_1.png"
    assert found.left_out["beach_1"] == "missing in method 'theirs'; the nearest in method 'theirs' is 'beach-1'"
    first, second = found.notes
    assert first.startswith(f"{root / 'ours'}: 1 file was not read: clip.mov (")
    assert second.startswith(f"{root / 'ours'}: 1 photo in sub-folders was not read")


def test_folders_without_a_common_photo_are_refused(root: Path) -> None:
    one = write_outputs(root, ("ours",), ("a",)) | write_outputs(root, ("old",), ("b",))
    with pytest.raises(FolderError, match="'a' for one: missing in method 'old'"):
        collect(one, {})
    with pytest.raises(ImageError, match="no such folder"):
        collect({"ours": root / "ours", "gone": root / "gone"}, {})


@pytest.mark.parametrize("name", ["rotated.jpg", "deep.png", "grey.png", "clear.png"])
def test_any_picture_becomes_a_plain_png(root: Path, name: str) -> None:
    pixels = picture("ours", "cat")
    path = root / name
    if name == "deep.png":
        write_png(path, pixels.astype(np.uint16) * 257)
    elif name == "grey.png":
        Image.fromarray(pixels[..., 0]).save(path)
    elif name == "clear.png":
        Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(path)
    else:
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(pixels).save(path, exif=exif)
    png, width, height = as_png(path)
    assert as_png(path)[0] == png
    (root / "out.png").write_bytes(png)
    assert (read_uint8(root / "out.png") == read_uint8(path)).all()
    assert png[24:26] == b"\x08\x02"
    assert (height, width) == read_uint8(path).shape[:2]


def test_a_plain_png_keeps_its_bytes(root: Path) -> None:
    folders = write_outputs(root)
    data = (root / "ours" / "cat.png").read_bytes()
    assert collect(folders, {}).pictures["ours", "cat"].sha256 == hashlib.sha256(data).hexdigest()


# Creating


def test_a_study_of_all_pairs(root: Path, opened: Store) -> None:
    made = study.create_pairs(opened, "llie", write_outputs(root), {}, votes=2).manifest
    assert len(made.pairs) == 9
    assert Counter((p.first_method, p.second_method) for p in made.pairs) == {
        ("ours", "theirs"): 3, ("ours", "old"): 3, ("theirs", "old"): 3,
    }  # fmt: skip
    status = opened.status("llie")
    assert (status.pairs, status.need, status.kind) == (9, 18, "people")
    assert [key for key, _, _ in opened.pairs("llie")] == [pair.key for pair in made.pairs]
    assert manifest.find("llie") == made


def test_the_store_does_not_know_the_methods(root: Path, opened: Store) -> None:
    study.create_pairs(opened, "llie", write_outputs(root), {}, votes=2)
    opened.close()
    content = b"".join(path.read_bytes() for path in root.glob("labels.sqlite*"))
    for name in (*METHODS, *PHOTOS):
        assert name.encode() not in content, name
    assert b"llie" in content  # the search can find something


def test_the_order_does_not_follow_the_photos(root: Path, opened: Store) -> None:
    photos = tuple(f"p{i:02}" for i in range(12))
    made = study.create_pairs(opened, "llie", write_outputs(root, METHODS, photos), {}).manifest
    assert [pair.photo for pair in made.pairs] != sorted(pair.photo for pair in made.pairs)


def test_a_balanced_study(root: Path, opened: Store) -> None:
    photos = tuple(f"p{i:02}" for i in range(9))
    made = study.create_pairs(opened, "few", write_outputs(root, METHODS, photos), {}, per_photo=1).manifest
    assert Counter(pair.photo for pair in made.pairs) == dict.fromkeys(photos, 1)
    assert set(Counter((p.first_method, p.second_method) for p in made.pairs).values()) == {3}
    with pytest.raises(StudyError, match="3 pairs a photo"):
        study.create_pairs(opened, "many", write_outputs(root), {}, per_photo=4)


def test_sources_stand_beside_the_pair(root: Path, opened: Store) -> None:
    sources = write_outputs(root / "in", ("infrared", "visible"))
    made = study.create_pairs(opened, "fused", write_outputs(root), sources).manifest
    pair = made.pairs[0]
    found = dict(opened.sources("fused", pair.key))
    assert list(found) == ["infrared", "visible"]
    file = root / "in" / "visible" / f"{pair.photo}.png"
    assert opened.picture(found["visible"]) == file.read_bytes()


def test_equal_pictures_are_not_compared(root: Path, opened: Store) -> None:
    folders = write_outputs(root)
    write_png(root / "old" / "cat.png", picture("ours", "cat"))
    made = study.create_pairs(opened, "llie", folders, {}).manifest
    assert [(p.photo, p.first_method, p.second_method) for p in made.identical] == [("cat", "ours", "old")]
    # ours/theirs and theirs/old on the cat are the same two pictures: one pair of the store, two of the study.
    assert (len(made.pairs), opened.status("llie").pairs) == (8, 7)


def test_creating_again_changes_nothing_and_another_study_is_not_replaced(root: Path, opened: Store) -> None:
    folders = write_outputs(root)
    made = study.create_pairs(opened, "llie", folders, {}, votes=2).manifest
    opened.add_votes(prefer(made, METHODS, "ann"))
    assert study.create_pairs(opened, "llie", folders, {}, votes=2).manifest == made
    assert opened.status("llie").have == 9
    with pytest.raises(StudyError, match="exists with other pictures"):
        study.create_pairs(opened, "llie", {name: folders[name] for name in ("ours", "old")}, {})
    with pytest.raises(StudyError, match="exists with other pictures"):
        study.create_ratings(opened, "llie", folders, {}, options=Options(criteria=FUSION_CRITERIA))


def test_a_round_of_the_pipeline_is_not_taken(root: Path, opened: Store) -> None:
    folders = write_outputs(root)
    for name in ("low_light-r01", "brackets-r100", "low_light-validation", "../x", "", "a/b", "-x"):
        with pytest.raises(StudyError):
            study.create_pairs(opened, name, folders, {})
    study.create_pairs(opened, "llie", folders, {})
    (root / ".loupe" / "studies" / "llie" / "manifest.json").unlink()
    with pytest.raises(StudyError, match="no study of this project"):
        study.create_pairs(opened, "llie", folders, {})


def test_one_method_is_no_study(root: Path, opened: Store) -> None:
    with pytest.raises(StudyError, match="at least two"):
        study.create_pairs(opened, "llie", write_outputs(root, ("ours",)), {})
    assert opened.rounds() == []


def test_ratings_of_every_picture(root: Path, opened: Store) -> None:
    sources = write_outputs(root / "in", ("infrared", "visible"))
    options = Options(criteria=FUSION_CRITERIA)
    made = study.create_ratings(opened, "fusion", write_outputs(root), sources, options=options, raters=2).manifest
    assert set(opened.items("fusion")) == {p.sha256 for p in made.pictures}
    assert opened.status("fusion").need == 18
    cat = next(p for p in made.pictures if p.photo == "cat")
    assert (
        opened.picture(dict(opened.sources("fusion", cat.sha256))["infrared"])
        == (root / "in/infrared/cat.png").read_bytes()
    )


# Results


def test_results_count_and_rank(root: Path, opened: Store) -> None:
    made = study.create_pairs(opened, "llie", write_outputs(root), {}, votes=3).manifest
    opened.add_votes(prefer(made, ("ours", "theirs", "old"), "ann"))
    opened.add_votes(prefer(made, ("theirs", "ours", "old"), "bob"))
    found = study_results(opened, "llie")
    # ours beats theirs 3 times (ann), loses 3 (bob); both beat old 6 times.
    assert found.counts.tolist() == [[0, 3, 6], [3, 0, 6], [0, 0, 0]]
    assert (found.have, found.need, found.warning) == (18, 27, None)
    assert [row[0] for row in results.score_rows(found)][2] == "old"
    assert found.scores.scores[0] == pytest.approx(found.scores.scores[1], abs=1e-6)

    paths = results.write_results(found, root / "out")
    votes = pq.read_table(paths[0]).to_pylist()
    assert len(votes) == 18
    ann = [v for v in votes if v["observer"] == "ann" and (v["first_method"], v["second_method"]) == ("ours", "old")]
    assert {(v["choice"], v["left"], v["seconds"]) for v in ann} == {("first", "second", 1.5)}
    rows = list(csv.reader(paths[1].open()))
    assert rows == [["preferred", *METHODS], ["ours", "0", "3", "6"], ["theirs", "3", "0", "6"], ["old", "0", "0", "0"]]
    scores = list(csv.DictReader(paths[2].open()))
    assert scores[2]["method"] == "old"
    assert (scores[2]["wins"], scores[2]["votes"]) == ("0", "12")
    assert float(scores[0]["score"]) > 0 > float(scores[2]["score"])


def test_ties_count_half_and_unsure_for_none(root: Path, opened: Store) -> None:
    made = study.create_pairs(opened, "two", write_outputs(root, ("ours", "old")), {}, votes=1).manifest
    votes = prefer(made, ("ours", "old"), "ann")
    words = ("tie", "unsure", votes[2].preferred)
    opened.add_votes([Vote(**{**vars(v), "preferred": word}) for v, word in zip(votes, words, strict=True)])
    assert study_results(opened, "two").counts.tolist() == [[0, 1.5], [0.5, 0]]


def test_methods_that_never_met_are_warned_of(root: Path, opened: Store) -> None:
    made = study.create_pairs(opened, "llie", write_outputs(root, ("a", "b", "c", "d")), {}, votes=1).manifest
    together = ({"a", "b"}, {"c", "d"})
    keys = {p.key for p in made.pairs if {p.first_method, p.second_method} in together}
    opened.add_votes([v for v in prefer(made, ("a", "b", "c", "d"), "ann") if v.key in keys])
    assert "2 groups" in str(study_results(opened, "llie").warning)


def test_results_of_nothing(root: Path, opened: Store) -> None:
    with pytest.raises(StudyError, match="no study is called 'llie'"):
        study_results(opened, "llie")
    study.create_pairs(opened, "llie", write_outputs(root), {})
    with pytest.raises(StudyError, match="no votes yet"):
        study_results(opened, "llie")
    with pytest.raises(StudyError, match="loupe study create"):
        manifest.load("llie", "ratings")


def test_a_damaged_manifest_is_named(root: Path, opened: Store) -> None:
    study.create_pairs(opened, "llie", write_outputs(root), {})
    path = manifest.place("llie")
    whole = json.loads(path.read_text())
    for damaged in ("{", "[]", json.dumps(whole | {"version": 9}), json.dumps({"version": 1})):
        path.write_text(damaged)
        with pytest.raises(StudyError, match=r"manifest\.json"):
            manifest.find("llie")
