"""Where moto falls over and AWS answers: put right in the process that imports this."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from moto.elb.exceptions import LoadBalancerNotFoundError
from moto.elb.models import ELBBackend, FakeHealthCheck
from moto.elb.responses import ELBResponse

_attributes = ELBResponse.describe_load_balancer_attributes
_create = ELBBackend.create_load_balancer


def _describe_load_balancer_attributes(self: ELBResponse) -> Any:
    """AWS says LoadBalancerNotFound of a classic load balancer that is not there; moto 5.2 ends with status 500."""
    name = self._get_param("LoadBalancerName")
    if self.elb_backend.get_load_balancer(name) is None:
        raise LoadBalancerNotFoundError(name)
    return _attributes(self)


def _create_load_balancer(self: ELBBackend, *given: Any, **named: Any) -> Any:
    """AWS gives each classic load balancer a health check, by TCP on the machine's port of its first listener; moto gives none."""
    made = _create(self, *given, **named)
    made.health_check = FakeHealthCheck("5", "10", "2", "30", f"TCP:{made.listeners[0].instance_port}")
    return made


def _delete_load_balancer_listeners(self: ELBBackend, name: str, ports: list[int]) -> Any:
    """AWS deletes the listeners on all of these ports; moto none of them where there are several."""
    balancer = self.get_load_balancer(name)
    balancer.listeners = [one for one in balancer.listeners if int(one.load_balancer_port) not in {int(port) for port in ports}]
    return balancer


def amend() -> None:
    """From now on moto answers as AWS does."""
    ELBBackend.delete_load_balancer_listeners = _delete_load_balancer_listeners  # type: ignore[method-assign]
    ELBBackend.create_load_balancer = _create_load_balancer  # type: ignore[method-assign]
    ELBResponse.describe_load_balancer_attributes = _describe_load_balancer_attributes  # type: ignore[method-assign]
