# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in numbered versions, and what is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.transport.versions import set_aside, there_of, version_in_use, versions_of


def test_versions_are_read_from_names_and_links(tmp_path: Path) -> None:
    for name in ("cert1.pem", "cert12.pem", "cert.pem", "certx.pem", "chain3.pem", "cert4.pem.bak"):
        (tmp_path / name).write_text("")
    assert versions_of(str(tmp_path), "cert", ".pem") == {1, 12}
    assert versions_of(str(tmp_path / "none"), "cert", ".pem") == frozenset()
    (tmp_path / "link").symlink_to("../archive/x/cert12.pem")
    assert (version_in_use(str(tmp_path / "link")), version_in_use(str(tmp_path / "cert1.pem")), version_in_use(str(tmp_path / "none"))) == (12, 0, 0)
    with pytest.raises(NotPermitted, match="cannot be read"):
        versions_of(str(tmp_path / "cert1.pem"), "cert", ".pem")


def test_what_is_set_aside_twice_is_there_twice(tmp_path: Path) -> None:
    aside = tmp_path / "unfinished"
    for text in ("one", "two"):
        (tmp_path / "live").mkdir(exist_ok=True)
        (tmp_path / "live" / "x").write_text(text)
        assert there_of(str(tmp_path), ("live/x", "live/y")) == ("live/x",)
        set_aside(str(tmp_path / "live" / "x"), str(aside))
    set_aside(str(tmp_path / "live" / "x"), str(aside))
    assert {path.name: path.read_text() for path in aside.iterdir()} == {"1-live-x": "one", "2-live-x": "two"}
    assert aside.stat().st_mode & 0o077 == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(NotPermitted, match="cannot be moved"):
        set_aside(str(aside), str(tmp_path / "file" / "below"))
