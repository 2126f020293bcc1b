# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup for the result: the same view for kots_backup and kots_backup_info."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_keys import restorable
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import mark_of, mark_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import PASSED, Evidence, Proof, outcome, proofs_view, reasons
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of


def backup_view(one: InstanceBackup, state: Any, proofs: Mapping[str, Proof]) -> Json:
    """`state` has `now` and `evidence`. Times in UTC, age in seconds from the begin to the API server's now."""
    seen: Evidence = state.evidence.get(one.uid) or Evidence()
    backup = one.backup
    return {
        "name": one.name,
        "uid": one.uid,
        "phase": backup.phase,
        "trigger": one.trigger or None,
        "started": text_of(backup.started),
        "completed": text_of(backup.completed),
        "expires": text_of(backup.expires),
        "age": round(state.now - backup.started, 1) if backup.started is not None else None,
        "errors": backup.errors,
        "warnings": backup.warnings,
        "sequences": dict(one.sequences),
        "volumes": [volume_view(found) for found in seen.volumes or ()],
        "not_asked_for": list(seen.unasked),
        "restored": mark_view(seen.trial.mark if seen.trial else mark_of(backup.meta.annotations)),
        "restorable": restorable(seen.keys, bool(seen.volumes)),
        "proofs": proofs_view(proofs),
        "reasons": reasons(proofs),
        "verified": outcome(proofs) == PASSED,
    }


def volume_view(one: PodVolumeBackup) -> Json:
    """A volume of a backup."""
    return {
        "namespace": one.pod_namespace,
        "pod": one.pod,
        "volume": one.volume,
        "claim": one.claim or None,
        "phase": one.phase,
        "bytes": one.bytes_total,
        "reason": one.message[:200] or None,
    }
