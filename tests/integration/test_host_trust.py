# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration target of ca_trust, through ansible-playbook, on a system below a folder, with a server that is really asked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from integration.playing import play_target

from lab.certificates import authority, server
from lab.tls_server import ShowingServer
from lab.trust_stores import TrustedSystem

DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
ROOT = authority("Root of the targets")
MIDDLE = authority("Middle of the targets", ROOT)


@pytest.mark.parametrize("family", ["debian", "redhat"])
def test_target(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = TrustedSystem(tmp_path / "system", family)
    monkeypatch.setenv("PATH", system.path)
    leaf = server("ghe", MIDDLE, names=("127.0.0.1",), begins=NOW - DAY, ends=NOW + 90 * DAY)
    pems = {"target_root": ROOT.pem, "target_middle": MIDDLE.pem, "target_key": ROOT.key_pem, "target_windows": (MIDDLE.pem + ROOT.pem).replace("\n", "\r\n")}
    with ShowingServer(leaf, MIDDLE) as ghe:
        defaults = {"group/serverops.circleci.host": system.params()}
        played = play_target("ca_trust", {**pems, "target_host": str(ghe)}, tmp_path, "-vvv", defaults=defaults)
    assert played.code == 0, played.output
    shown = played.output.partition("TASK [ca_trust")[2]
    assert not [line for line in ROOT.key_pem.splitlines()[1:-1] if line in shown]
    assert system.files() == {} and not system.trusts(ROOT) and system.trusts(system.public)
