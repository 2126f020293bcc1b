# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the kinds come from: a real program of the version, a file, or the cluster; every other program and file is refused or passed by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.velero.crds_client import CrdSource
from unit.plugins.module_utils.velero.recorded import crds
from unit.plugins.module_utils.velero.wishes import wish


def program(folder: Path, version: str, prints: str) -> str:
    """A program as velero is: it tells its version, and prints its kinds only if it is asked for them."""
    folder.mkdir(exist_ok=True)
    (folder / "kinds").write_text(prints)
    path = folder / "velero"
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = "version --client-only" ] && printf "Client:\\n\\tVersion: v{version}\\n" && exit 0\n'
        f'case "$*" in "install --crds-only --dry-run -o json"*) cat {folder}/kinds; exit 0;; esac\nexit 1\n'
    )
    path.chmod(0o755)
    return str(path)


def printed(version: str = "1.6.3") -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": crds(version)})


@pytest.fixture(autouse=True)
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def found(**wished: Any) -> tuple[int, str]:
    own, fault = CrdSource(wish(**wished), "/some/kubeconfig").find({}, None)
    return len(own), fault


def test_the_program_on_path_is_asked_where_it_is_of_the_version(tmp_path: Path) -> None:
    program(tmp_path / "bin", "1.6.3", printed())
    assert found() == (11, "")


def test_a_program_of_another_version_on_path_is_passed_by(tmp_path: Path) -> None:
    program(tmp_path / "bin", "1.14.0", printed("1.14.0"))
    count, fault = found()
    assert count == 0 and "crds_file" in fault


def test_one_that_is_named_must_be_right(tmp_path: Path) -> None:
    assert found(velero_cli=program(tmp_path / "own", "1.6.3", printed())) == (11, "")
    for version, prints, words in (("1.14.0", printed("1.14.0"), "is 1.14.0, but version is 1.6.3"), ("1.6.3", "error: no kubeconfig", "printed no CRDs")):
        with pytest.raises(BadInput, match=words):
            found(velero_cli=program(tmp_path / "own", version, prints))
    with pytest.raises(BadInput, match="no program is there"):
        found(velero_cli=str(tmp_path / "none"))


@pytest.mark.parametrize(
    "text", [printed(), yaml.safe_dump_all(crds("1.6.3")), json.dumps(crds("1.6.3")[0]) + "\n---\n" + yaml.safe_dump_all(crds("1.6.3")[1:])]
)
def test_a_file_may_be_a_list_or_documents(tmp_path: Path, text: str) -> None:
    path = tmp_path / "crds"
    path.write_text(text)
    assert found(crds_file=str(path)) == (11, "")


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "neither JSON nor YAML"), (printed("1.14.0"), "is not of Velero 1.6.3"), ("", "holds no CustomResourceDefinition")]
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "crds"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        found(crds_file=str(path))


def test_a_clusters_own_will_do() -> None:
    there = {one["metadata"]["name"]: one for one in crds("1.6.3")}
    assert CrdSource(wish()).find(there, (1, 6, 3)) == ((), "")
    own, fault = CrdSource(wish()).find(there, None)
    assert own == () and "nothing tells which version" in fault
