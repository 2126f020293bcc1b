# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the keys to what a backup holds are there, said before the disaster: in the backup, in the cluster, or to be kept elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

# Secrets of kotsadm, and what is lost without each. Those that an installation does not have (it depends on the version) are not missed.
KEYS = {
    "kotsadm-encryption": "the passwords in the app's configuration cannot be read",
    "kotsadm-authstring": "nobody gets to kotsadm's API",
    "kotsadm-password": "nobody gets into the console",
    "kotsadm-session": "kotsadm does not start",
    "kotsadm-cluster-token": "kotsadm does not know its cluster",
    "kotsadm-replicated-registry": "the app's images cannot be pulled",
    "kotsadm-private-registry": "the app's images cannot be pulled",
}
CONFIG = "kotsadm-confg"  # spelt so by KOTS
PASSWORDS = ("velero-repo-credentials", "velero-restic-credentials")  # from 1.10, before
ALWAYS = ("the bucket and the keys to it", "the licence file", "databases and stores outside the cluster, with their keys")


@dataclass(frozen=True)
class Keys:
    """What was seen. `held`: names that the backup has by kind; None: Velero's list of it could not be read. `password`: default, own or absent."""

    held: Optional[Mapping[str, frozenset[str]]] = None
    there: frozenset[str] = field(default_factory=frozenset)
    password: str = ""
    blind: str = ""


def restorable(keys: Optional[Keys], has_volumes: bool) -> Optional[Json]:
    """`state` is yes, no or unknown. `keep` is what no backup holds, and nobody can look for: whoever restores needs it."""
    if keys is None:
        return None
    reasons = _missing(keys)
    if has_volumes and keys.password == "absent":
        reasons.append("Velero's Secret with the password of the repositories is gone: no volume can be read")
    unknown = [keys.blind or "Velero's list of what is in the backup could not be read"] if keys.held is None or keys.blind else []
    state = "no" if reasons else "unknown" if unknown else "yes"
    return {"state": state, "reasons": reasons or unknown, "keep": _kept(keys)}


def _missing(keys: Keys) -> list[str]:
    if keys.held is None:
        return []
    secrets, config_maps = keys.held.get("Secret", frozenset()), keys.held.get("ConfigMap", frozenset())
    missing = [f"Secret {name} is not in the backup: {lost}" for name, lost in KEYS.items() if name in keys.there and name not in secrets]
    if CONFIG in keys.there and CONFIG not in config_maps:
        missing.append(f"ConfigMap {CONFIG} is not in the backup: kotsadm does not know how it was installed")
    if not secrets:
        missing.append("no Secret at all is in the backup: the app cannot start from it")
    return missing


def _kept(keys: Keys) -> list[str]:
    own = ["the password of Velero's repositories (Secret velero-repo-credentials): it is in no backup, and without it no volume can be read"]
    return [*(own if keys.password == "own" else []), *ALWAYS]
