#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drain, cordon or release Nomad clients: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nomad_node_drain
short_description: Drain Nomad clients without losing a build, cordon them, or make them eligible again
version_added: 0.1.0
description:
  - Closes Nomad clients for new builds and waits until every build on them has ended by itself.
  - Nothing is ever killed without O(allow_killing_builds), and nothing is called drained that was not seen empty twice, on the client's own objects.
  - Where another run changes the deadline of a drain after this task had set it, that word stays, and this task fails and names that run.
  - Run again with the same options it goes on where it was, also after the run or the servers were killed.
  - Nomad before 0.8 has no cordon, and there a drain stops builds. A busy client is therefore left open until it is seen idle, and drained then.
  - Runs on the controller or in the execution environment, as one task for any number of clients.
options:
  nodes:
    description:
      - The clients. Each entry is an id, an id prefix of 8 or more hex digits, a name, an instance id,
        or C(class=), C(datacenter=), C(status=), C(version=) with a value, or V(all).
      - An entry that should name one client and names none or several is refused.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(drained) closes the clients and waits until no build is left.
      - V(cordoned) only closes them; their builds go on and are not waited for. Needs Nomad 0.8 or later.
      - V(eligible) opens them again, where this collection had closed them with the same O(owner).
    type: str
    choices: [drained, cordoned, eligible]
    default: drained
  deadline:
    description:
      - Seconds after which Nomad kills the builds that are left. Without it they end by themselves.
      - Refused without O(allow_killing_builds). Needs Nomad 0.8 or later.
    type: float
  allow_killing_builds:
    description:
      - Lets the verdict V(killed) pass as success, and permits O(deadline). Never lets V(lost) pass.
    type: bool
    default: false
  ignore_system_jobs:
    description:
      - Whether allocations of system jobs may stay on a drained client.
    type: bool
    default: true
  max_in_flight:
    description:
      - How many clients may be closed and not yet empty at the same time, those that others drain included. V(0) for all at once.
    type: int
    default: 0
  max_build_time:
    description:
      - Seconds to wait for the builds of one client. It is then V(unfinished), stays closed, nothing on it is killed, and the next client takes its slot.
    type: float
  min_ready:
    description:
      - Ready and eligible clients that must be left besides the named ones. Asked before every closing; not asked when all named clients are closed already.
    type: int
    default: 1
  owner:
    description:
      - The owner to write into the mark that a drain leaves in Nomad (Meta of the drain, from Nomad 1.1).
    type: str
    default: serverops.circleci
  take_over:
    description:
      - Replace a drain that somebody else began instead of joining it, and open clients that somebody else closed.
    type: bool
    default: false
extends_documentation_fragment:
  - serverops.circleci.nomad
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.nomad
seealso:
  - module: serverops.circleci.nomad_node_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Drain one client and wait for its builds, five hours at most
  serverops.circleci.nomad_node_drain:
    nomad_url: http://127.0.0.1:4646
    nodes: [c1]

- name: Drain a class of clients, two at a time, and keep three others open
  serverops.circleci.nomad_node_drain:
    nodes: ["class=linux-64bit"]
    max_in_flight: 2
    min_ready: 3

- name: Say what would be done
  serverops.circleci.nomad_node_drain:
    nodes: [c1, c2]
  check_mode: true
  diff: true

- name: Open the clients again
  serverops.circleci.nomad_node_drain:
    nodes: [c1, c2]
    state: eligible
