# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one slice hands to the next, as one text without secrets that nothing on the way changes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

# Ansible puts stars for every secret in all that a module prints, in numbers too: a password of one digit would spoil nearly everything, base64 included.
# A byte is therefore one of the 256 Braille patterns, which are in nobody's password.
BRAILLE = 0x2800
SHORTEST = 6  # characters of a secret; in ids and texts shorter ones stand by chance


def packed(value: Json, secrets: Iterable[str] = ()) -> str:
    """The value as such a text, with stars for each of `secrets` in its texts."""
    hidden = sorted((secret for secret in secrets if len(secret) >= SHORTEST), key=len, reverse=True)
    plain = json.dumps(_without(value, hidden) if hidden else value)
    return "".join(chr(BRAILLE + byte) for byte in zlib.compress(plain.encode()))


def unpacked(text: str) -> Json:
    """What was packed."""
    found: Json = json.loads(zlib.decompress(bytes(ord(sign) - BRAILLE for sign in text)))
    return found


def _without(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, (list, tuple)):
        return [_without(one, secrets) for one in value]
    return {key: _without(one, secrets) for key, one in value.items()} if isinstance(value, dict) else value
