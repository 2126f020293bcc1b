# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a Services host through ansible-playbook, on the lab's programs and ports and a real clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration.playing import play_target

from lab.certificates import Made, authority, key_of, server
from lab.replicated.services import ServicesHost

DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
ROOT = authority("Root of the targets")


def pair(number: int) -> Made:
    return server(f"pair {number}", ROOT, names=("circleci.example.com",), key=key_of("p256", number), begins=NOW - DAY, ends=NOW + 90 * DAY)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ServicesHost]:
    with ServicesHost(tmp_path / "host", pace=0.03) as made:
        yield made


def place(host: ServicesHost, tmp_path: Path) -> dict[str, Any]:
    ports = {"target_endpoint": f"127.0.0.1:{host.tls_port}", "target_console": f"127.0.0.1:{host.console_port}"}
    folders = {"target_kept": str(tmp_path / "kept"), "target_notes": str(tmp_path / "notes")}
    return {"target_path": host.path, "target_health_urls": host.health_urls, "target_authorities": ROOT.pem, **ports, **folders}


def test_tls_certificate(host: ServicesHost, tmp_path: Path) -> None:
    one, two = pair(1), pair(2)
    pairs = {"target_one": {"certificate": one.pem, "key": one.key_pem}, "target_two": {"certificate": two.pem, "key": two.key_pem}}
    played = play_target("tls_certificate", {**place(host, tmp_path), **pairs}, tmp_path, "-vvv")
    assert played.code == 0, played.output
    shown = played.output.partition("TASK [tls_certificate")[2]
    for made in (one, two):
        assert not [line for line in made.key_pem.splitlines()[1:-1] if line in shown]
    assert (host.count("import"), host.count("create"), host.count("console cert")) == (3, 1, 1)


def test_tls_certificate_info(host: ServicesHost, tmp_path: Path) -> None:
    file = tmp_path / "nomad.pem"
    file.write_text(pair(3).pem)
    played = play_target("tls_certificate_info", {**place(host, tmp_path), "target_file": str(file)}, tmp_path)
    assert played.code == 0, played.output
