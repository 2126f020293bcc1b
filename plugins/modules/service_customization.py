#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overrides of CircleCI's services, names and environment on the Services machine: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_customization
short_description: Set overrides of CircleCI's services on the Services machine of 2.x
version_added: 0.1.0
description:
  - Sets variables in C(/etc/circle-installation-customizations) (all services) or in C(/etc/circleconfig/SERVICE/customizations) (one of them), names in
    C(/etc/hosts), and variables in C(/etc/environment). All of them reach the containers at their next start.
  - Each file is read, and written again with what differs. Nothing is ever appended. Other lines, comments and order stay; a variable that stands there twice
    stands there once afterwards; CRLF becomes LF, since a shell takes the CR for a part of the value.
  - A file that could be understood in two ways (an open quote, a here-document, a command that names one of the variables) is left alone, and the task fails
    with the number of the line.
  - Files are written whole or not at all, with owner, mode, ACL and label kept. A symbolic link is followed where only root and we may write to the folders
    above its target. A file with two names (hard links), or an immutable one, is refused.
  - Where a file holds nothing but literal values, a real C(sh) reads it back, and the task fails where that gets another value.
  - Restarts nothing. It leaves one note when all files are written; M(serverops.circleci.replicated_app) restarts once for all notes.
options:
  service:
    description:
      - The service whose overrides are meant, such as V(frontend). Without it those of all services.
    type: str
  shared:
    description:
      - In place of O(service), the file that all services read which use this data service, where it runs on a machine of its own.
      - V(postgresql) is C(/etc/circleconfig/shared/postgresql), with C(POSTGRES_HOST) and others; V(vault) is C(/etc/circleconfig/shared/vault), with
        C(VAULT__HOST) and others.
    type: str
    choices: [postgresql, vault]
  other_service:
    description:
      - Take a O(service) of which no overrides are known to be read.
    type: bool
    default: false
  variables:
    description:
      - Value by name. A null takes the variable away. Numbers and booleans become texts, booleans in small letters.
    type: dict
    default: {}
  secret_variables:
    description:
      - Likewise, for values that are never shown. Where they go into a file that everybody may read, and no O(mode) is given, that is warned about.
    type: dict
    default: {}
  hosts:
    description:
      - Address by name, for C(/etc/hosts). The name then leads to this address alone; a null takes it away.
    type: dict
    default: {}
  environment:
    description:
      - Value by name, for C(/etc/environment), which PAM reads too. Values with quotes, C($), backtick, backslash, C(#) or a line end are refused there, since
        its readers do not agree on them. A comment behind such a value goes to a line above it, since PAM takes it for a part of the value.
    type: dict
    default: {}
  mode:
    description:
      - Mode of the file with O(variables), in octal, with its leading 0 and in quotes. As it is by default; for a new file V(0644), with
        O(secret_variables) V(0600).
    type: str
  owner:
    description:
      - Its owner, by name or number. As it is by default.
    type: str
  group:
    description:
      - Its group, by name or number. As it is by default.
    type: str
  global_file:
    description:
      - The file of the overrides of all services.
    type: path
    default: /etc/circle-installation-customizations
  config_directory:
    description:
      - The folder with a folder for each service.
    type: path
    default: /etc/circleconfig
  hosts_file:
    description:
      - The file of the names.
    type: path
    default: /etc/hosts
  environment_file:
    description:
      - The file of the environment.
    type: path
    default: /etc/environment
extends_documentation_fragment:
  - serverops.circleci.restart_notes
  - serverops.circleci.wait.nothing
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.host
seealso:
  - module: serverops.circleci.proxy_config
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: More memory for the frontend
  serverops.circleci.service_customization:
    service: frontend
    variables:
      JVM_HEAP_SIZE: 4g

- name: Do not ask GitHub about each user
  serverops.circleci.service_customization:
    service: api-service
    variables:
      DOMAIN_SERVICE_REFRESH_USERS: false

- name: Another address of CircleCI, and of GitHub Enterprise
  serverops.circleci.service_customization:
    variables:
      CIRCLE_URL: https://circleci.example.com
    hosts:
      ghe.example.com: 10.0.1.20
"""

RETURN = r"""
files:
  description:
    - Each file, with C(path), C(exists), C(values) (what its reader gets for the names that were given; null where only a shell could tell), C(reason), and,
      where they were asked for, C(mode), C(owner) and C(group) (numbers).
  returned: whenever the files could be read
  type: list
  elements: dict
  sample: [{path: /etc/circleconfig/frontend/customizations, exists: true, values: {JVM_HEAP_SIZE: 4g}, reason: as wanted}]
restart_required:
  description: Whether a note of a restart stands for these files, left by this task or by an earlier one.
  returned: whenever the files could be read
  type: bool
  sample: true
restarts:
  description: What is to be restarted, V(app).
  returned: whenever the files could be read
  type: list
  elements: str
  sample: [app]
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the files could be read
  type: list
  elements: dict
  sample: [{step: write, id: /etc/circleconfig/frontend/customizations, names: [JVM_HEAP_SIZE]}]
run:
  description: Id of this run.
  returned: whenever the files could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.host import files
from ansible_collections.serverops.circleci.plugins.module_utils.host.customization import customization_spec
from ansible_collections.serverops.circleci.plugins.module_utils.host.files_client import FilesPort
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import HostSpec
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES

OPTIONS: dict[str, dict[str, Any]] = {
    "service": {"type": "str"},
    "shared": {"type": "str", "choices": ["postgresql", "vault"]},
    "other_service": {"type": "bool", "default": False},
    "variables": {"type": "dict", "default": {}},
    "secret_variables": {"type": "dict", "default": {}, "no_log": True},
    "hosts": {"type": "dict", "default": {}},
    "environment": {"type": "dict", "default": {}},
    "mode": {"type": "str"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "global_file": {"type": "path", "default": "/etc/circle-installation-customizations"},
    "config_directory": {"type": "path", "default": "/etc/circleconfig"},
    "hosts_file": {"type": "path", "default": "/etc/hosts"},
    "environment_file": {"type": "path", "default": "/etc/environment"},
}


def port(params: Params, spec: HostSpec, _task: Task, clock: Clock) -> FilesPort:
    """The way to the files."""
    return FilesPort(spec, params["restart_notes"], clock)


DOOR = Door(options={**OPTIONS, **RESTART_NOTES}, rules=files, spec=customization_spec, port=port, waits=False)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
