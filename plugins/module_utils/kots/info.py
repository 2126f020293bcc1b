# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists for the _info modules: an installation's backups with their proofs, and what kotsadm, its apps and its gates are like."""

from __future__ import annotations

from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_view import backup_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec, BackupState, is_stalled, proofs_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Site, gates, gates_view, ttl_gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import App, InstanceBackup, instance_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.schedule import plan_view
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import backup_from_api


def read_backups(client: InstallationClient, spec: BackupSpec, names: tuple[str, ...]) -> Json:
    """The backups of the installation, newest first, with what proves them."""
    with doing("read the backups"):
        raw = client.backups()
    found = [one for one in map(instance_from_api, raw) if one and one.namespace == client.place.namespace]
    missing = sorted(set(names) - {one.name for one in found})
    if missing:
        raise BadInput(
            f"backups names {', '.join(missing)}, which are no backups of this installation; there: {', '.join(sorted(one.name for one in found)) or 'none'}"
        )
    chosen = sorted((one for one in found if not names or one.name in names), key=lambda one: (-one.begun, one.name))
    state = _proven(client, spec, chosen)
    look = Look(spec, state)
    backups = [{**backup_view(one, state, proofs_of(look, one)), "stalled": is_stalled(one, state)} for one in chosen]
    bad = {one.meta.name: one.bad_ttl for one in map(backup_from_api, raw) if one.bad_ttl}
    newest = next((one for one in backups if one["verified"]), None)
    return {"backups": backups, "newest_verified": newest["name"] if newest else None, "gates": gates_view((ttl_gate(bad),))}


def _proven(client: InstallationClient, spec: BackupSpec, chosen: list[InstanceBackup]) -> BackupState:
    evidence = {one.uid: client.evidence(one, spec.required_proofs) for one in chosen}
    running = any(one.backup.is_running for one in chosen)
    started = client.server().started if running else None
    return BackupState(client.kubernetes.server_time(), tuple(chosen), evidence, server_started=started)


def read_info(client: InstallationClient, cli: Optional[str]) -> Json:
    """What kotsadm, its apps and its gates are like. What cannot be read is null, and its gate unknown."""
    site = client.site()
    found = gates(site)
    return {
        "console": {"version": site.console, "reachable": site.console is not None},
        "cli": {"version": cli},
        "apps": None if site.apps is None else [app_view(one) for one in site.apps],
        "entitlements": _entitlements(site),
        "snapshots": _snapshots(site),
        "schedule": _schedule(client, site),
        "gates": gates_view(found),
        "can_back_up": all(gate.state == "passed" for gate in found),
    }


def app_view(app: App) -> Json:
    """An app of kotsadm."""
    return {
        "slug": app.slug,
        "name": app.name,
        "state": app.state or None,
        "deployed": {"sequence": app.deployed, "label": app.deployed_label, "status": app.deployed_status} if app.deployed is not None else None,
        "pending": {"sequence": app.pending, "label": app.pending_label} if app.pending is not None else None,
        "snapshots": app.snapshots,
    }


def _entitlements(site: Site) -> Optional[Json]:
    if site.licence is None:
        return None
    return {
        "type": site.licence.type or None,
        "expires": site.licence.expires or None,
        "channel": site.licence.channel or None,
        "snapshots": site.licence.snapshots,
        "fields": dict(site.licence.fields),
    }


def _snapshots(site: Site) -> Json:
    settings, location, agents = site.settings, site.location, site.agents
    return {
        "velero": site.velero or None,
        "minimal_rbac": site.minimal,
        "provider": location.provider if location else settings.provider if settings else None,
        "bucket": location.bucket if location else settings.bucket if settings else None,
        "prefix": (location.prefix or None) if location else None,
        "location": (location.phase or "New") if location else None,
        "agents": {"name": agents.name or None, "ready": agents.ready, "desired": agents.desired} if agents else None,
    }


def _schedule(client: InstallationClient, site: Site) -> Optional[Json]:
    if site.console is None:
        return None
    try:
        return plan_view(client.plan())
    except CollectionError:
        return None
