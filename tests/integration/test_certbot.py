# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certbot_certificate through ansible-playbook: a real certbot, the authority that Let's Encrypt tests with, and its DNS."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.playing import play_target

from lab.pebble import MISSING, WITHOUT, Pebble

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WITHOUT)
TOKEN, WRONG = "canary-dns-token-51f0", "canary-wrong-token-77aa"


def test_certbot_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "letsencrypt"
    with Pebble(tmp_path / "pebble") as pebble:
        given = {
            "target_names": ["circleci.example.com"],
            "target_auth_hook": pebble.hook("set-txt", TOKEN),
            "target_cleanup_hook": pebble.hook("clear-txt", TOKEN),
            "target_environment": {"DNS_TOKEN": TOKEN},
            "target_wrong_environment": {"DNS_TOKEN": WRONG},
            "target_directory": pebble.directory,
            "target_authorities": pebble.authority,
            "target_folder": str(folder),
        }
        played = play_target("certbot_certificate", given, tmp_path, "-vvv")
        assert played.code == 0, played.output
        assert (pebble.issued, pebble.failed) == (2, 1), "one order for each change, one try for what is refused"
        # One name, then two; each record is taken away again, that of the refused order too.
        acts = [line.split()[0] for line in pebble.hooks]
        assert (acts.count("set-txt"), acts.count("clear-txt")) == (4, 4)
        assert not any(pebble.records(f"_acme-challenge.{name}.") for name in given["target_names"])
    shown = played.output.partition("TASK [certbot_certificate")[2]
    assert TOKEN not in shown and WRONG not in shown
    readable = [path for path in folder.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]
    assert readable == [] and folder.stat().st_mode & 0o077 == 0
