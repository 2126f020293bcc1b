"""The pods of a CircleCI Server 3.x as data: names, layers, requests, services, volumes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass, field

APPLICATION, DATA, EXECUTION = "application", "data", "execution"
REGISTRY = "registry.example"


@dataclass(frozen=True)
class Part:
    """A workload. `claim` (of a stateful one) is the name of its volume in the pod, the claim is `<claim>-<name>-0`."""

    name: str
    layer: str
    replicas: int = 1
    cpu: str = "100m"
    memory: str = "256Mi"
    claim: str = ""
    path: str = ""
    size: str = "8Gi"
    ports: tuple[int, ...] = ()
    public: str = ""  # the name of its service of type LoadBalancer
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return f"{REGISTRY}/circleci/{self.name}:3.4.0"


PARTS = (
    Part("frontend", APPLICATION, 2, ports=(3000,)),
    Part("api-service", APPLICATION, ports=(3200,)),
    Part("contexts-service", APPLICATION, ports=(3011,)),
    Part("domain-service", APPLICATION, ports=(3014,)),
    Part("permissions-service", APPLICATION, ports=(3013,)),
    Part("orb-service", APPLICATION, ports=(3100,)),
    Part("schedulerer", APPLICATION),
    Part("workflows-conductor", APPLICATION, ports=(9999,)),
    Part("dispatcher", APPLICATION),
    Part("legacy-dispatcher", APPLICATION),
    Part("circleci-telegraf", APPLICATION, ports=(8125,)),
    Part("circleci-server-traefik", APPLICATION, ports=(80, 443), public="circleci-server-traefik"),
    Part("output-processor", EXECUTION, 2, ports=(8585,), public="output-processor"),
    Part("vm-service", EXECUTION, ports=(3000,), public="vm-service"),
    Part("nomad-server", EXECUTION, ports=(4646, 4647), public="nomad-server-external"),
    Part("postgresql", DATA, claim="data", path="/bitnami/postgresql", ports=(5432,), memory="512Mi"),
    Part("mongodb", DATA, claim="datadir", path="/bitnami/mongodb", ports=(27017,), memory="512Mi"),
    Part("vault", DATA, claim="data", path="/vault/data", ports=(8200,)),
)
RECORDS = {  # what lies in each volume
    "data-postgresql-0": ["base/builds", "base/projects", "base/workflows", "global/pg_control"],
    "datadir-mongodb-0": ["db/users", "db/accounts", "db/settings", "journal/WiredTigerLog"],
    "data-vault-0": ["core/seal", "sys/token", "logical/contexts"],
    "kotsadmdata-kotsadm-0": ["archives/circleci-server/1.tar.gz", "kotsadm.db"],
}
