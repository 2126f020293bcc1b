# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that change hosts, on hosts with a real systemd over SSH: check mode predicts, a run changes, again it is quiet, each real reader reads it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hosts.playing_roles import changes, play_role
from integration.playing import play

from lab.hosts.machines import Machines

PROXY = "http://10.0.0.33:3128"
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


def unit(machines: Machines, host: str, name: str) -> None:
    """A service that does nothing, in the place of one that is not on the host."""
    machines.run(host, f"printf '{SERVICE}' > /etc/systemd/system/{name}.service; systemctl daemon-reload; systemctl restart {name}")


def environment_of(machines: Machines, host: str, name: str) -> dict[str, str]:
    """What the service's own process has got, after a restart."""
    machines.run(host, f"systemctl restart {name}")
    text = machines.run(host, f"tr '\\0' '\\n' < /proc/$(systemctl show -p MainPID --value {name})/environ")
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("host", "role", "service"), [("services", "services_proxy", "docker"), ("client", "nomad_client_proxy", "nomad")])
def test_proxy(host: str, role: str, service: str, machines: Machines, tmp_path: Path) -> None:
    unit(machines, host, service)
    wanted = {"http": PROXY, "services": ["10.0.1.238"], "no_proxy": ["10.0.0.0/8"]}
    before = machines.run(host, "cat /etc/environment; ls -R /etc/apt/apt.conf.d /etc/systemd/system; ls -a /root")
    assert changes(play_role(machines, host, role, tmp_path, "--check", **wanted)) == 1
    assert machines.run(host, "cat /etc/environment; ls -R /etc/apt/apt.conf.d /etc/systemd/system; ls -a /root") == before, "check mode wrote"
    assert changes(play_role(machines, host, role, tmp_path, **wanted)) == 1
    assert changes(play_role(machines, host, role, tmp_path, **wanted)) == 0
    had = environment_of(machines, host, service)
    assert had["HTTP_PROXY"] == PROXY and "169.254.169.254" in had["NO_PROXY"].split(",")
    assert f'Acquire::http::Proxy "{PROXY}' in machines.run(host, "apt-config dump Acquire::http::Proxy")
    file = "/etc/environment" if host == "client" else "/etc/circle-installation-customizations"
    for shell in ("sh", "bash", "dash"):
        assert machines.run(host, f"{shell} -c 'set -a; . {file}; printf %s \"$HTTP_PROXY\"'") == PROXY
    folder = "/var/lib/serverops/pending-restart.d"
    assert f"({service})" in machines.run(host, f"cat {folder}/*"), "whoever has to restart something is told"
    assert changes(play_role(machines, host, role, tmp_path, **wanted)) == 1, "the restart is made"
    assert f"({service})" not in machines.run(host, f"cat {folder}/* 2>/dev/null || true")
    assert changes(play_role(machines, host, role, tmp_path, **wanted)) == 0
    other = f"/etc/systemd/system/{service}.service.d/zz.conf"
    machines.run(host, f"printf '[Service]\\nEnvironment=NO_PROXY=x\\n' > {other}; systemctl daemon-reload")
    lost = play_role(machines, host, role, tmp_path, "--check", **wanted)
    assert lost.code != 0 and "NO_PROXY not from" in " ".join(lost.output.split()), lost.output
    machines.run(host, f"rm {other}; systemctl daemon-reload")
    assert changes(play_role(machines, host, role, tmp_path, state="absent")) == 1
    assert "HTTP_PROXY" not in environment_of(machines, host, service)
    assert changes(play_role(machines, host, role, tmp_path, state="absent")) == 1, "the restart is made"
    assert changes(play_role(machines, host, role, tmp_path, state="absent")) == 0
    machines.run(host, "rm -rf /var/lib/serverops")


def authority() -> tuple[str, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = called("Lab Root")
    return pem(name, name, key, key, is_authority=True), key


def called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, is_authority: bool) -> str:
    now = datetime.now(timezone.utc)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=30))
    made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_ca_trust(machines: Machines, tmp_path: Path) -> None:
    root, signer = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = pem(called("ghe.example.com"), called("Lab Root"), key, signer, False)
    machines.run("services", f"cat > /root/leaf.pem <<'X'\n{leaf}X")
    verify = "openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt /root/leaf.pem 2>&1 || true"
    assert "unable to get local issuer" in machines.run("services", verify)
    wanted = {"authorities": [{"name": "lab-root", "certificates": root}]}
    assert changes(play_role(machines, "services", "ca_trust", tmp_path, "--check", **wanted)) == 1
    assert "unable to get local issuer" in machines.run("services", verify), "check mode wrote"
    assert changes(play_role(machines, "services", "ca_trust", tmp_path, **wanted)) == 1
    assert machines.run("services", verify).endswith("OK")
    assert changes(play_role(machines, "services", "ca_trust", tmp_path, **wanted)) == 0
    gone = {"authorities": [{"name": "lab-root", "state": "absent"}]}
    assert changes(play_role(machines, "services", "ca_trust", tmp_path, **gone)) == 1
    assert "unable to get local issuer" in machines.run("services", verify)
    assert changes(play_role(machines, "services", "ca_trust", tmp_path, **gone)) == 0


def test_managed_python_on_a_host_without_python(fresh: Machines, tmp_path: Path) -> None:
    """The archive is the host's own Python, taken away from it: what is unpacked has to run."""
    pack = "mkdir -p /tmp/p/python/bin /tmp/p/python/lib; cp /usr/bin/python3.11 /tmp/p/python/bin/python3; cp -r /usr/lib/python3.11 /tmp/p/python/lib/"
    fresh.run("services", f"{pack}; tar -C /tmp/p -czf /root/python.tar.gz python; rm -rf /tmp/p /usr/bin/python3* /usr/lib/python3*")
    digest = fresh.run("services", "sha256sum /root/python.tar.gz").split()[0]
    wanted = {"archive": "/root/python.tar.gz", "sha256": digest}
    wrong = play_role(fresh, "services", "managed_python", tmp_path, archive="/root/python.tar.gz", sha256="0" * 64)
    assert wrong.code != 0 and fresh.run("services", "find /opt -type f") == "", wrong.output
    assert changes(play_role(fresh, "services", "managed_python", tmp_path, "--check", **wanted)) == 1
    assert fresh.run("services", "find /opt -type f") == "", "check mode wrote"
    assert changes(play_role(fresh, "services", "managed_python", tmp_path, **wanted)) == 1
    assert changes(play_role(fresh, "services", "managed_python", tmp_path, **wanted)) == 0
    book = tmp_path / "use.yml"
    book.write_text(
        '[{"hosts": "services", "gather_facts": false, "tasks": [{"ansible.builtin.include_role": {"name": "serverops.circleci.managed_python"}},'
        '{"ansible.builtin.ping": {}}, {"ansible.builtin.service_facts": {}}]}]'
    )
    given = {"managed_python_archive": "/root/python.tar.gz", "managed_python_sha256": digest}
    played = play(str(book), given, tmp_path / "home", "-i", str(fresh.inventory()))
    assert played.code == 0, played.output
