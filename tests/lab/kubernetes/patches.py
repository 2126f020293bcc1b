"""The kinds of patch that change an object as it stands: merge (RFC 7386), JSON (RFC 6902) and strategic merge."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.copies import copied
from lab.kubernetes.status import Fail

Json = dict[str, Any]
MERGE, JSON_PATCH, STRATEGIC, APPLY = (
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
# Lists whose entries are merged by a key, by the name of their field (from the API's reference: "patch strategy: merge", "map" list types).
KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "addresses": ("type",),
    "taints": ("key",),
}
PORTS = {"containers": ("containerPort", "protocol"), "initContainers": ("containerPort", "protocol"), "spec": ("port", "protocol")}
SETS = {"finalizers"}


def keys_of(path: tuple[str, ...]) -> tuple[str, ...]:
    """The keys by which the entries of the list at this path are told apart; none for a list that is one value."""
    if path[-1:] == ("ports",):
        above = next((name for name in reversed(path[:-1]) if name in PORTS), "")
        return PORTS.get(above, ())
    if path[-2:] == ("spec", "taints") or path[-1:] != ("taints",):
        return KEYS.get(path[-1], ()) if path else ()
    return ()


def merge(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copied(patch)
    made = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merge(made.get(key), value)
    return made


def json_patch(live: Json, patch: Any) -> Json:
    if not isinstance(patch, list):
        raise Fail(400, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp", "BadRequest")
    import jsonpatch  # here, so that who sends no such patch needs no such library

    try:
        made: Json = jsonpatch.apply_patch(live, patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        raise Fail(422, "the server rejected our request due to an error in our request", "Invalid", {}) from error
    return made


def strategic(live: Any, patch: Any, path: tuple[str, ...] = ()) -> Any:
    if isinstance(patch, list):
        return _lists(live if isinstance(live, list) else [], patch, path)
    if not isinstance(patch, dict):
        return copied(patch)
    rest = {key: value for key, value in patch.items() if not key.startswith("$")}
    if patch.get("$patch") == "delete":
        return {}
    made = dict(live) if isinstance(live, dict) and patch.get("$patch") != "replace" else {}
    for key, value in rest.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = strategic(made.get(key), value, (*path, key))
    for key, gone in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            made[field] = [one for one in made.get(field) or [] if one not in gone]
    if "$retainKeys" in patch:
        made = {key: value for key, value in made.items() if key in patch["$retainKeys"]}
    return made


def _lists(live: list[Any], patch: list[Any], path: tuple[str, ...]) -> list[Any]:
    if path[-1] in SETS:
        return live + [one for one in patch if one not in live]
    keys = keys_of(path)[:1]  # the strategic merge knows one key alone
    if not keys:
        return copied(patch)
    if any(isinstance(one, dict) and one.get("$patch") == "replace" for one in patch):
        return [copied(one) for one in patch if "$patch" not in one]
    made = list(live)
    for one in patch:
        found = next((index for index, old in enumerate(made) if all(old.get(key) == one.get(key) for key in keys)), None)
        if one.get("$patch") == "delete":
            made = [old for index, old in enumerate(made) if index != found]
        elif found is None:
            made.append(strategic({}, one, path))
        else:
            made[found] = strategic(made[found], one, path)
    return made
