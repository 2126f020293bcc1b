# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of the modules that change files of a host, through ansible-playbook, on a folder in place of the host's own files."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.playing import play_target

SECRET = "5ec2e7-that-nobody-sees"


@pytest.mark.parametrize("target", ["proxy_config", "service_customization"])
def test_target(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    # As a file, since variables of the command line are told at -vvv by Ansible itself.
    (tmp_path / "secret.yml").write_text(f"target_secret: {SECRET}\n")
    played = play_target(target, {"target_folder": str(folder)}, tmp_path, "-vvv", "-e", f"@{tmp_path}/secret.yml")
    assert played.code == 0, played.output
    assert SECRET not in played.output
