"""Label and field selectors, with the API's words for those that cannot be."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections.abc import Callable
from typing import Any

from lab.kubernetes.status import Fail

Test = Callable[[dict[str, Any]], bool]
POD_FIELDS = {"metadata.name", "metadata.namespace", "status.phase", "spec.nodeName"}
FIELDS = {"metadata.name", "metadata.namespace"}
LONGEST = 63


def labels(text: str) -> Test:
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return lambda item: all(test(item["metadata"].get("labels") or {}) for test in tests)


def _requirement(text: str) -> Test:
    found = re.fullmatch(r"(\S+)\s+(in|notin)\s+(.*)", text)
    if found:
        key, how, rest = found.groups()
        if not rest.startswith("("):
            raise Fail(400, f"unable to parse requirement: found '{rest}' expected: '('", "BadRequest")
        values = {value.strip() for value in rest.strip("()").split(",")}
        return (lambda given: given.get(key) in values) if how == "in" else (lambda given: given.get(key) not in values)
    found = re.fullmatch(r"([^!=]+)(!=|==|=)(.*)", text)
    if found:
        key, how, value = found.groups()
        if len(value) > LONGEST:
            words = f'values[0][{key}]: Invalid value: "{value}": must be no more than {LONGEST} characters'
            raise Fail(400, f"unable to parse requirement: {words}", "BadRequest")
        return (lambda given: given.get(key) != value) if how == "!=" else (lambda given: given.get(key) == value)
    return (lambda given: text[1:] not in given) if text.startswith("!") else (lambda given: text in given)


def fields(text: str, resource: str) -> Test:
    tests = [_field(part, resource) for part in text.split(",") if part]
    return lambda item: all(test(item) for test in tests)


def _field(text: str, resource: str) -> Test:
    name, how, value = re.fullmatch(r"([^!=]+)(!=|==|=)(.*)", text).groups()  # type: ignore[union-attr]
    if name not in (POD_FIELDS if resource == "pods" else FIELDS):
        raise Fail(400, f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"', "BadRequest")
    return lambda item: (_value(item, name) == value) == (how != "!=")


def _value(item: dict[str, Any], path: str) -> Any:
    found: Any = item
    for part in path.split("."):
        found = (found or {}).get(part)
    return found or ""
