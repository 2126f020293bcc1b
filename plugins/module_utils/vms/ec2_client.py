# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the VM service in EC2: those of a tag in one region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.aws_client import asking, aws_client
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import aws_is_there
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.vms.model import Vm, VmSpec, vm_from_ec2


class Ec2:
    """One region; the client is made when it is first asked."""

    def __init__(self, spec: VmSpec, cloud: Mapping[str, Any]) -> None:
        self._spec, self._cloud = spec, cloud
        self._made: Any = None

    def vms(self) -> list[Vm]:
        """All that carry the marks, and are where this installation's are. Those that ended EC2 shows for about an hour."""
        spec = self._spec
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(spec.marks.items())]
        filters += [{"Name": "subnet-id", "Values": list(spec.subnets)}] if spec.subnets else []
        filters += [{"Name": "instance.group-id", "Values": list(spec.security_groups)}] if spec.security_groups else []
        with asking(f"list the machines of the VM service in {spec.region}"):
            pages = self._client().get_paginator("describe_instances").paginate(Filters=filters)
            found = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        return sorted((vm_from_ec2(one) for one in found), key=lambda vm: (vm.launched, vm.id))

    def terminate(self, vm: str) -> None:
        """Terminate one; one that is gone is no failure."""
        try:
            with asking(f"terminate {vm}"):
                self._client().terminate_instances(InstanceIds=[vm])
        except NotFound:
            pass

    def _client(self) -> Any:
        if self._made is None:
            aws_is_there("EC2")
            self._made = aws_client("ec2", self._spec.region, self._cloud)
        return self._made
