#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a 2.x installation as they are stored, with the keys and titles of the live host: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replicated_config_info
short_description: List settings of a 2.x installation with their keys and titles
version_added: 0.1.0
description:
  - Lists the items of the settings as Replicated has them stored. An app that was not started since the last change still runs with those of before.
  - What items hold that are secret is not shown, only whether they are set. Of files the name is shown.
  - Runs on the Services host, as root.
options:
  names:
    description: Keys or titles of the items to list. All by default.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.replicated
seealso:
  - module: serverops.circleci.replicated_config
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: All settings of the live host
  serverops.circleci.replicated_config_info:
  register: found

- name: Keys by title
  ansible.builtin.debug:
    msg: "{{ found.settings | items2dict(key_name='title', value_name='name') }}"
"""

RETURN = r"""
settings:
  description: The items, in the order of the console.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Key.
      type: str
      sample: hostname
    title:
      description: Title that the console shows; empty for choices, which have none.
      type: str
      sample: Hostname
    group:
      description: Key of its group.
      type: str
      sample: general
    group_title:
      description: Title of its group.
      type: str
      sample: General
    type:
      description: Such as text, bool, password, file or select_one; null where the form does not tell.
      type: str
      sample: text
    options:
      description: The choices of a select, as dictionaries with name and title.
      type: list
      elements: dict
      sample: []
    default:
      description: What the app gets where nothing is stored; null for secrets.
      type: str
      sample: ""
    multiple:
      description: Whether it holds several values.
      type: bool
      sample: false
    secret:
      description: Whether what it holds is a secret.
      type: bool
      sample: false
    set:
      description: Whether something is stored.
      type: bool
      sample: true
    value:
      description: What is stored; of a file its name. Null for secrets, and where it holds several.
      type: str
      sample: circleci.example.com
    value_list:
      description: What is stored of an item that holds several; else null.
      type: list
      elements: str
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_client import read_settings

OPTIONS: dict[str, dict[str, Any]] = {"names": {"type": "list", "elements": "str", "default": []}}


def read(params: Params, _clock: Clock) -> Json:
    """The settings."""
    return read_settings(list(params["names"]))


DOOR = InfoDoor(options=OPTIONS, read=read)


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
