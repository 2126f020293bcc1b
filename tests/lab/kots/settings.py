"""The store, the schedule and the retention of snapshots."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import configparser
from typing import TYPE_CHECKING

from lab.copies import copied
from lab.kots import cron
from lab.kots.model import Answer, Json
from lab.kots.snapshots import HOURS, cluster_wide, refusal

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

HIDDEN = "--- REDACTED ---"
OFF = "0 0 * * MON"  # what is told when there is no schedule
LOCATION = "backupstoragelocations.velero.io"


def velero(world: "KotsWorld", body: Json, query: Json) -> Answer:
    return Answer(200, {"isVeleroInstalled": deployment(world) is not None})


def deployment(world: "KotsWorld") -> Json | None:
    return world.state.objects.get(("deployments.apps", world.velero_namespace, "velero"))


# --- schedule and retention ---
def plan(world: "KotsWorld", body: Json, query: Json) -> Answer:
    value, unit = world.retention if world.retention[0] else ("1", world.profile.month)
    hours = float(value) * HOURS[unit if unit != "month" else "months"]
    seconds = round(hours * 3600)
    converted = f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
    ttl = {"inputValue": value, "inputTimeUnit": unit, "converted": converted}
    return Answer(200, {"autoEnabled": bool(world.cron), "autoSchedule": {"schedule": world.cron or OFF}, "ttl": ttl})


def schedule(world: "KotsWorld", body: Json, query: Json) -> Answer:
    """Switched off, it is forgotten."""
    no = refusal(world)
    if no is not None:
        return no
    if not body.get("autoEnabled"):
        world.schedule("")
        return Answer(200, {"success": True})
    text = str(body.get("schedule", ""))
    if cron.parse(text) is None:
        return Answer(400, {"success": False, "error": f"Invalid cron schedule expression: {text}"})
    if text != world.cron:
        world.schedule(text)
    return Answer(200, {"success": True})


def retention(world: "KotsWorld", body: Json, query: Json) -> Answer:
    no = refusal(world)
    if no is not None:
        return no
    value, unit = str(body.get("inputValue", "")), str(body.get("inputTimeUnit", ""))
    if not value.isdigit() or unit not in HOURS:
        return Answer(400, {"success": False, "error": f"Invalid instance snapshot retention: {value} {unit}"})
    world.retention = (value, unit)
    return Answer(200, {"success": True})


# --- the store ---
def read(world: "KotsWorld", body: Json, query: Json) -> Answer:
    return refusal(world) or Answer(200, {**about(world), "store": store(world), "success": True})


def about(world: "KotsWorld") -> Json:
    found = deployment(world) or {}
    spec = (found.get("spec") or {}).get("template", {}).get("spec", {})
    image = (spec.get("containers") or [{"image": ""}])[0].get("image", "")
    pods = {name: body for (kind, space, name), body in world.state.objects.items() if (kind, space) == ("pods", world.velero_namespace)}
    agents = [name for name, body in pods.items() if (body["metadata"].get("labels") or {}).get("name") in ("node-agent", "restic")]
    mine = [name for name, body in pods.items() if name not in agents and (body["metadata"].get("labels") or {}).get("deploy") == "velero"]
    told = {"veleroVersion": image.rpartition(":")[2], "veleroPlugins": [one["name"] for one in spec.get("initContainers") or ()]}
    told |= {"veleroNamespace": world.velero_namespace if found else "", "isVeleroRunning": bool(mine), "isMinioDisabled": False}
    told |= {"veleroPod": mine[0] if mine else "", "nodeAgentVersion": told["veleroVersion"] if agents else "", "isNodeAgentRunning": bool(agents)}
    return {**told, "nodeAgentPods": agents, "kotsadmNamespace": world.namespace, "isKurl": False, "isMinimalRBACEnabled": not cluster_wide(world)}


def store(world: "KotsWorld") -> Json | None:
    found = world.state.objects.get((LOCATION, world.velero_namespace, "default"))
    if found is None:
        return None
    spec = found["spec"]
    config, bucket = spec.get("config") or {}, spec.get("objectStorage") or {}
    told: Json = {"provider": spec["provider"], "bucket": bucket.get("bucket", ""), "path": bucket.get("prefix", "")}
    if spec["provider"] != "aws":
        return {**told, spec["provider"]: {"jsonFile": HIDDEN, "useInstanceRole": False}}
    key, _secret = keys(world)
    if "s3Url" in config:
        return {**told, "other": {"region": config.get("region", ""), "accessKeyID": key, "secretAccessKey": HIDDEN, "endpoint": config["s3Url"]}}
    if not key:
        return {**told, "aws": {"region": config.get("region", ""), "useInstanceRole": True}}
    return {**told, "aws": {"region": config.get("region", ""), "accessKeyID": key, "secretAccessKey": HIDDEN, "useInstanceRole": False}}


def keys(world: "KotsWorld") -> tuple[str, str]:
    held = (world.state.objects.get(("secrets", world.velero_namespace, "cloud-credentials")) or {}).get("data") or {}
    parser = configparser.ConfigParser()
    parser.read_string(base64.b64decode(held.get("cloud", "")).decode() or "[default]")
    section = parser["default"] if parser.has_section("default") else parser.defaults()
    return str(section.get("aws_access_key_id", "")), str(section.get("aws_secret_access_key", ""))


def write(world: "KotsWorld", body: Json, query: Json) -> Answer:
    """Not recorded. The hidden secret given back keeps the one that is there."""
    no = refusal(world)
    if no is not None:
        return no
    found = world.state.objects.get((LOCATION, world.velero_namespace, "default"))
    kind = next((name for name in ("other", "aws") if isinstance(body.get(name), dict)), "")
    if found is None or not kind or not body.get("bucket"):
        return Answer(500, {"success": False, "error": "failed to update global store"})
    given, made = body[kind], copied(found)
    config = {"region": given.get("region", "")}
    if kind == "other":
        config |= {"s3Url": given.get("endpoint", ""), "s3ForcePathStyle": "true"}
    prefix = {"prefix": body["path"]} if body.get("path") else {}
    made["spec"] |= {"provider": "aws", "config": config, "objectStorage": {"bucket": body["bucket"], **prefix}}
    secret = keys(world)[1] if given.get("secretAccessKey") == HIDDEN else given.get("secretAccessKey", "")
    text = f"[default]\naws_access_key_id     = {given.get('accessKeyID', '')}\naws_secret_access_key = {secret}\n"
    world.state.put(LOCATION, world.velero_namespace, "default", made)
    world.state.put("secrets", world.velero_namespace, "cloud-credentials", {"type": "Opaque", "data": {"cloud": base64.b64encode(text.encode()).decode()}})
    return read(world, {}, {})
