#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that a 3.x installation has: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_config_info
short_description: List the configuration keys of a KOTS application
version_added: 0.1.0
description:
  - Lists the keys that a version has, with title, type and value. The vendor publishes no list of them, and they differ from release to release.
  - The value of a secret is told to nobody. A secret is what is a password or a file by its type, hidden, named like one (key, token, password and the like),
    or holds a PEM block.
options:
  keys:
    description:
      - Names of keys to list; all if empty.
    type: list
    elements: str
    default: []
  search:
    description:
      - Lists only keys with this word in name or title.
    type: str
    default: ""
  sequence:
    description:
      - The version to read; the deployed one where it is not given.
    type: int
  app:
    description:
      - Slug of the application.
    type: str
    default: circleci-server
  namespace:
    description:
      - Namespace of the installation, and of kotsadm.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero. Nothing is asked there.
    type: str
    default: velero
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_config
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Which keys have to do with the domain
  serverops.circleci.kots_config_info:
    namespace: circleci-server
    search: domain
  register: found

- name: Tell their values
  ansible.builtin.debug:
    var: found.settings
"""

RETURN = r"""
config:
  description: The keys, in the console's order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name, as M(serverops.circleci.kots_config) takes it.
      type: str
      sample: domain
    title:
      description: What the console calls it.
      type: str
      sample: Domain
    group:
      description: The group that it stands in.
      type: str
      sample: main
    type:
      description: Its type, as kotsadm tells it.
      type: str
      sample: text
    value:
      description: What the application gets, the value or else the default; null of a secret.
      type: str
      sample: ci.example.com
    is_set:
      description: Whether it has a value of its own.
      type: bool
    is_default:
      description: Whether its default holds.
      type: bool
    secret:
      description: Whether its value is told to nobody.
      type: bool
    required:
      description: Whether it cannot be empty.
      type: bool
    asked:
      description: Whether the console shows it. What other keys switch off is kept, but plays no part.
      type: bool
    read_only:
      description: Whether M(serverops.circleci.kots_config) cannot set it.
      type: bool
    choices:
      description: The values that it takes; empty where it takes any.
      type: list
      elements: str
settings:
  description: The values that are no secret, by key.
  returned: success
  type: dict
  sample: {domain: ci.example.com, workers: "4"}
missing:
  description: Entries of O(keys) that this version does not have.
  returned: success
  type: list
  elements: str
  sample: []
sequence:
  description: The version that was read.
  returned: success
  type: int
  sample: 3
deployed_sequence:
  description: The version that is deployed, or on its way; null where none is.
  returned: success
  type: int
  sample: 3
deployed:
  description: That version, with sequence, label, status and source; null where none is.
  returned: success
  type: dict
  sample: {sequence: 3, label: 3.4.0, status: deployed, source: Config Change}
pending:
  description: Versions ahead of it, newest first, as dictionaries with sequence, label, status and source.
  returned: success
  type: list
  elements: dict
  sample: [{sequence: 4, label: 3.4.1, status: pending, source: Upstream Update}]
secrets_comparable:
  description: Whether M(serverops.circleci.kots_config) could compare passwords, for which it needs Secret C(kotsadm-encryption) and cryptography.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_info import config_info_spec, read_config
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import APP_OPTION, KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "search": {"type": "str", "default": ""},
    "sequence": {"type": "int"},
    **APP_OPTION,
    **KOTS_OPTIONS,
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    return read_config(installation_from_params(params, clock), config_info_spec(params))


DOOR = InfoDoor(options={**OPTIONS, **KUBERNETES_OPTIONS}, read=read, libraries=("kubernetes", "requests"))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
