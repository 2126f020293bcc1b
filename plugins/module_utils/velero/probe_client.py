# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying a backup storage location out: an object is written, read and deleted where Velero would, by Velero's own credentials."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import CAUSES, StoreError, StoreSilent, store_error
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore, store_of
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import secret_of_location
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.velero.kinds import BACKUP_STORAGE_LOCATION
from ansible_collections.serverops.circleci.plugins.module_utils.velero.location_probe import (
    STEM,
    ProbeSpec,
    is_read_only,
    leftovers,
    plan,
    probe_name,
    probe_spec,
)

HERE = "from where this task runs, which may differ from what the cluster's nodes see"


def probe(params: Mapping[str, Any], check: bool, clock: Clock) -> Json:
    """What became of it, as the module's result; `failure` is the sentence of what does not work, empty where all does."""
    spec = probe_spec(params)
    kubernetes = client_from_params(params, clock)
    location = _location(kubernetes, spec)
    cloud = params.get("cloud")
    secret = _secret(kubernetes, spec, location) if cloud is None else None
    with doing(f"try backup storage location {spec.location}"):
        store = store_of(location, secret, cloud)
    return Probe(store, is_read_only(location), clock).run(check, spec.location)


class Probe:
    """One try. Whatever it wrote it takes away again."""

    def __init__(self, store: ObjectStore, read_only: bool, clock: Clock) -> None:
        self._store, self._read_only = store, read_only
        self._now = clock.wall().timestamp()
        self._run = uuid.uuid4().hex
        self._key = store.spec.key(probe_name(self._now, self._run))
        self._steps: list[Json] = []
        self._left: list[str] = []

    def run(self, check: bool, location: str) -> Json:
        """The result."""
        failed: Optional[StoreError] = None
        try:
            swept = leftovers(self._store.list(self._store.spec.key(STEM)), self._now)
            if check:
                self._steps = plan(swept, self._read_only)
            elif not self._read_only:
                self._sweep(swept)
                self._round()
        except StoreError as error:
            failed = error
        return self._told(location, failed)

    def _sweep(self, keys: list[str]) -> None:
        for key in keys:
            self._store.delete(key)
            self._steps.append({"step": "sweep", "object": key})

    def _round(self) -> None:
        """Write, read, delete, and look whether it is gone. Once the write was begun the object may be there, whatever was answered."""
        self._left = [self._key]
        whole = False
        try:
            self._store.put(self._key, self._run.encode())
            self._steps.append({"step": "write"})
            found = self._store.get(self._key)
            self._steps.append({"step": "read"})
            if found != self._run.encode():
                raise store_error("unfinished", self._store.spec.place, f"{len(self._run)} bytes were written, {len(found)} others read")
            whole = True
        finally:
            if not whole:
                with suppress(StoreError):  # the first failure is the one to tell; what stays is named
                    self._take_away()
        self._take_away()

    def _take_away(self) -> None:
        self._store.delete(self._key)
        if self._key in self._store.list(self._key):
            raise store_error("unfinished", self._store.spec.place, "the object was deleted and is still listed")
        self._left = []
        self._steps.append({"step": "delete"})

    def _told(self, location: str, failed: Optional[StoreError]) -> Json:
        spec = self._store.spec
        cause = CAUSES[failed.cause] if failed else None
        left = f"; object {self._left[0]} may have stayed behind, the next run takes it away" if self._left else ""
        return {
            "location": location,
            "provider": spec.provider,
            "bucket": spec.bucket,
            "prefix": spec.prefix,
            "region": spec.region or None,
            "endpoint": spec.endpoint or None,
            "verdict": self._verdict(failed),
            "cause": cause.name if cause else None,
            "evidence": failed.evidence if failed else None,
            "remedy": cause.remedy if cause else None,
            "steps": self._steps,
            "left_behind": self._left,
            "changed": any(step["step"] == "sweep" for step in self._steps),
            "failure": f"backup storage location {location} does not work, asked {HERE}: {failed}{left}" if failed else "",
        }

    def _verdict(self, failed: Optional[StoreError]) -> str:
        if failed is None:
            return "read_only" if self._read_only else "usable"
        return "unknown" if isinstance(failed, StoreSilent) else "unusable"


def _location(kubernetes: KubernetesClient, spec: ProbeSpec) -> Json:
    with doing(f"read backup storage location {spec.location}"):
        found = kubernetes.find(BACKUP_STORAGE_LOCATION, spec.namespace, spec.location)
        if found is not None:
            return found
        names = sorted(item["metadata"]["name"] for item in kubernetes.list(BACKUP_STORAGE_LOCATION, spec.namespace).items)
    known = f"there are {', '.join(names)}" if names else "there is none; is Velero installed there?"
    raise BadInput(f"location is {spec.location}, which namespace {spec.namespace} does not have: {known}")


def _secret(kubernetes: KubernetesClient, spec: ProbeSpec, location: Json) -> Optional[Secret]:
    """The text of Velero's credentials; None where there is no such Secret."""
    name, key = secret_of_location(location)
    with doing(f"read Secret {name} of Velero's credentials"):
        found = kubernetes.find(SECRET, spec.namespace, name)
    if found is None:
        return None
    try:
        return Secret(base64.b64decode((found.get("data") or {})[key], validate=True).decode())
    except KeyError:
        raise BadInput(f"Secret {name} has no key {key}, which backup storage location {spec.location} names; write it again, or give cloud") from None
    except (binascii.Error, UnicodeDecodeError):
        raise BadInput(f"key {key} of Secret {name} is no text; write it again, or give cloud") from None
