"""Managed fields: who last wanted which field of an object, conflicts between them, and server-side apply."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.copies import copied
from lab.kubernetes.patches import SETS, keys_of
from lab.kubernetes.status import Fail

Json = dict[str, Any]
Path = tuple[str, ...]  # "f:name" of a field, 'k:{"name":"app"}' of an entry by its keys, 'v:"x"' of an entry of a set
Keys = Callable[[Path], tuple[str, ...]]
MAPS = {"data", "binaryData", "labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests"}
NOBODYS = {("f:apiVersion",), ("f:kind",)}
OWN = {
    *("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"),
    "selfLink",
}


@dataclass(frozen=True)
class Manager:
    """`operation` is Apply or Update; a subresource has entries of its own."""

    name: str
    operation: str
    api_version: str
    sub: str = ""

    @property
    def shown(self) -> str:
        where = f' with subresource "{self.sub}"' if self.sub else ""
        return f'"{self.name}"{where}' + (f" using {self.api_version}" if self.operation == "Update" else "")


class Tree:
    """An object as paths. `custom` objects have no lists with keys but those that their schema tells."""

    def __init__(self, schema: Json | None = None, custom: bool = False) -> None:
        self.schema, self.custom = schema or {}, custom

    def keys(self, path: Path) -> tuple[str, ...]:
        names = tuple(part[2:] for part in path if part.startswith("f:"))
        if not self.custom or names[:1] == ("metadata",):
            return keys_of(names)
        found = self._schema(path)
        return tuple(found.get("x-kubernetes-list-map-keys") or ()) if found.get("x-kubernetes-list-type") == "map" else ()

    def is_set(self, path: Path) -> bool:
        if self.custom and path[:1] != ("f:metadata",):
            return self._schema(path).get("x-kubernetes-list-type") == "set"
        return path[-1][2:] in SETS

    def _schema(self, path: Path) -> Json:
        found = self.schema
        for part in path:
            if part.startswith("f:"):
                other = found.get("additionalProperties")
                found = (found.get("properties") or {}).get(part[2:]) or (other if isinstance(other, dict) else {})
            else:
                found = found.get("items") or {}
        return found

    def leaves(self, item: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
        """Every path that somebody can want, with its value; an entry of a list with keys is one itself, with None."""
        if isinstance(item, dict) and item:
            for key, value in item.items():
                here = (*path, f"f:{key}")
                if here not in NOBODYS and not (path == ("f:metadata",) and key in OWN):
                    yield from self.leaves(value, here)
        elif isinstance(item, list) and item and path and self.is_set(path):
            for one in item:
                yield (*path, f"v:{json.dumps(one)}"), one
        elif isinstance(item, list) and item and self.keys(path) and all(isinstance(one, dict) for one in item):
            for one in item:
                here = (*path, name_of(one, self.keys(path)))
                yield here, None
                yield from self.leaves(one, here)
        elif path:
            yield path, item

    def maps(self, item: Any, path: Path = ()) -> Iterator[Path]:
        """The maps in it, which an update owns besides what they hold."""
        for key, value in item.items() if isinstance(item, dict) else ():
            here = (*path, f"f:{key}")
            if isinstance(value, dict) and value and here not in NOBODYS:
                if key in MAPS or (self.custom and here != ("f:metadata",)):
                    yield here
                yield from self.maps(value, here)

    def merge(self, live: Any, wanted: Any, path: Path = ()) -> Any:
        """What is wanted over what stands."""
        if isinstance(wanted, dict) and isinstance(live, dict):
            made = dict(live)
            for key, value in wanted.items():
                made[key] = self.merge(live.get(key), value, (*path, f"f:{key}"))
            return made
        if isinstance(wanted, list) and isinstance(live, list) and path:
            if self.is_set(path):
                return live + [one for one in wanted if one not in live]
            keys = self.keys(path)
            if keys and all(isinstance(one, dict) for one in [*live, *wanted]):
                return self._entries(live, wanted, path, keys)
        return copied(wanted)

    def _entries(self, live: list[Json], wanted: list[Json], path: Path, keys: tuple[str, ...]) -> list[Json]:
        old = {name_of(one, keys): one for one in live}
        new = {name_of(one, keys): one for one in wanted}
        made = [self.merge(old.get(name), one, (*path, name)) for name, one in new.items()]
        return made + [one for name, one in old.items() if name not in new]

    def without(self, item: Any, gone: set[Path], path: Path = ()) -> Any:
        """Leaves out the paths, and what becomes empty with them."""
        if isinstance(item, dict):
            made = {}
            for key, value in item.items():
                here = (*path, f"f:{key}")
                if here in gone:
                    continue
                left = self.without(value, gone, here)
                if left in ({}, []) and value not in ({}, []) and any(one[: len(here)] == here for one in gone):
                    continue
                made[key] = left
            return made
        if isinstance(item, list) and path:
            if self.is_set(path):
                return [one for one in item if (*path, f"v:{json.dumps(one)}") not in gone]
            keys = self.keys(path)
            if keys and all(isinstance(one, dict) for one in item):
                named = [((*path, name_of(one, keys)), one) for one in item]
                return [self.without(one, gone, here) for here, one in named if here not in gone]
        return item


def name_of(item: Json, keys: tuple[str, ...]) -> str:
    defaults = {"protocol": "TCP"}
    return "k:" + json.dumps({key: item.get(key, defaults.get(key)) for key in sorted(keys)}, separators=(",", ":"))


# --- the form in which objects carry it ---
def read(item: Json) -> dict[Manager, set[Path]]:
    found: dict[Manager, set[Path]] = {}
    for entry in item["metadata"].get("managedFields") or []:
        who = Manager(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))
        found[who] = set(_paths(entry["fieldsV1"], ()))
    return found


def _paths(tree: Json, path: Path) -> Iterator[Path]:
    if not tree:
        yield path
    for part, below in tree.items():
        if part == ".":
            yield path
        else:
            yield from _paths(below, (*path, part))


def written(owners: dict[Manager, set[Path]], old: list[Json], now: str) -> list[Json]:
    """Entries whose fields are the same keep their time."""
    before = {(one["manager"], one["operation"], one.get("subresource", "")): one for one in old}
    made = []
    for who, paths in owners.items():
        if not paths:
            continue
        tree: Json = {}
        for path in sorted(paths):
            found = tree
            for part in path:
                found = found.setdefault(part, {})
        _dots(tree, paths, ())
        was = before.get((who.name, who.operation, who.sub))
        time = was["time"] if was is not None and was["fieldsV1"] == tree and was["apiVersion"] == who.api_version else now
        entry: Json = {"manager": who.name, "operation": who.operation, "apiVersion": who.api_version, "time": time, "fieldsType": "FieldsV1", "fieldsV1": tree}
        made.append({**entry, **({"subresource": who.sub} if who.sub else {})})
    return sorted(made, key=lambda one: (one["operation"] != "Apply", bool(one.get("subresource"))))


def _dots(tree: Json, paths: set[Path], path: Path) -> None:
    for part, below in list(tree.items()):
        if part != ".":
            _dots(below, paths, (*path, part))
    if path in paths and tree:
        tree["."] = {}


# --- what writes do to it ---
def updated(tree: Tree, before: Json | None, made: Json, who: Manager, now: str) -> list[Json]:
    """After a write that is no apply: fields that it changed are its own alone, fields that are gone are nobody's."""
    owners = read(before) if before else {}
    was = dict(tree.leaves(before)) if before else {}
    is_now = dict(tree.leaves(made))
    was |= dict.fromkeys(tree.maps(before or {}))
    is_now |= dict.fromkeys(tree.maps(made))
    changed = {path for path, value in is_now.items() if path not in was or was[path] != value}
    for other in owners:
        owners[other] = {path for path in owners[other] if path in is_now and path not in changed}
    if changed:
        mine = Manager(who.name, who.operation, who.api_version, who.sub)
        older = next((one for one in owners if (one.name, one.operation, one.sub) == (who.name, who.operation, who.sub)), mine)
        owners[mine] = owners.pop(older, set()) | changed
    return written(owners, (before or {"metadata": {}})["metadata"].get("managedFields") or [], now)


