"""The token service: a JWT that an account signed, for an access token."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from lab.google.answers import Answer, Asked, Json, grant_error, ok
from lab.google.model import Key, World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE = "https://oauth2.googleapis.com/token"  # which google-auth asks for, whatever the key file names
LONGEST, SKEW = 3600.0, 300.0  # s
TIMES = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."


def token(world: World, asked: Asked, audience: str) -> Answer:
    """Signature, times and audience are looked at, then the account's own state."""
    given = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    if given.get("grant_type") != GRANT:
        return grant_error("Invalid grant_type: " + given.get("grant_type", ""), "unsupported_grant_type")
    try:
        head, body, signed, signature = _parts(given.get("assertion", ""))
    except ValueError:
        return grant_error("Invalid JWT: malformed.")
    account = world.accounts.get(str(body.get("iss", "")))
    if account is None:
        return grant_error("Invalid grant: account not found")
    # A key that is gone, disabled or over is the same to it as a signature that is wrong.
    keys = [key for key in account.keys.values() if head.get("kid") in (key.id, None) and _counts(key, world)]
    if not any(_signed(key.certificate, signed, signature) for key in keys):
        return grant_error("Invalid JWT Signature.")
    began, ends, now = float(body.get("iat", 0)), float(body.get("exp", 0)), world.now()
    if ends <= now - SKEW or began > now + SKEW or ends - began > LONGEST + 1 or ends <= began:
        return grant_error(TIMES)
    if body.get("aud") not in (audience, GOOGLE):
        return grant_error("Invalid JWT: Failed audience check.")
    if account.disabled:
        return grant_error("Invalid grant: account disabled")
    if not body.get("scope"):
        return grant_error("Invalid OAuth scope or ID token audience provided.", "invalid_scope")
    return ok({"access_token": world.token(f"serviceAccount:{account.email}"), "expires_in": 3599, "token_type": "Bearer"})


def _parts(text: str) -> tuple[Json, Json, bytes, bytes]:
    head, body, signature = text.split(".")
    found = json.loads(_unpadded(head)), json.loads(_unpadded(body))
    if not all(isinstance(one, dict) for one in found) or found[0].get("alg") != "RS256":
        raise ValueError(text)
    return *found, f"{head}.{body}".encode(), _unpadded(signature)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _counts(key: Key, world: World) -> bool:
    return not key.disabled and key.after <= world.stamp() <= key.before


def _signed(certificate: str, text: bytes, signature: bytes) -> bool:
    public = load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(signature, text, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
