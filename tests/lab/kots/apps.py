"""Applications as kotsadm shows them: versions, state, config and licence."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import TYPE_CHECKING

from lab.kots.model import Answer, App, Item, Json, Version

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

CLUSTER = {"id": "vkiovzmdjwrqzwpolalsoroghddhzzjt", "slug": "this-cluster"}
GITOPS = ("provider", "uri", "hostname", "httpPort", "sshPort", "path", "branch", "format", "action", "deployKey")
NOT = ("isGitOpsSupported", "isIdentityServiceSupported", "isAppIdentityServiceSupported", "isGeoaxisSupported", "isSemverRequired")
NEITHER = ("isSupportBundleUploadSupported", "isEmbeddedClusterMultiNodeEnabled", "allowRollback")


def shown(app: App, version: Version, whole: bool = True) -> Json:
    """A version. In the lists of an application only the first has everything."""
    told: Json = {"versionLabel": version.label, "semver": version.label, "updateCursor": version.cursor, "channelId": "lab-channel"}
    told |= {"isRequired": False, "status": version.status, "createdOn": version.created}
    told |= {"parentSequence": version.sequence, "sequence": version.sequence}
    if version.deployed_at:
        told["deployedAt"] = version.deployed_at
    told |= {"source": version.source, "preflightSkipped": version.skipped}
    upstream = version.source != "Config Change"
    if upstream:
        told |= {"gitDeployable": True, "upstreamReleasedAt": version.created}
    if whole:
        older = version.sequence < app.current
        told |= {"nonDeployableCause": "Rollback is not supported."} if older else {"isDeployable": True}
        told |= {"hasConfig": True, "diffSummary": version.diff}
    told["downloadStatus"] = {}
    return {**told, "appTitle": app.name} if whole else told


def details(world: "KotsWorld", app: App) -> Json:
    ordered = sorted(app.versions, key=lambda one: -one.sequence)
    ahead = [one for one in ordered if one.sequence > app.current]
    past = [one for one in ordered if one.sequence < app.current]
    current = app.version(app.current)
    downstream = {
        "name": "this-cluster",
        "links": [],
        "currentVersion": shown(app, current) if current else None,
        "pendingVersions": [shown(app, one, whole=one is ahead[0]) for one in ahead],
        "pastVersions": [shown(app, one, whole=False) for one in past],
        "gitops": {"enabled": False, **dict.fromkeys(GITOPS, ""), "isConnected": False},
        "cluster": CLUSTER,
    }
    told = {"id": app.id, "slug": app.slug, "name": app.name, "isAirgap": False, "currentSequence": app.newest.sequence}
    told |= {"upstreamUri": f"replicated://{app.slug}", "iconUri": "", "createdAt": app.created, "updatedAt": None, "lastUpdateCheckAt": None}
    told |= {"hasPreflight": bool(app.preflights), "isConfigurable": bool(app.items), "updateCheckerSpec": "@default", "autoDeploy": "disabled"}
    told |= {"namespace": world.namespace, "appState": app.state, **dict.fromkeys((*NOT, *NEITHER), False)}
    told["allowSnapshots"] = app.snapshots
    return {**told, "targetKotsVersion": "", "licenseType": "dev", "downstream": downstream}


def listed(world: "KotsWorld", body: Json, query: Json) -> Answer:
    return Answer(200, {"apps": [details(world, app) for app in world.apps.values()]})


def one(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    app = world.apps.get(slug)
    return Answer(500) if app is None else Answer(200, details(world, app))


def status(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    app = world.apps.get(slug)
    if app is None:
        return Answer(500)
    missing = app.state == "missing"
    resources = [] if missing else [{"kind": "EMPTY", "name": "EMPTY", "namespace": "EMPTY", "state": app.state}]
    told = {"appId": app.id, "resourceStates": resources, "updatedAt": "0001-01-01T00:00:00Z" if missing else app.created, "state": app.state}
    return Answer(200, {"appstatus": {**told, "sequence": 0 if missing else app.current}})


def versions(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    """Newest first. With pinLatest the newest stands before every page, also the first, that has it too."""
    app = world.apps.get(slug)
    if app is None:
        return Answer(500)
    ordered = sorted(app.versions, key=lambda one: -one.sequence)
    size, page = int(query.get("pageSize", 0) or 0), int(query.get("currentPage", 0) or 0)
    part = ordered[page * size : (page + 1) * size] if size else ordered
    pinned = ordered[:1] if query.get("pinLatest") == "true" or query.get("pinLatestDeployable") == "true" else []
    rows = [shown(app, entry) for entry in pinned + part]
    return Answer(200, {"versionHistory": rows, "totalCount": len(ordered), "numOfSkippedVersions": 0, "numOfRemainingVersions": 0})


def config(world: "KotsWorld", body: Json, query: Json, slug: str, sequence: str) -> Answer:
    empty = {"downstreamVersion": None, "configGroups": None}
    app = world.apps.get(slug)
    if app is None:
        return Answer(500, {"success": False, "error": "failed to get app from app slug", **empty})
    version = app.version(int(sequence)) if sequence.isdigit() else None
    if version is None or app.store_lost:
        return Answer(500, {"success": False, "error": "failed to get app version archive", **empty})
    names = list(dict.fromkeys(item.group for item in app.items))
    groups = [{"name": name, "title": name.capitalize(), "items": [entry(item, version) for item in app.items if item.group == name]} for name in names]
    return Answer(200, {"success": True, "downstreamVersion": None, "configGroups": groups})


def entry(item: Item, version: Version) -> Json:
    """As recorded; what is beside name, type, title, default, value and required is by KOTS' types, and stands there only where it says something."""
    told: Json = {"name": item.name, "type": item.type, "title": item.label, "default": item.default, "value": version.values.get(item.name, "")}
    told |= {name: True for name, given in (("required", item.required), ("hidden", item.hidden), ("repeatable", item.repeatable)) if given}
    told |= {"readonly": True} if item.read_only else {}
    told |= {"items": [{"name": one, "title": one, "type": "", "default": "", "value": ""} for one in item.choices]} if item.choices else {}
    told |= {"when": str(is_on(version, item.when)).lower()} if item.when else {}
    return told | ({"validation": {"regex": {"pattern": item.pattern, "message": item.says}}} if item.pattern else {})


