# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object as it stands beside what the API says it would become: what differs, what is left over, and whose it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import CREDENTIAL_VARIABLES, CREDENTIALS
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import IDENTITY

OWN_META = ("labels", "annotations")
# Who wrote what the guide's command line left behind: the velero program, kubectl in its several names, and what was there before apply was known.
GUIDES = ("velero", "velero-cli", "velero-server", "before-first-apply")
LONGEST = 120


def is_guides(manager: str, ours: str) -> bool:
    """Whether fields of that manager may be taken over without asking."""
    return manager in (*GUIDES, ours) or manager == "kubectl" or manager.startswith("kubectl-")


def content(item: Json) -> Json:
    """The object without what the API alone writes."""
    meta = item.get("metadata") or {}
    kept = {name: meta[name] for name in OWN_META if meta.get(name)}
    return {**{name: value for name, value in item.items() if name not in ("metadata", "status", "apiVersion", "kind")}, "metadata": kept}


def with_live(body: Json, live: Optional[Json]) -> Json:
    """What is wanted, but with the live resources of its containers: an operator who gave Velero more memory keeps it."""
    if live is None or "template" not in (body.get("spec") or {}):
        return body
    made = copy.deepcopy(body)
    for container in made["spec"]["template"]["spec"]["containers"]:
        same = [one for one in _pod(live).get("containers") or () if one.get("name") == container["name"]]
        if same and same[0].get("resources"):
            container["resources"] = copy.deepcopy(same[0]["resources"])
    return made


def pruned(planned: Json, body: Json) -> Json:
    """What the API would make of it, without what an installer once put there and is no longer wanted: apply leaves what others wrote."""
    made = copy.deepcopy(planned)
    for path in leftovers(planned, body):
        _remove(made, path)
    return made


def leftovers(item: Json, body: Json) -> list[tuple[str, ...]]:
    """Paths of those fields, in the form of managed fields."""
    if "template" in (body.get("spec") or {}):
        return list(_pod_leftovers(item, body))
    if item.get("kind") in ("BackupStorageLocation", "VolumeSnapshotLocation"):
        return list(_location_leftovers(item, body))
    if item.get("kind") == "ServiceAccount":
        there, wanted = (one["metadata"].get("annotations") or {} for one in (item, body))
        return [("f:metadata", "f:annotations", f"f:{name}") for name in IDENTITY.values() if name in there and name not in wanted]
    return []


def _location_leftovers(item: Json, body: Json) -> Iterator[tuple[str, ...]]:
    for part in ("config", "objectStorage"):
        there, wanted = (one["spec"].get(part) or {} for one in (item, body))
        for name in there:
            if name not in wanted and (part == "config" or name == "prefix"):
                yield ("f:spec", f"f:{part}", f"f:{name}")


def _pod_leftovers(item: Json, body: Json) -> Iterator[tuple[str, ...]]:
    root = ("f:spec", "f:template", "f:spec")
    there, wanted = _pod(item), _pod(body)
    for one in there.get("initContainers") or ():
        is_plugin = any(mount.get("mountPath") == "/target" for mount in one.get("volumeMounts") or ())
        if is_plugin and one["name"] not in _names(wanted.get("initContainers")):
            yield (*root, "f:initContainers", _key("name", one["name"]))
    if CREDENTIALS in _names(there.get("volumes")) and CREDENTIALS not in _names(wanted.get("volumes")):
        yield (*root, "f:volumes", _key("name", CREDENTIALS))
    for container in there.get("containers") or ():
        same = [one for one in wanted["containers"] if one["name"] == container["name"]]
        if same:
            yield from _container_leftovers((*root, "f:containers", _key("name", container["name"])), container, same[0])


def _container_leftovers(root: tuple[str, ...], there: Json, wanted: Json) -> Iterator[tuple[str, ...]]:
    for one in there.get("env") or ():
        if one["name"] in CREDENTIAL_VARIABLES and one["name"] not in _names(wanted["env"]):
            yield (*root, "f:env", _key("name", one["name"]))
    for one in there.get("volumeMounts") or ():
        if one["name"] == CREDENTIALS and CREDENTIALS not in _names(wanted["volumeMounts"]):
            yield (*root, "f:volumeMounts", _key("mountPath", one["mountPath"]))


def owners(item: Json, path: tuple[str, ...]) -> set[str]:
    """The managers of a field; none where the API told no managed fields."""
    found = set()
    for entry in (item.get("metadata") or {}).get("managedFields") or ():
        tree: Any = entry.get("fieldsV1") or {}
        for part in path:
            tree = tree.get(part) if isinstance(tree, dict) else None
        if tree is not None:
            found.add(str(entry.get("manager") or ""))
    return found


def shown(path: tuple[str, ...]) -> str:
    """Such as spec.template.spec.volumes[cloud-credentials]."""
    text = ""
    for part in path:
        text += f".{part[2:]}" if part.startswith("f:") else f"[{next(iter(json.loads(part[2:]).values()))}]"
    return text.lstrip(".")


def differences(live: Json, final: Json, is_secret: bool) -> tuple[str, ...]:
    """What differs, for people, by path; of a Secret never a value."""
    found = list(_differing(content(live), content(final), ""))
    if is_secret:
        return tuple(sorted({f"{path}: changed" for path, _old, _new in found}))
    return tuple(f"{path}: {_short(old)} -> {_short(new)}" for path, old, new in found)


def _differing(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _differing(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif _by_name(old) is not None and _by_name(new) is not None:
        before, after = _by_name(old) or {}, _by_name(new) or {}
        for key in [*before, *(name for name in after if name not in before)]:
            yield from _differing(before.get(key), after.get(key), f"{path}[{key}]")
    elif old != new and (old or new or type(old) is type(new)):  # null, {} and [] are the same nothing
        yield path, old, new


def _by_name(value: Any) -> Optional[dict[str, Any]]:
    """A list of named things by their names; None where it is no such list."""
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) and "name" in one for one in value):
        return None
    made = {str(one["name"]): one for one in value}
    return made if len(made) == len(value) else None


def merge_patch(old: Any, new: Any) -> Any:
    """The merge patch that makes `new` of `old`; both are objects."""
    patch: Json = {name: None for name in old if name not in new}
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            inner = merge_patch(old[name], value)
            if inner:
                patch[name] = inner
        elif name not in old or old[name] != value:
            patch[name] = value
    return patch


def _remove(item: Json, path: tuple[str, ...]) -> None:
    here: Any = item
    for part in path[:-1]:
        here = here[part[2:]] if part.startswith("f:") else _entry(here, part)
    if path[-1].startswith("f:"):
        del here[path[-1][2:]]
    else:
        here.remove(_entry(here, path[-1]))


def _entry(entries: Any, part: str) -> Any:
    wanted = json.loads(part[2:])
    return next(one for one in entries if all(one.get(name) == value for name, value in wanted.items()))


def _key(name: str, value: str) -> str:
    return "k:" + json.dumps({name: value}, separators=(",", ":"))


def _names(entries: Any) -> set[str]:
    return {str(one["name"]) for one in entries or ()}


def _pod(item: Json) -> Json:
    return dict(item["spec"]["template"]["spec"])


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "..."
    text = json.dumps(value, sort_keys=True)
    return "nothing" if value is None else text if len(text) <= LONGEST else text[:LONGEST] + "..."
