# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of hosts, each beside the same by builtin modules (`peers/`): two hosts alike, what both sides are given, and what is to come about on both."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_der
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy_places import PATHS
from ansible_collections.serverops.circleci.plugins.module_utils.transport.handshakes import served_certificate

from lab.certificates import Made, authority, key_of, server
from lab.replicated.services import ServicesHost
from lab.tls_server import ShowingServer
from lab.trust_stores import TrustedSystem

PEERS = Path(__file__).parent / "peers"
DAY, NOW = timedelta(days=1), datetime.now(timezone.utc)
FOLDERS = ("etc/apt/apt.conf.d", "etc/systemd/system", "root")


@dataclass(frozen=True)
class Side:
    """One of the two: the variables of its playbook, the PATH of its host, what has come about there, and where its notes of restarts are."""

    variables: dict[str, Any]
    made: Callable[[], Any]
    path: str = ""
    notes: Path = Path("/nonexistent")
    playbook: str = ""

    def settle(self) -> None:
        """Whoever was told to restart something has done so."""
        shutil.rmtree(self.notes, ignore_errors=True)


@dataclass(frozen=True)
class Case:
    """A role and its peers; the first is that which the goal is for."""

    ours: Side
    peers: dict[str, Side] = field(default_factory=dict)


def texts(root: Path) -> dict[str, str]:
    """Every file below a folder."""
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def root_of(folder: Path) -> Path:
    """A root with the folders that every host has."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    return folder


def proxy(role: str, folder: Path) -> Case:
    """The peers are told the places in their own tasks; that with a block instead of lines makes other files, so its are not compared."""
    root, others = root_of(folder / "ours"), {way: root_of(folder / way) for way in ("lines", "block")}
    paths = {name: f"{root}{path}" for name, path in PATHS.items() if path}
    own = {"http": "http://10.0.0.33:3128", "services": ["10.0.1.238"], "github_enterprise": "ghe.example.com", "reload": False}
    given = {**own, "paths": paths, "restart_notes": str(folder / "notes")}
    ours = Side({f"{role}_{name}": value for name, value in given.items()}, lambda: texts(root), notes=folder / "notes")
    playbook = str(PEERS / f"{role}.yml")
    lines = Side({"root": str(others["lines"]), "way": "lines"}, lambda: texts(others["lines"]), playbook=playbook)
    block = Side({"root": str(others["block"]), "way": "block"}, lambda: texts(root), playbook=playbook)
    return Case(ours, {"lineinfile, copy, file, slurp": lines, "the same with blockinfile": block})


@contextmanager
def services_proxy(folder: Path) -> Iterator[Case]:
    yield proxy("services_proxy", folder)


@contextmanager
def nomad_client_proxy(folder: Path) -> Iterator[Case]:
    yield proxy("nomad_client_proxy", folder)


def served_by(signer: Made) -> ShowingServer:
    return ShowingServer(server("fleet", signer, names=("127.0.0.1",), begins=NOW - DAY, ends=NOW + 90 * DAY))


@contextmanager
def ca_trust(folder: Path) -> Iterator[Case]:
    """Four certificates of three authorities to be trusted, one to be dropped, two hosts to be asked."""
    system, other = TrustedSystem(folder / "ours"), TrustedSystem(folder / "peer")
    root, ghe, ldap = authority("Corporate"), authority("GitHub Enterprise"), authority("LDAP")
    papers = {"corporate": (authority("Corporate issuing", root), root), "ghe": (ghe,), "ldap": (ldap,)}
    for one in (system, other):
        (one.own / "corporate-2019.crt").write_text(authority("Corporate of 2019").pem)
    with served_by(ghe) as first, served_by(ldap) as second:
        hosts = [str(first), str(second)]
        wanted = [{"name": name, "certificates": "".join(paper.pem for paper in chain)} for name, chain in papers.items()]
        given = {**system.params(), "authorities": [*wanted, {"name": "corporate-2019", "state": "absent"}], "verify_hosts": hosts}
        ours = Side({f"ca_trust_{name}": value for name, value in given.items()}, system.files, system.path, system.notes)
        files = [
            {"name": name if number == 1 else f"{name}.{number}", "pem": paper.pem.strip()}
            for name, chain in papers.items()
            for number, paper in enumerate(chain, 1)
        ]
        told = {"root": str(other.root), "certificates": files, "dropped": ["corporate-2019"], "verify_hosts": hosts}
        yield Case(ours, {"copy, file, command": Side(told, other.files, other.path, playbook=str(PEERS / "ca_trust.yml"))})


def served(host: ServicesHost, console: bool) -> list[str]:
    """Fingerprints of what the app serves, and the console where it matters."""
    ports = [host.tls_port, *([host.console_port] if console else [])]
    return [read_der(served_certificate("127.0.0.1", port)).fingerprint for port in ports]


def certificates(folder: Path, console: bool) -> AbstractContextManager[Case]:
    """A pair that is installed with consent to the restart."""
    root = authority("Root")
    pair = server("circleci.example.com", root, names=("circleci.example.com",), key=key_of("p256", 1), begins=NOW - DAY, ends=NOW + 90 * DAY)
    texts_of_it = {"certificate": pair.pem, "private_key": pair.key_pem, "authorities": root.pem, "min_days": 30, "console": console}

    def side(host: ServicesHost) -> dict[str, Any]:
        ports = {"endpoint": f"127.0.0.1:{host.tls_port}", "console_endpoint": f"127.0.0.1:{host.console_port}"}
        return {**texts_of_it, **ports, "health_urls": host.health_urls}

    @contextmanager
    def both() -> Iterator[Case]:
        with ServicesHost(folder / "ours") as host, ServicesHost(folder / "peer") as other:
            notes = folder / "notes"
            own = {"host_names": ["circleci.example.com"], "kept_directory": str(folder / "kept"), "restart_notes": str(notes), "allow_downtime": True}
            given = {f"services_certificates_{name}": value for name, value in {**side(host), **own}.items()}
            ours = Side(given, lambda: served(host, console), host.path, notes)
            told = {**side(other), "host_name": "circleci.example.com", "folder": str(folder / "pair")}
            playbook = str(PEERS / "services_certificates.yml")
            yield Case(ours, {"copy, file, command, shell": Side(told, lambda: served(other, console), other.path, playbook=playbook)})

    return both()


def services_certificates(folder: Path) -> AbstractContextManager[Case]:
    return certificates(folder, console=False)


def services_certificates_with_console(folder: Path) -> AbstractContextManager[Case]:
    return certificates(folder, console=True)


@contextmanager
def managed_python(folder: Path) -> Iterator[Case]:
    """The peer takes for granted what the role is for: that the host has a Python already."""
    program, archive = folder / "python3", folder / "archive.tar.gz"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(program, "python/bin/python3")
    given = {"archive": str(archive), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    places = {name: folder / name for name in ("ours", "peer")}

    def made(place: Path) -> str:
        return os.path.realpath(place / "current").removeprefix(str(place))

    ours = Side({f"managed_python_{name}": value for name, value in {**given, "directory": str(places["ours"])}.items()}, lambda: made(places["ours"]))
    told = {**given, "directory": str(places["peer"])}
    yield Case(ours, {"stat, file, unarchive, command": Side(told, lambda: made(places["peer"]), playbook=str(PEERS / "managed_python.yml"))})


CASES: dict[str, Callable[[Path], AbstractContextManager[Case]]] = {
    "services_proxy": services_proxy,
    "nomad_client_proxy": nomad_client_proxy,
    "ca_trust": ca_trust,
    "services_certificates": services_certificates,
    "services_certificates, console": services_certificates_with_console,
    "managed_python": managed_python,
}
