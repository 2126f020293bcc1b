"""Compares an answer with the recorded one: status, headers, errors word by word, objects field by field."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from typing import Any

import yaml

from lab.kubernetes.status import Response

Line = dict[str, Any]
View = Callable[[Any], Any] | None
SLOW = 1.5  # s by which an answer may come later or earlier
HEADERS = ("Content-Type", "Retry-After", "Warning")
SEEN_IN_PART = ("Pod", "Node", "Event")  # what a kubelet, a scheduler and a hundred defaults fill in


class Ids:
    """Which of our ids, versions, names and tokens stand for those of the recording. A version that breaks the order is a difference."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str] = {}
        self.wrong: list[str] = []

    def meet(self, what: str, theirs: Any, ours: Any) -> None:
        if bool(theirs) != bool(ours):
            self.wrong.append(f"{what} {ours!r} for {theirs!r}")
            return
        if not theirs:
            return
        key = (what, str(theirs))
        if self.known.setdefault(key, str(ours)) != str(ours):
            self.wrong.append(f"{what} {ours} for {theirs}, which was {self.known[key]}")
        back = [one for (kind, one), mine in self.known.items() if kind == what and mine == str(ours)]
        if len(back) > 1:
            self.wrong.append(f"{what} {ours} for {back}")
        if what == "resourceVersion":
            for (kind, other), mine in self.known.items():
                if kind == what and other.isdigit() and (int(other) < int(theirs)) != (int(mine) < int(ours)):
                    self.wrong.append(f"{what} {ours} for {theirs}, but {mine} for {other}")

    def ours(self, text: str, field: str = "") -> str:
        """In what is sent: a whole value, or the names in a path."""
        for kind in ("resourceVersion",) if field == "resourceVersion" else ("uid", "continue"):
            if (kind, text) in self.known:
                return self.known[kind, text]
        if "/" in text:
            return "/".join(self.known.get(("name", part), part) for part in text.split("/"))
        return self.known.get(("name", text), text)

    def translated(self, body: Any, field: str = "") -> Any:
        if isinstance(body, dict):
            return {key: self.translated(value, key) for key, value in body.items()}
        if isinstance(body, list):
            return [self.translated(value) for value in body]
        return self.ours(body, field) if isinstance(body, str) and field in ("uid", "resourceVersion", "name") else body


def differences(answer: Response, line: Line, ids: Ids, view: View = None) -> list[str]:
    """`view` makes of an answer (ours and theirs) what is to be compared of it, for what differs from run to run."""
    theirs = line["response"]
    if answer.status != theirs["status"]:
        return [f"status {answer.status} for {theirs['status']}: {answer.text[:300]!r}"]
    found = [
        f"{name}: {answer.headers.get(name)} for {theirs['headers'].get(name)}"
        for name in HEADERS
        if answer.headers.get(name) != theirs["headers"].get(name) and not (name == "Warning" and answer.status >= 400)
    ]
    if abs(answer.delay - line["took"]) > SLOW and "lines" not in theirs and line["request"]["method"] == "GET":
        found.append(f"{answer.delay} s for {line['took']} s")
    if "body" not in theirs and "lines" not in theirs:
        return found
    body = theirs["body"] if "body" in theirs else theirs["lines"][0]["event"]
    ours = answer.body
    if line["request"]["method"] == "HEAD":
        return found
    if theirs["headers"].get("Content-Type") == "application/yaml":
        ours, body = yaml.safe_load(ours), yaml.safe_load(body)
    if isinstance(body, str):
        return found + texts(str(ours), body)
    if view is not None:
        ours, body = view(ours), view(body)
    ids.wrong.clear()
    mine, right = shown(ours, body, ids), shown(body, body, None)
    return found + [*ids.wrong, *unequal(mine, right)]


def texts(ours: str, theirs: str) -> list[str]:
    """Plain answers. Of the long list of health checks the first and the last lines."""
    if theirs.startswith("[+]"):
        ours, theirs = ours.splitlines()[0] + ours.splitlines()[-1], theirs.splitlines()[0] + theirs.splitlines()[-1]
    return [] if ours == theirs else [f"{ours!r} for {theirs!r}"]


