"""How kotsadm encrypts passwords: AES-GCM with a key and a nonce that stay, both in the Secret kotsadm-encryption; so equal values look equal."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY, NONCE = b"lab-key-of-24-characters", b"lab-nonce-12"
SECRET, FIELD = "kotsadm-encryption", "encryptionKey"


def sealed(text: str) -> str:
    return base64.b64encode(AESGCM(KEY).encrypt(NONCE, text.encode(), None)).decode()


def opened(text: str, held: str | None = None) -> str:
    """What was sealed; what was not stays as it is. `held`: the Secret's content, for those outside kotsadm."""
    raw = KEY + NONCE if held is None else base64.b64decode(held)
    try:
        return AESGCM(raw[:24]).decrypt(raw[24:], base64.b64decode(text, validate=True), None).decode()
    except (ValueError, InvalidTag):
        return text


def secret() -> dict[str, str]:
    """The data of the Secret: the key and nonce are base64 once more inside."""
    return {FIELD: base64.b64encode(held().encode()).decode()}


def held() -> str:
    """What the Secret holds, as a text."""
    return base64.b64encode(KEY + NONCE).decode()
