"""Mutual TLS before a plain server, as Nomad asks for it with verify_https_client: an authority, two certificates, and a front that carries bytes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import datetime
import socket
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SIZE = 65536


class Papers:
    """PEM files in a folder: ca.pem, and <name>.pem with <name>.key for each that it signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
        self._write("ca", self._made("ca", self._key, ""), self._key)

    def sign(self, name: str, dns: str) -> tuple[str, str]:
        """A certificate for that DNS name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, self._made(name, key, dns), key)

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def _made(self, name: str, key: ec.EllipticCurvePrivateKey, dns: str) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) if dns else self._name
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        made = made.not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(not dns, None), critical=True)
        if dns:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        else:
            made = made.add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
        certificate, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret.write_bytes(key.private_bytes(*form))
        return str(certificate), str(secret)


class Front:
    """Takes TLS from those who show a certificate of the authority, and carries what they say to a plain port of the loopback."""

    def __init__(self, papers: Papers, server_name: str, port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*papers.sign("front", server_name))
        self._context.load_verify_locations(papers.ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.refused = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            # One read more than the handshake: with TLS 1.3 a missing certificate is seen there.
            with self._context.wrap_socket(near, server_side=True) as safe, socket.create_connection(self._to) as far:
                back = threading.Thread(target=copy, args=(far, safe), daemon=True)
                back.start()
                copy(safe, far)
                back.join(5)
        except OSError:
            self.refused += 1


def copy(one: socket.socket, other: socket.socket) -> None:
    """Until one of them ends; then the other is told."""
    with contextlib.suppress(OSError):
        while data := one.recv(SIZE):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
