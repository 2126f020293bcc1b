# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks configure and rotate_certificates as an operator starts them, on the lab's Services host: check, without consent, with it, again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.transport.handshakes import served_certificate
from integration.clusters.base import until
from integration.clusters.simulated import SimulatedCluster
from integration.playing import Played, command, environment, play

from lab.certificates import Made, authority, key_of, server
from lab.pebble import MISSING, WITHOUT
from lab.replicated.services import ServicesHost
from lab.trust_stores import TrustedSystem

CONFIGURE, ROTATE = "serverops.circleci.configure", "serverops.circleci.rotate_certificates"
ROOT = authority("Root of a rotation")
DATABASE = {"shared": "postgresql", "variables": {"POSTGRES_HOST": "db.example.com"}, "secret_variables": {"POSTGRES_PASSWORD": "canary-database-90bd"}}
DOWNTIME = "It would cause downtime"
PROXY, SECRET = "http://proxy.example.com:3128", "canary-datadog-71fe"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServicesHost]:
    with ServicesHost(tmp_path / "host", pace=0.03) as made:
        monkeypatch.setenv("PATH", made.path)
        yield made


def inputs(host: ServicesHost, tmp_path: Path) -> dict[str, Any]:
    etc = host.root / "etc"
    customizations = str(etc / "circle-installation-customizations")
    return {
        "configure_hosts": "localhost",
        "configure_become": False,
        "configure_restart_notes": str(tmp_path / "serverops" / "pending-restart.d"),
        "configure_health_urls": host.health_urls,
        "configure_wait_timeout": 120,
        "configure_global_file": customizations,
        "configure_config_directory": str(etc / "circleconfig"),
        "configure_settings": {"hostname": "new.example.com"},
        "configure_secrets": {"Datadog Metrics/API Key": SECRET},
        "configure_overrides": [
            {"variables": {"CIRCLE_URL": "https://new.example.com"}},
            {"service": "frontend", "variables": {"JVM_HEAP_SIZE": "4g"}},
            DATABASE,
        ],
        "services_proxy_http": PROXY,
        "services_proxy_services": ["10.0.0.9"],
        "services_proxy_places": ["customizations"],
        "services_proxy_paths": {"customizations": customizations},
    }


def bare(host: ServicesHost, tmp_path: Path) -> dict[str, Any]:
    """Where and how, and nothing to change."""
    names = ("hosts", "become", "restart_notes", "health_urls", "wait_timeout")
    return {key: value for key, value in inputs(host, tmp_path).items() if key.removeprefix("configure_") in names}


def changed(played: Played) -> int:
    return int(played.output.rpartition("changed=")[2].split()[0])


def test_configure_restarts_once_and_only_with_consent(host: ServicesHost, tmp_path: Path) -> None:
    given, home = inputs(host, tmp_path), tmp_path / "home"
    pending = PendingRestarts(given["configure_restart_notes"])
    check = play(CONFIGURE, given, home, "--check", "--diff")
    assert check.code == 0 and changed(check) == 3, check.output
    assert DOWNTIME in " ".join(check.output.split())
    assert (host.count("import"), pending.notes()) == (0, ())
    first = play(CONFIGURE, given, home, "-v")
    assert first.code == 0 and changed(first) == 3, first.output
    assert "wait for a restart of the app, which means downtime" in " ".join(first.output.split())
    assert (host.count("stop"), len(pending.notes()) > 1) == (0, True)
    second = play(CONFIGURE, {**given, "configure_allow_downtime": True}, home, "-v")
    assert second.code == 0 and changed(second) == 1, second.output
    assert (host.count("create"), pending.notes(), host.health()) == (1, (), True)
    env = host.env("frontend")
    assert (host.live("hostname")["value"], host.live("lab_datadog_key")["value"]) == ("new.example.com", SECRET)
    assert (env["HTTP_PROXY"], env["CIRCLE_URL"], env["JVM_HEAP_SIZE"]) == (PROXY, "https://new.example.com", "4g")
    third = play(CONFIGURE, {**given, "configure_allow_downtime": True}, home)
    assert third.code == 0 and changed(third) == 0 and host.count("create") == 1, third.output
    text = (host.root / "etc/circleconfig/shared/postgresql").read_text()
    assert text == 'export POSTGRES_HOST="db.example.com"\nexport POSTGRES_PASSWORD="canary-database-90bd"\n'
    assert not [one for one in (SECRET, "canary-database-90bd") if one in "".join(one.output for one in (check, first, second, third))]


