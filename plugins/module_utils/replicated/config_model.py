# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which settings are wanted, and which items of the live host they are: by key, or by title as the console shows it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import AppSpec, AppState
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Held, Item

SETTINGS = "settings"  # what its restart note is about, and the item of the kernel
SHORTEST = 4  # letters of a secret: Ansible stars each text that holds one, so a shorter one makes a result that nobody can read
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class File:
    """A file for an item: its bytes in base64; the name that the console shows, or None: as it is, else one of the item's."""

    item: str
    data: Secret
    name: Optional[str] = None


@dataclass(frozen=True)
class ConfigSpec:
    """What is wanted, by key or title."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    now: bool = False
    app: AppSpec = AppSpec()


@dataclass(frozen=True)
class ConfigState:
    """The items as they are stored, and the app that will read them at its next start."""

    items: tuple[Item, ...]
    app: AppState


@dataclass(frozen=True)
class ImportItems:
    """Store these items."""

    wanted: tuple[tuple[str, Held], ...]
    item: str = SETTINGS

    @property
    def names(self) -> list[str]:
        return [name for name, _held in self.wanted]

    def describe(self) -> Json:
        return {"step": "import", "id": self.item, "names": self.names}


ConfigLook = Look[ConfigSpec, ConfigState]


def config_spec(params: Mapping[str, Any], files: Iterable[File], app: AppSpec) -> ConfigSpec:
    """What is wanted. Raises BadInput with the first value that cannot be right."""
    settings, secrets = params["settings"] or {}, params["secrets"] or {}
    given = tuple(files)
    if not settings and not secrets and not given:
        raise BadInput("neither settings nor secrets nor files is given; name at least one item")
    for name, value in secrets.items():
        if not isinstance(value, str) or 0 < len(value) < SHORTEST:
            raise BadInput(f"secrets holds {name}, which is no text of {SHORTEST} letters or more; a value that short is no secret, give it in settings")
    for name, value in settings.items():
        if isinstance(value, dict):
            raise BadInput(f"settings holds {name} with a dictionary; give a text, a number, true or false, or a list, and files in files")
    return ConfigSpec(settings, {name: Secret(value) for name, value in secrets.items()}, given, params["apply"] == "now", app)


def wrapped(content: bytes) -> Secret:
    """A file's bytes as the settings hold them."""
    return Secret(base64.b64encode(content).decode("ascii"))


# -- which item is meant -------------------------------------------------------------------------------------


def find_item(items: Iterable[Item], name: str) -> Item:
    """The item of that key; else of that title, or of "group/title". Raises BadInput naming those near."""
    known = tuple(items)
    for item in known:
        if item.name == name:
            return item
    found = [item for item in known if name.strip().lower() in _titles(item)]
    if len(found) == 1:
        return found[0]
    if found:
        ways = ", ".join(f"{item.name} ({item.group_title or item.group}/{item.title})" for item in found)
        raise BadInput(f"{name!r} is the title of several items: {ways}; name one by its key, or as group/title")
    near = get_close_matches(name.lower(), [text for item in known for text in (item.name, item.title.lower()) if text], n=3, cutoff=0.6)
    keys = sorted({item.name for item in known if item.name in near or item.title.lower() in near})
    hint = f"near it are {', '.join(keys)}" if keys else "replicated_config_info lists those there are"
    raise BadInput(f"the installation has no item {name!r}; {hint}")


def _titles(item: Item) -> set[str]:
    """Ways in which people name it."""
    if not item.title:
        return set()
    title = item.title.lower()
    return {title, f"{item.group.lower()}/{title}", f"{item.group_title.lower()}/{title}"}


# -- what it is to hold --------------------------------------------------------------------------------------


def wanted_items(spec: ConfigSpec, items: tuple[Item, ...]) -> dict[str, Held]:
    """What each named item is to hold. Raises BadInput with the first that cannot be."""
    found: dict[str, Held] = {}
    for name, value in spec.settings.items():
        item = _unnamed(found, find_item(items, name), name)
        if item.is_secret:
            where = "files" if item.type == "file" else "secrets"
            raise BadInput(f"settings holds {name}, which is a {item.type or 'hidden'} item; give it in {where}, where it is kept from being shown")
        found[item.name] = _plain(item, name, value)
    for name, secret in spec.secrets.items():
        item = _unnamed(found, find_item(items, name), name)
        if item.type == "file":
            raise BadInput(f"secrets holds {name}, which is a file item; give it in files")
        found[item.name] = Held(secret)
    for file in spec.files:
        _add_file(found, find_item(items, file.item), file)
    return found


def _unnamed(found: Mapping[str, Held], item: Item, name: str) -> Item:
    if item.name in found:
        raise BadInput(f"{name} names the item {item.name}, which is given twice; leave one of them out")
    return item


def _plain(item: Item, name: str, value: Any) -> Held:
    if isinstance(value, list) or item.multiple:
        values = value if isinstance(value, list) else [value]
        if not item.multiple:
            raise BadInput(f"settings holds {name} with a list, but the item takes one value")
        return Held(values=tuple(Secret(_text(one)) for one in values))
    text = _text(value)
    if item.type == "bool":
        return Held(Secret(_switch(name, text)))
    if item.options:
        return Held(Secret(_choice(item, name, text)))
    return Held(Secret(text))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def _switch(name: str, text: str) -> str:
    if text.lower() not in TRUE + FALSE:
        raise BadInput(f"settings holds {name} with {text!r}, but the item is a switch; give true or false")
    return "1" if text.lower() in TRUE else "0"


def _choice(item: Item, name: str, text: str) -> str:
    for key, title in item.options:
        if text == key or (title and text.lower() == title.lower()):
            return key
    raise BadInput(f"settings holds {name} with {text!r}, but the choices are {', '.join(key for key, _title in item.options)}")


def _add_file(found: dict[str, Held], item: Item, file: File) -> None:
    if item.type != "file":
        raise BadInput(f"files holds {file.item}, which is a {item.type or 'hidden'} item and takes no file")
    if item.multiple:
        held = found.get(item.name) or Held()
        name = file.name or f"{item.name}-{len(held.values) + 1}"
        found[item.name] = Held(values=(*held.values, Secret(name)), datas=(*held.datas, file.data))
        return
    _unnamed(found, item, file.item)
    kept = item.held.value if item.held.is_set else Secret(f"{item.name}.pem")
    found[item.name] = Held(Secret(file.name) if file.name else kept, file.data)


def differing(spec: ConfigSpec, items: tuple[Item, ...]) -> tuple[tuple[str, Held], ...]:
    """Items that do not hold yet what they are to, with what that is."""
    by_name = {item.name: item for item in items}
    return tuple((name, held) for name, held in sorted(wanted_items(spec, items).items()) if not _holds(by_name[name], held))


def _holds(item: Item, wanted: Held) -> bool:
    """A value that the form has by itself need not be stored; what is to be unset has that value afterwards."""
    if not wanted.is_set:
        return not item.held.is_set
    if wanted.values or wanted.datas or item.multiple:
        return item.held == wanted
    return (item.effective, item.held.data) == (wanted.value, wanted.data)


def with_items(items: tuple[Item, ...], wanted: tuple[tuple[str, Held], ...]) -> tuple[Item, ...]:
    """The items once these are stored."""
    given = dict(wanted)
    return tuple(replace(item, held=given[item.name]) if item.name in given else item for item in items)
