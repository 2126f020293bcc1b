#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why does nothing start: Nomad's jobs, each with what it waits for, and one verdict: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nomad_job_info
short_description: List Nomad jobs, say why each one waits, and give one verdict on the queue
version_added: 0.1.0
description:
  - Reads jobs, clients and the scheduler's evaluations, and says of each waiting job what it waits for. Never writes.
  - Works on every version of Nomad. Up to 1.1 the servers ignore a filter of evaluations by status; the jobs' ids decide then.
  - Builds that were dispatched from a parameterized job are jobs of their own. Their parent is none that waits, whatever its status says.
  - A token that is not known to see every client and every job gives null for RV(jobs) and the verdict V(cannot_see), never an empty list.
options:
  jobs:
    description:
      - The jobs. Each entry is the id of one, or the beginning of ids with C(*) behind it. Empty for all.
      - An id that no job has is refused. The verdict is on the named jobs.
    type: list
    elements: str
    default: []
  status:
    description:
      - List only jobs in these states. Empty for all. The summary and the verdict count the others too.
      - V(pending) jobs have no client yet, V(running) ones have, V(dead) ones have ended, well or badly.
    type: list
    elements: str
    choices: [pending, running, dead]
    default: []
extends_documentation_fragment:
  - serverops.circleci.nomad
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.nomad
seealso:
  - module: serverops.circleci.nomad_node_info
  - module: serverops.circleci.nomad_job_log
  - module: serverops.circleci.nomad_job_stop
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Why does nothing start
  serverops.circleci.nomad_job_info:
    nomad_url: http://127.0.0.1:4646
    status: [pending]
  register: queue

- name: Say it
  ansible.builtin.debug:
    msg: "{{ queue.diagnosis.reason }}. Next: {{ queue.diagnosis.next_act }}"
"""

RETURN = r"""
jobs:
  description: One entry for each job, by id. Null where the token is not known to see all of them.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the job.
      type: str
      sample: build/dispatch-1795422375-08c73613
    namespace:
      description: Its namespace; null where Nomad has none (before 0.7).
      type: str
      sample: default
    type:
      description: Its type. Builds are V(batch).
      type: str
      sample: batch
    status:
      description: V(pending), V(running) or V(dead), as the servers say.
      type: str
      sample: pending
    parent:
      description: Id of the parameterized or periodic job that brought it forth; null where there is none.
      type: str
      sample: build
    children:
      description: Of a parent, how many of its children are in each state; null of all others.
      type: dict
      sample: {pending: 1, running: 3, dead: 12}
    placed:
      description: Number of its allocations that got a client, ended ones included. Of a parent, its children that did.
      type: int
      sample: 0
    queued:
      description: Number of its allocations for which the scheduler found no client.
      type: int
      sample: 1
    blocked_reason:
      description:
        - Why it waits, in one word; null where it does not.
        - V(paused_broker), V(no_clients), V(clients_down), V(clients_closed) hold for every job.
        - V(full_cpu), V(full_memory), V(full_disk) and V(full_other) when all clients that fit are full.
        - V(wrong_datacenter), V(wrong_pool), V(wrong_class), V(wrong_version), V(missing_driver), V(wrong_constraint) when no client fits.
        - V(not_evaluated) when the scheduler has still to try, or clients opened since it said why; V(no_evaluation) when the servers
          have forgotten that it waits; V(unknown) when they do not say.
      type: str
      sample: full_memory
    blocked_words:
      description: The same as a sentence; null where it does not wait.
      type: str
      sample: "3 of 3 clients that fit are full: memory"
    age:
      description: Seconds since it was handed in, by the clock of the machine that asks; null where Nomad does not tell (before 0.6).
      type: float
      sample: 93.4
summary:
  description:
    - How many of the jobs are in each status, and how many wait for each reason. Parents are counted apart.
    - Null where the token is not known to see all of them.
  returned: success
  type: dict
  sample: {pending: 1, running: 3, dead: 12, parents: 1, blocked: {full_memory: 1}}
diagnosis:
  description: One verdict on the queue.
  returned: success
  type: dict
  contains:
    verdict:
      description:
        - A word as in C(blocked_reason), of the cause that holds for most; or V(nothing_waits), or V(cannot_see).
        - V(paused_broker), V(no_clients), V(clients_down) and V(clients_closed) are said also while nothing waits, since whatever comes next will.
      type: str
      sample: full_memory
    reason:
      description: The verdict as a sentence.
      type: str
      sample: "1 job waits: 3 of 3 clients that fit are full: memory"
    evidence:
      description: What it rests on, line by line, with who closed the closed clients.
      type: list
      elements: str
      sample: ["clients: 3; 3 ready, 3 open, 0 draining, 0 cordoned, 0 not ready", "jobs: 1 pending, 3 running, 12 dead"]
    next_act:
      description: What to do next.
      type: str
      sample: add clients, or wait until builds end; a job that asks for more memory than a client has never starts
server:
  description: The servers.
  returned: success
  type: dict
  sample: {version: 1.1.2, region: global}
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job_list import job_list_spec, read_job_list

OPTIONS: dict[str, dict[str, Any]] = {
    "jobs": {"type": "list", "elements": "str", "default": []},
    "status": {"type": "list", "elements": "str", "choices": ["pending", "running", "dead"], "default": []},
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    spec = job_list_spec(params)
    return read_job_list(client_from_params(params, clock), spec, clock)


DOOR = InfoDoor(options={**OPTIONS, **NOMAD_OPTIONS}, read=read, libraries=("nomad",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
