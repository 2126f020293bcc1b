# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the VM service in Compute Engine: those of some labels in one zone. Paths: https://cloud.google.com/compute/docs/reference/rest/v1/instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, doing
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import COMPUTE, GcpClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Vm, VmSpec, vm_from_gce

NAMES = ("service_account_file", "service_account_contents", "endpoint_url")


class Gce:
    """One zone of one project."""

    def __init__(self, spec: VmSpec, cloud: Mapping[str, Any], clock: Clock) -> None:
        self._spec = spec
        self._client: GcpClient = client_from_params({"project": spec.project, **{name: cloud.get(name) for name in NAMES}}, clock, "cloud.")
        self._path = f"/compute/v1/projects/{quote(spec.project, safe='')}/zones/{quote(spec.zone, safe='')}/instances"

    def vms(self) -> list[Vm]:
        """All that carry the labels."""
        labels = " AND ".join(f"labels.{key}={value}" for key, value in sorted(self._spec.marks.items()))
        with doing(f"list the machines of the VM service in {self._spec.zone}"):
            found = [vm_from_gce(one) for one in self._client.entries(COMPUTE, self._path, "items", filter=labels)]
        return sorted(found, key=lambda vm: (vm.launched, vm.id))

    def terminate(self, vm: str) -> None:
        """Delete one; one that is gone is no failure."""
        try:
            with doing(f"delete {vm}"):
                self._client.write("DELETE", COMPUTE, f"{self._path}/{quote(vm, safe='')}")
        except NotFound:
            pass