def unequal(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in {**ours, **theirs}:
            if (key in ours) != (key in theirs):
                found.append(f"{path}.{key}: {ours.get(key, 'nothing')!r} for {theirs.get(key, 'nothing')!r}")
            else:
                found += unequal(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [text for index, pair in enumerate(zip(ours, theirs, strict=True)) for text in unequal(*pair, f"{path}[{index}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} for {theirs!r}"]


def shown(item: Any, theirs: Any, ids: Ids | None) -> Any:
    """What is compared of an answer. `theirs` is the recorded one beside which ids are met."""
    if not isinstance(item, dict):
        return item
    kind = item.get("kind", "")
    if "items" in item:
        rows, other = item["items"], (theirs or {}).get("items")
        one = kind.removesuffix("List")
        told = None if rows is None else [_object({"kind": one, **row}, _beside(other, index), ids) for index, row in enumerate(rows)]
        return {"kind": kind, "apiVersion": item.get("apiVersion"), "metadata": _list_meta(item, theirs, ids), "items": told}
    if kind == "Status":
        return _status(item, theirs, ids)
    if kind == "Table":
        return _table(item)
    if kind in ("APIResourceList", "APIGroupList", "APIVersions"):
        return _discovery(item)
    return _object(item, theirs, ids)


def _beside(rows: Any, index: int) -> Any:
    return rows[index] if isinstance(rows, list) and index < len(rows) else None


def _list_meta(item: Line, theirs: Any, ids: Ids | None) -> Line:
    meta = dict(item["metadata"])
    if ids is not None and isinstance(theirs, dict) and "items" in theirs:
        ids.meet("continue", theirs["metadata"].get("continue"), meta.get("continue"))
    return {key: bool(value) if key in ("resourceVersion", "continue") else value for key, value in meta.items()}


def _status(item: Line, theirs: Any, ids: Ids | None) -> Line:
    recorded = str((theirs or {}).get("message", ""))
    made = {**item, "message": item.get("message", "").partition("\n  core.")[0].partition("current: ")[0]}
    details = dict(item.get("details") or {})
    if ids is not None:
        ids.meet("uid", ((theirs or {}).get("details") or {}).get("uid"), details.get("uid"))
        for (kind, other), mine in sorted(ids.known.items()):  # messages name them
            if kind in ("uid", "resourceVersion") and len(mine) > 2:
                made["message"] = made["message"].replace(mine, other)
    if "uid" in details:
        details["uid"] = True
    if "details" in item:
        made["details"] = details
        if "\n  core." in recorded:  # a comparison of Go structures
            details.pop("causes", None)
    if made["metadata"]:
        made["metadata"] = sorted(made["metadata"])
    return made


def _table(item: Line) -> Line:
    """All but descriptions, and ages."""
    aged = [index for index, one in enumerate(item["columnDefinitions"]) if one["name"] == "Age"]
    rows = [[cell for index, cell in enumerate(row["cells"]) if index not in aged] + [row["object"]["metadata"]["name"]] for row in item["rows"]]
    return {"kind": "Table", "columns": [(one["name"], one["type"], one["format"], one["priority"]) for one in item["columnDefinitions"]], "rows": rows}


def _discovery(item: Line) -> Line:
    """Without hashes and the server's address; kinds that not both have are told where they are left out."""
    if item["kind"] == "APIVersions":
        return {"versions": item["versions"]}
    if item["kind"] == "APIGroupList":
        return {one["name"]: one for one in item["groups"]}
    rows = {one["name"]: {key: value for key, value in one.items() if key != "storageVersionHash"} for one in item["resources"]}
    return {"groupVersion": item["groupVersion"], "rows": {name: row for name, row in rows.items() if name not in ("bindings", "componentstatuses")}}


def _object(item: Line, theirs: Any, ids: Ids | None) -> Any:
    meta = dict(item.get("metadata") or {})
    other = (theirs or {}).get("metadata") or {}
    if ids is not None and "metadata" in item:
        for field in ("uid", "resourceVersion"):
            ids.meet(field, other.get(field), meta.get(field))
        if meta.get("generateName"):
            ids.meet("name", other.get("name"), meta.get("name"))
    if meta.get("generateName"):
        meta["name"] = len(meta["name"])
    for field in ("uid", "resourceVersion", "creationTimestamp"):
        if field in meta:
            meta[field] = bool(meta[field])
    if meta.get("deletionTimestamp"):
        meta["deletionTimestamp"] = True
    if "managedFields" in other or "managedFields" in meta:
        meta["managedFields"] = fields(meta) if "managedFields" in other else "not recorded"
    if theirs is not None and "managedFields" not in other:
        meta.pop("managedFields", None)
    if item.get("kind") in SEEN_IN_PART:
        return part(item, meta)
    return stampless({**item, **({"metadata": meta} if "metadata" in item else {})})


def fields(meta: Line) -> list[Line]:
    return [{key: value for key, value in one.items() if key != "time"} for one in meta.get("managedFields") or []]


def stampless(item: Any) -> Any:
    """Times are there or not; tokens too."""
    if isinstance(item, dict):
        gone = ("lastTransitionTime", "lastUpdateTime", "expirationTimestamp", "token", "uid")
        return {key: bool(value) if key in gone else stampless(value) for key, value in item.items() if key != "extra"}
    return [stampless(one) for one in item] if isinstance(item, list) else item


def part(item: Line, meta: Line) -> Line:
    """What callers read of a pod, a machine, an event."""
    told = {"kind": item["kind"], "name": meta.get("name"), "labels": set(meta.get("labels") or ()) - {"lab-state"}}
    told["deleting"] = (bool(meta.get("deletionTimestamp")), meta.get("deletionGracePeriodSeconds"))
    if item["kind"] == "Pod":
        conditions = {one["type"]: one["status"] for one in item["status"].get("conditions") or []}
        told["state"] = (item["status"]["phase"], conditions.get("Ready", "False"), item["spec"].get("nodeName") is None)
    if item["kind"] == "Event":
        told = {key: item.get(key) for key in ("kind", "reason", "type", "message", "note")}
    return told


def watch_differences(events: list[Line], line: Line, ids: Ids, view: View = None) -> list[str]:
    theirs = line["response"].get("lines") or []
    kinds = [entry["event"]["type"] for entry in theirs]
    ours = [entry["event"]["type"] for entry in events]
    if kinds != ours:
        return [f"{ours} for {kinds}"]
    found: list[str] = []
    for mine, right in zip(events, theirs, strict=True):
        ids.wrong.clear()
        item, other = mine["event"]["object"], right["event"]["object"]
        if view is not None:
            item, other = view(item), view(other)
        seen, is_now = shown(item, other, ids), shown(other, other, None)
        found += [*ids.wrong, *unequal(seen, is_now, right["event"]["type"])]
        if abs(mine["at"] - right["at"]) > 2.0:
            found.append(f"{right['event']['type']} at {mine['at']:.1f} for {right['at']}")
    return found
