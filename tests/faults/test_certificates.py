# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""F85 to F87: bad certificates are named and nothing is installed; an authority is replaced while half of the servers have the old one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_der
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.transport.handshakes import served_certificate
from integration.playing import Played, play
from unit.laws.certificates_world import CertificateWorld
from unit.plugins.module_utils.host import certificate_cases as cases
from unit.plugins.module_utils.host.certificate_cases import AUTHORITIES
from unit.plugins.modules.test_ca_trust import changed
from unit.plugins.modules.test_tls_certificate import changed as install_pair

from lab.certificates import NOW as MADE
from lab.certificates import Made, authority, key_of, server
from lab.nomad.clock import VirtualClock
from lab.replicated.services import ServicesHost
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


CERTIFICATES = TRUST.replace("serverops.circleci.ca_trust", "serverops.circleci.services_certificates")


def app_pair(number: int) -> Made:
    return server(f"pair {number}", NEW, names=("circleci.example.com",), key=key_of("p256", number), begins=NOW - DAY, ends=NOW + 90 * DAY)


def install(host: ServicesHost, made: Made, check: bool = False, **more: Any) -> Played:
    """The role services_certificates, as a user plays it."""
    playbook = host.directory / "play.yml"
    playbook.write_text(CERTIFICATES)
    folders = {"kept_directory": str(host.directory / "kept"), "restart_notes": str(host.directory / "notes"), "health_urls": host.health_urls}
    texts = {"certificate": made.pem, "private_key": made.key_pem, "authorities": NEW.pem}
    ports = {"endpoint": f"127.0.0.1:{host.tls_port}", "console_endpoint": f"127.0.0.1:{host.console_port}"}
    given = {**folders, **texts, **ports, "allow_downtime": True, "wait_timeout": 25, **more}
    variables = {f"services_certificates_{name}": value for name, value in given.items()}
    return play(str(playbook), variables, host.directory / "home", *(["--check"] if check else []))


def served(host: ServicesHost) -> str:
    return read_der(served_certificate("127.0.0.1", host.tls_port)).fingerprint


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServicesHost]:
    with ServicesHost(tmp_path / "host") as running:
        monkeypatch.setenv("PATH", running.path)
        yield running


def test_f86_the_old_pair_is_put_back_where_the_service_does_not_come_up(host: ServicesHost) -> None:
    one, two = app_pair(1), app_pair(2)
    first = install(host, one)
    assert first.code == 0 and served(host) == one.fingerprint, first.output
    host.trouble("unhealthy")
    made, imports = host.count("create"), host.count("import")

    def heal() -> None:
        """The start with the new pair is ill, that after the old one was put back is not."""
        while host.count("import") < imports + 2:
            time.sleep(0.2)
        host.trouble("")

    healing = threading.Thread(target=heal, daemon=True)
    healing.start()
    second = install(host, two)
    healing.join(5)
    assert second.code != 0 and "the old pair was put back and is served again" in second.output, second.output
    assert served(host) == one.fingerprint and host.health() and host.count("create") == made + 2
    for key in (one.key_pem, two.key_pem):
        assert not [line for line in key.splitlines()[1:-1] if line in second.output]
    again = install(host, one)
    assert again.code == 0 and "changed=0" in again.output, again.output


def test_the_one_restart_serves_what_others_noted_and_where_nothing_is_noted_nothing_restarts(host: ServicesHost) -> None:
    one, notes = app_pair(1), host.directory / "notes"
    assert install(host, one).code == 0 and host.count("create") == 1
    quiet = install(host, one)
    assert quiet.code == 0 and "changed=0" in quiet.output and quiet.output.count("TASK [") <= 12, quiet.output
    PendingRestarts(str(notes)).leave("settings", "the settings were changed", datetime.now(timezone.utc))
    noted = install(host, one)
    assert noted.code == 0 and "changed=1" in noted.output and host.count("create") == 2, noted.output
    assert list(notes.glob("*.json")) == []


def test_f86_a_restart_for_another_change_that_fails_puts_no_earlier_pair_back(host: ServicesHost) -> None:
    """The pair was served before: what does not come up is not of its making, and the earlier one may have ended long ago."""
    one, two = app_pair(1), app_pair(2)
    assert install(host, one).code == 0 and install(host, two).code == 0 and served(host) == two.fingerprint
    imports, made = host.count("import"), host.count("create")
    PendingRestarts(str(host.directory / "notes")).leave("settings", "the settings were changed", datetime.now(timezone.utc))
    host.trouble("unhealthy")
    played = install(host, two, wait_timeout=8)
    assert played.code != 0 and "was served before this restart and stays installed" in played.output, played.output
    assert "TASK [serverops.circleci.services_certificates : Install the old pair]" not in played.output
    assert (host.count("import"), host.count("create")) == (imports, made + 1)
    host.trouble("")
    restarted_by_a_person(host)  # who has found what it was
    healed = install(host, two)
    assert healed.code == 0 and served(host) == two.fingerprint and host.count("import") == imports, healed.output
    assert list((host.directory / "notes").glob("*.json")) == []


