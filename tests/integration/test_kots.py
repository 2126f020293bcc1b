# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of kots_*, through ansible-playbook, on one simulated installation over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.playing import KUBERNETES, TARGETS, play_target

from lab.kots.cli.launcher import install
from lab.site.site import Site

SECRET = "c4a1f0de-a-password-nobody-reads"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(velero="1.6.3", speed=2.0)
    made.velero.volumes.least = 6.0  # s of a volume: long enough for lines of progress
    made.console.apps["circleci-server"].rolls = ("frontend",)
    try:
        yield made.settle()
    finally:
        made.stop()


@pytest.mark.parametrize("target", sorted(path.name for path in TARGETS.glob("kots_*") if path.is_dir()))
def test_target(target: str, site: Site, tmp_path: Path) -> None:
    program = {"target_kots": str(install(tmp_path / "bin") / "kubectl-kots"), "target_logs": str(tmp_path / "logs")}
    canary = {"target_secret": SECRET} if target.startswith("kots_config") else {}
    given = {"target_host": site.server.url, "target_api_key": site.token, **canary, **program}
    played = play_target(target, given, tmp_path, *["-vvv"] * target.startswith("kots_config"), defaults=KUBERNETES)
    assert played.code == 0, played.output
    assert site.token not in played.output and SECRET not in played.output
    if target == "kots_backup":
        assert "[backup] instance-" in played.output, "a person who waits is told how far it is"
    if target == "kots_restore":
        assert "[restore] instance-" in played.output, "a person who waits is told how far it is"
