#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a build, of the allocation that is meant: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nomad_job_log
short_description: Read the end of a build's log, of the right allocation
version_added: 0.1.0
description:
  - Reads the last lines of what a job's task wrote. Never writes.
  - Of a job with several allocations it takes the newest that is live, else the newest; never just any, as C(nomad logs -job) does.
  - Only the end of a long log is fetched.
  - The servers fetch it from the client. Before Nomad 0.9 they cannot, and the client's agent is asked itself, at the address that the servers name
    for it, with the same scheme, certificates and token; that address must then be reachable from where the module runs.
  - A log lies on the disk of the client and is gone when the client collects the allocation.
  - Builds may print secrets; set C(no_log) on the task where its result is kept.
options:
  job:
    description:
      - Id of the job. Exactly one of O(job) and O(allocation) is given.
      - A parameterized job runs nothing itself; name one of the jobs that it brought forth.
    type: str
  allocation:
    description:
      - Id of the allocation, or 8 or more hex digits of its beginning.
    type: str
  stream:
    description:
      - Which of the two. The build agent writes to V(stderr).
    type: str
    choices: [stderr, stdout]
    default: stderr
  tail:
    description:
      - How many lines of the end, 1 to 100000. At most 16 MiB are fetched.
    type: int
    default: 100
  task:
    description:
      - Name of the task, where the allocation has several.
    type: str
extends_documentation_fragment:
  - serverops.circleci.nomad
  - serverops.circleci.attributes
  - serverops.circleci.attributes.reads
  - serverops.circleci.attributes.nomad
seealso:
  - module: serverops.circleci.nomad_job_info
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: What did the build agent say
  serverops.circleci.nomad_job_log:
    nomad_url: http://127.0.0.1:4646
    job: build-1
    tail: 20
  register: agent

- name: Say it
  ansible.builtin.debug:
    msg: "{{ agent.log.splitlines() }}"
"""

RETURN = r"""
log:
  description: The lines, as they were written; bytes that are no UTF-8 are replaced.
  returned: success
  type: str
  sample: "oops\n"
lines:
  description: How many lines these are.
  returned: success
  type: int
  sample: 1
truncated:
  description: Whether there were lines before them.
  returned: success
  type: bool
  sample: false
stream:
  description: Which stream.
  returned: success
  type: str
  sample: stderr
task:
  description: Whose log it is.
  returned: success
  type: str
  sample: task
job:
  description: Id of the job.
  returned: success
  type: str
  sample: build-1
allocation:
  description: The allocation whose log it is. C(status) is what its client says of it, C(desired) what the servers want, C(client) the client's name.
  returned: success
  type: dict
  sample:
    id: 84a06288-49b2-8531-6d77-d04524620b27
    status: running
    desired: run
    started: "2026-11-22T06:37:38.747Z"
    client: c1
    client_id: 11111111-2222-4333-8444-555555555551
allocations:
  description: Of how many allocations of the job it was chosen.
  returned: success
  type: int
  sample: 1
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor, Params, run_info_door
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.log_reader import read_log
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.logs import log_spec

OPTIONS: dict[str, dict[str, Any]] = {
    "job": {"type": "str"},
    "allocation": {"type": "str"},
    "stream": {"type": "str", "choices": ["stderr", "stdout"], "default": "stderr"},
    "tail": {"type": "int", "default": 100},
    "task": {"type": "str"},
}


def read(params: Params, clock: Clock) -> Json:
    """The result from the parameters."""
    spec = log_spec(params)
    return read_log(client_from_params(params, clock), spec)


DOOR = InfoDoor(options={**OPTIONS, **NOMAD_OPTIONS}, read=read, libraries=("nomad",))


def main() -> None:
    run_info_door(DOOR)


if __name__ == "__main__":
    main()
