"""The same host on real time: its programs on a PATH, run side by side, and its ports."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.nomad.pki import Pki
from lab.replicated.services import ServicesHost


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ServicesHost]:
    with ServicesHost(tmp_path) as made:
        yield made


def program(host: ServicesHost, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=60, env={"PATH": host.path})
    return ran


def code_of(url: str) -> int:
    """0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def leaf(port: int) -> bytes:
    """The certificate that is served; empty where there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true() and time.monotonic() < ends:
        time.sleep(0.05)
    assert true()


def test_programs_are_processes_over_one_state(host: ServicesHost) -> None:
    first = program(host, "replicatedctl", "app", "status")
    assert json.loads(first.stdout)[0]["State"] == "started"
    assert program(host, "replicatedctl", "app", "stop", "-a").returncode == 0
    assert {code_of(url) for url in host.health_urls} == {0}
    assert program(host, "replicatedctl", "app", "start", "-a").returncode == 0
    until(lambda: {code_of(url) for url in host.health_urls} == {200})
    host.trouble("unhealthy")
    program(host, "replicatedctl", "app", "apply-config", "-a")
    time.sleep(0.5)
    assert {code_of(url) for url in host.health_urls} == {503}
    bad = program(host, "replicatedctl", "app-config", "import", stdin="{")
    assert (bad.returncode, bad.stderr[:7]) == (1, "Error: ")
    assert program(host, "docker", "exec", "frontend", "sh", "-c", "exit 7").returncode == 7


def test_writers_at_once_lose_nothing(host: ServicesHost) -> None:
    names = ("hostname", "aws_region", "s3_bucket", "sqs_queue_url", "ghe_client_id")
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda name: program(host, "replicatedctl", "app-config", "set", name, "--value", f"new-{name}"), names))
    assert [host.stored(name)["value"] for name in names] == [f"new-{name}" for name in names]
    assert host.count("import") == len(names)


def test_the_app_serves_the_certificate_of_its_live_settings(host: ServicesHost, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "ca")
    pki.ca("good")
    for name in ("one", "two"):
        pki.issue(name, "good", name)
    certs = [(pki.path(name), pki.path(f"{name}-key")) for name in ("one", "two")]
    served = []
    for cert, key in certs:
        given = {}
        for item, path in (("ssl_cert", cert), ("ssl_private_key", key)):
            given[item] = {"value": path.name, "data": base64.b64encode(path.read_bytes()).decode()}
        program(host, "replicatedctl", "app-config", "import", stdin=json.dumps(given))
        served.append(leaf(host.tls_port))
        program(host, "replicatedctl", "app", "apply-config", "-a")
        served.append(leaf(host.tls_port))
    wanted = [ssl.PEM_cert_to_DER_cert(cert.read_text()) for cert, _key in certs]
    assert served == [b"", wanted[0], wanted[0], wanted[1]]
    assert leaf(host.console_port) == b""
    program(host, "replicated", "console", "cert", "set", "two", str(certs[1][1]), str(certs[1][0]))
    assert leaf(host.console_port) == wanted[1], "the console needs no restart"
