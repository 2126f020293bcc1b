"""What a schema of a CustomResourceDefinition does to an object: defaults, unknown fields that go, errors with causes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from typing import Any

from lab.copies import copied

Json = dict[str, Any]
Cause = tuple[str, str, str]  # field, reason, message
TYPES: dict[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float)}
ROOT = {"apiVersion", "kind", "metadata"}


def complete(item: Any, schema: Json) -> Any:
    """With the defaults of fields that are left out."""
    if isinstance(item, dict):
        for name, below in (schema.get("properties") or {}).items():
            if name not in item and "default" in below:
                item[name] = copied(below["default"])
            if name in item and item[name] is None and "default" in below and not below.get("nullable"):
                item[name] = copied(below["default"])
            if name in item:
                complete(item[name], below)
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            for value in item.values():
                complete(value, others)
    elif isinstance(item, list):
        for value in item:
            complete(value, schema.get("items") or {})
    return item


def prune(item: Any, schema: Json, path: str = "") -> list[str]:
    """Takes away what the schema does not name, and tells it."""
    gone: list[str] = []
    if isinstance(item, list):
        for index, one in enumerate(item):
            gone += prune(one, schema.get("items") or {}, f"{path}[{index}]")
    if not isinstance(item, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return gone
    named, others = schema.get("properties") or {}, schema.get("additionalProperties")
    if schema.get("x-kubernetes-embedded-resource"):
        named = {**{name: {"x-kubernetes-preserve-unknown-fields": True} for name in ROOT}, **named}
    for key in list(item):
        here = f"{path}.{key}" if path else key
        if not path and key in ROOT:
            continue
        if key in named:
            gone += prune(item[key], named[key], here)
        elif isinstance(others, dict):
            gone += prune(item[key], others, here)
        elif not others:
            del item[key]
            gone.append(here)
    return gone


def errors(item: Any, schema: Json, path: str = "") -> list[Cause]:
    """What does not hold, in the API's words."""
    if item is None and schema.get("nullable"):
        return []
    wrong = _type(item, schema, path)
    if wrong:
        return wrong
    found = _value(item, schema, path)
    if isinstance(item, dict):
        found += [(f"{path}.{name}" if path else name, "FieldValueRequired", "Required value") for name in schema.get("required") or () if name not in item]
        others = schema.get("additionalProperties")
        for key, value in item.items():
            below = (schema.get("properties") or {}).get(key) or (others if isinstance(others, dict) else None)
            if below and (path or key not in ROOT):
                found += errors(value, below, f"{path}.{key}" if path else key)
    elif isinstance(item, list):
        for index, one in enumerate(item):
            found += errors(one, schema.get("items") or {}, f"{path}[{index}]")
    return sorted(found)


def _type(item: Any, schema: Json, path: str) -> list[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        right = isinstance(item, (int, str)) and not isinstance(item, bool)
        kind = "integer,string"
    else:
        kind = schema.get("type", "")
        right = not kind or (isinstance(item, TYPES[kind]) and (kind == "boolean" or not isinstance(item, bool)))
    if right:
        return []
    is_now = "null" if item is None else next(name for name in ("boolean", "integer", "number", "string", "object", "array") if isinstance(item, TYPES[name]))
    return [(path, "FieldValueTypeInvalid", f'Invalid value: "{is_now}": {path} in body must be of type {kind}: "{is_now}"')]


def _value(item: Any, schema: Json, path: str) -> list[Cause]:
    shown = json.dumps(item)
    if "enum" in schema and item not in schema["enum"]:
        allowed = ", ".join(json.dumps(one) for one in schema["enum"])
        return [(path, "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {allowed}")]
    found: list[Cause] = []

    def wrong(words: str) -> None:
        found.append((path, "FieldValueInvalid", f"Invalid value: {shown}: {path} in body {words}"))

    if isinstance(item, (int, float)) and not isinstance(item, bool):
        if "minimum" in schema and item < schema["minimum"]:
            wrong(f"should be greater than or equal to {schema['minimum']}")
        if "maximum" in schema and item > schema["maximum"]:
            wrong(f"should be less than or equal to {schema['maximum']}")
    if isinstance(item, str):
        if "pattern" in schema and not re.search(schema["pattern"], item):
            wrong(f"should match '{schema['pattern']}'")
        if len(item) < schema.get("minLength", 0):
            wrong(f"should be at least {schema['minLength']} chars long")
        if len(item) > schema.get("maxLength", len(item)):
            wrong(f"should be at most {schema['maxLength']} chars long")
    if isinstance(item, list) and len(item) < schema.get("minItems", 0):
        wrong(f"should have at least {schema['minItems']} items")
    return found
