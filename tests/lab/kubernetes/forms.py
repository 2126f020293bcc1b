"""The forms of an answer that a caller may ask for: whole objects, metadata alone, a table, JSON or YAML."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import datetime
from typing import Any

import yaml

from lab.kubernetes.kinds import Resource
from lab.kubernetes.request import Json, Target
from lab.kubernetes.status import Fail, Response

META = "meta.k8s.io/v1"
WANTED = ("application/json", "application/yaml", "application/*", "*/*")
OFFERED = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)


def _ready(item: Json) -> str:
    told = (item.get("status") or {}).get("containerStatuses") or []
    return f"{sum(bool(one.get('ready')) for one in told)}/{len(item['spec'].get('containers') or [])}"


# Columns of built-in kinds between Name and Age: their names, and how a cell is read.
COLUMNS: dict[str, list[tuple[str, str, Any]]] = {
    "configmaps": [("Data", "string", lambda item: len(item.get("data") or {}) + len(item.get("binaryData") or {}))],
    "secrets": [("Type", "string", lambda item: item.get("type")), ("Data", "string", lambda item: len(item.get("data") or {}))],
    "namespaces": [("Status", "string", lambda item: (item.get("status") or {}).get("phase"))],
    "pods": [
        ("Ready", "string", _ready),
        ("Status", "string", lambda item: (item.get("status") or {}).get("phase")),
        ("Restarts", "string", lambda item: str(sum(one.get("restartCount", 0) for one in (item.get("status") or {}).get("containerStatuses") or []))),
    ],
}
# Columns after Age, for those who ask for a wide table.
WIDE: dict[str, list[tuple[str, str, Any]]] = {
    "pods": [
        ("IP", "string", lambda item: (item.get("status") or {}).get("podIP") or "<none>"),
        ("Node", "string", lambda item: item["spec"].get("nodeName") or "<none>"),
        ("Nominated Node", "string", lambda item: (item.get("status") or {}).get("nominatedNodeName") or "<none>"),
        ("Readiness Gates", "string", lambda item: "<none>"),
    ],
}


class Form:
    """How one caller wants to see objects of a kind. 406 for what cannot be."""

    def __init__(self, kind: Resource, target: Target, accept: str, now: datetime) -> None:
        self.kind, self.target, self.now = kind, target, now
        offers = [[part.strip() for part in one.split(";")] for one in accept.split(",")] if accept else [["*/*"]]
        offer = next((one for one in offers if one[0] in WANTED), None)
        if offer is None:
            raise Fail(406, f"406: Not Acceptable\n\nAvailable representations: {OFFERED}", "NotAcceptable", {})
        self.type = "application/yaml" if offer[0] == "application/yaml" else "application/json"
        self.as_ = next((part[3:] for part in offer if part.startswith("as=")), "")

    def whole(self, item: Json) -> Json:
        """For events and single objects."""
        if self.as_.startswith("PartialObjectMetadata"):
            return partial(item)
        if self.kind.qualified == "events.events.k8s.io":
            item = newer_event(item)
        return {"kind": self.kind.kind, "apiVersion": self.target.api_version, **item}

    def single(self, item: Json) -> Response:
        if self.as_ == "Table":
            return self._answer(self._table({"resourceVersion": item["metadata"]["resourceVersion"]}, [item]))
        return self._answer(self.whole(item))

    def listed(self, meta: Json, items: list[Json]) -> Response:
        if self.as_ == "Table":
            return self._answer(self._table(meta, items))
        if self.as_.startswith("PartialObjectMetadata"):
            head = {"kind": "PartialObjectMetadataList", "apiVersion": META}
            meta = {key: value for key, value in meta.items() if value != ""}
            return self._answer({**head, "metadata": meta, "items": [partial(item) for item in items] or None})
        head = {"kind": self.kind.list_kind, "apiVersion": self.target.api_version}
        if self.kind.custom:
            items = [self.whole(item) for item in items]
        elif self.kind.qualified == "events.events.k8s.io":
            items = [newer_event(item) for item in items]
        return self._answer({**head, "metadata": meta, "items": items})

    def _answer(self, body: Json) -> Response:
        if self.type == "application/yaml":
            return Response(200, yaml.safe_dump(body), {"Content-Type": self.type})
        return Response(200, body)

    def _table(self, meta: Json, items: list[Json]) -> Json:
        columns: list[tuple[str, str, Any]] = [("Name", "string", lambda item: item["metadata"]["name"])]
        told = self.kind.of_version(self.target.version).get("additionalPrinterColumns") if self.kind.custom else None
        if told:
            columns += [(one["name"], one["type"], lambda item, path=one["jsonPath"]: reached(item, path)) for one in told]
        else:
            columns += [*COLUMNS.get(self.kind.qualified, []), ("Age", "string", lambda item: age(item, self.now))]
        wide = [] if told else WIDE.get(self.kind.qualified, [])
        definitions = [
            {"name": name, "type": kind, "format": "name" if name == "Name" else "", "description": name, "priority": int((name, kind, cell) in wide)}
            for name, kind, cell in [*columns, *wide]
        ]
        columns += wide
        rows = [{"cells": [cell(item) for _name, _kind, cell in columns], "object": partial(item)} for item in items]
        meta = {key: value for key, value in meta.items() if value != ""}
        return {"kind": "Table", "apiVersion": META, "metadata": meta, "columnDefinitions": definitions, "rows": rows}


def age(item: Json, now: datetime) -> str:
    """As kubectl shows it, in the largest unit that fills two."""
    seconds = int((now - datetime.fromisoformat(item["metadata"]["creationTimestamp"])).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


def partial(item: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": item["metadata"]}


def reached(item: Json, path: str) -> Any:
    """A plain JSONPath of a printer column."""
    found: Any = item
    for part in path.strip(".").split("."):
        found = (found or {}).get(part) if isinstance(found, dict) else None
    return found


def newer_event(item: Json) -> Json:
    """An event of the core group as events.k8s.io shows it."""
    names = {
        **{"involvedObject": "regarding", "message": "note", "source": "deprecatedSource", "firstTimestamp": "deprecatedFirstTimestamp"},
        **{"lastTimestamp": "deprecatedLastTimestamp", "count": "deprecatedCount", "reportingComponent": "reportingController"},
    }
    return {names.get(key, key): value for key, value in item.items()}
