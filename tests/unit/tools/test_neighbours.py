# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests have the very collections that ours says it needs, on every ansible-core that it is tried on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import ansible.release
import neighbours
import pytest
import yaml
from environments import CORES

ROOT = Path(__file__).parents[3]
DEPENDENCIES = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def wheel(place: Path, *names: str) -> Path:
    path = place / "ansible-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"{neighbours.folder_of(name).as_posix()}/MANIFEST.json", "{}")
    return path


def test_what_is_unpacked_is_what_the_collection_depends_on() -> None:
    assert set(neighbours.NEEDED) == set(DEPENDENCIES)


def test_every_core_has_its_release() -> None:
    assert {one.name.partition("-")[2] for one in CORES} < set(neighbours.WHEELS)
    assert ".".join(ansible.release.__version__.split(".")[:2]) in neighbours.WHEELS


@pytest.mark.parametrize("name", neighbours.NEEDED)
def test_the_one_of_this_environment_is_new_enough(name: str) -> None:
    core = ".".join(ansible.release.__version__.split(".")[:2])
    manifest = json.loads((neighbours.provide(core) / neighbours.folder_of(name) / "MANIFEST.json").read_text())
    assert numbers(manifest["collection_info"]["version"]) >= numbers(DEPENDENCIES[name].removeprefix(">="))


def test_only_what_is_asked_for_is_unpacked(tmp_path: Path) -> None:
    target = tmp_path / "made/here"
    neighbours.unpack(wheel(tmp_path, "amazon.aws", "other.one"), ("amazon.aws",), target)
    assert [path.relative_to(target).as_posix() for path in target.rglob("*.json")] == ["ansible_collections/amazon/aws/MANIFEST.json"]
    assert [path.name for path in target.parent.iterdir()] == ["here"]


def test_a_wheel_without_it_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "made/here"
    with pytest.raises(SystemExit, match=r"does not hold amazon\.aws"):
        neighbours.unpack(wheel(tmp_path, "other.one"), ("amazon.aws",), target)
    assert list(target.parent.iterdir()) == []


def test_another_release_takes_the_place_of_the_linked_one(tmp_path: Path) -> None:
    for version in ("1", "2"):
        folder = tmp_path / version / neighbours.folder_of("amazon.aws")
        folder.mkdir(parents=True)
        neighbours.link(tmp_path / version, tmp_path / "purelib")
        assert (tmp_path / "purelib" / neighbours.folder_of("amazon.aws")).resolve() == folder
