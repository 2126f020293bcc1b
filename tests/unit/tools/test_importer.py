# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import grumbles about is a failure, and so is what it did not see."""

from __future__ import annotations

from typing import Any

import pytest
from importer import ROOT, faults, ours

WANTED = {"module": {"look"}, "role": {"act"}, "playbook": {"play.yml"}}


def result() -> dict[str, Any]:
    contents = [{"name": name, "content_type": kind} for kind, names in WANTED.items() for name in sorted(names)]
    told = [{"content_name": "look", "content_type": "module", "doc_strings": {"doc": {}}}]
    return {"contents": [*contents, {"name": "core.clock", "content_type": "module_utils"}], "docs_blob": {"contents": told}}


def test_a_quiet_import_of_all_has_no_fault() -> None:
    assert faults("Linting role act\n...WARNING within a line\n", result(), WANTED) == []


@pytest.mark.parametrize("line", ["WARNING: ansible-lint not found, skipping lint of collection", "ERROR: x", "CRITICAL: x"])
def test_a_loud_line_is_a_fault(line: str) -> None:
    assert faults(f"Importing\n{line}\n", result(), WANTED) == [line]


def test_what_is_missing_strange_or_silent_is_a_fault() -> None:
    found = result()
    found["contents"][0]["name"] = "other"
    found["docs_blob"]["contents"][0]["doc_strings"] = {}
    told = ["module look was not imported", "module other was imported and is none of ours", "module look has no documentation"]
    assert faults("", found, WANTED) == told


def test_an_import_without_a_result_is_a_fault_for_everything() -> None:
    assert len(faults("", {}, WANTED)) == 4


def test_our_own_content_is_seen() -> None:
    found = ours(ROOT)
    assert "nomad_node_drain" in found["module"] and "nomad_drain" in found["role"] and "drain.yml" in found["playbook"]
