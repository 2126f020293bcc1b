# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of an app's configuration, and which of its versions has it.

kotsadm puts no mark of ours on a version. So one that waits is known by what is in it: the wanted keys as wanted, all others as they are deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_check import checked_values
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import CHANGE, ConfigState, Item, Version


@dataclass(frozen=True)
class ConfigSpec:
    """What is wanted. `values` are texts and secrets by key; `base` is the version that a new one is built on."""

    values: Mapping[str, Any] = field(default_factory=dict)
    deploy: bool = True
    base: str = "deployed"
    skip_preflights: bool = False
    despite_failed_preflights: bool = False


ConfigLook = Look[ConfigSpec, ConfigState]


def config_spec(params: Mapping[str, Any]) -> ConfigSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    plain = checked_values(params.get("values") or {}, "values")
    secret = {name: Secret(text) for name, text in checked_values(params.get("secret_values") or {}, "secret_values").items()}
    both = sorted(set(plain) & set(secret))
    if both:
        raise BadInput(f"values and secret_values both hold {', '.join(both)}; give each key once")
    if not plain and not secret:
        raise BadInput("values and secret_values hold no key; give one at least, such as values: {domain: ci.example.com}; kots_config_info lists them")
    return ConfigSpec(
        {**plain, **secret},
        bool(params["deploy"]),
        str(params["base"]),
        bool(params["skip_preflights"]),
        bool(params["continue_with_failed_preflights"]),
    )


def base_of(spec: ConfigSpec, state: ConfigState) -> Optional[int]:
    """The sequence that a new version is built on."""
    return state.newest if spec.base == "newest" else state.current


def is_right(spec: ConfigSpec, items: Optional[tuple[Item, ...]]) -> bool:
    """Whether a configuration has every wanted key as wanted."""
    by_name = {one.name: one for one in items or ()}
    return all(name in by_name and by_name[name].equals(value) for name, value in spec.values.items())


def waits_for_us(spec: ConfigSpec, state: ConfigState) -> Optional[Version]:
    """A version ahead that is what we would make: an earlier run's, or the answer to our order."""
    base = state.version(base_of(spec, state))
    for one in state.ahead():
        items = state.configs.get(one.sequence)
        if not items or base is None or not is_right(spec, items):
            continue
        if one == base or (one.source == CHANGE and one.label == base.label and _adds_nothing(spec, items, state.configs.get(base.sequence, ()))):
            return one
    return None


def _adds_nothing(spec: ConfigSpec, items: tuple[Item, ...], base: tuple[Item, ...]) -> bool:
    before = {one.name: one for one in base}
    others = [one for one in items if one.name not in spec.values]
    same = all(one.name in before and (one.value == before[one.name].value or one.effective == before[one.name].effective) for one in others)
    return same and len(items) == len(base)


def base_items(look: ConfigLook) -> tuple[Item, ...]:
    base = base_of(look.spec, look.state)
    return look.state.configs.get(base, ()) if base is not None else ()


def foreign(look: ConfigLook) -> list[Version]:
    """Versions ahead that are not what we would make."""
    ours = waits_for_us(look.spec, look.state)
    return [one for one in look.state.ahead() if one != ours]
