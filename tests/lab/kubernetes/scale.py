"""The scale of a workload: its replicas, by the path that kubectl and autoscalers use."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json

from lab.copies import copied
from lab.kubernetes.checks import check_versions
from lab.kubernetes.kinds import Resource
from lab.kubernetes.patches import JSON_PATCH, json_patch, merge
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, not_found

KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def handle(state: State, request: Request, target: Target, kind: Resource) -> Response:
    found = state.get(kind.qualified, target.namespace, target.name)
    if found is None:
        raise not_found(target.qualified, target.name, target)
    if request.method == "GET":
        return Response(200, _shown(found))
    if request.method not in ("PUT", "PATCH"):
        raise Fail(405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {})
    wanted = request.json() if request.method == "PUT" else {}
    if request.method == "PATCH":
        change = json.loads(request.body)
        wanted = json_patch(_shown(found), change) if request.content_type == JSON_PATCH else merge(_shown(found), change)
    check_versions(state, kind, target, found, wanted)
    made = copied(found)
    made["spec"]["replicas"] = int((wanted.get("spec") or {}).get("replicas") or 0)
    return Response(200, _shown(made if request.dry else state.put(kind.qualified, target.namespace, target.name, made)))


def _shown(item: Json) -> Json:
    meta = {key: item["metadata"][key] for key in KEPT if key in item["metadata"]}
    selector = (item["spec"].get("selector") or {}).get("matchLabels") or {}
    status: Json = {"replicas": (item.get("status") or {}).get("replicas", 0)}
    if selector:
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    spec = {"replicas": item["spec"]["replicas"]} if item["spec"].get("replicas") else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}
