# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kotsadm says of itself, its apps and its snapshots, and what it writes on a Velero Backup, as values. Shapes as recorded on 1.124.18."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import backup_from_api, meta_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import seconds_of

INSTANCE = "kots.io/instance"
TRIGGER = "kots.io/snapshot-trigger"
NAMESPACE = "kots.io/kotsadm-deploy-namespace"
SEQUENCES = "kots.io/apps-sequences"
SNAPSHOTS = ("isSnapshotSupported", "is_snapshot_supported")  # not recorded: no licence can be had without the vendor; the licence file has the first


@dataclass(frozen=True)
class App:
    """An app of kotsadm. Of the pending versions the newest; `snapshots` is what kotsadm concludes from licence and app, None where it does not say."""

    slug: str
    name: str = ""
    state: str = ""
    licence: str = ""
    deployed: Optional[int] = None
    deployed_label: str = ""
    deployed_status: str = ""
    pending: Optional[int] = None
    pending_label: str = ""
    snapshots: Optional[bool] = None


@dataclass(frozen=True)
class Licence:
    """What an app's licence permits. `snapshots` is None where the answer does not say."""

    type: str = ""
    expires: str = ""
    channel: str = ""
    snapshots: Optional[bool] = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Where snapshots go and who makes them, by kotsadm's own look at the cluster."""

    velero: str = ""
    velero_running: bool = False
    agent_running: bool = False
    minimal: bool = False
    provider: str = ""
    bucket: str = ""
    path: str = ""


@dataclass(frozen=True)
class Plan:
    """When snapshots are taken by themselves and how long they are kept. `cron` is empty while it is switched off: kotsadm then invents one. Seconds."""

    enabled: bool = False
    cron: str = ""
    retention: Optional[float] = None
    retention_words: str = ""


@dataclass(frozen=True)
class Selector:
    """A label selector."""

    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return all(labels.get(key) == value for key, value in self.labels.items()) and all(_holds(one, labels) for one in self.expressions)


@dataclass(frozen=True)
class Scope:
    """What a backup takes: empty `namespaces` are all, no selector takes all objects, `every_volume` the volumes without being asked by an annotation."""

    namespaces: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    selectors: tuple[Selector, ...] = ()
    every_volume: bool = False

    def takes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether an object of this namespace with these labels is in the backup."""
        named = not self.namespaces or "*" in self.namespaces or namespace in self.namespaces
        return named and namespace not in self.excluded and (not self.selectors or any(one.matches(labels) for one in self.selectors))


@dataclass(frozen=True)
class InstanceBackup:
    """A Velero Backup of a whole installation, as kotsadm makes them."""

    backup: Backup
    trigger: str = ""
    namespace: str = ""
    sequences: Mapping[str, int] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)

    @property
    def name(self) -> str:
        return self.backup.meta.name

    @property
    def uid(self) -> str:
        return self.backup.meta.uid

    @property
    def begun(self) -> float:
        """When it began; while it waits for its turn, when it was asked for."""
        return self.backup.started if self.backup.started is not None else self.backup.meta.created or 0.0


def version_from_health(body: Any) -> str:
    """Version without its v, of GET /healthz."""
    return str(body["version"]).removeprefix("v")


def apps_from_api(body: Any) -> tuple[App, ...]:
    """The apps of GET /apps, by slug."""
    return tuple(sorted((_app(one) for one in body["apps"] or ()), key=lambda app: app.slug))


def _app(data: Any) -> App:
    stream = data.get("downstream") or {}
    now, waiting = stream.get("currentVersion") or {}, stream.get("pendingVersions") or []
    newest: Any = max(waiting, key=lambda one: int(one["sequence"]), default={})
    return App(
        slug=str(data["slug"]),
        name=str(data.get("name") or ""),
        state=str(data.get("appState") or ""),
        licence=str(data.get("licenseType") or ""),
        deployed=now.get("sequence"),
        deployed_label=str(now.get("versionLabel") or ""),
        deployed_status=str(now.get("status") or ""),
        pending=newest.get("sequence"),
        pending_label=str(newest.get("versionLabel") or ""),
        snapshots=data.get("allowSnapshots"),
    )


def licence_from_api(body: Any) -> Licence:
    """The licence of GET /app/<slug>/license."""
    told = body["license"]
    entries = {str(one.get("label") or one.get("title")): one.get("value") for one in told.get("entitlements") or ()}
    kind, ends, channel = (str(told.get(name) or "") for name in ("licenseType", "expiresAt", "channelName"))
    permitted = next((where[name] for where in (told, entries) for name in SNAPSHOTS if name in where), None)
    return Licence(kind, ends, channel, None if permitted is None else str(permitted).lower() == "true", entries)


def settings_from_api(body: Any) -> Settings:
    """GET /snapshots/settings. Of the store what is no secret."""
    store = body.get("store") or {}
    return Settings(
        velero=str(body["veleroVersion"] or "").removeprefix("v"),
        velero_running=bool(body["isVeleroRunning"]),
        agent_running=bool(body.get("isNodeAgentRunning") or body.get("isResticRunning")),
        minimal=bool(body.get("isMinimalRBACEnabled")),
        provider=str(store.get("provider") or ""),
        bucket=str(store.get("bucket") or ""),
        path=str(store.get("path") or ""),
    )


def plan_from_api(body: Any) -> Plan:
    """GET /snapshot/config. Switched off, the schedule that it shows is invented (recorded)."""
    on, ttl = bool(body["autoEnabled"]), body.get("ttl") or {}
    words = f"{ttl.get('inputValue')} {ttl.get('inputTimeUnit')}" if ttl.get("inputValue") else ""
    cron = str((body.get("autoSchedule") or {}).get("schedule") or "") if on else ""
    return Plan(on, cron, seconds_of(ttl.get("converted")), words)


def instance_from_api(data: Any) -> Optional[InstanceBackup]:
    """The backup of a whole installation, or None where the Backup is of another kind."""
    notes = meta_from_api(data).annotations
    if notes.get(INSTANCE) != "true":
        return None
    return InstanceBackup(
        backup_from_api(data), notes.get(TRIGGER, ""), notes.get(NAMESPACE, ""), _sequences(notes.get(SEQUENCES)), scope_from_api(data.get("spec") or {})
    )


def scope_from_api(spec: Mapping[str, Any]) -> Scope:
    """What the spec of a Backup takes. The selectors have one name up to KOTS 1.108, another from 1.109; the volumes up to Velero 1.9, from 1.10."""
    selectors = [one for one in (spec.get("labelSelector"), *(spec.get("orLabelSelectors") or ())) if one]
    every = spec.get("defaultVolumesToFsBackup") if spec.get("defaultVolumesToFsBackup") is not None else spec.get("defaultVolumesToRestic")
    return Scope(tuple(spec.get("includedNamespaces") or ()), tuple(spec.get("excludedNamespaces") or ()), tuple(map(_selector, selectors)), bool(every))


def _selector(data: Any) -> Selector:
    expressions = ((str(one["key"]), str(one["operator"]), tuple(one.get("values") or ())) for one in data.get("matchExpressions") or ())
    return Selector(dict(data.get("matchLabels") or {}), tuple(expressions))


def _holds(expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) == (operator == "Exists")
    return (labels.get(key) in values) == (operator == "In")


def _sequences(text: Optional[str]) -> Mapping[str, int]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(slug): int(number) for slug, number in found.items() if isinstance(number, int)} if isinstance(found, dict) else {}


def version_numbers(text: str) -> Optional[tuple[int, int, int]]:
    """The three numbers of a version such as v1.124.18 or 3.4.0-rc1; None where there are none."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)) if found else None
