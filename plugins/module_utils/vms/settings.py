# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of the VM service by the words that the guides print, as data, and which keys of a live installation they are. Pure.

The vendor publishes no keys, and they differ from release to release, so a field is found among the keys of the installation by its title.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json


@dataclass(frozen=True)
class Field:
    """A field by its titles in the console, older and newer; `words` are the console's for values of ours; none: its title is not published."""

    titles: tuple[str, ...] = ()
    secret: bool = False
    words: tuple[tuple[str, str], ...] = ()


PROVIDERS = (("none", "None"), ("aws", "AWS EC2"), ("on_host", "On-Host"))
AUTHENTICATIONS = (("instance_profile", "IAM Instance Profile"), ("user", "IAM User (Key+Secret)"))
# Rows A39 and A40: the guide of 2.17.2, chapter VM Service. It shows no titles of the key and its secret.
OF_2 = {
    "provider": Field(("VM Provider",), words=PROVIDERS),
    "region": Field(("AWS Region",)),
    "subnet": Field(("EC2 Subnet ID",)),
    "security_group": Field(("EC2 Security Group ID",)),
    "image": Field(("Custom VM AMI",)),
    "instance_type": Field(("AWS Instance Type",)),
    "authentication": Field(("AWS Authentication",), words=AUTHENTICATIONS),
    "access_key_id": Field(),
    "secret_key": Field(secret=True),
}
# Rows B22, B24 and B27: the guide of 3.0.1, chapter VM Service; "Subnets" is the title of later releases of 3.x.
OF_3 = {
    "provider": Field(),
    "region": Field(("AWS Region",)),
    "windows_image": Field(("AWS Windows AMI ID",)),
    "subnet": Field(("Subnet ID", "Subnets")),
    "security_group": Field(("Security Group ID",)),
    "access_key_id": Field(("AWS IAM Access Key ID",)),
    "secret_key": Field(("AWS IAM Secret Key",), secret=True),
    "project": Field(("GCP project ID",)),
    "zone": Field(("GCP Zone",)),
    "windows_image_gcp": Field(("GCP Windows Image",)),
    "network": Field(("GCP VPC Network",)),
    "subnetwork": Field(("GCP VPC Subnet",)),
    "service_account_json": Field(("GCP Service Account JSON file",), secret=True),
    "custom_configuration": Field(("VM Service Custom Configuration",)),
}
LINES: Mapping[str, Mapping[str, Field]] = {"2.x": OF_2, "3.x": OF_3}
PRESCALED_OF_2 = {"remote_docker": "Remote Docker", "machine": "Machine Executor"}  # A40
PRESCALED_OF_3 = "Number of {} VMs to keep prescaled"  # B26, with the VM type as the console shows it
MOST_OF_3 = 5  # B26
OTHERS = ("prescaled", "more")
NOISE = re.compile(r"\((required|optional)\)|[*:]", re.IGNORECASE)
OWN_GROUP = re.compile(r"(?<![a-z])vm(?![a-z])")  # VM Provider, VM Preallocation, VM Service, vm_service