def test_what_is_left_out_of_an_override_is_refused_and_the_rest_is_passed_on(host: ServicesHost, tmp_path: Path) -> None:
    etc, home = host.root / "etc", tmp_path / "home"
    etc.mkdir(exist_ok=True)
    (etc / "hosts").write_text("127.0.0.1 localhost\n")
    where = {"configure_hosts_file": str(etc / "hosts"), "configure_environment_file": str(etc / "environment")}
    paths = {key: value for key, value in inputs(host, tmp_path).items() if key in ("configure_global_file", "configure_config_directory")}
    entry = {"service": "my-service", "other_service": True, "variables": {"A": "1"}, "hosts": {"ghe.example.com": "10.0.1.20"}, "environment": {"TZ": "UTC"}}
    given = {**bare(host, tmp_path), **paths, **where}
    wrong = play(CONFIGURE, {**given, "configure_overrides": [{**entry, "secret_variable": {"A": SECRET}}]}, home)
    words = " ".join(wrong.output.split())
    assert wrong.code != 0 and "configure_overrides holds secret_variable; each entry takes service, shared" in words and SECRET not in words
    assert not (etc / "environment").exists()
    played = play(CONFIGURE, {**given, "configure_overrides": [{**entry, "mode": "0640"}]}, home)
    assert played.code == 0 and changed(played) == 1, played.output
    path = etc / "circleconfig/my-service/customizations"
    assert path.read_text() == 'export A="1"\n' and path.stat().st_mode & 0o777 == 0o640
    assert (etc / "environment").read_text() == "TZ=UTC\n" and "10.0.1.20\tghe.example.com" in (etc / "hosts").read_text()


