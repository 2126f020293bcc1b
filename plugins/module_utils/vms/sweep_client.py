# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the machines of the VM service: a cloud, and the program that prints what the server knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Unknown
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran, find_program, run
from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import PROXIES, environment
from ansible_collections.serverops.circleci.plugins.module_utils.vms.ec2_client import Ec2
from ansible_collections.serverops.circleci.plugins.module_utils.vms.gce_client import Gce
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Records, VmSpec, records_from
from ansible_collections.serverops.circleci.plugins.module_utils.vms.sweep import Terminate, VmState, doubt, orphans_of

BOUND = 20.0  # s for the program
MOST = 64_000_000  # letters of what it prints: a site of many builds has some ten thousand rows of tasks
KEPT = 300  # letters of what it says in a failure
# What kubectl, the programs by which it logs in to EKS and GKE, docker and psql read of the environment.
VARIABLES = ("AWS_", "CLOUDSDK_", "GOOGLE_", "USE_GKE_", "KUBE", "DOCKER_", "PG", "SSL_CERT_", *PROXIES)


class VmPort:
    """The machines of one installation."""

    def __init__(self, spec: VmSpec, cloud: Mapping[str, Any], clock: Clock) -> None:
        self._spec, self._clock = spec, clock
        self._cloud: Union[Ec2, Gce] = Ec2(spec, cloud) if spec.provider == "aws" else Gce(spec, cloud, clock)

    def read(self, _confirming: frozenset[str]) -> VmState:
        """The cloud first: a machine that is started in between is not in the list, and one that is in it has long been written down."""
        vms = tuple(self._cloud.vms())
        records, why = self._records()
        return VmState(vms, records, why, self._clock.wall().timestamp())

    def apply(self, step: Any) -> None:
        """Terminate one machine, only after a second, fresh look at the cloud and at the server's records."""
        if not isinstance(step, Terminate):
            return
        state = self.read(frozenset())
        found = [vm for vm in state.vms if vm.id == step.vm]
        if not found or not found[0].lives:
            return
        if found[0] not in orphans_of(self._spec, state):
            raise Refused(f"{step.vm} is no orphan any more, or it cannot be seen: {doubt(self._spec, state) or 'the server knows it'}")
        self._cloud.terminate(step.vm)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(seconds)

    def _records(self) -> tuple[Union[Records, Unknown, None], str]:
        """What the server knows, or why that cannot be told."""
        command = self._spec.command
        if not command:
            return None, ""
        ran = run(command, BOUND, more=environment(VARIABLES), longest=MOST)
        if ran.code is None and ran.err and find_program(command[0]) is None:
            raise BadInput(
                f"the server's records are asked for by {command[0]}, which is not on PATH where this module runs; install it, or give records_command"
            )
        found = records_from(ran.out) if ran.code == 0 else None
        if found is not None:
            return found, ""
        return UNKNOWN, f"{command[0]} {_ended(ran)}{_said(ran.err)}"


def _ended(ran: Ran) -> str:
    if ran.code is None:
        return "cannot be started" if ran.err else f"did not end within {BOUND:g} s"
    if ran.code:
        return f"ended with {ran.code}"
    return f"printed more than the {MOST} letters that are read" if len(ran.out) >= MOST else "printed no whole records"


def _said(text: str) -> str:
    """The last line that a program said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:KEPT]}" if lines else ""
