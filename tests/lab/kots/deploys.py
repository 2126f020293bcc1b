"""What changes an application: update checks, config, deploys, removal."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import copy
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from lab.kots import vault
from lab.kots.model import Answer, App, Item, Json, Version

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

DEAD = 15.0  # how long a check of an upstream that does not answer takes
DEPLOY = 2.0
RENDER = 0.5


# --- updates ---
def task(world: "KotsWorld", body: Json, query: Json, slug: str, task: str) -> Answer:
    app = world.apps.get(slug)
    if app is None:
        return Answer(500)
    return Answer(200, dict(app.upstream.task) if task == "updatedownload" else {"currentMessage": "", "status": ""})


def updatecheck(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    """While a check runs, a further one says at once that there is nothing: that is not true."""
    app = world.apps.get(slug)
    if app is None:
        return Answer(404)
    none = {"availableUpdates": 0, "currentAppSequence": app.current, "availableReleases": None}
    if app.upstream.checking:
        return Answer(200, none)
    app.upstream.checking, app.upstream.task = True, {"currentMessage": "Checking for updates...", "status": "running"}
    if app.upstream.dead:
        world.state.clock.after(DEAD, lambda: _checked(app, "failed"))
        return Answer(500, after=DEAD)
    found = list(app.upstream.releases)
    world.state.clock.after(app.upstream.seconds, lambda: _arrived(world, app, query))
    if not found:
        return Answer(200, none, after=app.upstream.seconds)
    newest = app.newest.sequence
    releases = [{"sequence": newest + 1 + number, "version": label} for number, (label, _cursor) in enumerate(found)]
    told: Json = {"availableUpdates": len(found), "currentAppSequence": app.current, "availableReleases": releases}
    if query.get("deploy") == "true":
        told["deployingRelease"] = releases[-1]
    return Answer(200, told, after=app.upstream.seconds)


def _checked(app: App, status: str) -> None:
    app.upstream.checking = False
    app.upstream.task = {"currentMessage": "failed to get updates" if status == "failed" else "", "status": status}


def _arrived(world: "KotsWorld", app: App, query: Json) -> None:
    for label, cursor in app.upstream.releases:
        app.versions.append(Version(app.newest.sequence + 1, label, world.state.stamp(), cursor=cursor, values=dict(app.newest.values)))
    app.upstream.releases = []
    _checked(app, "")
    if query.get("deploy") == "true":
        begin(world, app, app.newest)
    label = query.get("deployVersionLabel")
    chosen = next((one for one in app.versions if label and one.label == label), None)
    if chosen is not None:
        begin(world, app, chosen)


# --- deploys ---
def deploy(world: "KotsWorld", body: Json, query: Json, slug: str, sequence: str) -> Answer:
    app = world.apps.get(slug)
    if app is None:
        return Answer(500, {"success": False, "status": "", "error": f"failed to get app for slug {slug}"})
    version = app.version(int(sequence)) if sequence.isdigit() else None
    if version is None:
        return Answer(500, {"success": False, "status": "", "error": f"failed to get status for version {sequence}"})
    if version.status == "pending_config":
        return Answer(400, {"success": False, "status": version.status, "error": f"not deploying version {sequence} because it's pending_config"})
    if version.sequence != app.current:
        begin(world, app, version)
    return Answer(200, {"success": True, "status": ""})


def redeploy(world: "KotsWorld", body: Json, query: Json, slug: str, sequence: str) -> Answer:
    app = world.apps.get(slug)
    version = app.version(int(sequence)) if app and sequence.isdigit() else None
    if app is None or version is None:
        return Answer(500)
    begin(world, app, version)
    return Answer(200, {"success": True, "status": ""})


def begin(world: "KotsWorld", app: App, version: Version) -> None:
    """Answered at once; how it ends is seen in the versions alone."""
    app.current, version.status, version.deployed_at = version.sequence, "deploying", world.state.stamp()
    refused = app.store_lost or version.sequence in app.refuses

    def end() -> None:
        if version.status == "deploying":
            version.status = "failed" if refused else "deployed"
            app.state = app.state if refused else "ready"
            if not refused:
                _roll(world, app, version)

    world.state.clock.after(DEPLOY + app.deploy_seconds, end)


def _roll(world: "KotsWorld", app: App, version: Version) -> None:
    """What the configuration is written into gets a new template, as a manifest with other values has."""
    for name in app.rolls:
        found = copy.deepcopy(world.state.get("deployments.apps", world.namespace, name))
        if found is not None:
            notes = found["spec"]["template"]["metadata"].setdefault("annotations", {})
            notes["checksum/config"] = hashlib.sha256(json.dumps(version.values, sort_keys=True).encode()).hexdigest()
            world.state.put("deployments.apps", world.namespace, name, found)


# --- config ---
def set_values(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    """Makes a new version each time, also of equal values."""
    given = decoded(str(body.get("configValues", "")))
    if given is None:
        return Answer(400, {"success": False, "error": "failed to decode config values"})
    app = world.apps.get(slug)
    if app is None:
        return Answer(500, {"success": False, "error": "failed to get app from app slug"})
    base = based(app, body if world.profile.builds_on else {})
    if base is None or app.store_lost:
        return Answer(500, {"success": False, "error": "failed to get app version archive"})
    if set(given) - set(base.values):
        return Answer(500, {"success": False, "error": "failed to create new config"})
    values = {**(base.values if body.get("merge") else dict.fromkeys(base.values, "")), **given}
    asked = [item for item in app.items if not item.hidden and (not item.when or values.get(item.when) == "1")]
    missing = [item for item in asked if item.required and not (values.get(item.name) or item.default)]
    if missing:
        text = "The following fields are required: " + ", ".join(item.label for item in missing)
        return Answer(400, {"success": False, "error": text, "requiredItems": [item.name for item in missing]})
    wrong = [item for item in asked if item.pattern and values.get(item.name) and not re.search(item.pattern, values[item.name])]
    if wrong:
        return Answer(400, _invalid(wrong, values))
    if app.render_seconds:
        world.state.clock.after(app.render_seconds, lambda: _make(world, app, body, base, values))
    else:
        _make(world, app, body, base, values)
    return Answer(200, {"success": True}, after=app.render_seconds or RENDER)


def _make(world: "KotsWorld", app: App, body: Json, base: Version, values: dict[str, str]) -> None:
    made = _add(world, app, base, values)
    _try(world, app, made, bool(body.get("skipPreflights")))
    if body.get("deploy"):
        begin(world, app, made)


def _invalid(wrong: list[Item], values: dict[str, str]) -> Json:
    """By KOTS' types, not recorded; the values stand in it as they were sent."""
    rows = [
        {"name": one.name, "type": one.type, "value": values[one.name], "validation_errors": [{"validation_error_message": one.says or one.pattern}]}
        for one in wrong
    ]
    return {"success": False, "error": "failed to validate config values", "validationErrors": [{"name": "main", "title": "Main", "item_errors": rows}]}