def test_check_mode_speaks_of_downtime_only_where_the_app_must_be_restarted(host: ServicesHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = {key: value for key, value in inputs(host, tmp_path).items() if key.startswith("services_proxy")}
    given, home = {**bare(host, tmp_path), **proxy}, tmp_path / "home"
    folder = str(tmp_path / "files")
    given["services_proxy_paths"] = {"apt": f"{folder}/95proxy", "docker_daemon": f"{folder}/docker.conf"}
    given["services_proxy_places"] = ["apt", "docker_daemon"]
    system = TrustedSystem(tmp_path / "trusting")
    monkeypatch.setenv("PATH", f"{system.programs}:{host.path}")
    trust = {f"ca_trust_{name}": value for name, value in system.params().items()}
    given |= trust | {"ca_trust_authorities": [{"name": "lab", "certificates": ROOT.pem}], "ca_trust_restart": "none"}
    without = play(CONFIGURE, given, home, "--check")
    assert without.code == 0 and changed(without) == 2 and "downtime" not in without.output, without.output
    for more in ({"ca_trust_restart": "app"}, {"configure_settings": {"hostname": "new.example.com"}}):
        played = play(CONFIGURE, {**given, **more}, home, "--check")
        assert played.code == 0 and "It would cause downtime" in " ".join(played.output.split()), played.output


def test_with_nothing_asked_for_it_sees_that_the_app_is_up(host: ServicesHost, tmp_path: Path) -> None:
    given = bare(host, tmp_path)
    played = play(CONFIGURE, given, tmp_path / "home")
    assert played.code == 0 and changed(played) == 0, played.output
    host.run("replicatedctl", "app", "stop", "-a")
    started = play(CONFIGURE, given, tmp_path / "home")
    assert started.code == 0 and host.health(), started.output


@pytest.fixture
def nomad(tmp_path: Path) -> Iterator[SimulatedCluster]:
    made = SimulatedCluster("0.5.6", tmp_path / "cluster")
    try:
        yield made
    finally:
        made.close()


def clients(given: dict[str, Any]) -> Path:
    return Path(given["configure_restart_notes"] + ".clients.json")


def killed_while_it_waits(host: ServicesHost, nomad: SimulatedCluster, given: dict[str, Any], home: Path) -> None:
    """A client is lost in the restart, and the run dies once the app is up again: kill -9, as nobody can clean up after."""
    patient = command(CONFIGURE, {**given, "configure_clients_timeout": 300})
    with open(home / "killed.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(patient, env=environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: clients(given).exists() and clients(given).read_text(), "the clients are counted")
        assert json.loads(clients(given).read_text()) == {"ready": ["c1", "c2", "c3"]} and host.count("stop") == 0, "counted before the restart"
        nomad.order("/clients/kill", {"client": "c2", "heartbeat": 0.1})
        until(lambda: "Wait until as many clients are ready" in (home / "killed.log").read_text(), "the app was restarted")
        assert process.poll() is None and host.count("create") == 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def test_as_many_build_clients_as_before_are_waited_for_also_by_the_next_run(host: ServicesHost, nomad: SimulatedCluster, tmp_path: Path) -> None:
    whole = inputs(host, tmp_path) | {"nomad_url": nomad.url, "configure_allow_downtime": True, "configure_clients_pause": 0.5, "configure_clients_timeout": 2}
    given = {key: value for key, value in whole.items() if not key.startswith("services_proxy") and key != "configure_overrides"}
    home = tmp_path / "home"
    check = play(CONFIGURE, given, home, "--check")
    assert check.code == 0 and not clients(given).exists(), check.output
    killed_while_it_waits(host, nomad, given, home)
    assert host.health() and PendingRestarts(given["configure_restart_notes"]).notes() == (), "the notes are served, and the count is still there"
    again = play(CONFIGURE, given, home)
    words = " ".join(again.output.split())
    assert again.code != 0 and "2 of 3" in words and "Missing: c2." in words and str(clients(given)) in words, again.output
    nomad.order("/clients/return", {"client": "c2"})
    last = play(CONFIGURE, {**given, "configure_clients_timeout": 60}, home)
    assert last.code == 0 and changed(last) == 0 and host.count("create") == 1, last.output
    assert not clients(given).exists()


def test_without_a_restart_no_client_is_waited_for(host: ServicesHost, nomad: SimulatedCluster, tmp_path: Path) -> None:
    given = bare(host, tmp_path) | {"nomad_url": nomad.url, "configure_clients_pause": 0.5, "configure_clients_timeout": 2}
    clients(given).parent.mkdir()
    clients(given).write_text(json.dumps({"ready": ["c1", "c2", "c3", "gone"]}))
    played = play(CONFIGURE, given, tmp_path / "home")
    assert played.code == 0 and changed(played) == 0 and not clients(given).exists(), played.output


def test_without_a_connection_to_nomad_it_says_that_no_client_is_counted(host: ServicesHost, tmp_path: Path) -> None:
    played = play(CONFIGURE, bare(host, tmp_path), tmp_path / "home")
    assert played.code == 0 and "neither counted nor waited for" in " ".join(played.output.split()), played.output


def pair() -> Made:
    now = datetime.now(timezone.utc)
    return server("circleci.example.com", ROOT, key=key_of("p256", 1), begins=now - timedelta(days=1), ends=now + timedelta(days=90))


def certificate(host: ServicesHost, tmp_path: Path, made: Made) -> dict[str, Any]:
    return {
        "services_certificates_certificate": made.pem,
        "services_certificates_private_key": made.key_pem,
        "services_certificates_authorities": ROOT.pem,
        "services_certificates_endpoint": f"127.0.0.1:{host.tls_port}",
        "services_certificates_console_endpoint": f"127.0.0.1:{host.console_port}",
        "services_certificates_kept_directory": str(tmp_path / "serverops" / "certificates"),
    }


@pytest.mark.parametrize("playbook", [CONFIGURE, ROTATE])
@pytest.mark.parametrize("console", [False, True])
def test_check_mode_says_that_another_certificate_would_cause_downtime(host: ServicesHost, tmp_path: Path, playbook: str, console: bool) -> None:
    given = bare(host, tmp_path) | certificate(host, tmp_path, pair()) | {"services_certificates_console": console}
    check = play(playbook, given, tmp_path / "home", "--check")
    assert check.code == 0 and changed(check) == 1 + console and host.count("import") == 0, check.output
    assert DOWNTIME in " ".join(check.output.split()), check.output


def test_check_mode_says_that_what_was_noted_before_would_cause_downtime(host: ServicesHost, tmp_path: Path) -> None:
    given, words = bare(host, tmp_path), []
    PendingRestarts(given["configure_restart_notes"]).leave("settings", "the settings were changed", datetime.now(timezone.utc))
    for consent in (False, True):
        check = play(CONFIGURE, given | {"configure_allow_downtime": consent}, tmp_path / "home", "--check")
        assert check.code == 0, check.output
        words.append(" ".join(check.output.split()))
    assert "settings wait for a restart of the app, which means downtime" in words[0] and DOWNTIME in words[1]


def acme(tmp_path: Path, **more: Any) -> dict[str, Any]:
    wanted = {"source": "acme", "host_names": ["circleci.example.com"], "acme_plugin": "dns-route53", "acme_directory": str(tmp_path / "letsencrypt"), **more}
    return {f"services_certificates_{name}": value for name, value in wanted.items()}


@pytest.mark.parametrize("playbook", [CONFIGURE, ROTATE])
def test_a_certificate_is_obtained_where_that_is_asked_for(host: ServicesHost, tmp_path: Path, playbook: str) -> None:
    """As far as certbot_certificate, which refuses: nobody agreed to the terms."""
    played = play(playbook, bare(host, tmp_path) | acme(tmp_path), tmp_path / "home")
    assert played.code != 0 and "agree_tos is false" in " ".join(played.output.split()), played.output


@pytest.mark.skipif(bool(MISSING), reason=WITHOUT)
def test_check_mode_says_that_a_certificate_to_be_obtained_would_cause_downtime(host: ServicesHost, tmp_path: Path) -> None:
    check = play(CONFIGURE, bare(host, tmp_path) | acme(tmp_path, acme_agree_tos=True), tmp_path / "home", "--check")
    assert check.code == 0 and changed(check) == 1 and DOWNTIME in " ".join(check.output.split()), check.output


def test_rotate_installs_restarts_once_and_serves_it(host: ServicesHost, tmp_path: Path) -> None:
    made, home = pair(), tmp_path / "home"
    given = bare(host, tmp_path) | certificate(host, tmp_path, made)
    first = play(ROTATE, given, home)
    assert first.code == 0 and host.count("stop") == 0, first.output
    second = play(ROTATE, {**given, "configure_allow_downtime": True}, home)
    assert second.code == 0 and host.count("create") == 1, second.output
    assert served_certificate("127.0.0.1", host.tls_port) == made.der
    third = play(ROTATE, {**given, "configure_allow_downtime": True}, home)
    assert third.code == 0 and changed(third) == 0 and host.count("create") == 1, third.output
    quiet = play(ROTATE, {**given, "configure_allow_downtime": True}, home, "--check")
    assert quiet.code == 0 and DOWNTIME not in " ".join(quiet.output.split()), quiet.output
    secret = made.key_pem.splitlines()[1]
    assert secret not in first.output + second.output + third.output