def restarted_by_a_person(host: ServicesHost) -> None:
    for act in ("stop", "start"):
        assert host.run("replicatedctl", "app", act, "--attach").code == 0


def test_f86_a_pair_that_a_restart_by_a_person_has_served_is_no_new_one(host: ServicesHost) -> None:
    """Its note is still there; what does not come up now is not of its making."""
    one, two = app_pair(1), app_pair(2)
    assert install(host, one).code == 0 and install(host, two, allow_downtime=False).code == 0
    restarted_by_a_person(host)
    assert served(host) == two.fingerprint
    imports = host.count("import")
    PendingRestarts(str(host.directory / "notes")).leave("settings", "the settings were changed", datetime.now(timezone.utc))
    host.trouble("unhealthy")
    played = install(host, two, wait_timeout=8)
    assert played.code != 0 and "was served before this restart and stays installed" in played.output, played.output
    assert host.count("import") == imports and served(host) == two.fingerprint


def test_f86_what_a_restart_by_a_person_did_not_bring_up_is_told_and_with_consent_put_back(host: ServicesHost) -> None:
    one, two = app_pair(1), app_pair(2)
    assert install(host, one).code == 0
    earlier = {name: host.live(name) for name in ("ssl_cert", "ssl_private_key")}
    assert install(host, two, allow_downtime=False).code == 0
    restarted_by_a_person(host)
    with host.look() as now:
        now.state["live"] |= earlier
    told = install(host, two, allow_downtime=False)
    assert told.code != 0 and "serves another one" in told.output and "put the old pair back" in told.output, told.output
    imports, made = host.count("import"), host.count("create")
    back = install(host, two)
    assert back.code != 0 and "the old pair was put back and is served again" in back.output, back.output
    assert (served(host), host.count("import"), host.count("create")) == (one.fingerprint, imports + 1, made + 1)


def test_f86_without_consent_it_is_installed_and_noted_and_nothing_restarts(host: ServicesHost) -> None:
    one = app_pair(1)
    assert "changed=1" in install(host, one, check=True).output and host.count("import") == 0
    played = install(host, one, allow_downtime=False, console=True)
    assert played.code == 0 and "changed=2" in played.output, played.output
    assert (host.count("import"), host.count("stop"), host.count("console cert")) == (1, 0, 1)
    mismatched = install(host, app_pair(2), private_key=one.key_pem)
    assert mismatched.code != 0 and "(key_mismatch)" in mismatched.output and host.count("stop") == 0
    assert (host.count("import"), "rescued=0" in mismatched.output) == (1, True)


def refused(certificate: str | bytes, key: str) -> tuple[str, dict[str, Any]]:
    """What tls_certificate says of a pair, and what is stored, kept and noted afterwards."""
    host = CertificateWorld()
    host.clock.base = MADE
    text = certificate.decode("utf-8", "surrogateescape") if isinstance(certificate, bytes) else certificate
    authorities = "".join(made.pem for made in (cases.ROOT, cases.RSA_ROOT))
    result, failure = install_pair(host, certificate=text, private_key=key, authorities=authorities)
    assert result == {}
    return failure, host.end()


UNTOUCHED = {"stored": None, "console": None, "kept": [], "notes": []}


@pytest.mark.parametrize("what", sorted(cases.CHAINS))
def test_f85_a_bad_certificate_is_named_and_nothing_is_installed(what: str) -> None:
    text, kind = cases.CHAINS[what]
    failure, left = refused(text, cases.LEAF.key_pem)
    told = f"({kind})" in failure or (kind == "empty" and "certificate" in failure)
    assert told and left == UNTOUCHED, failure


@pytest.mark.parametrize("what", sorted(cases.KEYS))
def test_f85_a_bad_key_is_named_and_nothing_is_installed(what: str) -> None:
    text, kind = cases.KEYS[what]
    failure, left = refused(cases.CHAIN, text)
    assert (f"({kind})" in failure or "private_key is needed" in failure) and left == UNTOUCHED, failure
    assert not [line for line in text.splitlines()[1:-1] if len(line) > 40 and line in failure]