def applied(tree: Tree, live: Json | None, wanted: Json, who: Manager, force: bool, now: str) -> Json:
    """The object that server-side apply makes, with its managed fields. 409 with causes where others want something else."""
    live = copied(live) if live is not None else {"metadata": {}}
    owners = read(live)
    old = live["metadata"].get("managedFields") or []
    values = dict(tree.leaves(live))
    mine = dict(tree.leaves(wanted))
    against: list[tuple[Manager, Path]] = []
    for other, paths in owners.items():
        if (other.name, other.operation, other.sub) != (who.name, who.operation, who.sub):
            against += [(other, path) for path in sorted(paths) if path in mine and mine[path] != values.get(path)]
    if against and not force:
        raise conflict(against)
    for other, path in against:
        owners[other].discard(path)
    older = next((one for one in owners if (one.name, one.operation, one.sub) == (who.name, who.operation, who.sub)), None)
    before = owners[older] if older else set()
    if older and older != who:
        owners = {who if one == older else one: paths for one, paths in owners.items()}
    others = {path for other, paths in owners.items() if other != who for path in paths}
    owners[who] = set(mine)
    made: Json = tree.merge(live, wanted)
    made = tree.without(made, before - set(mine) - others)
    kept = {path for path, _value in tree.leaves(made)}
    owners = {one: {path for path in paths if path in kept} for one, paths in owners.items()}
    made["metadata"]["managedFields"] = written(owners, old, now)
    return made


def shown(path: Path) -> str:
    """As conflicts name it: .spec.containers[name="app"].image"""
    text = ""
    for part in path:
        if part.startswith("k:"):
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(part[2:]).items()) + "]"
        else:
            text += f"[={part[2:]}]" if part.startswith("v:") else f".{part[2:]}"
    return text


def conflict(against: list[tuple[Manager, Path]]) -> Fail:
    causes = [{"reason": "FieldManagerConflict", "message": f"conflict with {who.shown}", "field": shown(path)} for who, path in against]
    if len(against) == 1:
        words = f"1 conflict: conflict with {against[0][0].shown}: {shown(against[0][1])}"
    else:
        lines = []
        for who in sorted({who for who, _path in against}, key=lambda one: one.shown):
            lines += [f"conflicts with {who.shown}:", *(f"- {shown(path)}" for other, path in against if other == who)]
        words = f"{len(against)} conflicts: " + "\n".join(lines)
    return Fail(409, f"Apply failed with {words}", "Conflict", {"causes": causes})
