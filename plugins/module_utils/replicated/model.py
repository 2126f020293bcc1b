# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Replicated's programs and Docker print on a Services host, as typed values. Secrets stay secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import parse_time

STARTED, STOPPED = "started", "stopped"
SECRET_TYPES = ("password", "file")
NO_VALUE = ("label", "heading")
READY = "ready"

# The containers of CircleCI 2.x, by the names that its guides give them. Replicated's own, which no restart of the app touches, are not among them.
CONTAINERS = (
    *("frontend", "api-service", "dispatcher", "picard-dispatcher", "picard-scheduler", "picard-output-processor", "output-processor", "schedulerer"),
    *("nomad", "vm-service", "vm-scaler", "vm-gc", "telegraf", "usage-stats", "ready-agent", "rabbitmq", "mongo", "postgres", "redis", "vault-cci"),
    *("slanger", "exim", "workflows-conductor", "contexts-service", "cron-service", "domain-service", "federations-service", "permissions-service"),
    *("test-results", "test_results", "audit-log-service"),
)


@dataclass(frozen=True)
class AppStatus:
    """The app as Replicated tells of it. `modified` only tells one telling from the next."""

    state: str
    desired: str
    moving: bool
    error: str = ""
    modified: str = ""
    id: str = ""

    @property
    def is_settled(self) -> bool:
        """The state alone is not enough: it says started while the app is still on its way."""
        return not self.moving and self.state == self.desired

    @property
    def has_failed(self) -> bool:
        """It stands still, but not where it was to go."""
        return not self.moving and self.state != self.desired


@dataclass(frozen=True)
class Container:
    """One container of Docker."""

    name: str
    running: bool
    started: datetime


@dataclass(frozen=True)
class Held:
    """What one item of the settings holds; files have a name as value, and data in base64."""

    value: Secret = Secret("")
    data: Secret = Secret("")
    values: tuple[Secret, ...] = ()
    datas: tuple[Secret, ...] = ()

    @property
    def is_set(self) -> bool:
        return self != Held()

    def to_api(self) -> Json:
        """As `app-config import` takes it. Shows the secrets: for the transport only."""
        found: Json = {"value": self.value.reveal()}
        if self.values or self.datas:
            found = {"multi_value": [one.reveal() for one in self.values], "multi_data": [one.reveal() for one in self.datas]}
        elif self.data.reveal():
            found["data"] = self.data.reveal()
        return found


@dataclass(frozen=True)
class Item:
    """One item of the settings form, and what it holds. `options` are the choices of a select, name and title."""

    name: str
    title: str = ""
    group: str = ""
    group_title: str = ""
    type: str = ""
    default: str = ""
    hidden: bool = False
    multiple: bool = False
    options: tuple[tuple[str, str], ...] = ()
    held: Held = Held()

    @property
    def is_secret(self) -> bool:
        """Not shown: what is of an unknown type is taken for one."""
        return self.hidden or self.type in SECRET_TYPES or not self.type

    @property
    def effective(self) -> Secret:
        """The value that the app gets."""
        return self.held.value if self.held.is_set else Secret(self.default)


def parse_status(text: str) -> AppStatus:
    """From `replicatedctl app status`: a list with one app. Raises Unreachable for anything else."""
    found = _json(text, "app status")
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict):
        app = found[0]
        if all(isinstance(app.get(key), kind) for key, kind in (("State", str), ("DesiredState", str), ("IsTransitioning", bool))):
            return AppStatus(
                state=app["State"].lower(),
                desired=app["DesiredState"].lower(),
                moving=app["IsTransitioning"],
                error=str(app.get("Error") or ""),
                modified=str(app.get("LastModifiedAt") or ""),
                id=str(app.get("AppID") or ""),
            )
    if found == []:
        raise Unreachable("replicatedctl app status tells of no app; it is installed in the console first", retry=False)
    raise Unreachable("replicatedctl app status told no state of one app")


def parse_system(text: str) -> str:
    """From `replicatedctl system status -q`: failed, initializing or ready."""
    said = text.strip().strip('"').lower()
    if said not in ("failed", "initializing", READY):
        raise Unreachable("replicatedctl system status told no state")
    return said


def parse_export(text: str) -> dict[str, Held]:
    """From `replicatedctl app-config export --hidden`: what each item holds; `{}` where it is not set."""
    found = _json(text, "app-config export")
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise Unreachable("replicatedctl app-config export told no items")
    return {name: _held(value) for name, value in found.items()}


def parse_form(text: str) -> tuple[Item, ...]:
    """From `replicatedctl app-config view`: groups with their items, without what these hold."""
    found = _json(text, "app-config view")
    if not isinstance(found, list) or not all(isinstance(group, dict) for group in found):
        raise Unreachable("replicatedctl app-config view told no groups")
    return tuple(_item(group, one) for group in found for one in group.get("Items") or () if isinstance(one, dict) and one.get("Name"))


def merged_items(form: Iterable[Item], held: Mapping[str, Held]) -> tuple[Item, ...]:
    """The items of the form with what they hold; those that only the export knows are of an unknown type."""
    shown = {item.name: item for item in form if item.type not in NO_VALUE}
    names = [*shown, *sorted(set(held) - set(shown))]
    return tuple(_with(shown.get(name) or Item(name), held.get(name) or Held()) for name in names)


def parse_containers(text: str) -> tuple[Container, ...]:
    """From lines of name, whether it runs, and when it started."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].startswith("/"):
            try:
                found.append(Container(words[0][1:], words[1] == "true", parse_time(words[2])))
            except BadInput:
                raise Unreachable(f"docker inspect told no time at which {words[0][1:]} started") from None
    return tuple(found)


def oldest_start(containers: Iterable[Container]) -> Optional[datetime]:
    """When the first of those that run started: what it has read, all have. None where none runs."""
    return min((one.started for one in containers if one.running), default=None)


def _json(text: str, command: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Unreachable(f"replicatedctl {command} printed no JSON") from None


def _held(value: Mapping[str, Any]) -> Held:
    def texts(key: str) -> list[str]:
        return [str(one) for one in value.get(key) or ()]

    values, datas = texts("multi_value"), texts("multi_data")
    value_, data = str(value.get("value") or ""), _one_line(str(value.get("data") or ""))
    return Held(Secret(value_), Secret(data), tuple(map(Secret, values)), tuple(Secret(_one_line(one)) for one in datas))


def _one_line(data: str) -> str:
    """Base64 as we write it ourselves, so that equal files are equal texts."""
    return "".join(data.split())


def _item(group: Mapping[str, Any], one: Mapping[str, Any]) -> Item:
    return Item(
        name=str(one["Name"]),
        title=str(one.get("Title") or ""),
        group=str(group.get("Name") or ""),
        group_title=str(group.get("Title") or ""),
        type=str(one.get("Type") or ""),
        default=str(one.get("Default") or ""),
        hidden=bool(one.get("Hidden")),
        multiple=bool(one.get("Multiple")),
        options=tuple((str(option.get("Name")), str(option.get("Title") or "")) for option in one.get("Items") or ()),
    )


def _with(item: Item, held: Held) -> Item:
    return Item(item.name, item.title, item.group, item.group_title, item.type, item.default, item.hidden, item.multiple, item.options, held)
