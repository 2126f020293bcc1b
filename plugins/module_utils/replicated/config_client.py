# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the settings of a Services host: read with what they hold, imported, read again; the note about the restart before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_client import AppPort
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import app_spec
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config import why_of
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_model import (
    SETTINGS,
    ConfigSpec,
    ConfigState,
    File,
    ImportItems,
    config_spec,
    find_item,
    wrapped,
)
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Held, Item
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles


class ConfigPort:
    """One Services host, ours."""

    def __init__(self, client: ReplicatedClient, spec: ConfigSpec, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._app = AppPort(client, spec.app, clock)

    def read(self, confirming: frozenset[str]) -> ConfigState:
        """The app first: what is imported while we look is then noted later than what we saw start."""
        app = self._app.read(confirming)
        return ConfigState(self._client.items(), app)

    def apply(self, step: Any) -> None:
        """Store settings; all else is the app's."""
        if isinstance(step, ImportItems):
            self._import(step)
        else:
            self._app.apply(step)

    def _import(self, step: ImportItems) -> None:
        """Noted first, so that a run that dies has said it; noted again, so that a start in between does not count for it."""
        earlier = self._app.notes.find(SETTINGS)
        note = self._app.notes.leave(SETTINGS, why_of(step), self._clock.wall())
        try:
            self._client.import_items(dict(step.wanted))
            left = self._left(step)
            if len(left) == len(step.wanted):
                raise Refused(_ignored(left))
        except Refused:
            self._app.notes.take_back(note, earlier)
            raise
        self._app.notes.leave(SETTINGS, why_of(step), self._clock.wall())
        if left:
            raise Refused(_ignored(left))

    def _left(self, step: ImportItems) -> list[str]:
        """Items that do not hold what was imported."""
        stored = {item.name: item.held for item in self._client.items()}
        return [name for name, held in step.wanted if stored.get(name, Held()) != held]

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._app.wait(seconds)


def spec_from_params(params: Mapping[str, Any]) -> ConfigSpec:
    """What is wanted, with the files that it names. Raises BadInput."""
    now = params["apply"] == "now"
    app = app_spec({**params, "state": "started", "restart_if_pending": now, "health_urls": params["health_urls"] if now else []})
    return config_spec(params, [_file(one) for one in params["files"] or ()], app)


def _file(given: Mapping[str, Any]) -> File:
    item, path, content = given["item"], given.get("path"), given.get("content")
    if (path is None) == (content is None):
        raise BadInput(f"files holds {item} with {'both' if path else 'neither'} path and content; give one of them")
    if path is None:
        return File(item, wrapped(str(content).encode("utf-8")), given.get("name"))
    found = HostFiles().look(path)
    if found.data is None:
        raise BadInput(f"files holds {item} with the path {path}, which is no file that can be read on the Services host")
    return File(item, wrapped(found.data), given.get("name") or path.rpartition("/")[2])


def read_settings(names: list[str]) -> Json:
    """All items, or those of these keys or titles; secrets are not shown."""
    items = ReplicatedClient().items()
    chosen = [find_item(items, name) for name in names] if names else list(items)
    return {"settings": [item_view(item) for item in chosen]}


def item_view(item: Item) -> Json:
    """For results. A file's name is no secret; what it holds is not shown."""
    secret = item.is_secret and item.type != "file"
    return {
        "name": item.name,
        "title": item.title,
        "group": item.group,
        "group_title": item.group_title,
        "type": item.type or None,
        "options": [{"name": name, "title": title} for name, title in item.options],
        "default": None if secret else item.default,
        "multiple": item.multiple,
        "secret": item.is_secret,
        "set": item.held.is_set,
        "value": None if secret or item.multiple else item.held.value.reveal(),
        "value_list": [one.reveal() for one in item.held.values] if item.multiple and not secret else None,
    }


def _ignored(names: list[str]) -> str:
    them = "an item that is written once keeps what it has" if len(names) == 1 else "items that are written once keep what they have"
    return f"Replicated took the import, but {', '.join(names)} did not change; {them}"
