# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text around certificates and keys: PEM blocks, and by name everything that passes for PEM and is none. No cryptography in here."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from typing import Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault

BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE")
HOLDING = (*CERTIFICATES, "TRUSTED CERTIFICATE", "PKCS7", "CMS")  # blocks with certificates in them, in whatever form
KEYS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY")
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # the identifier that a PKCS#7 bundle begins with

# What other labels hold, for a text that should hold certificates or one key.
OTHERS = {
    "TRUSTED CERTIFICATE": ("trusted_certificate", "a certificate in the form of OpenSSL's trust lists, which Java cannot read; make it one by: openssl x509"),
    "CERTIFICATE REQUEST": ("request", "a request for a certificate, not the certificate that an authority made of it"),
    "NEW CERTIFICATE REQUEST": ("request", "a request for a certificate, not the certificate that an authority made of it"),
    "X509 CRL": ("revocation_list", "a list of revoked certificates"),
    "PKCS7": ("pkcs7", "a PKCS#7 bundle; take the certificates out by: openssl pkcs7 -print_certs"),
    "CMS": ("pkcs7", "a PKCS#7 bundle; take the certificates out by: openssl pkcs7 -print_certs"),
    "PUBLIC KEY": ("public_key", "a public key"),
    "RSA PUBLIC KEY": ("public_key", "a public key"),
    "ENCRYPTED PRIVATE KEY": ("encrypted_key", "a private key behind a passphrase, which a service cannot give; take it off by: openssl pkey"),
    "OPENSSH PRIVATE KEY": ("openssh_key", "a private key in the form of OpenSSH; give one in PKCS#8"),
}


@dataclass(frozen=True)
class Block:
    """One PEM block: its label, and its text from BEGIN to END with plain line ends."""

    label: str
    text: Secret

    @property
    def is_certificate(self) -> bool:
        return self.label in CERTIFICATES

    @property
    def is_key(self) -> bool:
        return self.label in KEYS


@dataclass(frozen=True)
class Scan:
    """The blocks of a text, and what is wrong with its form."""

    blocks: tuple[Block, ...] = ()
    faults: tuple[Fault, ...] = ()


def scan(data: bytes) -> Scan:
    """All blocks. Where the whole text is something else than PEM, the one fault that says what."""
    whole = _not_pem(data)
    if whole:
        return Scan(faults=(whole,))
    text = data.decode("utf-8", "replace")
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks, faults, beside = _blocks(lines)
    return Scan(tuple(blocks), (*_form(text, lines, beside), *faults))


def _blocks(lines: list[str]) -> tuple[list[Block], list[Fault], list[str]]:
    blocks: list[Block] = []
    faults: list[Fault] = []
    beside: list[str] = []
    at = 0
    while at < len(lines):
        found = BEGIN.search(lines[at])
        if not found:
            beside.append(lines[at].strip())
            at += 1
            continue
        end = next((number for number in range(at, len(lines)) if "-----END " in lines[number]), len(lines))
        given = [line.strip() for line in lines[at : end + 1]]
        made = _block(found.group(1), given)
        blocks += [made] if isinstance(made, Block) else []
        faults += [replace(made, hides=_holds(given))] if isinstance(made, Fault) else []
        at = end + 1
    return blocks, faults, [line for line in beside if line]


def _holds(lines: list[str]) -> bool:
    """Whether certificates are in a block that cannot be read; one that has lost its end may have swallowed the next one."""
    return any(label in HOLDING for line in lines for label in BEGIN.findall(line))


def _block(label: str, lines: list[str]) -> Optional[Union[Block, Fault]]:
    """The block, or what is wrong with it, or None for what has no meaning here (the parameters before an EC key)."""
    what = f"the block {label}"
    if lines[0] != f"-----BEGIN {label}-----":
        return Fault("one_line", f"{what} has lost its line ends; give it as it is in the file, in YAML with |")
    if any("-----BEGIN " in line for line in lines[1:]) or lines[-1] != f"-----END {label}-----":
        return Fault("broken_block", f"{what} does not end with its own END line; it was cut off")
    if label in ("EC PARAMETERS", "DH PARAMETERS"):
        return None
    headers = [line for line in lines[1:-1] if ":" in line]
    if any("ENCRYPTED" in line for line in headers):
        return Fault(*_named("ENCRYPTED PRIVATE KEY", what))
    if label in OTHERS:
        return Fault(*_named(label, what))
    if label not in CERTIFICATES + KEYS:
        return Fault("unknown_block", f"{what} is neither a certificate nor a private key")
    body = "".join(line for line in lines[1:-1] if line not in headers)
    if not _decoded(body):
        return Fault("broken_block", f"{what} holds something that is no base64, or is cut off")
    wrapped = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return Block(label, Secret(f"-----BEGIN {label}-----\n{wrapped}\n-----END {label}-----\n"))


def _named(label: str, what: str) -> tuple[str, str]:
    kind, words = OTHERS[label]
    return kind, f"{what} is {words}"


def _form(text: str, lines: list[str], beside: list[str]) -> list[Fault]:
    """What does no harm once the blocks are written anew."""
    faults = []
    if text.startswith("\ufeff"):
        faults.append(Fault("byte_order_mark", "the text begins with a byte order mark", True))
    if "\r" in text:
        faults.append(Fault("crlf", "the lines end as on Windows (CRLF)", True))
    if any(line.startswith((" ", "\t")) and line.strip() for line in lines):
        faults.append(Fault("indented", "lines begin with white space", True))
    if beside:
        faults.append(Fault("text_beside", "there is text beside the blocks", True))
    return faults


def _not_pem(data: bytes) -> Optional[Fault]:
    if not data.strip():
        return Fault("empty", "there is nothing in it")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Fault("utf16", "the text is in UTF-16; save it as plain text")
    if b"-----BEGIN " in data:
        escaped = b"\\n" in data and data.count(b"\n") < 3
        return Fault("escaped_lines", "it has a backslash and an n in place of each line end; give it as it is in the file") if escaped else None
    if data[:1] == b"\x30" and not data.isascii():
        return _binary(data)
    bare = _decoded(b"".join(data.split()).decode("ascii", "replace"))
    if bare[:1] == b"\x30":
        return Fault("bare_base64", "it is base64 without the BEGIN and END lines; give PEM")
    if any(byte < 9 for byte in data):
        return Fault("binary", "it is no text; give PEM (text that begins with -----BEGIN)")
    return Fault("not_pem", "it holds no PEM block (text that begins with -----BEGIN)")


def _binary(data: bytes) -> Fault:
    """Which DER structure it is, by its first fields."""
    inner = data[2 + (data[1] & 0x7F) if len(data) > 1 and data[1] & 0x80 else 2 :]
    if inner.startswith(b"\x02\x01\x03"):
        return Fault("pkcs12", "it is a PKCS#12 store; take certificate and key out by: openssl pkcs12 -nodes")
    if inner.startswith(SIGNED_DATA):
        return Fault("pkcs7", "it is a PKCS#7 bundle; take the certificates out by: openssl pkcs7 -inform der -print_certs")
    if inner.startswith((b"\x02\x01\x00", b"\x02\x01\x01")):
        return Fault("der_key", "it is a private key in DER; make it PEM by: openssl pkey -inform der")
    return Fault("der", "it is a certificate in DER; make it PEM by: openssl x509 -inform der")


def _decoded(body: str) -> bytes:
    """The bytes of base64; nothing for what is none."""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""
