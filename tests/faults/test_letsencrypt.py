# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal by Let's Encrypt that fails, is killed, or brings a certificate with which the app does not come up: a real certbot and Pebble, the lab's host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_der, read_material
from ansible_collections.serverops.circleci.plugins.module_utils.transport.handshakes import served_certificate
from integration.playing import Played, command, environment, play
from unit.plugins.modules.indoors import module

from lab.pebble import MISSING, WITHOUT, Pebble
from lab.replicated.services import ServicesHost

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WITHOUT)
HOST, TOKEN = "circleci.example.com", "canary-dns-token-2d08"
PLAY = """
- hosts: "{{ lab_hosts | default('localhost') }}"
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  roles:
    - serverops.circleci.services_certificates
"""


@dataclass
class Site:
    """An authority, a Services host, and the folder of certbot."""

    pebble: Pebble
    host: ServicesHost
    folder: Path

    def variables(self, **more: Any) -> dict[str, Any]:
        host, acme = self.host, self.options()
        given: dict[str, Any] = {
            "source": "acme",
            "host_names": acme["host_names"],
            "authorities": self.pebble.root,
            "endpoint": f"127.0.0.1:{host.tls_port}",
            "kept_directory": str(host.directory / "kept"),
            "restart_notes": str(host.directory / "notes"),
            "health_urls": host.health_urls,
            "allow_downtime": True,
            "wait_timeout": 25,
            "acme_directory": str(self.folder),
        }
        same = ("plugin", "auth_hook", "cleanup_hook", "environment", "directory_url", "directory_authorities", "agree_tos")
        given |= {f"acme_{name}": acme[name] for name in same}
        return {f"services_certificates_{name}": value for name, value in {**given, **more}.items()}

    def options(self, **more: Any) -> dict[str, Any]:
        hooks = {"auth_hook": self.pebble.hook("set-txt", TOKEN), "cleanup_hook": self.pebble.hook("clear-txt", TOKEN)}
        where = {"directory_url": self.pebble.directory, "directory_authorities": self.pebble.authority, "config_directory": str(self.folder)}
        return {
            "host_names": [HOST],
            "plugin": "manual",
            "environment": {"DNS_TOKEN": TOKEN},
            "agree_tos": True,
            "wait_timeout": 60.0,
            **hooks,
            **where,
            **more,
        }

    def role(self, *options: str, **more: Any) -> Played:
        """The role, as a user plays it."""
        playbook = self.host.directory / "play.yml"
        playbook.write_text(PLAY)
        return play(str(playbook), self.variables(**more), self.host.directory / "home", *options)

    def obtain(self, **more: Any) -> tuple[dict[str, Any], str]:
        """The module, in process: its result and its failure."""
        found = module("certbot_certificate").DOOR
        full = {key: option.get("default") for key, option in {**found.options, **door.WAIT_OPTIONS}.items()}
        try:
            outcome = door.reconcile(found, {**full, "_run": None, **self.options(**more)}, False, SystemClock())
        except CollectionError as error:
            return {}, str(error)
        return door.result_of(outcome), outcome.failure

    @property
    def stored(self) -> str:
        return read_material((self.folder / "live" / HOST / "cert.pem").read_text()).papers[0].fingerprint

    @property
    def served(self) -> str:
        return read_der(served_certificate("127.0.0.1", self.host.tls_port)).fingerprint


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with Pebble(tmp_path / "pebble") as pebble, ServicesHost(tmp_path / "host", pace=0.03) as host:
        monkeypatch.setenv("PATH", host.path)
        yield Site(pebble, host, tmp_path / "letsencrypt")


def steps(result: dict[str, Any]) -> list[str]:
    return [step["step"] for step in result["steps"]]


@pytest.mark.soak
def test_from_nothing_to_a_served_certificate_and_a_renewal_with_which_the_app_does_not_come_up(site: Site) -> None:
    foreseen = site.role("--check")
    assert foreseen.code == 0 and "Another certificate would be obtained" in foreseen.output, foreseen.output
    assert not site.folder.exists() and site.pebble.issued == 0 and site.host.count("import") == 0
    first = site.role("-vvv")
    assert first.code == 0 and (site.pebble.issued, site.host.count("create")) == (1, 1), first.output
    assert site.served == site.stored
    again = site.role()
    assert again.code == 0 and "changed=0" in again.output and site.pebble.issued == 1, again.output
    key = (site.folder / "live" / HOST / "privkey.pem").read_text().splitlines()[1]
    assert key not in first.output and TOKEN not in first.output.partition("TASK [")[2]
    old = site.served
    site.host.trouble("unhealthy")
    healing = threading.Thread(target=heal, args=(site.host, site.host.count("import") + 2), daemon=True)
    healing.start()
    ill = site.role(host_names=[HOST, "app.example.com"])
    healing.join(5)
    assert ill.code != 0 and "the old pair was put back and is served again" in ill.output, ill.output
    assert site.served == old != site.stored and site.pebble.issued == 2
    well = site.role(host_names=[HOST, "app.example.com"])
    assert well.code == 0 and site.pebble.issued == 2, f"what was stored is not ordered again\n{well.output}"
    assert site.served == site.stored != old


def heal(host: ServicesHost, imports: int) -> None:
    """The start with the new pair is ill, that after the old one was put back is not."""
    while host.count("import") < imports:
        time.sleep(0.2)
    host.trouble("")


