# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session: nothing of the environment, and TLS as told; tried on a real handshake over the loopback."""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import Tls, new_session
from unit.plugins.module_utils.nomad.script import StepClock

NAME = "server.global.nomad"


@pytest.mark.parametrize(
    ("tls", "trust", "identity"),
    [
        (Tls(), True, ()),
        (Tls(ca_path="/ca.pem"), "/ca.pem", ()),
        (Tls(verify=False, ca_path="/ca.pem"), False, ()),
        (Tls(client_cert="/c.pem", client_key="/k.pem"), True, ("/c.pem", "/k.pem")),
        (Tls(client_cert="/c.pem"), True, ()),
    ],
)
def test_tls_in_the_words_of_requests(tls: Tls, trust: Any, identity: tuple[str, ...]) -> None:
    assert tls.trust == trust and tls.identity == identity


def test_the_environment_is_not_asked() -> None:
    assert new_session(Tls()).trust_env is False


@pytest.mark.parametrize("scheme", ["http://x", "https://x"])
def test_the_pool_is_bounded_and_retries_nothing(scheme: str) -> None:
    adapter: Any = new_session(Tls(), connections=3).get_adapter(scheme)
    assert adapter.max_retries.total == 0 and adapter._pool_maxsize == 3 and adapter._pool_connections == 1


def test_a_server_name_reaches_the_pool_manager() -> None:
    options = new_session(Tls(server_name=NAME)).get_adapter("https://x").poolmanager.connection_pool_kw  # type: ignore[attr-defined]
    assert (options["server_hostname"], options["assert_hostname"]) == (NAME, NAME)
    options = new_session(Tls()).get_adapter("https://x").poolmanager.connection_pool_kw  # type: ignore[attr-defined]
    assert "server_hostname" not in options and "assert_hostname" not in options


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with served(None) as port:
        assert new_session(Tls()).get(f"http://127.0.0.1:{port}/v1/nodes", timeout=5).json() == []


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with served(None, status=307) as port:
        assert new_session(Tls()).get(f"http://127.0.0.1:{port}/v1/nodes", timeout=5, allow_redirects=False).status_code == 307


# -- a real handshake -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Papers:
    """PEM files of a small authority and of what it signed."""

    ca: str
    server: tuple[str, str]
    client: tuple[str, str]
    other_ca: str


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    pytest.importorskip("cryptography", reason="certificates are made with the cryptography package")
    folder = tmp_path_factory.mktemp("tls")
    ca = _signed(folder, "ca", None)
    _signed(folder, "other", None)
    _signed(folder, "server", ca, NAME)
    _signed(folder, "client", ca, "client")
    path = {name: str(folder / f"{name}.pem") for name in ("ca", "other", "server", "client")}
    keys = {name: str(folder / f"{name}.key") for name in ("server", "client")}
    return Papers(path["ca"], (path["server"], keys["server"]), (path["client"], keys["client"]), path["other"])


def _signed(folder: Path, name: str, issuer: Any, dns: str = "") -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
    if not issuer:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    signer = issuer[1] if issuer else key
    public = (issuer[1] if issuer else key).public_key()
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return certificate, key


@contextmanager
def served(context: ssl.SSLContext | None, status: int = 200) -> Iterator[int]:
    """A server on the loopback that answers [] to everything; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps([]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Quiet."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            try:
                wrapped = context.wrap_socket(request, server_side=True) if context else request
                super().finish_request(wrapped, client_address)
            except OSError:
                """The other side did not like us, or we it."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _context(papers: Papers, mutual: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers.server)
    if mutual:
        context.load_verify_locations(papers.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _ask(port: int, **fields: Any) -> Any:
    connection = NomadConnection(url=f"https://127.0.0.1:{port}", timeout=5.0, **fields)
    return NomadClient(connection, StepClock()).read("nodes", bound=0.0).body


def test_the_right_authority_and_name_are_accepted(papers: Papers) -> None:
    with served(_context(papers)) as port:
        assert _ask(port, ca_path=papers.ca, tls_server_name=NAME) == []


@pytest.mark.parametrize("fields", [{}, {"tls_server_name": "server.other.nomad"}])
def test_another_name_is_refused(papers: Papers, fields: dict[str, Any]) -> None:
    with served(_context(papers)) as port, pytest.raises(Unreachable, match="TLS with 127.0.0.1.*nomad_ca_path") as caught:
        _ask(port, ca_path=papers.ca, **fields)
    assert caught.value.retry is False


@pytest.mark.parametrize("other", [True, False])
def test_an_unknown_authority_is_refused_also_by_default(papers: Papers, other: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", papers.ca)
    fields = {"ca_path": papers.other_ca} if other else {}
    with served(_context(papers)) as port, pytest.raises(Unreachable, match="TLS with"):
        _ask(port, tls_server_name=NAME, **fields)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_without_verification_anybody_is_accepted(papers: Papers) -> None:
    with served(_context(papers)) as port:
        assert _ask(port, validate_certs=False) == []


def test_a_client_certificate_is_shown(papers: Papers) -> None:
    with served(_context(papers, mutual=True)) as port:
        assert _ask(port, ca_path=papers.ca, tls_server_name=NAME, client_cert=papers.client[0], client_key=papers.client[1]) == []


def test_without_the_client_certificate_that_is_asked_for_nothing_comes(papers: Papers) -> None:
    with served(_context(papers, mutual=True)) as port, pytest.raises(Unreachable):
        _ask(port, ca_path=papers.ca, tls_server_name=NAME)


@pytest.mark.parametrize("field", ["ca_path", "client_cert"])
def test_a_file_that_is_no_pem_is_a_failure_of_tls_in_one_sentence(papers: Papers, tmp_path: Path, field: str) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    fields = {"ca_path": papers.ca, "client_cert": papers.client[0], "client_key": papers.client[1], field: str(broken)}
    with served(_context(papers)) as port, pytest.raises(Unreachable, match="failed"):
        _ask(port, tls_server_name=NAME, **fields)


def test_plain_http_to_a_tls_port_is_no_success(papers: Papers) -> None:
    with served(_context(papers)) as port, pytest.raises(Unreachable):
        NomadClient(NomadConnection(url=f"http://127.0.0.1:{port}", timeout=5.0), StepClock()).read("nodes", bound=0.0)


def test_tls_to_a_plain_port_is_no_success() -> None:
    with served(None) as port, pytest.raises(Unreachable):
        NomadClient(NomadConnection(url=f"https://127.0.0.1:{port}", timeout=5.0), StepClock()).read("nodes", bound=0.0)
