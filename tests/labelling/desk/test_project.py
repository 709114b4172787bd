from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from labelling.desk import project
from labelling.desk.project import project_id


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "Night Photos (2)"
    folder.mkdir()
    return folder


def test_the_id_says_the_folder_and_stays(root: Path) -> None:
    id = project_id(root)
    assert re.fullmatch(r"night-photos-2-[0-9a-f]{8}", id)
    assert project_id(root) == id


def test_two_projects_of_one_name_differ(tmp_path: Path) -> None:
    found = []
    for place in ("a", "b"):
        (tmp_path / place / "photos").mkdir(parents=True)
        found.append(project_id(tmp_path / place / "photos"))
    assert found[0] != found[1]


def test_a_folder_that_moves_keeps_its_id(root: Path) -> None:
    id = project_id(root)
    moved = root.rename(root.with_name("elsewhere"))
    assert project_id(moved) == id
    assert project_id(moved) == id


def test_a_copy_beside_the_original_gets_another_and_the_original_keeps_its_own(root: Path) -> None:
    """And where the original's pages are, and what it has told, is not the copy's."""
    id = project_id(root)
    noted = root / ".loupe" / "label-address"
    noted.write_text("http://127.0.0.1:4201\n")
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    other = project_id(copy)
    assert other != id
    assert project_id(copy) == other
    assert project_id(root) == id
    assert noted.exists()
    assert not (copy / ".loupe" / "label-address").exists()


@pytest.mark.parametrize("damage", ["", "UPPER case\n/x\n", "one-line"])
def test_a_damaged_note_is_written_anew(root: Path, damage: str) -> None:
    (root / ".loupe").mkdir()
    (root / ".loupe" / "project").write_text(damage)
    id = project_id(root)
    assert re.fullmatch(r"[a-z0-9-]+", id)
    assert project_id(root) == id


def test_keys_have_the_characters_that_prefect_takes(root: Path) -> None:
    for key in (project.gate_prefix("low_light-r01", root), project.progress_key("My round_1", root)):
        assert re.fullmatch(r"[a-z0-9-]+", key)
        assert project_id(root) in key


def test_the_own_server_is_the_one_that_was_noted(root: Path) -> None:
    address = "http://127.0.0.1:4200/api"
    assert not project.is_own_server(address, root)
    project.note_own_server(f"{address}/", root)
    assert project.is_own_server(address, root)
    assert not project.is_own_server("http://prefect.lab.example/api", root)
    project.note_own_server(None, root)
    project.note_own_server(None, root)
    assert not project.is_own_server(address, root)
    assert project.deployment_name(True, root) == "loupe"
    assert project.deployment_name(False, root) == f"loupe-{project_id(root)}"
