#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a 2.x installation, of which only those that differ are stored: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replicated_config
short_description: Set settings of a 2.x installation
version_added: 0.1.0
description:
  - Compares settings with those that Replicated has stored, and imports those that differ, at once. Others stay as they are.
  - Items are found on the live host, since their keys are those of its release. They are named by key, by the title that the console shows, or by
    group/title where several have the title. A name that the host does not know is refused, with those near it.
  - Replicated gives stored settings to the app when it starts. With O(apply=later) a note is left that a restart is due, so that one restart
    (M(serverops.circleci.replicated_app)) serves all changes of a maintenance. With O(apply=now) that restart follows at once, for all that is noted.
  - Values of items that hold secrets are compared and never shown, and go to Replicated through a pipe, not as arguments.
  - Replicated passes over some items in silence, such as those that are written once. What was imported is read again, and what did not change is told.
  - Runs on the Services host, as root.
options:
  settings:
    description:
      - Values by key or title. Numbers, and true and false for switches, are taken too; an empty text unsets an item.
      - A choice is named by its key or its title.
    type: dict
  secrets:
    description:
      - Values of items that hold secrets, by key or title, each of four letters or more.
    type: dict
  files:
    description: Files for items that take files. An item that takes several is given once for each.
    type: list
    elements: dict
    suboptions:
      item:
        description: Key or title of the item.
        type: str
        required: true
      path:
        description: The file on the Services host.
        type: path
      content:
        description: The file's text, in place of O(files[].path).
        type: str
      name:
        description:
          - Name that the console shows. By default that of O(files[].path); with O(files[].content) the one that it has, or one after the item.
        type: str
  apply:
    description:
      - V(later) leaves a note about the restart. V(now) restarts the app where settings wait for it, and waits until it is up.
    type: str
    choices: [later, now]
    default: later
  allow_downtime:
    description:
      - With O(apply=now), consent to restart an app that runs. Without it such a task fails, in check mode too, and stores nothing.
    type: bool
    default: false
extends_documentation_fragment:
  - serverops.circleci.app_restart
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.replicated
attributes:
  check_mode:
    details: The real decisions are folded in memory. A step stop in the result's steps would cause downtime.
seealso:
  - module: serverops.circleci.replicated_config_info
  - module: serverops.circleci.replicated_app
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Settings, of which one restart later serves all
  serverops.circleci.replicated_config:
    settings:
      hostname: circleci.example.com
      Usage Statistics/Automatically send some usage statistics: false
    secrets:
      ghe_client_secret: "{{ vault_ghe_client_secret }}"

- name: Certificate and key of the app
  serverops.circleci.replicated_config:
    files:
      - item: ssl_cert
        path: /etc/circleci-tls/fullchain.pem
      - item: ssl_private_key
        path: /etc/circleci-tls/privkey.pem
"""

RETURN = r"""
settings:
  description: What the named items have stored, by key. Of those that hold secrets only V(as wanted) or V(differs).
  returned: whenever the settings could be read
  type: dict
  sample: {hostname: circleci.example.com, ghe_client_secret: as wanted}
restart_required:
  description: Whether stored settings wait for a restart of the app.
  returned: whenever the settings could be read
  type: bool
  sample: true
pending:
  description: All notes that wait for a restart of the app, as dictionaries with what, why and time.
  returned: whenever the settings could be read
  type: list
  elements: dict
  sample: [{what: settings, why: hostname was changed, time: "2026-01-31T11:00:00.000000Z"}]
app:
  description: The app, as in M(serverops.circleci.replicated_app); null with O(apply=later).
  returned: whenever the settings could be read
  type: dict
reason:
  description: The end in words.
  returned: whenever the settings could be read
  type: str
  sample: the settings are stored as wanted, and wait for a restart of the app
waited:
  description: Seconds from the task's begin to its end, or to now.
  returned: whenever the settings could be read
  type: float
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the settings could be read
  type: list
  elements: dict
  sample: [{step: import, id: settings, names: [hostname]}]
run:
  description: Id of this run.
  returned: whenever the settings could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import config
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import APP_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_client import ConfigPort, spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_model import ConfigSpec

FILE: dict[str, dict[str, Any]] = {
    "item": {"type": "str", "required": True},
    "path": {"type": "path"},
    "content": {"type": "str", "no_log": True},
    "name": {"type": "str"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "settings": {"type": "dict"},
    "secrets": {"type": "dict", "no_log": True},
    "files": {"type": "list", "elements": "dict", "options": FILE},
    "apply": {"type": "str", "choices": ["later", "now"], "default": "later"},
    **APP_OPTIONS,
}


def port(_params: Params, spec: ConfigSpec, _task: Task, clock: Clock) -> ConfigPort:
    """The way to the settings."""
    return ConfigPort(ReplicatedClient(), spec, clock)


DOOR = Door(options=OPTIONS, rules=config, spec=spec_from_params, port=port)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
