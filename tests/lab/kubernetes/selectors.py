"""Label and field selectors, with the API's words for those that cannot be."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections.abc import Callable
from typing import Any

from lab.kubernetes.kinds import Resource
from lab.kubernetes.status import Fail

Test = Callable[[dict[str, Any]], bool]
FIELDS = ("metadata.name", "metadata.namespace")
OWN_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP"),
    "events": (
        *("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion"),
        *("involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"),
    ),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}
LONGEST = 63


def labels(text: str) -> Test:
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return lambda item: all(test(item["metadata"].get("labels") or {}) for test in tests)


def _requirement(text: str) -> Test:
    found = re.fullmatch(r"(\S+)\s+(in|notin)\s*(.*)", text)
    if found:
        key, how, rest = found.groups()
        if not rest.startswith("("):
            raise Fail(400, f"unable to parse requirement: found '{rest}' expected: '('", "BadRequest")
        values = {value.strip() for value in rest.strip("()").split(",")}
        return (lambda given: given.get(key) in values) if how == "in" else (lambda given: given.get(key) not in values)
    found = re.fullmatch(r"([^!=]+)(!=|==|=)(.*)", text)
    if found:
        key, how, value = (part.strip() for part in found.groups())
        if len(value) > LONGEST:
            words = f'values[0][{key}]: Invalid value: "{value}": must be no more than {LONGEST} characters'
            raise Fail(400, f"unable to parse requirement: {words}", "BadRequest")
        return (lambda given: given.get(key) != value) if how == "!=" else (lambda given: given.get(key) == value)
    return (lambda given: text[1:].strip() not in given) if text.startswith("!") else (lambda given: text in given)


def fields(text: str, kind: Resource) -> Test:
    tests = [_field(part, kind) for part in text.split(",") if part]
    return lambda item: all(test(item) for test in tests)


def _field(text: str, kind: Resource) -> Test:
    found = re.fullmatch(r"([^!=]+)(!=|==|=)(.*)", text)
    if found is None:
        raise Fail(400, f"invalid selector: '{text}'; can't understand '{text}'", "BadRequest")
    name, how, value = found.groups()
    more = OWN_FIELDS.get(kind.qualified, ())
    if kind.custom:
        more = tuple(one["jsonPath"].strip(".") for one in kind.of_version(kind.version).get("selectableFields") or [])
    if name not in (*FIELDS, *more):
        if kind.custom:
            raise Fail(400, f"field label not supported: {name}", "BadRequest")
        known = f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        raise Fail(400, f"field label not supported: {name}" if more else known, "BadRequest")
    return lambda item: (_value(item, name) == value) == (how != "!=")


def _value(item: dict[str, Any], path: str) -> str:
    found: Any = item
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, dict):  # "source" of an event stands for its component
        found = found.get("component")
    return str(found).lower() if isinstance(found, bool) else str(found) if found is not None else "false" if path == "spec.unschedulable" else ""
