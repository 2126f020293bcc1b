"""What the API server itself does to workloads: labels and selectors of Jobs, and what of a workload must fit together or stay."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import Any

from lab.kubernetes.kinds import Resource
from lab.kubernetes.schema import Cause

Json = dict[str, Any]
SELECTING = ("deployments.apps", "daemonsets.apps", "statefulsets.apps", "replicasets.apps")
FREE = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds")


def own_selector(item: Json) -> None:
    """A Job finds its pods by its uid."""
    spec, meta = item["spec"], item["metadata"]
    if spec.get("manualSelector"):
        return
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("batch.kubernetes.io/", ""):
        labels.update({f"{prefix}controller-uid": meta["uid"], f"{prefix}job-name": meta["name"]})
    spec["manualSelector"] = False
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
    if not meta.get("labels"):
        meta["labels"] = dict(labels)


def wrong(kind: Resource, old: Json | None, item: Json) -> list[Cause]:
    """What of it cannot be."""
    spec = item.get("spec") or {}
    if kind.qualified not in SELECTING:
        return []
    found: list[Cause] = []
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not spec.get("selector"):
        found.append(("spec.selector", "FieldValueRequired", "Required value"))
    if any(labels.get(key) != value for key, value in wanted.items()) or not spec.get("selector"):
        words = f"Invalid value: map[string]string{{{_go(labels)}}}: `selector` does not match template `labels`"
        found.append(("spec.template.metadata.labels", "FieldValueInvalid", words))
    if not (template.get("spec") or {}).get("containers"):
        found.append(("spec.template.spec.containers", "FieldValueRequired", "Required value"))
    return found + (_changed(kind, old["spec"], spec) if old is not None else [])


def _changed(kind: Resource, old: Json, spec: Json) -> list[Cause]:
    if kind.qualified == "statefulsets.apps":
        if {key: value for key, value in old.items() if key not in FREE} == {key: value for key, value in spec.items() if key not in FREE}:
            return []
        fields = ", ".join(f"'{one}'" for one in FREE[:-1])
        return [("spec", "FieldValueForbidden", f"Forbidden: updates to statefulset spec for fields other than {fields} and '{FREE[-1]}' are forbidden")]
    if old.get("selector") == spec.get("selector"):
        return []
    labels = _go((spec.get("selector") or {}).get("matchLabels") or {})
    shown = f"v1.LabelSelector{{MatchLabels:map[string]string{{{labels}}}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}"
    return [("spec.selector", "FieldValueInvalid", f"Invalid value: {shown}: field is immutable")]


def _go(labels: Json) -> str:
    return ", ".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in sorted(labels.items()))
