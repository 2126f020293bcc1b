"""What is served, told: versions, groups, kinds, health."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.kinds import GROUPS, SUB, Resource
from lab.kubernetes.rbac import REVIEWS
from lab.kubernetes.request import Json
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response

VERSION = {
    **{"major": "1", "minor": "33", "emulationMajor": "1", "emulationMinor": "33", "minCompatibilityMajor": "1", "minCompatibilityMinor": "32"},
    **{"gitVersion": "v1.33.13", "gitCommit": "lab", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z"},
    **{"goVersion": "go1.26.8", "compiler": "gc", "platform": "linux/amd64"},
}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
HEALTH = ("/healthz", "/livez", "/readyz")
CHECKS = ("ping", "log", "etcd", "etcd-readiness", "informer-sync", "shutdown")
# Subresources that are another kind: its name, group, version and verbs.
OTHERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "pods/attach": ("PodAttachOptions", "", ("create", "get")),
    "pods/binding": ("Binding", "", ("create",)),
    "pods/eviction": ("Eviction", "policy", ("create",)),
    "pods/exec": ("PodExecOptions", "", ("create", "get")),
    "pods/log": ("Pod", "", ("get",)),
    "pods/portforward": ("PodPortForwardOptions", "", ("create", "get")),
    "pods/proxy": ("PodProxyOptions", "", ("create", "delete", "get", "patch", "update")),
    "nodes/proxy": ("NodeProxyOptions", "", ("create", "delete", "get", "patch", "update")),
    "services/proxy": ("ServiceProxyOptions", "", ("create", "delete", "get", "patch", "update")),
    "namespaces/finalize": ("Namespace", "", ("update",)),
    "serviceaccounts/token": ("TokenRequest", "authentication.k8s.io", ("create",)),
}
IN_ALL = {
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "jobs",
    "cronjobs",
    "horizontalpodautoscalers",
}


def answer(state: State, path: str, verbose: bool, address: str) -> Response | None:
    """None for what is no path of this kind."""
    parts = path.strip("/").split("/")
    if path in ("/version", "/version/"):
        return Response(200, dict(VERSION))
    if path in HEALTH:
        lines = "".join(f"[+]{one} ok\n" for one in CHECKS) + f"{path[1:]} check passed\n"
        return Response(200, lines if verbose else "ok", dict(TEXT))
    if parts == ["api"]:
        return Response(
            200,
            {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]},
        )
    if parts == ["apis"]:
        return Response(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, versions) for name, versions in groups(state).items()]})
    if parts[0] == "apis" and parts[1] in groups(state) and len(parts) == 2:
        return Response(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], groups(state)[parts[1]])})
    if parts[:2] == ["openapi", "v3"]:
        return _openapi(state, "/".join(parts[2:]))
    if parts[0] in ("api", "apis") and len(parts) == (2 if parts[0] == "api" else 3):
        return _kinds(state, "" if parts[0] == "api" else parts[1], parts[-1])
    return None


def groups(state: State) -> dict[str, tuple[str, ...]]:
    found = dict(GROUPS)
    for kind in state.kinds.values():
        if kind.custom:
            found[kind.group] = tuple(dict.fromkeys((*found.get(kind.group, ()), *kind.served)))
    return {name: versions if name in GROUPS else tuple(sorted(versions, key=_rank)) for name, versions in found.items()}


def _rank(version: str) -> tuple[bool, bool, str]:
    """Stable versions first."""
    return ("alpha" in version, "beta" in version, version)


def _group(name: str, versions: tuple[str, ...]) -> Json:
    told = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    return {"name": name, "versions": told, "preferredVersion": told[0]}


def _kinds(state: State, group: str, version: str) -> Response | None:
    if group and group not in groups(state):
        return None
    if version not in (groups(state)[group] if group else ("v1",)):
        raise Fail(404, "the server could not find the requested resource", "NotFound", {})
    found: list[Json] = []
    for kind in sorted(state.kinds.values(), key=lambda one: (one.custom, "" if one.custom else one.name)):
        if kind.group == group and version in kind.served:
            found += _entries(kind, version)
    for name, said in REVIEWS.get(group, {}).items():
        found.append({"name": name, "singularName": said.lower(), "namespaced": False, "kind": said, "verbs": ["create"]})
    return Response(
        200,
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}" if group else version, "resources": found},
    )


def _entries(kind: Resource, version: str) -> list[Json]:
    main: dict[str, Any] = {"name": kind.name, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind, "verbs": list(kind.verbs)}
    if kind.short:
        main["shortNames"] = list(kind.short)
    if kind.name in IN_ALL and not kind.custom:
        main["categories"] = ["all"]
    entries = [main]
    subs = sorted(kind.of_version(version).get("subresources") or {}) if kind.custom else kind.subs
    for sub in subs:
        name = f"{kind.name}/{sub}"
        said, of, verbs = OTHERS.get(name, ("Scale", "autoscaling", SUB) if sub == "scale" else (kind.kind, "", SUB))
        where = {"group": of, "version": "v1"} if of else {}
        entries.append({"name": name, "singularName": "", "namespaced": kind.namespaced, **where, "kind": said, "verbs": list(verbs)})
    return entries


def _openapi(state: State, where: str) -> Response | None:
    """As much as kubectl looks for: whether the server checks fields itself."""
    served: dict[str, list[tuple[Resource, str]]] = {}
    for kind in state.kinds.values():
        for version in kind.served:
            served.setdefault(f"apis/{kind.group}/{version}" if kind.group else f"api/{version}", []).append((kind, version))
    if not where:
        return Response(200, {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in served}})
    if where not in served:
        return None
    paths: Json = {}
    for kind, version in served[where]:
        named = {"group": kind.group, "version": version, "kind": kind.kind}
        parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldManager", "fieldValidation")]
        space = "namespaces/{namespace}/" if kind.namespaced else ""
        patch = {"parameters": parameters, "responses": {}, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": named}
        paths[f"/{where}/{space}{kind.name}/{{name}}"] = {"patch": patch}
    return Response(200, {"openapi": "3.0.0", "info": {"title": "lab", "version": "1"}, "paths": paths})
