# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module parameters become typed, frozen specs: the only place where a parameter's name is looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

SpecT = TypeVar("SpecT")
MOST = 1e9  # s, some thirty years; what systems count in nanoseconds still fits 64 bits


def spec_from_params(kind: type[SpecT], params: Mapping[str, Any], prefix: str = "") -> SpecT:
    """A `kind` (frozen dataclass) from the parameters named `prefix` + field name.

    Lists become tuples and texts of `Secret` fields become secrets; a parameter that is absent or None takes the field's default.
    Raises BadInput for a field that has no default and got no value.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        value = params.get(prefix + field.name)
        if value is None:
            if field.default is MISSING and field.default_factory is MISSING:
                raise BadInput(f"{prefix}{field.name} is required; give it a value")
            continue
        values[field.name] = _typed(hints[field.name], value, prefix + field.name)
    return kind(**values)


def _typed(hint: Any, value: Any, name: str) -> Any:
    if isinstance(value, list):
        return tuple(_from_survey(value, name))
    if isinstance(value, str) and "Secret" in str(hint):
        return Secret(value)
    return value


def _from_survey(entries: list[Any], name: str) -> list[Any]:
    """A survey hands a list over as JSON text, which Ansible cuts at its commas: put it together again."""
    text = ",".join(str(entry) for entry in entries).strip()
    if not (text.startswith("[") and text.endswith("]")):
        return entries
    try:
        found = json.loads(text)
    except ValueError:
        raise BadInput(f"{name} begins like JSON but is none ({text[:80]}); give a list, a comma list or JSON text") from None
    return [str(entry) for entry in found]


def not_negative(**options: Any) -> None:
    """Raises BadInput for the first option whose number is below zero."""
    for name, value in options.items():
        if value is not None and value < 0:
            raise BadInput(f"{name} is {value}, but it must be 0 or more")


def positive(**options: Any) -> None:
    """Raises BadInput for the first option whose number is not above zero, or no number at all (YAML knows .nan and .inf)."""
    for name, value in options.items():
        if value is not None and not 0 < value < MOST:
            raise BadInput(f"{name} is {value}, but it must be {f'less than {MOST:g}' if value > 0 else 'more than 0'}")