def settings_of(items: Sequence[Mapping[str, Any]], line: str, wanted: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    """The wishes as keys of this installation, `plain` and `secret`. `items` is what the line's module lists. Raises BadInput with the first that is none."""
    fields = LINES.get(line)
    if fields is None:
        raise BadInput(f"line is {line!r}; give one of {', '.join(LINES)}")
    for name in wanted:
        if name not in fields and name not in OTHERS:
            raise BadInput(f"wanted has {name}, which is no field of the VM service on {line}; it has {', '.join((*fields, *OTHERS))}")
    found: Json = {"plain": {}, "secret": {}}
    for name, field in fields.items():
        value = wanted.get(name)
        if value not in (None, ""):
            _put(found, _item(items, names.get(name), field.titles, name), _worded(field, name, value), field.secret)
    for kind, count in (wanted.get("prescaled") or {}).items():
        _put(found, _item(items, names.get(f"prescaled.{kind}"), (_prescaled_title(line, kind),), f"prescaled.{kind}"), _count(line, kind, count), False)
    for key, value in (wanted.get("more") or {}).items():
        _put(found, _item(items, key, (), key), value, False)
    return found


def _put(found: Json, item: Mapping[str, Any], value: Any, secret: bool) -> None:
    """An item that is a file takes its content in base64. JSON that Ansible has made a dict of is JSON again, as older ones do with a text."""
    if any(item["name"] in part for part in found.values()):
        raise BadInput(f"two wishes are for {item['name']} ({item.get('title') or 'without a title'}); leave one of them out")
    value = json.dumps(value) if isinstance(value, Mapping) else value
    kept = base64.b64encode(str(value).encode()).decode() if item.get("type") == "file" else value
    found["secret" if secret or item.get("secret") else "plain"][item["name"]] = kept


def _worded(field: Field, name: str, value: Any) -> Any:
    """The console's word for it. A list with one entry is that entry: how the console takes several is not published."""
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise BadInput(
                f"{name} has {len(value)} entries; how the console takes several is not published, so give the text that it shows in more, by its key"
            )
        value = value[0]
    return dict(field.words).get(str(value), value)


def _count(line: str, kind: str, count: Any) -> int:
    if isinstance(count, bool) or not str(count).isdigit():
        raise BadInput(f"prescaled.{kind} is {count!r}; give how many machines to keep waiting, 0 for none")
    if line == "3.x" and int(count) > MOST_OF_3:
        raise BadInput(f"prescaled.{kind} is {count}; the server takes at most {MOST_OF_3} of a type")
    return int(count)


def _prescaled_title(line: str, kind: str) -> str:
    if line == "3.x":
        return PRESCALED_OF_3.format(kind)
    if kind not in PRESCALED_OF_2:
        raise BadInput(f"prescaled has {kind}; on 2.x there are {' and '.join(PRESCALED_OF_2)}")
    return PRESCALED_OF_2[kind]


# -- which key it is -----------------------------------------------------------------------------------------------


def _item(items: Sequence[Mapping[str, Any]], key: Optional[str], titles: Sequence[str], wish: str) -> Mapping[str, Any]:
    if key:
        found = [item for item in items if item["name"] == key]
        if not found:
            raise BadInput(f"the installation has no key {key!r}, which is named for {wish}")
        return found[0]
    if not titles:
        raise BadInput(f"the title of {wish} is not published; look for its key in the installation, and name it in names ({wish}: its key)")
    found = [item for item in items if _titled(item) in map(_plain, titles)]
    own = [item for item in found if OWN_GROUP.search(_group(item))]
    if len(own) != 1:  # not even where it is the only one: AWS Region of the object store is none of ours
        raise BadInput(_words(items, found, titles, wish))
    return own[0]


def _words(items: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], titles: Sequence[str], wish: str) -> str:
    asked = " or ".join(repr(title) for title in titles)
    if found:
        return f"{asked} is the title of {_list(found)}, not of one key in a group of the VM service; name the key that is meant in names ({wish}: its key)"
    near = [item for item in items if OWN_GROUP.search(_group(item))]
    there = f"in groups of the VM service there are {_list(near)}" if near else "no group of the VM service is seen"
    return f"the installation has no key with the title {asked} for {wish}; {there}; name the key in names ({wish}: its key)"


def _list(items: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{item['name']} ({item.get('title') or 'without a title'})" for item in items)


def _titled(item: Mapping[str, Any]) -> str:
    """Its title; a choice without one of its own stands under that of its group."""
    return _plain(item.get("title") or item.get("group_title") or "")


def _group(item: Mapping[str, Any]) -> str:
    return f"{item.get('group') or ''} {item.get('group_title') or ''}".lower().replace("_", " ")


def _plain(title: str) -> str:
    return " ".join(NOISE.sub(" ", title).lower().split())
