#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List Nomad clients with what runs on them and who closed them: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nomad_node_info
short_description: List Nomad clients, their builds, and who closed them
version_added: 0.1.0
description:
  - Reads Nomad clients and counts the builds on them. Never writes, not even a probe.
  - Takes the same selectors as M(serverops.circleci.nomad_node_drain).
options:
  nodes:
    description:
      - The clients. Each entry is an id, an id prefix of 8 or more hex digits, a name, an instance id,
        or C(class=), C(datacenter=), C(status=), C(version=) with a value, or V(all).
    type: list
    elements: str
    default: [all]
  allocations:
    description:
      - Whether to list each client's live builds, and not only their number.
    type: bool
    default: false
  details:
    description:
      - Whether to read each client's own object, which tells its instance id. One request for each client.
      - Clients that are named one by one are always read so.
    type: bool
    default: false
extends_documentation_fragment:
  - serverops.circleci.nomad
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.nomad
seealso:
  - module: serverops.circleci.nomad_node_drain
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: How many clients are there, and what do they run
  serverops.circleci.nomad_node_info:
    nomad_url: http://127.0.0.1:4646

- name: One client with its builds
  serverops.circleci.nomad_node_info:
    nodes: [c1]
    allocations: true
"""

RETURN = r"""
nodes:
  description: One entry for each client, by name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the client.
      type: str
      sample: 11111111-2222-4333-8444-555555555551
    name:
      description: Name of the client.
      type: str
      sample: c1
    instance_id:
      description: Id of its machine at the cloud; null where it was not read or is not known.
      type: str
      sample: i-00000000000000001
    status:
      description: What the servers say of its agent, such as V(ready), V(down), V(initializing) or V(disconnected).
      type: str
      sample: ready
    eligible:
      description: Whether Nomad may place builds on it. Before Nomad 0.8 this is "it does not drain".
      type: bool
      sample: true
    draining:
      description: Whether a drain is in force.
      type: bool
      sample: false
    mark:
      description:
        - The mark of a drain on it, as a dictionary with owner, run, intent, since and was.
        - Null where there is none, V(none) where Nomad has no place for one.
      type: raw
      sample: null
    version:
      description: Version of its agent; empty where the list does not tell it.
      type: str
      sample: 1.1.2
    datacenter:
      description: Its datacenter.
      type: str
      sample: default
    class:
      description: Its node class.
      type: str
      sample: linux-64bit
    builds:
      description: Number of live builds on it; null where the token may not see them.
      type: int
      sample: 2
    allocations:
      description: Its live builds, as dictionaries with job, allocation and started.
      type: list
      elements: dict
      returned: with O(allocations=true)
      sample: [{job: build-1, allocation: 84011059-97b5-6c68-c34f-2dfd977b18cf, started: "2026-11-22T06:34:55.426039776Z"}]
summary:
  description:
    - Numbers of the listed clients. C(ready) are those with that status, C(eligible) those of them that take builds,
      C(cordoned) those closed without a drain.
  returned: success
  type: dict
  sample: {ready: 3, eligible: 2, draining: 1, cordoned: 0, down: 0, running_builds: 4}
server:
  description:
    - The servers. C(leader) is the leader's address.
    - C(token) is null where ACLs are off. Else it tells of O(nomad_token) whether it C(may_drain), whether it C(sees_all_builds),
      what it C(lacks) for a drain (a sentence with the remedy, or null), and in C(hints) what cannot be seen with it besides.
  returned: success
  type: dict
  sample: {version: 1.1.2, leader: "127.0.0.1:4647", region: global, token: null}
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.node_list import NodeListSpec, read_node_list
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.selectors import check_selectors

OPTIONS: dict[str, dict[str, Any]] = {
    "nodes": {"type": "list", "elements": "str", "default": ["all"]},
    "allocations": {"type": "bool", "default": False},
    "details": {"type": "bool", "default": False},
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    spec = spec_from_params(NodeListSpec, params)
    check_selectors(spec.nodes)
    return read_node_list(client_from_params(params, clock), spec, clock)


DOOR = InfoDoor(options={**OPTIONS, **NOMAD_OPTIONS}, read=read, libraries=("nomad",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