def is_on(version: Version, name: str) -> bool:
    """Whether a switch is on."""
    return version.values.get(name) == "1"


def preflight(world: "KotsWorld", body: Json, query: Json, slug: str, sequence: str) -> Answer:
    app = world.apps.get(slug)
    version = app.version(int(sequence)) if app and sequence.isdigit() else None
    if version is None:
        return Answer(500)
    rows = [{"title": one.title, "message": one.message, "isFail": one.fails, "isPass": not one.fails, "strict": one.strict} for one in version.tried]
    result = json.dumps({"results": rows}) if rows else ""
    told = {"result": result, "createdAt": None, "appSlug": slug, "clusterSlug": "this-cluster", "skipped": version.skipped}
    return Answer(200, {"preflightResult": {**told, "hasFailingStrictPreflights": any(one.fails and one.strict for one in version.tried)}})


def licence(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    """Not recorded: no licence can be had without the vendor."""
    app = world.apps.get(slug)
    if app is None:
        return Answer(500, {"success": False, "error": "failed to get app from slug"})
    held = [{"title": one.title or one.name, "value": one.value, "label": one.name, "valueType": one.type} for one in app.entitlements]
    told = {"id": "lab-licence", "assignee": "lab", "expiresAt": app.expires, "channelName": "Stable", "licenseSequence": 1, "licenseType": "dev"}
    return Answer(200, {"success": True, "license": {**told, "entitlements": held}})
