# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of the modules that change files of a host, through ansible-playbook, on a folder in place of the host's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from integration.playing import play_target

from lab.proxy.squid import NO_SQUID, Squid, Web, squid
from lab.replicated.services import ServicesHost

SECRET = "5ec2e7-that-nobody-sees"


def must_play(target: str, folder: Path, tmp_path: Path, **variables: Any) -> None:
    # As a file, since variables of the command line are told at -vvv by Ansible itself.
    (tmp_path / "secret.yml").write_text(f"target_secret: {SECRET}\n")
    played = play_target(target, {"target_folder": str(folder), **variables}, tmp_path, "-vvv", "-e", f"@{tmp_path}/secret.yml")
    assert played.code == 0, played.output
    assert SECRET not in played.output


@pytest.mark.parametrize("target", ["proxy_config", "service_customization"])
def test_target(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    must_play(target, folder, tmp_path)


def test_telegraf_output_on_a_services_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ServicesHost(tmp_path / "host") as host:
        monkeypatch.setenv("PATH", host.path)
        must_play("telegraf_output", host.root / "etc/circleconfig/telegraf", tmp_path)


def test_proxy_probe_through_a_squid_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if squid() is None:
        pytest.skip(NO_SQUID)
    with ServicesHost(tmp_path / "host") as host, Web() as web, Squid(tmp_path / "squid", ("github.test",)) as proxy:
        monkeypatch.setenv("PATH", host.path)
        must_play("proxy_probe", host.root / "etc", tmp_path, target_proxy=proxy.url, target_port=web.port)
        assert proxy.asked() == [f"GET http://github.test:{web.port}/"] * 6, "twice from both places, and once more the wrong way"
