"""Pebble's DNS as the tests ask it: a record that a hook wrote is seen, one that it took away is not, and a wrong token writes none."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.pebble import MISSING, WITHOUT, Pebble

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WITHOUT)
NAME = "_acme-challenge.app.example.com."


def test_records_come_and_go_with_the_hooks(tmp_path: Path) -> None:
    with Pebble(tmp_path) as pebble:

        def run(act: str, token: str) -> int:
            told = {"CERTBOT_DOMAIN": "app.example.com", "CERTBOT_VALIDATION": "x", "DNS_TOKEN": token}
            return subprocess.run([pebble.hook(act, "right")], env={**os.environ, **told}, capture_output=True, timeout=20, check=False).returncode

        assert (run("set-txt", "wrong"), pebble.records(NAME)) == (1, False)
        assert (run("set-txt", "right"), pebble.records(NAME)) == (0, True)
        assert (run("clear-txt", "right"), pebble.records(NAME)) == (0, False)
        assert "BEGIN CERTIFICATE" in pebble.root and pebble.issued == 0
