# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks configure and rotate_certificates over SSH, on a host with a real systemd that has the programs of a Services machine."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration.clusters.base import until
from integration.playing import ROOT, Played, play

from lab.certificates import authority, key_of, server
from lab.hosts.machines import Machines

LAB, FOLDER = "/opt/lab", "/var/lib/lab"
PROXY, SECRET = "http://10.0.0.33:3128", "canary-datadog-71fe"
# Awkward on purpose: each reader has a meaning for one of these.
AWKWARD = "a b$c `d` #e \"f\" 'g' \\h é"
UNIT = f"[Service]\nEnvironment=PYTHONPATH={LAB}\nExecStart=/usr/bin/python3 -m lab.replicated.serve {FOLDER}\n"
NOTES = "/var/lib/serverops/pending-restart.d"
READ = "systemctl show -p Environment --value docker"


def become_services(machines: Machines) -> dict[str, Any]:
    """Give the host the lab's Replicated, which reads the host's own files, and a unit docker that does nothing. Returns its ports."""
    container = machines.machines["services"].container
    machines.run("services", f"mkdir -p {LAB}/lab/nomad {FOLDER} && ln -s / {FOLDER}/root")
    machines.podman("cp", str(ROOT / "tests" / "lab" / "replicated"), f"{container}:{LAB}/lab/replicated")
    machines.podman("cp", str(ROOT / "tests" / "lab" / "nomad" / "clock.py"), f"{container}:{LAB}/lab/nomad/clock.py")
    sleeper = "[Service]\nExecStart=/bin/sleep infinity\n"
    for name, text in (("replicated-lab", UNIT), ("docker", sleeper)):
        machines.run("services", f"printf %s '{text}' > /etc/systemd/system/{name}.service")
    machines.run("services", "systemctl daemon-reload; systemctl start replicated-lab docker")
    text = until(lambda: machines.run("services", f"cat {FOLDER}/ports.json 2>/dev/null || true"), "the lab's Services host is up")
    machines.run("services", f"ln -s {FOLDER}/bin/* /usr/local/bin/")
    found: dict[str, Any] = json.loads(text)
    return found


def happened(machines: Machines, what: str) -> int:
    """How often it happened on the host."""
    log = json.loads(machines.run("services", f"cat {FOLDER}/state.json"))["log"]
    return sum(entry[1] == what for entry in log)


def changed(played: Played) -> int:
    assert played.code == 0, played.output
    return int(re.findall(r"changed=(\d+)", played.output)[-1])


def where(ports: dict[str, Any]) -> dict[str, Any]:
    return {"configure_hosts": "services", "configure_health_urls": ports["health_urls"], "configure_wait_timeout": 120}


def test_configure(fresh: Machines, tmp_path: Path) -> None:
    ports = become_services(fresh)
    given = where(ports) | {
        "configure_settings": {"hostname": "new.example.com"},
        "configure_secrets": {"Datadog Metrics/API Key": SECRET},
        "configure_overrides": [{"variables": {"LAB_AWKWARD": AWKWARD}}, {"service": "frontend", "variables": {"JVM_HEAP_SIZE": "4g"}}],
        "services_proxy_http": PROXY,
        "services_proxy_services": ["10.0.1.238"],
    }
    inventory, home, consent = ("-i", str(fresh.inventory())), tmp_path / "home", {"configure_allow_downtime": True}
    tree = "ls -lR /etc /var/lib/serverops 2>/dev/null | sha256sum"
    before = fresh.run("services", tree)
    check = play("serverops.circleci.configure", given, home, *inventory, "--check", "--diff")
    predicted = changed(check)
    assert "It would cause downtime" in " ".join(check.output.split())
    assert fresh.run("services", tree) == before and happened(fresh, "import") == 0, "check mode wrote"
    written = play("serverops.circleci.configure", given, home, *inventory)
    assert changed(written) == predicted and happened(fresh, "stop") == 0, written.output
    assert len(fresh.run("services", f"ls {NOTES}").split()) > 1
    restarted = play("serverops.circleci.configure", {**given, **consent}, home, *inventory)
    assert changed(restarted) == 1, restarted.output
    assert (happened(fresh, "stop"), happened(fresh, "create")) == (1, 1)
    again = play("serverops.circleci.configure", {**given, **consent}, home, *inventory)
    assert changed(again) == 0 and happened(fresh, "create") == 1, again.output
    assert SECRET not in check.output + written.output + restarted.output + again.output
    read_back(fresh)


def read_back(machines: Machines) -> None:
    """By each program that reads it."""
    for shell in ("sh", "bash", "dash"):
        source = '. /etc/circle-installation-customizations; printf %s "$HTTP_PROXY|$LAB_AWKWARD"'
        assert machines.run("services", f"{shell} -c '{source}'") == f"{PROXY}|{AWKWARD}", shell
    live = json.loads(machines.run("services", f"cat {FOLDER}/state.json"))
    env = live["containers"]["frontend"]["env"]
    assert (env["HTTP_PROXY"], env["LAB_AWKWARD"], env["JVM_HEAP_SIZE"]) == (PROXY, AWKWARD, "4g")
    assert machines.run("services", "docker exec frontend printenv LAB_AWKWARD") == AWKWARD
    assert (live["live"]["hostname"]["value"], live["live"]["lab_datadog_key"]["value"]) == ("new.example.com", SECRET)
    assert f"HTTP_PROXY={PROXY}" in machines.run("services", READ).split()
    assert f'Acquire::http::Proxy "{PROXY}' in machines.run("services", "apt-config dump Acquire::http::Proxy")


def test_rotate_certificates(fresh: Machines, tmp_path: Path) -> None:
    ports = become_services(fresh)
    root, now = authority("Root of a rotation"), datetime.now(timezone.utc)
    made = server("circleci.example.com", root, key=key_of("p256", 1), begins=now - timedelta(days=1), ends=now + timedelta(days=90))
    given = where(ports) | {
        "configure_allow_downtime": True,
        "services_certificates_certificate": made.pem,
        "services_certificates_private_key": made.key_pem,
        "services_certificates_authorities": root.pem,
        "services_certificates_endpoint": f"127.0.0.1:{ports['tls']}",
    }
    inventory, home = ("-i", str(fresh.inventory())), tmp_path / "home"
    check = play("serverops.circleci.rotate_certificates", given, home, *inventory, "--check")
    assert changed(check) >= 1 and happened(fresh, "import") == 0, check.output
    first = play("serverops.circleci.rotate_certificates", given, home, *inventory)
    assert changed(first) >= 1 and happened(fresh, "create") == 1, first.output
    served = fresh.run("services", f"openssl s_client -connect 127.0.0.1:{ports['tls']} -servername circleci.example.com </dev/null 2>/dev/null | openssl x509")
    assert served.strip() in made.pem
    again = play("serverops.circleci.rotate_certificates", given, home, *inventory)
    assert changed(again) == 0 and happened(fresh, "create") == 1, again.output
    secret = made.key_pem.splitlines()[1]
    assert secret not in check.output + first.output + again.output
    assert secret not in fresh.run("services", "find /var/lib/serverops -type f -perm /044 -exec cat {} +"), "readable by others"
