"""Throw-away certificates for tests: CAs, and what they issued, as PEM files in a folder."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Pki:
    """pki.ca("good"); pki.issue("server", "good"): files good-ca.pem, server.pem, server-key.pem."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.cas: dict[str, tuple[x509.Certificate, ec.EllipticCurvePrivateKey]] = {}

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.path(name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        self.path(name + "-key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        self.path(name + "-key").chmod(0o600)

    def ca(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(named(f"{name} CA")).issuer_name(named(f"{name} CA")).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        certificate = builder.sign(key, hashes.SHA256())
        self.cas[name] = certificate, key
        self._write(f"{name}-ca", certificate, key)

    def issue(self, name: str, ca: str, host: str = "server.global.nomad", ended: bool = False) -> int:
        """Good for host, localhost and 127.0.0.1; its serial number."""
        issuer, issuer_key = self.cas[ca]
        key = ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC) - (300 * DAY if ended else DAY)
        names = [x509.DNSName(host), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = x509.CertificateBuilder().subject_name(named(host)).issuer_name(issuer.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + 10 * DAY)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        certificate = builder.sign(issuer_key, hashes.SHA256())
        self._write(name, certificate, key)
        return certificate.serial_number

    def bundle(self, name: str, *cas: str) -> Path:
        """A CA file of several."""
        self.path(name).write_bytes(b"".join(self.cas[ca][0].public_bytes(serialization.Encoding.PEM) for ca in cas))
        return self.path(name)

    def client(self, trusts: Path | None, cert: str | None = None, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(trusts) if trusts else None)
        if cert:
            context.load_cert_chain(self.path(cert), self.path(cert + "-key"))
        if most:
            context.maximum_version = most
        return context