"""

RETURN = r"""
nodes:
  description: One entry for each client, on success and on failure.
  returned: whenever the clients could be read
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
      description: Id of its machine at the cloud; null where it is not known.
      type: str
      sample: i-00000000000000001
    verdict:
      description:
        - V(drained), V(cordoned) or V(eligible) as asked for.
        - V(unfinished) when builds were left; the client stays closed and nothing on it was killed.
        - V(killed) when a drain, ours or another's, stopped builds. V(lost) when the client went down with builds.
        - V(gone) when the servers forgot the client, V(reopened) when somebody else opened it in the meantime,
          V(unknown) when the last read failed or the client is cut off.
      type: str
      sample: drained
    reason:
      description: The verdict in words.
      type: str
      sample: c1 is drained
    joined:
      description: Whether somebody else's drain was joined instead of beginning one.
      type: bool
      sample: false
    mark:
      description:
        - The mark on the client, as a dictionary with owner, run, intent, since and was.
        - Null where there is none, V(none) where Nomad has no place for one.
      type: raw
      sample: {owner: serverops.circleci, run: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11, intent: drained, since: "2026-11-23T08:13:41Z", was: eligible}
    running:
      description: Builds that are left, as dictionaries with job, allocation and started.
      type: list
      elements: dict
      sample: []
    finished:
      description: Number of builds that ended by themselves while the task looked.
      type: int
      sample: 2
    killed:
      description: Builds that a drain stopped since the task began or since our mark.
      type: list
      elements: dict
      sample: []
    lost:
      description: Builds that went down with the client.
      type: list
      elements: dict
      sample: []
    waited:
      description: Seconds from the task's begin to the client's end, or to now.
      type: float
      sample: 812.4
    history:
      description:
        - How the client stood, as dictionaries with C(t) (seconds from the task's begin to the look that showed it first) and C(is).
          One of V(open), V(draining), V(closed), V(down), V(unknown) and V(gone). The newest 100.
        - In check mode only what was seen.
      type: list
      elements: dict
      sample: [{t: 0.1, is: open}, {t: 0.3, is: draining}, {t: 812.1, is: closed}]
    builds:
      description:
        - Every build that the task saw running, as dictionaries with C(job), C(allocation), C(started), C(from), C(until) and C(end). The newest 100.
        - C(started) is the servers' time. C(from) and C(until) are seconds from the task's begin to the first look that showed it running, and to the first
          that showed it ended; null while it runs.
        - C(end) is V(finished) for an end by itself, V(killed), V(cancelled) by a person, V(lost), V(forgotten) when the servers no longer list it, or null.
      type: list
      elements: dict
      sample:
        - job: build-1
          allocation: 5c8e0c0e-58a3-6a3c-0c3a-9d1d8f2d1f11
          started: "2026-11-23T08:00:11Z"
          from: 0.1
          until: 812.1
          end: finished
summary:
  description: How many clients have each verdict.
  returned: whenever the clients could be read
  type: dict
  sample: {drained: 2}
server:
  description: The servers, as a dictionary with version (the oldest of them) and region.
  returned: whenever the clients could be read
  type: dict
  sample: {version: 1.1.2, region: global}
steps:
  description: What was done, or would be in check mode, in order. Empty when the task was refused or could not read the clients.
  returned: always, unless the module itself breaks
  type: list
  elements: dict
  sample: [{step: drain, id: 11111111-2222-4333-8444-555555555551, deadline: 0.0, ignore_system_jobs: true}]
run:
  description: Id of this run, as written into the marks.
  returned: whenever the clients could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import drain
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec, drain_spec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain_port import DrainPort

OPTIONS: dict[str, dict[str, Any]] = {
    "nodes": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["drained", "cordoned", "eligible"], "default": "drained"},
    "deadline": {"type": "float"},
    "allow_killing_builds": {"type": "bool", "default": False},
    "ignore_system_jobs": {"type": "bool", "default": True},
    "max_in_flight": {"type": "int", "default": 0},
    "max_build_time": {"type": "float"},
    "min_ready": {"type": "int", "default": 1},
    "owner": {"type": "str", "default": "serverops.circleci"},
    "take_over": {"type": "bool", "default": False},
}


def port(params: Params, spec: DrainSpec, task: Task, clock: Clock) -> DrainPort:
    """The way to the clients; later slices know the targets already."""
    known = {item: past.get("instance") for item, past in (task.memory.get("targets") or {}).items()}
    made = DrainPort(client_from_params(params, clock), spec, task.run, clock, known)
    made.proof = tuple(task.memory.get("token") or ())
    return made


DOOR = Door(options={**OPTIONS, **NOMAD_OPTIONS}, rules=drain, spec=drain_spec, port=port, libraries=("nomad",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
