# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password of the repositories: Velero's own default is known to everybody, and after the first backup it can no longer be changed."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

# SHA-256 of the password that Velero puts into velero-repo-credentials by itself; it stands in Velero's source, for everybody to read.
DEFAULT_SHA256 = "0938e9d99fe8eac6b7f0c2f7626a4e364c89f3be450ce9e6d81184f0c120b8b8"
ADVICE = "see repository_password"


@dataclass(frozen=True)
class Ruling:
    """What becomes of it. `state`: default, own, given, generated or absent; `password` is to be written, None: nothing is; `refusal`: not like this."""

    state: str
    password: Optional[Secret] = None
    warning: str = ""
    refusal: str = ""


def is_default(password: Optional[Secret]) -> bool:
    """Whether it is the one that everybody knows."""
    if password is None:
        return False
    return hmac.compare_digest(hashlib.sha256(password.reveal().encode()).hexdigest(), DEFAULT_SHA256)


def ruling(there: Optional[Secret], given: Optional[Secret], used: str, fresh: Optional[Secret]) -> Ruling:
    """`used` tells what the present password already guards ("" for nothing); `fresh` is one made up for the case, None where none may be."""
    if given is not None and there == given:
        return Ruling("given")
    if used:
        return _kept(there, given, used)
    if given is not None:
        return Ruling("given", given)
    if there is not None and not is_default(there):
        return Ruling("own")
    if fresh is not None:
        return Ruling("generated", fresh)
    return Ruling("default" if there is not None else "absent", warning=f"the password of the repositories is left to Velero, whose own is known; {ADVICE}")


def _kept(there: Optional[Secret], given: Optional[Secret], used: str) -> Ruling:
    """Something was written with the present password: another one could read none of it."""
    if there is None and given is not None:
        return Ruling("given", given)  # lost, and given back from the vault
    if there is None:
        lost = f"Secret velero-repo-credentials is gone, but {used} was written with it; give in repository_password what it held, from your vault"
        return Ruling("absent", refusal=lost)
    if given is not None:
        other = f"repository_password differs from the one in use, with which {used} was written: none of it could be read any more; leave the option out"
        return Ruling("default" if is_default(there) else "own", refusal=other)
    if is_default(there):
        return Ruling("default", warning=f"the repositories have Velero's own password, which everybody knows; it is kept, since {used} was written with it")
    return Ruling("own")
