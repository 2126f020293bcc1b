# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image is made of, as one digest: the same is not built twice, and whatever is different is. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret


def digest_of(texts: Mapping[str, bytes], values: Mapping[str, Any], tools: Mapping[str, str], sealed: Mapping[str, str]) -> str:
    """64 hex digits. `texts` are the template and the scripts by name, `values` variables and wishes, `tools` versions.

    `sealed` are secrets in a form that nobody can read back.
    """
    parts = {
        "texts": {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()},
        "values": dict(values),
        "tools": dict(tools),
        "sealed": dict(sealed),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def sealed(values: Mapping[str, Secret], key: Optional[Secret]) -> dict[str, str]:
    """Secrets by a keyed digest: whoever reads an image's tag, and guesses, learns nothing without the key."""
    if key is None:
        return {}
    secret = key.reveal().encode()
    return {name: hmac.new(secret, f"{name}\0{value.reveal()}".encode(), hashlib.sha256).hexdigest() for name, value in values.items()}
