#!/usr/bin/python
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an installation is backed up by itself, and how long backups are kept: the door."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kots_snapshot_schedule
short_description: Set schedule and retention of kotsadm's snapshots of the whole installation
version_added: 0.1.0
description:
  - Sets what differs, through kotsadm, and reads it back. Schedule and retention are kept in kotsadm's own database; no object of the cluster holds them.
  - The retention is compared in seconds, so V(30d) and the month that kotsadm shows at first (720 hours) are equal. It holds for backups that are made from
    then on; those that are there keep their time.
  - kotsadm skips a turn while a backup runs, and backs up nothing more where one never ends. M(serverops.circleci.kots_backup) names such a backup.
options:
  enabled:
    description:
      - Whether backups are taken by themselves. While it is off the cron is not compared, since kotsadm forgets it.
    type: bool
    default: true
  cron:
    description:
      - Five fields (minute, hour, day of the month, month, day of the week), or a name such as V(@daily), by the clock of kotsadm's pod.
      - As it is where it is not set. To switch the schedule on it is needed.
    type: str
  retention:
    description:
      - How long a backup is kept, a number with V(s), V(m), V(h), V(d), V(w), V(mo) (720 hours) or V(y) (8766 hours), such as V(30d).
      - As it is where it is not set.
    type: str
  namespace:
    description:
      - Namespace of the installation, and of kotsadm.
    type: str
    default: circleci-server
  velero_namespace:
    description:
      - Namespace of Velero.
    type: str
    default: velero
extends_documentation_fragment:
  - serverops.circleci.kubernetes
  - serverops.circleci.wait
  - serverops.circleci.attributes
  - serverops.circleci.attributes.changes
  - serverops.circleci.attributes.kubernetes
seealso:
  - module: serverops.circleci.kots_backup
author:
  - The serverops.circleci authors (@serverops)
"""

EXAMPLES = r"""
- name: Back up every night at three, keep each backup for 30 days
  serverops.circleci.kots_snapshot_schedule:
    namespace: circleci-server
    cron: 0 3 * * *
    retention: 30d
"""

RETURN = r"""
schedule:
  description: The schedule as kotsadm has it, with enabled, cron (null while it is off), retention (seconds) and kotsadm's words for it.
  returned: whenever the schedule could be read
  type: dict
  sample: {enabled: true, cron: 0 3 * * *, retention: 2592000.0, retention_words: 30 days}
reason:
  description: The end in words.
  returned: whenever the schedule could be read
  type: str
  sample: the schedule is as wanted
steps:
  description: What was done, or would be in check mode, in order.
  returned: whenever the schedule could be read
  type: list
  elements: dict
  sample: [{step: schedule, id: schedule, enabled: true, cron: 0 3 * * *}]
run:
  description: Id of this run.
  returned: whenever the schedule could be read
  type: str
  sample: 2d9f6a52-7f0e-4c6b-9d39-6c5c3a1f0b11
"""

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door, Params, run_door
from ansible_collections.serverops.circleci.plugins.module_utils.kots import schedule
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import KOTS_OPTIONS, installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kots.schedule import ScheduleSpec, schedule_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.schedule_port import SchedulePort
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS

OPTIONS: dict[str, dict[str, Any]] = {
    "enabled": {"type": "bool", "default": True},
    "cron": {"type": "str"},
    "retention": {"type": "str"},
    **KOTS_OPTIONS,
}


def port(params: Params, _spec: ScheduleSpec, _task: Task, clock: Clock) -> SchedulePort:
    """The way to the schedule."""
    return SchedulePort(installation_from_params(params, clock).console, clock)


DOOR = Door(options={**OPTIONS, **KUBERNETES_OPTIONS}, rules=schedule, spec=schedule_spec, port=port, libraries=("kubernetes", "requests"))


def main() -> None:
    run_door(DOOR)


if __name__ == "__main__":
    main()
