#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop one job, having said what will die: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nomad_job_stop
short_description: Stop one Nomad job and wait until all that ran of it has ended
version_added: 0.1.0
description:
  - Calls off a job, a build or whatever else, and waits until its allocations have ended.
  - What will die is told before anything is done, by allocation and client, in check mode, in the diff and in lines of progress.
  - The job is stopped, not purged. From Nomad 0.6 its logs and its history can be read until the servers collect them.
  - A job that was stopped before, has ended or is gone already, is left alone.
  - Runs on the controller or in the execution environment.
options:
  job:
    description:
      - Id of the job, whole. Jobs of the installation itself (of the types C(service) and C(system)) are stopped too where their id is confirmed.
      - A parameterized or periodic job is refused, since stopping it ends none of the jobs that it brought forth.
    type: str
    required: true
  confirm:
    description:
      - The same id once more. Anything else is refused.
    type: str
    required: true
extends_documentation_fragment:
  - serverops.circleci.nomad
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.nomad
seealso:
  - module: serverops.circleci.nomad_job_info
  - module: serverops.circleci.nomad_job_log
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: What would die
  serverops.circleci.nomad_job_stop:
    nomad_url: http://127.0.0.1:4646
    job: build-1
    confirm: build-1
  check_mode: true
  diff: true

- name: Call the build off
  serverops.circleci.nomad_job_stop:
    nomad_url: http://127.0.0.1:4646
    job: build-1
    confirm: build-1
    wait_timeout: 300
"""

RETURN = r"""
job:
  description: Id of the job.
  returned: whenever the job could be looked for
  type: str
  sample: build-1
type:
  description: Its type; null where the servers know no such job.
  returned: whenever the job could be looked for
  type: str
  sample: batch
verdict:
  description:
    - V(stopped) by this task, and all of it has ended. V(was_stopped) when it was stopped before this task began, by whomever.
    - V(ended) when it ended by itself. V(absent) when the servers know no such job.
    - V(unfinished) when some of it still winds up. V(lost) when a client went down with some of it, which may still run there.
    - V(unknown) when the last read failed.
  returned: whenever the job could be looked for
  type: str
  sample: stopped
stopped:
  description: Whether the servers no longer want it and nothing of it runs. False of a job that ended by itself.
  returned: whenever the job could be looked for
  type: bool
  sample: true
by_us:
  description:
    - Whether this task stopped it. Nomad keeps no mark of who stopped a job, so a task that was killed after its order and is run again says V(false).
  returned: whenever the job could be looked for
  type: bool
  sample: true
reason:
  description: The verdict in words.
  returned: whenever the job could be looked for
  type: str
  sample: job build-1 is stopped, and all of it has ended
allocations:
  description: What ran of it while this task looked, as dictionaries with allocation, client, client_id, started and status.
  returned: whenever the job could be looked for
  type: list
  elements: dict
  sample:
    - allocation: 84a06288-49b2-8531-6d77-d04524620b27
      client: c1
      client_id: 11111111-2222-4333-8444-555555555551
      started: "2026-11-22T06:37:38.747Z"
      status: complete
left:
  description: How many of them have not ended.
  returned: whenever the job could be looked for
  type: int
  sample: 0
waited:
  description: Seconds from the task's begin to the end, or to now.
  returned: whenever the job could be looked for
  type: float
  sample: 5.2
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the job could be looked for
  type: list
  elements: dict
  sample: [{step: stop, id: build-1}]
run:
  description: Id of this run.
  returned: whenever the job could be looked for
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import stop
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop import StopSpec, stop_spec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop_port import StopPort

OPTIONS: dict[str, dict[str, Any]] = {
    "job": {"type": "str", "required": True},
    "confirm": {"type": "str", "required": True},
}


def port(params: Params, spec: StopSpec, task: Task, clock: Clock) -> StopPort:
    """The way to the job."""
    return StopPort(client_from_params(params, clock), spec, clock)


DOOR = Door(options={**OPTIONS, **NOMAD_OPTIONS}, rules=stop, spec=stop_spec, port=port, libraries=("nomad",))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
