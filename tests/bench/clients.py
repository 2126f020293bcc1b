# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the lab, looked at and put back between two measurements, past all that is measured."""

from __future__ import annotations

from typing import Any

from integration.clusters.base import ask, until
from integration.clusters.simulated import SimulatedCluster


def ids(cluster: SimulatedCluster) -> dict[str, str]:
    """Id of each client by its name."""
    return {node["Name"]: node["ID"] for node in ask(f"{cluster.url}/v1/nodes")}


def is_old(cluster: SimulatedCluster) -> bool:
    """Whether its Nomad has no eligibility yet."""
    return tuple(map(int, cluster.version.split("."))) < (0, 8, 0)


def closed(cluster: SimulatedCluster) -> set[str]:
    """Ids of the clients that take no builds."""
    return {node["ID"] for node in ask(f"{cluster.url}/v1/nodes") if not is_open(node)}


def is_open(node: dict[str, Any]) -> bool:
    return not node["Drain"] and node.get("SchedulingEligibility", "eligible") == "eligible"


def reopen(cluster: SimulatedCluster) -> None:
    """Make every closed client eligible again; returns once none is closed."""
    for item in closed(cluster):
        if is_old(cluster):
            ask(f"{cluster.url}/v1/node/{item}/drain?enable=false", method="PUT")
        else:
            # Where a drain is still in force, this ends it; else it is the same as making the client eligible.
            ask(f"{cluster.url}/v1/node/{item}/drain", {"NodeID": item, "DrainSpec": None, "MarkEligible": True}, "PUT")
    until(lambda: not closed(cluster), "all clients are open again")
