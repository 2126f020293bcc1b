#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app of a 2.x installation started, stopped, or restarted once for all that waits for it: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replicated_app
short_description: Start, stop or restart a 2.x installation, once for all changes
version_added: 0.1.0
description:
  - Brings the app of a 2.x installation into a state, through Replicated's C(replicatedctl), and waits until it is there.
  - Started means that Replicated calls it started, that it is in no transition any more, and that each of O(health_urls) answers with 200.
  - Modules that change what a container reads at its start leave a note in O(restart_notes). With O(restart_if_pending) one stop and start serves all
    notes, and then clears them. Notes that a start of the app has served already, whoever started it, are cleared without a restart. What is noted while
    the app restarts waits for the next restart.
  - A run that was killed is repeated with the same result, and with no second restart.
  - A change of several files that began and did not end, which a run that died leaves behind, keeps it from a restart; it is named with the remedy.
  - Replicated, Docker and the Nomad clients are not restarted; notes about them are named in RV(other_pending), and cleared once systemd tells that the unit
    C(docker) or C(nomad) was started after them.
  - Runs on the Services host, as root.
options:
  state:
    description:
      - V(started) starts the app where it is stopped. V(stopped) stops it where it runs.
      - V(restarted) stops and starts it each time, so with it the module is never quiet.
    type: str
    choices: [started, stopped, restarted]
    default: started
  restart_if_pending:
    description: Whether to restart the app where notes wait for it.
    type: bool
    default: false
  allow_downtime:
    description:
      - Consent to stop an app that runs. Without it such a task fails, in check mode too, names what the stop would be for, and changes nothing.
      - To start an app that is stopped needs no consent.
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
  idempotent:
    details: Not with O(state=restarted).
seealso:
  - module: serverops.circleci.replicated_config
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: One restart for whatever was changed, in the window that was agreed on
  serverops.circleci.replicated_app:
    restart_if_pending: true
    allow_downtime: true
    wait_timeout: 1800

- name: Stop the app before a backup of its disks
  serverops.circleci.replicated_app:
    state: stopped
    allow_downtime: true
    wait_timeout: 900

- name: See whether a restart is due, without one
  serverops.circleci.replicated_app:
    restart_if_pending: true
    allow_downtime: true
  check_mode: true
  register: due
"""

RETURN = r"""
app:
  description: The app.
  returned: whenever its state could be read
  type: dict
  contains:
    state:
      description: Replicated's word for its state; V(unknown) when the last read failed.
      type: str
      sample: started
    desired_state:
      description: The state that it is to have, by Replicated.
      type: str
      sample: started
    transitioning:
      description: Whether it is on its way there.
      type: bool
      sample: false
    error:
      description: Replicated's words where it failed.
      type: str
      sample: ""
    started:
      description: When the oldest of its containers that run started; null where none runs.
      type: str
      sample: "2026-01-31T12:00:00.000000Z"
    healthy:
      description: Whether it is started and every address answers with 200.
      type: bool
      sample: true
    unhealthy:
      description: Addresses that do not answer with 200 while the app is started.
      type: list
      elements: str
      sample: []
pending:
  description: Notes that still wait for a restart of the app, as dictionaries with what, why and time.
  returned: whenever the state of the app could be read
  type: list
  elements: dict
  sample: []
cleared:
  description: Notes that were cleared since the task began.
  returned: whenever the state of the app could be read
  type: list
  elements: dict
  sample: [{what: settings, why: hostname was changed, time: "2026-01-31T11:00:00.000000Z"}]
other_pending:
  description: Notes that wait for a restart of something else, which RV(ignore:restart) names.
  returned: whenever the state of the app could be read
  type: list
  elements: dict
  sample: []
reason:
  description: The end in words.
  returned: whenever the state of the app could be read
  type: str
  sample: the app is started, and healthy
waited:
  description: Seconds from the task's begin to its end, or to now.
  returned: whenever the state of the app could be read
  type: float
steps:
  description: What was done, or would be in check mode, in order. A stop has V(downtime) true, and says why.
  returned: whenever the state of the app could be read
  type: list
  elements: dict
  sample: [{step: stop, id: app, downtime: true, why: "settings: hostname was changed"}, {step: start, id: app}]
run:
  description: Id of this run.
  returned: whenever the state of the app could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import app
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_client import AppPort
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import APP_OPTIONS, AppSpec, app_spec
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient

OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["started", "stopped", "restarted"], "default": "started"},
    "restart_if_pending": {"type": "bool", "default": False},
    **APP_OPTIONS,
}


def port(_params: Params, spec: AppSpec, _task: Task, clock: Clock) -> AppPort:
    """The way to the app."""
    return AppPort(ReplicatedClient(), spec, clock)


DOOR = Door(options=OPTIONS, rules=app, spec=app_spec, port=port)


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
