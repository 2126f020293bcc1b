#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An output of Telegraf on the Services machine: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: telegraf_output
short_description: Set an output of Telegraf on the Services machine of 2.x, and see it loaded
version_added: 0.1.0
description:
  - Keeps one file of C(/etc/circleconfig/telegraf), which Telegraf reads at its start, and restarts Telegraf's container only where that started before the
    file was changed. It is done when Telegraf's own log names the outputs of the file.
  - The content is read as TOML first. What is none, or has a table at its top that Telegraf does not know (C(output) for C(outputs)), is refused before
    anything is written.
  - The file is written whole or not at all, with owner, mode, ACL and label kept. Its content is never shown.
  - Nobody waits for Telegraf, so its restart needs no consent. The app itself is not restarted.
  - A Telegraf that does not run afterwards fails the task with what it says; the file stays for you to mend.
requirements:
  - tomlkit, on the host that the module runs on
options:
  name:
    description:
      - Name of the file, without C(.conf).
    type: str
    required: true
  content:
    description:
      - The tables in TOML, one or more C([[outputs.NAME]]), or C([global_tags]). Needed with O(state=present).
    type: str
  state:
    description:
      - V(absent) takes the file away.
    type: str
    choices: [present, absent]
    default: present
  restart:
    description:
      - Whether Telegraf is restarted where need be and its log believed. With V(false) only the file is looked at.
    type: bool
    default: true
  container:
    description:
      - Name of Telegraf's container.
    type: str
    default: telegraf
  directory:
    description:
      - The folder that Telegraf reads.
    type: path
    default: /etc/circleconfig/telegraf
  mode:
    description:
      - Mode of the file, in octal, with its leading 0 and in quotes. As it is by default, V(0644) for a new file.
      - Telegraf must be able to read it, by the user that it runs under in its container. Where the content holds a password or a token, everybody may read the
        file and no mode is given, that is warned about.
    type: str
  owner:
    description:
      - Its owner, by name or number. As it is by default.
    type: str
  group:
    description:
      - Its group, by name or number. As it is by default.
    type: str
extends_documentation_fragment:
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.host
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Metrics to Kafka
  serverops.circleci.telegraf_output:
    name: kafka
    content: |
      [[outputs.kafka]]
        brokers = ["kafka.example.com:9092"]
        topic = "circleci"

- name: The environment as a tag of all metrics
  serverops.circleci.telegraf_output:
    name: tags
    content: |
      [global_tags]
        Env = "production"
"""

RETURN = r"""
output:
  description:
    - The file, with C(path), C(exists), C(as_wanted), C(outputs) (their kinds; null where the file is no TOML), C(loaded) (whether Telegraf runs with them;
      null where nobody knows) and C(reason).
  returned: whenever the file could be read
  type: dict
  sample: {path: /etc/circleconfig/telegraf/kafka.conf, exists: true, as_wanted: true, outputs: [kafka], loaded: true, reason: as wanted}
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the file could be read
  type: list
  elements: dict
  sample: [{step: write, id: /etc/circleconfig/telegraf/kafka.conf}, {step: restart, id: /etc/circleconfig/telegraf/kafka.conf, container: telegraf}]
run:
  description: Id of this run.
  returned: whenever the file could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.host import telegraf
from ansible_collections.serverops.circleci.plugins.module_utils.host.telegraf import TelegrafSpec
from ansible_collections.serverops.circleci.plugins.module_utils.host.telegraf_client import TelegrafPort, telegraf_spec

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "restart": {"type": "bool", "default": True},
    "container": {"type": "str", "default": "telegraf"},
    "directory": {"type": "path", "default": "/etc/circleconfig/telegraf"},
    "mode": {"type": "str"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
}


def port(_params: Params, spec: TelegrafSpec, _task: Task, clock: Clock) -> TelegrafPort:
    """The way to the file and to Telegraf."""
    return TelegrafPort(spec, clock)


DOOR = Door(options=OPTIONS, rules=telegraf, spec=telegraf_spec, port=port, libraries=("tomlkit",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
