# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's name, and which leftovers may go."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.velero.location_probe import OLD, STEM, is_read_only, leftovers, plan, probe_name, probe_spec

NOW = 1_800_000_000.0
RUN = str(uuid.uuid4())


def test_a_name_is_an_object_of_the_location_and_no_folder() -> None:
    assert probe_name(NOW, RUN) == f"serverops-probe-1800000000-{RUN.replace('-', '')}"


@pytest.mark.parametrize(
    ("key", "goes"),
    [
        (probe_name(NOW - OLD - 1, RUN), True),
        ("velero/" + probe_name(NOW - 86400, RUN), True),
        (probe_name(NOW - OLD + 1, RUN), False),
        (probe_name(NOW + 86400, RUN), False),
        (probe_name(NOW - 86400, RUN) + ".txt", False),
        (f"{STEM}-1800000000", False),
        (f"{STEM}mine", False),
        ("velero/backups/one/velero-backup.json", False),
    ],
    ids=["old", "old under a prefix", "young", "of the future", "another ending", "no run", "another name", "a backup"],
)
def test_only_an_old_probe_goes(key: str, goes: bool) -> None:
    assert leftovers([key], NOW) == ([key] if goes else [])


@pytest.mark.parametrize(
    ("swept", "read_only", "words"),
    [((), False, ["write", "read", "delete"]), (("a", "b"), False, ["sweep", "sweep", "write", "read", "delete"]), (("a",), True, [])],
)
def test_the_plan(swept: tuple[str, ...], read_only: bool, words: list[str]) -> None:
    assert [step["step"] for step in plan(swept, read_only)] == words


@pytest.mark.parametrize(("spec", "wanted"), [({}, False), ({"accessMode": "ReadWrite"}, False), ({"accessMode": "ReadOnly"}, True)])
def test_read_only(spec: dict[str, Any], wanted: bool) -> None:
    assert is_read_only({"spec": spec}) is wanted


@pytest.mark.parametrize(
    ("params", "words"), [({"location": " "}, "location is empty; give the name of the backup"), ({"namespace": ""}, "namespace is empty")]
)
def test_empty_names_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        probe_spec(params)