def _try(world: "KotsWorld", app: App, version: Version, skip: bool) -> None:
    """The preflights of a version, which waits for them; strict ones are not skipped."""
    checks = tuple(one for one in app.preflights if one.strict or not skip)
    if not checks:
        return

    def end() -> None:
        version.tried = checks
        if version.status == "pending_preflight":
            version.status = "pending"

    version.status = "pending_preflight"
    world.state.clock.after(RENDER + app.preflight_seconds, end)


def _add(world: "KotsWorld", app: App, base: Version, values: dict[str, str]) -> Version:
    for item in app.items:
        held = values.get(item.name, "")
        if item.type == "password" and vault.opened(held) == held:  # also an empty one
            values[item.name] = vault.sealed(held)
    changed = sum(1 for name in values if values[name] != base.values.get(name))
    diff = json.dumps({"filesChanged": changed, "linesAdded": changed, "linesRemoved": changed}, separators=(",", ":"))
    made = Version(app.newest.sequence + 1, base.label, world.state.stamp(), source="Config Change", cursor=base.cursor)
    made.values, made.skipped, made.diff = values, False, diff
    app.versions.append(made)
    return made


def based(app: App, body: Json) -> Version | None:
    """The version that is changed."""
    if body.get("current"):
        return app.version(app.current)
    sequence = int(body.get("sequence", -1))
    return app.newest if sequence < 0 else app.version(sequence)


def decoded(text: str) -> dict[str, str] | None:
    """name -> value of ConfigValues in base64; None for what is none."""
    try:
        found: Any = yaml.safe_load(base64.b64decode(text, validate=True))
    except (ValueError, yaml.YAMLError):
        return None
    if not isinstance(found, dict) or found.get("kind") != "ConfigValues":
        return None
    values = ((found.get("spec") or {}).get("values")) or {}
    return {str(name): str((held or {}).get("value", (held or {}).get("valuePlaintext", ""))) for name, held in values.items()}


def remove(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    app = world.apps.get(slug)
    if app is None:
        return Answer(404, {"error": "app slug not found"})
    if app.current >= 0 and not body.get("force"):
        return Answer(400, {"error": f"application {slug} is deployed and cannot be removed"})
    del world.apps[slug]
    return Answer(200, {})
