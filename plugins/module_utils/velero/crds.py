# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CustomResourceDefinitions of a version: whether a set of them is whole and right, and whether those of a cluster will do."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import VERSION


def checked_crds(documents: Iterable[Any], version: str, minor: int, source: str) -> tuple[Json, ...]:
    """The CRDs among the documents, by name, marked with the version; raises BadInput with what is missing or wrong."""
    found = {str(one["metadata"]["name"]): one for one in _flat(documents) if _is_crd(one)}
    if not found:
        raise BadInput(f"{source} holds no CustomResourceDefinition; make it with: velero install --crds-only --dry-run -o yaml, of version {version}")
    wanted = versions.crd_names(minor)
    missing, more = sorted(wanted - set(found)), sorted(name for name in set(found) - wanted if name.endswith(".velero.io"))
    if missing or more:
        parts = ([f"{', '.join(missing)} are missing"] if missing else []) + ([f"{', '.join(more)} do not belong to it"] if more else [])
        raise BadInput(f"{source} is not of Velero {version}: {'; '.join(parts)}")
    for name in sorted(wanted):
        fault = _fault(name, found[name])
        if fault:
            raise BadInput(f"{source}: {name} {fault}")
    return tuple(_marked(found[name], version) for name in sorted(wanted))


def _flat(documents: Iterable[Any]) -> Iterable[Any]:
    for one in documents:
        if isinstance(one, dict) and str(one.get("kind") or "").endswith("List"):
            yield from _flat(one.get("items") or ())
        else:
            yield one


def _is_crd(one: Any) -> bool:
    return isinstance(one, dict) and one.get("kind") == "CustomResourceDefinition" and bool((one.get("metadata") or {}).get("name"))


def _fault(name: str, crd: Json) -> str:
    """What makes it unfit; empty where it is fit."""
    spec = crd.get("spec") or {}
    if crd.get("apiVersion") != "apiextensions.k8s.io/v1":
        return f"is of {crd.get('apiVersion')}, which Kubernetes from 1.22 on does not take; make it with --crds-version v1"
    if spec.get("group") != "velero.io" or f"{(spec.get('names') or {}).get('plural')}.velero.io" != name:
        return "is of another group or plural than its name says"
    if versions.served_version(name) not in served(crd):
        return f"does not serve {versions.served_version(name)}"
    return ""


def served(crd: Mapping[str, Any]) -> set[str]:
    """The versions that it serves."""
    return {str(one.get("name")) for one in (crd.get("spec") or {}).get("versions") or () if one.get("served", True)}


def _marked(crd: Json, version: str) -> Json:
    """Without what the program prints of a status, and with our note of the version they are of."""
    made = copy.deepcopy({name: value for name, value in crd.items() if name != "status"})
    meta = made["metadata"]
    kept = {name: meta[name] for name in ("name", "labels", "annotations") if meta.get(name)}
    made["metadata"] = {**kept, "annotations": {**(kept.get("annotations") or {}), VERSION: version}}
    return made


def is_established(crd: Mapping[str, Any]) -> bool:
    """Whether the API serves its kind."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions)


def unfit(there: Mapping[str, Json], minor: int, running: Optional[tuple[int, int, int]]) -> str:
    """Why the CRDs of a cluster are not those of that minor; empty where they are. They are what `running` was installed with, or what our mark says."""
    wanted = versions.crd_names(minor)
    missing = sorted(wanted - set(there))
    if missing:
        return f"{', '.join(missing)} are missing"
    faults = [f"{name} {fault}" for name in sorted(wanted) if (fault := _fault(name, {"apiVersion": "apiextensions.k8s.io/v1", **there[name]}))]
    if faults:
        return faults[0]
    marks = {str(((there[name].get("metadata") or {}).get("annotations") or {}).get(VERSION) or "") for name in wanted}
    of = versions.version_of(min(marks)) if len(marks) == 1 and min(marks) else running
    if of is None:
        return "nothing tells which version they are of"
    return "" if of[:2] == (1, minor) else f"they are of {'.'.join(map(str, of))}"
