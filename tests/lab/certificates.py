"""Certificates of every kind that operators meet, the wrong ones too: made by `cryptography`, with real signatures."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
import zlib
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, PLAIN = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@functools.cache
def key_of(kind: str, number: int = 0) -> Any:
    """A key of a kind, made once for all tests; `number` tells several of a kind apart."""
    assert number >= 0
    family, _dash, size = kind.partition("-")
    if family == "rsa":
        return rsa.generate_private_key(65537, int(size))
    if family == "dsa":
        return dsa.generate_private_key(int(size))
    if family == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "k256": ec.SECP256K1()}[family])


@dataclass(frozen=True)
class Made:
    """One certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(PEM, PKCS8, PLAIN).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def key_as(self, form: serialization.PrivateFormat, password: str = "", encoding: serialization.Encoding = PEM) -> bytes:
        """The key in another form, or behind a passphrase."""
        how = serialization.BestAvailableEncryption(password.encode()) if password else PLAIN
        return bytes(self.key.private_bytes(encoding, form, how))

    def store(self, password: str | None = None) -> bytes:
        """Certificate and key as PKCS#12."""
        how = serialization.BestAvailableEncryption(password.encode()) if password else PLAIN
        return pkcs12.serialize_key_and_certificates(b"pair", self.key, self.certificate, None, how)


@dataclass(frozen=True)
class Wish:
    """What a certificate is to be like."""

    name: str
    names: tuple[str, ...] = ()
    authority: bool = False
    key: Any = None
    begins: datetime.datetime = NOW - 30 * DAY
    ends: datetime.datetime = NOW + 300 * DAY
    sha1: bool = False  # needs a signer with RSA
    depth: int | None = None
    may_sign: bool = True
    usage: tuple[x509.ObjectIdentifier, ...] = ()


def make(wish: Wish, signer: Made | None = None) -> Made:
    """A certificate as wished, signed by `signer` or by itself."""
    key = wish.key or key_of("p256", zlib.crc32(wish.name.encode()))
    by = signer.key if signer else key
    issuer = signer.certificate.subject if signer else _name(wish.name)
    made = x509.CertificateBuilder().issuer_name(issuer).subject_name(_name(wish.name))
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(wish.begins).not_valid_after(wish.ends)
    made = made.add_extension(x509.BasicConstraints(wish.authority, wish.depth if wish.authority else None), critical=True)
    if wish.authority:
        signs = wish.may_sign
        made = made.add_extension(x509.KeyUsage(not signs, False, False, False, False, signs, signs, False, False), critical=True)
    if wish.names:
        made = made.add_extension(x509.SubjectAlternativeName([_general(name) for name in wish.names]), critical=False)
    if wish.usage:
        made = made.add_extension(x509.ExtendedKeyUsage(wish.usage), critical=False)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    found = made.sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return Made(_signed_with_sha1(found, by) if wish.sha1 else found, key)


def _signed_with_sha1(made: x509.Certificate, by: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same, signed with SHA-1, which `cryptography` no longer does: PKCS#1 v1.5 (RFC 8017, 9.2) by hand."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    signed = made.tbs_certificate_bytes.replace(sha256, sha1)
    numbers = by.private_numbers()
    size = numbers.public_numbers.n.bit_length() // 8
    digest = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(signed).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")
    der = made.public_bytes(DER).replace(made.tbs_certificate_bytes, signed).replace(sha256, sha1).replace(made.signature, signature)
    return x509.load_der_x509_certificate(der)


def authority(name: str, signer: Made | None = None, **more: Any) -> Made:
    """An authority."""
    return make(Wish(name, authority=True, ends=more.pop("ends", NOW + 3000 * DAY), **more), signer)


def server(name: str, signer: Made | None = None, **more: Any) -> Made:
    """A certificate of a server, for that name unless `names` says others."""
    return make(Wish(name, names=more.pop("names", (name,)), **more), signer)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