def test_a_renewal_that_is_refused_leaves_the_old_certificate_and_says_why(site: Site) -> None:
    assert site.role().code == 0
    old, tries = site.stored, site.host.count("stop")
    wrong = "canary-wrong-token-90cc"
    refused = site.role(acme_key_type="rsa", acme_environment={"DNS_TOKEN": wrong})
    words = " ".join(refused.output.split())
    assert refused.code != 0 and "certbot obtained no certificate (the key of the stored certificate is ecdsa)" in words, refused.output
    said = "reported error code 1; 403: no zone is open to the token ********; No TXT records found for DNS challenge"
    assert f"Hook '--manual-auth-hook' for circleci.example.com {said}" in words, words
    assert (site.stored, site.served, site.host.count("stop"), site.pebble.failed) == (old, old, tries, 1)
    assert wrong not in refused.output
    assert site.role().code == 0 and site.pebble.issued == 1


def test_a_play_that_is_killed_while_certbot_orders_elsewhere_is_taken_up_by_the_next(site: Site) -> None:
    playbook, home = site.host.directory / "play.yml", site.host.directory / "home"
    playbook.write_text(PLAY)
    elsewhere = {"acme_host": "localhost", "acme_become": False}
    # The host is called otherwise than the controller, where certbot is.
    variables = {**site.variables(**elsewhere), "lab_hosts": "services", "ansible_python_interpreter": sys.executable}
    site.pebble.hook("set-txt", TOKEN, seconds=6)
    with (site.host.directory / "killed.log").open("wb") as log:
        argv = command(str(playbook), variables, "-i", "services,")
        process = subprocess.Popen(argv, env=environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(lambda: bool(site.pebble.hooks))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    assert site.pebble.issued == 0, "it must have been killed in the middle"
    played = play(str(playbook), variables, home, "-i", "services,")
    assert played.code == 0 and "services -> localhost" in played.output and site.pebble.issued == 1, played.output
    assert site.served == site.stored


def until(done: Any, patience: float = 60.0) -> None:
    ends = time.monotonic() + patience
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.1)


def test_two_operators_at_once_get_one_certificate(site: Site) -> None:
    found: list[tuple[dict[str, Any], str]] = []
    both = [threading.Thread(target=lambda: found.append(site.obtain())) for _number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(90)
    assert [failure for _result, failure in found] == ["", ""] and site.pebble.issued == 1
    assert {result["certificate"]["fingerprint"] for result, _failure in found} == {site.stored}
    assert sorted(len(result["steps"]) for result, _failure in found) in ([0, 1], [1, 1])


def test_what_a_killed_certbot_left_is_made_whole_without_a_second_order(site: Site) -> None:
    assert site.obtain()[1] == ""
    two = [HOST, "app.example.com"]
    assert site.obtain(host_names=two)[1] == "" and site.pebble.issued == 2
    new, live = site.stored, site.folder / "live" / HOST
    for kind in ("cert", "fullchain"):  # killed between its links
        (live / f"{kind}.pem").unlink()
        (live / f"{kind}.pem").symlink_to(f"../../archive/{HOST}/{kind}1.pem")
    result, failure = site.obtain(host_names=two)
    assert failure == "" and steps(result) == ["link"], (result, failure)
    assert site.stored == new and site.pebble.issued == 2
    assert steps(site.obtain(host_names=two)[0]) == []


def test_a_first_order_that_died_half_is_set_aside_and_made_once(site: Site) -> None:
    assert site.obtain()[1] == ""
    (site.folder / "renewal" / f"{HOST}.conf").write_text("")  # certbot writes it last
    key = (site.folder / "archive" / HOST / "privkey1.pem").read_text()
    result, failure = site.obtain()
    assert failure == "" and steps(result) == ["set_aside", "order"] and site.pebble.issued == 2
    assert (site.folder / "unfinished" / f"1-archive-{HOST}" / "privkey1.pem").read_text() == key
    assert steps(site.obtain()[0]) == [] and site.pebble.issued == 2
    assert [path.name for path in (site.folder / "live").iterdir() if path.is_dir()] == [HOST]


def test_it_is_renewed_when_half_of_its_life_is_over_and_not_before(tmp_path: Path) -> None:
    with Pebble(tmp_path / "pebble", life=30) as pebble, ServicesHost(tmp_path / "host") as host:
        site = Site(pebble, host, tmp_path / "letsencrypt")
        first = site.obtain()[0]
        began = time.monotonic()
        assert steps(site.obtain()[0]) == [] and time.monotonic() - began < 10
        time.sleep(15)
        second, failure = site.obtain()
        assert failure == "" and steps(second) == ["order"] and pebble.issued == 2
        assert second["certificate"]["fingerprint"] != first["certificate"]["fingerprint"]


def test_an_authority_that_cannot_be_reached_or_is_not_trusted_is_named(site: Site) -> None:
    _result, failure = site.obtain(directory_authorities="")
    assert "CERTIFICATE_VERIFY_FAILED" in failure and "certbot obtained no certificate (there is no certificate yet)" in failure
    _result, failure = site.obtain(directory_url="https://localhost:1/dir")
    assert "Connection refused" in failure
    _result, failure = site.obtain(plugin="dns-nobody", auth_hook="", cleanup_hook="")
    assert "dns-nobody" in failure
    _result, failure = site.obtain(certbot="/nowhere/certbot")
    assert failure.startswith("look at certbot's folder: certbot is '/nowhere/certbot', which is not on PATH") and site.pebble.issued == 0
