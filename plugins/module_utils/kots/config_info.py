# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app's configuration for reading: keys, titles, what is asked for, values that are no secret, and which versions wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import ConfigState, Item, version_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_port import read_items, read_versions
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_seal_client import opener


@dataclass(frozen=True)
class ConfigInfoSpec:
    """Which keys, those whose name or title has a word, and of which sequence: None is the deployed one."""

    keys: tuple[str, ...] = ()
    search: str = ""
    sequence: Optional[int] = None


def config_info_spec(params: Mapping[str, Any]) -> ConfigInfoSpec:
    """The wish from the module's parameters."""
    return spec_from_params(ConfigInfoSpec, params)


def read_config(client: InstallationClient, spec: ConfigInfoSpec) -> Json:
    """The result of kots_config_info."""
    state = read_versions(client)
    sequence = spec.sequence if spec.sequence is not None else state.current if state.current is not None else state.newest
    opened, sealed = opener(client.kubernetes, client.place.namespace)
    items = read_items(client, sequence, opened)
    found = [item_view(one) for one in _chosen(items, spec)]
    return {
        "config": found,
        "settings": {one["name"]: one["value"] for one in found if one["value"] is not None},
        "missing": sorted(set(spec.keys) - {one.name for one in items}),
        "sequence": sequence,
        "deployed_sequence": state.current,
        "deployed": _current(state),
        "pending": [version_view(one) for one in state.ahead()],
        "secrets_comparable": not sealed,
    }


def _chosen(items: Sequence[Item], spec: ConfigInfoSpec) -> list[Item]:
    word = spec.search.lower()
    return [one for one in items if (not spec.keys or one.name in spec.keys) and word in f"{one.name} {one.title}".lower()]


def _current(state: ConfigState) -> Optional[Json]:
    now = state.version(state.current)
    return version_view(now) if now else None


def item_view(one: Item) -> Json:
    """A key. The value of a secret is told to nobody; whether there is one is."""
    return {
        "name": one.name,
        "title": one.title or None,
        "group": one.group or None,
        "type": one.type,
        "value": None if one.is_secret else one.effective.reveal(),
        "is_set": bool(one.value.reveal()),
        "is_default": not one.value.reveal(),
        "secret": one.is_secret,
        "required": one.required,
        "asked": one.asked and not one.hidden,
        "read_only": one.read_only or one.repeatable,
        "choices": list(one.choices),
    }
