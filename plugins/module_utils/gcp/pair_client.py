# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of keys for a service account: made here, so that Google never sees the private half and no answer can lose it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key import STAMP, KeptKey

SUBJECT = "serverops.circleci"  # of the certificate: by it a key of ours is known again
MADE = "serverops_made"  # a field of the file that no library of Google's reads
ENDS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)  # what Google gives keys that have no end


@dataclass(frozen=True)
class Pair:
    """The text of a file in Google's form, still without an id, and the certificate of the public half."""

    text: Secret
    kept: KeptKey


def make_pair(email: str, project: str, token_uri: str, now: datetime) -> Pair:
    """A new pair."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = _generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    body = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "",
        "private_key": private,
        "client_email": email,
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
        MADE: now.strftime(STAMP),
    }
    text = Secret(json.dumps(body, indent=2))
    return Pair(text, kept_from_text(text, "the new key"))


def with_id(text: Secret, key_id: str) -> Secret:
    """The file's text with the id that Google gave the key."""
    return Secret(json.dumps({**json.loads(text.reveal()), "private_key_id": key_id}, indent=2))


def kept_from_text(text: Secret, where: str) -> KeptKey:
    """What a file holds, without its secret. Raises BadInput for what is no key of a service account."""
    try:
        body = json.loads(text.reveal())
        key = _load(body["private_key"])
        email, key_id, made = str(body["client_email"]), str(body.get("private_key_id") or ""), str(body.get(MADE) or "")
    except (ValueError, KeyError, TypeError, AttributeError):  # their texts may quote the key
        raise BadInput(f"{where} holds something else than the key of a Google service account; give another file, or move it away") from None
    return KeptKey(email, key_id, _fingerprint(key.public_key()), made)


def certificate(text: Secret) -> str:
    """The public half of a file's key, as Google takes it: X.509, signed by itself, with nothing of the operator's in it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    body = json.loads(text.reveal())
    key, begins = _load(body["private_key"]), datetime.strptime(body[MADE], STAMP).replace(tzinfo=timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ENDS).sign(key, SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def seen_in(answer: Json) -> tuple[str, bool]:
    """Fingerprint of the key whose certificate Google gives, and whether it was made here."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    found = x509.load_pem_x509_certificate(base64.b64decode(answer["publicKeyData"]))
    names = [attribute.value for attribute in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return _fingerprint(found.public_key()), names == [SUBJECT]


def _generate() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, 2048)


def _load(private: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(private.encode(), password=None)


def _fingerprint(public: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
