# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords as kotsadm keeps them: AES-GCM under a key and a nonce that stay, both in a Secret of its namespace (KOTS pkg/crypto). Opened here alone."""

from __future__ import annotations

import base64
import binascii
from typing import Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET

NAME, FIELD = "kotsadm-encryption", "encryptionKey"
KEY, NONCE, TAG = 24, 12, 16  # bytes
Opener = Callable[[str], Optional[str]]


def opener(kubernetes: KubernetesClient, namespace: str) -> tuple[Opener, str]:
    """What opens the passwords of the kotsadm in this namespace, and why none can be opened: empty where they can."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: F401
    except ImportError:
        return _shut, "the Python package cryptography is not where the module runs; install it there"
    try:
        held = kubernetes.get(SECRET, namespace, NAME)
        key = Secret(base64.b64decode(base64.b64decode(held["data"][FIELD]), validate=True).hex())
    except NotFound:
        return _shut, f"namespace {namespace} has no Secret {NAME}, which holds the key to kotsadm's passwords"
    except CollectionError as error:
        return _shut, f"Secret {NAME}, which holds the key to kotsadm's passwords, cannot be read: {error}"
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error):
        return _shut, f"Secret {NAME} holds no usable key under {FIELD}"
    if len(bytes.fromhex(key.reveal())) < KEY + NONCE:
        return _shut, f"Secret {NAME} holds no usable key under {FIELD}"
    return lambda text: opened(text, key), ""


def opened(text: str, key: Secret) -> Optional[str]:
    """What was sealed. What never was (kotsadm takes it as it is) stays; None for what another key sealed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = _sealed(text)
    if sealed is None:
        return text
    raw = bytes.fromhex(key.reveal())
    try:
        return AESGCM(raw[:KEY]).decrypt(raw[KEY:], sealed, None).decode()
    except (InvalidTag, ValueError):
        return None


def _shut(text: str) -> Optional[str]:
    """Without the key: empty ones can be told by their length."""
    sealed = _sealed(text)
    return text if sealed is None else "" if len(sealed) == TAG else None


def _sealed(text: str) -> Optional[bytes]:
    """The bytes of what may be sealed: base64 of a tag at least. None: it cannot be."""
    try:
        found = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) >= TAG else None
