# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""F85 to F87: bad certificates are named and nothing is installed; an authority is replaced while half of the servers have the old one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from integration.playing import Played, play
from unit.plugins.module_utils.host.certificate_cases import AUTHORITIES
from unit.plugins.modules.test_ca_trust import changed

from lab.certificates import NOW as MADE
from lab.certificates import Made, authority, server
from lab.nomad.clock import VirtualClock
from lab.tls_server import ShowingServer
from lab.trust_stores import TrustedSystem

DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
OLD, NEW = authority("Authority of 2019"), authority("Authority of 2026")
TRUST = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  roles:
    - serverops.circleci.ca_trust
"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrustedSystem:
    made = TrustedSystem(tmp_path / "system")
    monkeypatch.setenv("PATH", made.path)
    return made


def leaf(signer: Made) -> Made:
    return server("fleet", signer, names=("127.0.0.1",), begins=NOW - DAY, ends=NOW + 90 * DAY)


def trust(system: TrustedSystem, authorities: list[dict[str, Any]], *hosts: ShowingServer, check: bool = False) -> Played:
    """The role, as a user plays it."""
    playbook = system.folder / "play.yml"
    playbook.write_text(TRUST)
    given = {f"ca_trust_{name}": value for name, value in system.params().items()}
    given |= {"ca_trust_authorities": authorities, "ca_trust_verify_hosts": [str(host) for host in hosts]}
    return play(str(playbook), given, system.folder / "home", *(["--check"] if check else []))


def test_f87_trust_both_then_switch_then_drop(system: TrustedSystem) -> None:
    old, new = {"name": "corporate-2019", "certificates": OLD.pem}, {"name": "corporate-2026", "certificates": NEW.pem}
    wanted = [new, {"name": "corporate-2019", "state": "absent"}]
    with ShowingServer(leaf(OLD)) as first, ShowingServer(leaf(OLD)) as second:
        assert trust(system, [old], first, second).code == 0 and system.trusts(OLD)
        second.switch(leaf(NEW))
        half = trust(system, wanted, first)
        assert half.code != 0 and f"without it this host would not trust {first}" in half.output, half.output
        assert system.trusts(OLD) and system.trusts(NEW), "half of the fleet has the old one: both are trusted"
        unreached = trust(system, wanted, second, first)
        assert unreached.code != 0 and system.trusts(OLD)
        first.switch(leaf(NEW))
        assert "changed=1" in trust(system, wanted, first, second, check=True).output and system.trusts(OLD)
        whole = trust(system, wanted, first, second)
        assert whole.code == 0 and "changed=1" in whole.output, whole.output
        assert system.trusts(NEW) and not system.trusts(OLD)
        assert "changed=0" in trust(system, wanted, first, second).output
    refused = trust(system, [{"name": "corporate-2026", "state": "absent"}], first)
    assert refused.code != 0 and "nothing is known of it" in refused.output and system.trusts(NEW)


@pytest.mark.parametrize("what", sorted(AUTHORITIES))
def test_f85_bad_authorities_are_named_and_nothing_is_installed(system: TrustedSystem, what: str) -> None:
    text, kind = AUTHORITIES[what]
    given = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    clock = VirtualClock()
    clock.base = MADE
    result, failure = changed(system, clock=clock, certificates=given)
    assert result == {} and f"({kind})" in failure
    assert system.files() == {} and system.refreshed == 0 and not system.notes.exists()
