# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of bad certificate, as tables of text and the fault's name: for the rules and for the modules that must refuse them."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat, pkcs7

from lab.certificates import DAY, NOW, Made, authority, key_of, server

HOST = "circleci.example.com"
ROOT = authority("Root")
MIDDLE = authority("Middle", ROOT)
LEAF = server(HOST, MIDDLE)
CHAIN = LEAF.pem + MIDDLE.pem
RSA_ROOT = authority("RSA root", key=key_of("rsa-2048"))
SHA1_MIDDLE = authority("Sha1", RSA_ROOT, sha1=True, key=key_of("rsa-2048", 1))
RSA_MIDDLE = authority("RSA middle", RSA_ROOT, key=key_of("rsa-2048", 2))
AGAIN = authority("Middle", ROOT, key=key_of("p256", 7))  # the same name with another key
FOREIGN = authority("Foreign")
NO_SIGNER = authority("May not", ROOT, may_sign=False)
SHALLOW = authority("Shallow", ROOT, depth=0)
BELOW = authority("Below", SHALLOW)
GONE = authority("Gone", ROOT, ends=NOW - DAY)
SMALL = authority("Small", key=key_of("rsa-1024"))
DEEP = server("deep", MIDDLE, names=("*.example.com",))
CLIENT_ONLY = server(HOST, MIDDLE, usage=(x509.ExtendedKeyUsageOID.CLIENT_AUTH,))
SELF = server(HOST)
OLD_ROOT, OLDER_ROOT = authority("Old root"), authority("Older root")
CROSS, CROSS_TOO = authority("Root", OLD_ROOT), authority("Root", OLDER_ROOT)  # ROOT's name and key, signed by others: how a new root is brought in
REQUEST = x509.CertificateSigningRequestBuilder().subject_name(LEAF.certificate.subject).sign(LEAF.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
CRL = (
    x509.CertificateRevocationListBuilder()
    .issuer_name(ROOT.certificate.subject)
    .last_update(NOW)
    .next_update(NOW + DAY)
    .sign(ROOT.key, hashes.SHA256())
    .public_bytes(Encoding.PEM)
    .decode()
)
BUNDLE7 = pkcs7.serialize_certificates([LEAF.certificate], Encoding.PEM).decode()


def signed(made: Made, by: Made = MIDDLE) -> str:
    return made.pem + by.pem


CHAINS: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("  \n", "empty"),
    "words": ("see the vault", "not_pem"),
    "zeros": (b"\x00\x01\x02 nothing", "binary"),
    "DER": (LEAF.der, "der"),
    "a key in DER": (LEAF.key_as(PrivateFormat.PKCS8, encoding=Encoding.DER), "der_key"),
    "PKCS#12": (LEAF.store(), "pkcs12"),
    "PKCS#12 behind a password": (LEAF.store("pass"), "pkcs12"),
    "PKCS#7 as PEM": (BUNDLE7, "pkcs7"),
    "PKCS#7 as DER": (pkcs7.serialize_certificates([LEAF.certificate], Encoding.DER), "pkcs7"),
    "base64 alone": (base64.b64encode(LEAF.der).decode(), "bare_base64"),
    "UTF-16": (CHAIN.encode("utf-16"), "utf16"),
    "one line with \\n": (CHAIN.replace("\n", "\\n"), "escaped_lines"),
    "one line with spaces": (CHAIN.replace("\n", " "), "one_line"),
    "cut off": (CHAIN[:-100], "broken_block"),
    "no END of the first": (CHAIN.replace("-----END CERTIFICATE-----\n", "", 1), "broken_block"),
    "a letter that is no base64": (CHAIN.replace("MII", "M*I", 1), "broken_block"),
    "base64 of something else": (f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(b'x' * 90).decode()}\n-----END CERTIFICATE-----\n", "bad_certificate"),
    "a certificate of OpenSSL's trust list": (LEAF.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "trusted_certificate"),
    "a request": (REQUEST, "request"),
    "a list of revoked ones": (CHAIN + CRL, "revocation_list"),
    "a public key": (LEAF.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "public_key"),
    "another kind of block": (CHAIN + "-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n", "unknown_block"),
    "the key beside it": (CHAIN + LEAF.key_pem, "key_inside"),
    "authorities only": (MIDDLE.pem + ROOT.pem, "authority_instead_of_leaf"),
    "no intermediate": (LEAF.pem, "missing_intermediate"),
    "a root that nobody here trusts": (signed(server(HOST, FOREIGN), FOREIGN), "unknown_root"),
    "somebody else's authority": (CHAIN + FOREIGN.pem, "stranger"),
    "an intermediate made anew": (LEAF.pem + AGAIN.pem, "wrong_signature"),
    "ended": (signed(server(HOST, MIDDLE, ends=NOW - DAY)), "expired_leaf"),
    "an intermediate that ended": (signed(server(HOST, GONE), GONE), "expired_authority"),
    "from tomorrow on": (signed(server(HOST, MIDDLE, begins=NOW + DAY)), "not_yet_valid"),
    "an intermediate of SHA-1": (signed(server(HOST, SHA1_MIDDLE), SHA1_MIDDLE), "sha1"),
    "SHA-1": (signed(server(HOST, RSA_MIDDLE, sha1=True), RSA_MIDDLE), "sha1"),
    "RSA 1024": (signed(server(HOST, MIDDLE, key=key_of("rsa-1024"))), "rsa_too_short"),
    "EC on a curve of coins": (signed(server(HOST, MIDDLE, key=key_of("k256"))), "ec_curve"),
    "Ed25519": (signed(server(HOST, MIDDLE, key=key_of("ed25519"))), "key_kind"),
    "DSA": (signed(server(HOST, MIDDLE, key=key_of("dsa-2048"))), "key_kind"),
    "another name": (signed(server("other", MIDDLE, names=("other.example.com",))), "name_not_in_san"),
    "no alternative name": (signed(server(HOST, MIDDLE, names=())), "no_san"),
    "for clients only": (signed(CLIENT_ONLY), "not_for_servers"),
    "signed by itself": (SELF.pem, "self_signed"),
    "signed by one that may not": (signed(server(HOST, NO_SIGNER), NO_SIGNER), "may_not_sign"),
    "signed by a server": (signed(server(HOST, LEAF, key=key_of("p256", 5)), LEAF) + MIDDLE.pem, "may_not_sign"),
    "too many authorities": (signed(server(HOST, BELOW), BELOW) + SHALLOW.pem, "path_too_long"),
}
MENDED: dict[str, tuple[str | bytes, str]] = {
    "CRLF": (CHAIN.replace("\n", "\r\n"), "crlf"),
    "a byte order mark": ("\ufeff" + CHAIN, "byte_order_mark"),
    "indented": (CHAIN.replace("\n", "\n  "), "indented"),
    "what openssl says beside": ("depth=1 CN = Root\n" + CHAIN, "text_beside"),
    "the wrong way round": (MIDDLE.pem + LEAF.pem, "wrong_order"),
    "the root too": (CHAIN + ROOT.pem, "root_included"),
    "twice": (CHAIN + MIDDLE.pem, "duplicate"),
}
AUTHORITIES: dict[str, tuple[str | bytes, str]] = {
    "a key beside": (ROOT.pem + ROOT.key_pem, "key_inside"),
    "a server's": (LEAF.pem + MIDDLE.pem + ROOT.pem, "leaf_instead_of_authority"),
    "ended": (authority("Old", ends=NOW - DAY).pem, "expired_authority"),
    "from tomorrow on": (authority("New", begins=NOW + DAY).pem, "not_yet_valid"),
    "an intermediate of SHA-1": (SHA1_MIDDLE.pem + RSA_ROOT.pem, "sha1"),
    "RSA 1024": (SMALL.pem, "rsa_too_short"),
    "no root": (MIDDLE.pem, "missing_root"),
    "a root of the same name": (MIDDLE.pem + authority("Root", key=key_of("p256", 9)).pem, "wrong_signature"),
    "one that may not sign": (NO_SIGNER.pem + ROOT.pem, "may_not_sign"),
    "DER": (ROOT.der, "der"),
    "OpenSSL's trust list": (ROOT.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "trusted_certificate"),
}
KEYS: dict[str, tuple[str, str]] = {
    "nothing": ("", "no_key"),
    "another one": (FOREIGN.key_pem, "key_mismatch"),
    "behind a passphrase": (LEAF.key_as(PrivateFormat.PKCS8, "pass").decode(), "encrypted_key"),
    "behind a passphrase, the old way": (LEAF.key_as(PrivateFormat.TraditionalOpenSSL, "pass").decode(), "encrypted_key"),
    "OpenSSH's": (LEAF.key_as(PrivateFormat.OpenSSH).decode(), "openssh_key"),
    "a certificate": (LEAF.pem, "certificate_in_key"),
    "two": (LEAF.key_pem + FOREIGN.key_pem, "two_keys"),
    "no key in the block": ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "bad_key"),
    "cut off": (LEAF.key_pem[:-40], "broken_block"),
}
