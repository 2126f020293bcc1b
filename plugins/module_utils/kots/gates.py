# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so before a backup has a chance: each gate passed, failed or unknown, with the reason and the remedy. Versions as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import App, Licence, Settings, version_numbers
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import BackupStorageLocation

PASSED, FAILED, UNKNOWN_GATE = "passed", "failed", "unknown"
LEAST_SERVER = "3.1.0"  # backup and restore came with it; the guide of 3.0.1 describes what its server cannot do
LEAST_KOTS = "1.40.0"
# From this version of KOTS on, Velero up to this one (the vendor's table of compatibility). A row of two numbers takes every patch of it.
VELERO_BY_KOTS = (((1, 130, 7), (1, 18)), ((1, 125, 2), (1, 16, 2)), ((1, 124, 0), (1, 15, 2)), ((1, 117, 3), (1, 14, 1)))
OLD_VELERO = (1, 6)  # the one that KOTS of the 3.x time was released with, 1.20.3 to 1.117.2
FRESH = 300.0  # s; Velero looks at a location every minute, a dead one leaves its last word standing


@dataclass(frozen=True)
class Gate:
    """One gate. `blind`: nobody answered its question, which may be asked again; an unknown one that is not blind was answered, and no rule judges that."""

    name: str
    state: str
    reason: str
    remedy: str = ""
    blind: bool = False


@dataclass(frozen=True)
class Server:
    """Velero's server: its deployment and its pods. `started` is when the oldest usable pod's container began, epoch s."""

    there: bool = False
    version: str = ""
    ready: bool = False
    started: Optional[float] = None
    words: str = ""


@dataclass(frozen=True)
class Agents:
    """The pods that read volumes. `desired` is None where there are none installed; `nodes` are those with a ready one."""

    name: str = ""
    desired: Optional[int] = None
    ready: int = 0
    nodes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Site:
    """All that the gates look at. None: could not be read; `blind` then says why, by the field's name. `needed` are nodes with volumes to back up."""

    slug: str = ""
    console: Optional[str] = None
    apps: Optional[tuple[App, ...]] = None
    licence: Optional[Licence] = None
    settings: Optional[Settings] = None
    minimal: Optional[bool] = None
    server: Optional[Server] = None
    location: Optional[BackupStorageLocation] = None
    agents: Optional[Agents] = None
    needed: frozenset[str] = frozenset()
    now: float = 0.0
    blind: Mapping[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Optional[App]:
        """The app that is backed up."""
        return next((one for one in self.apps or () if one.slug == self.slug), None)

    @property
    def velero(self) -> str:
        """Velero's version as its deployment says, else as kotsadm saw it."""
        return (self.server.version if self.server else "") or (self.settings.velero if self.settings else "")


def gates(site: Site) -> tuple[Gate, ...]:
    """Every gate, in the order in which they are best mended."""
    makers = (_console, _kots, _server_version, _entitlement, _velero, _velero_version, _rights, _location, _agents)
    return tuple(maker(site) for maker in makers)


def ttl_gate(bad: Mapping[str, str]) -> Gate:
    """A Backup whose ttl Go cannot read: every list fails to decode, and no backup is made any more, by nobody (recorded)."""
    if not bad:
        return Gate("ttl", PASSED, "every Backup has a ttl that Velero can read")
    told = ", ".join(f"{name} ({ttl})" for name, ttl in sorted(bad.items()))
    return Gate(
        "ttl",
        FAILED,
        f"Velero cannot read the ttl of {told}, and makes no backup at all while it is there",
        "delete that Backup object, and give a ttl in hours",
    )


def failures(found: tuple[Gate, ...]) -> list[str]:
    """The gates that failed, as sentences."""
    return [f"{gate.reason}" + (f" ({gate.remedy})" if gate.remedy else "") for gate in found if gate.state == FAILED]


def blind_gates(found: tuple[Gate, ...]) -> list[str]:
    """The gates that could not be looked at, as sentences; kotsadm alone where the rest hangs on it. No backup is begun on them: unknown is no success."""
    unseen = [gate for gate in found if gate.blind]
    unseen = [gate for gate in unseen if gate.name == "console"] or unseen
    return [gate.reason + (f" ({gate.remedy})" if gate.remedy else "") for gate in unseen]


def gates_view(found: tuple[Gate, ...]) -> list[Json]:
    """For the result."""
    return [{"gate": gate.name, "state": gate.state, "reason": gate.reason, "remedy": gate.remedy or None} for gate in found]


def _console(site: Site) -> Gate:
    if site.console is None:
        return _unseen("console", f"kotsadm could not be asked: {site.blind.get('console', 'no answer')}", "see the pod kotsadm and its log")
    return Gate("console", PASSED, f"kotsadm {site.console} answers")


def _kots(site: Site) -> Gate:
    numbers = version_numbers(site.console or "")
    if numbers is None:
        return Gate("kots_version", UNKNOWN_GATE, "the version of KOTS is not known")
    if numbers < (1, 40, 0):
        return Gate("kots_version", FAILED, f"KOTS is {site.console}, but {LEAST_KOTS} is the least", "upgrade it: kubectl kots admin-console upgrade")
    return Gate("kots_version", PASSED, f"KOTS is {site.console}")


def _server_version(site: Site) -> Gate:
    if site.apps is None:
        return _unseen("server_version", f"the apps could not be read: {site.blind.get('apps', 'no answer')}")
    if site.app is None:
        there = ", ".join(one.slug for one in site.apps) or "none"
        return Gate("server_version", FAILED, f"kotsadm has no app {site.slug}; there: {there}", "see app, and namespace")
    numbers = version_numbers(site.app.deployed_label)
    if numbers is None:
        return Gate("server_version", UNKNOWN_GATE, f"the deployed version of {site.slug} is not known")
    if numbers < (3, 1, 0):
        return Gate(
            "server_version",
            FAILED,
            f"server {site.app.deployed_label} cannot be backed up; that came with {LEAST_SERVER}",
            f"upgrade to {LEAST_SERVER} or newer",
        )
    return Gate("server_version", PASSED, f"server is {site.app.deployed_label}")


def _entitlement(site: Site) -> Gate:
    permitted = site.licence.snapshots if site.licence else None
    if permitted is None and site.app is not None:
        permitted = site.app.snapshots
    if permitted is None:
        return Gate("entitlement", UNKNOWN_GATE, "neither the licence nor kotsadm says whether snapshots are permitted")
    if not permitted:
        return Gate(
            "entitlement", FAILED, "the licence does not permit snapshots", "ask CircleCI's support for the entitlement, then sync the licence in the console"
        )
    return Gate("entitlement", PASSED, "the licence permits snapshots")


def _velero(site: Site) -> Gate:
    if site.server is None:
        return _unseen("velero", f"Velero could not be looked for: {site.blind.get('server', 'no answer')}")
    if not site.server.there:
        return Gate("velero", FAILED, "there is no Deployment velero", "install Velero (velero_install), or see velero_namespace")
    if not site.server.ready:
        return Gate("velero", FAILED, f"no pod of Velero is ready: {site.server.words}", "see the pod's events and log: kubectl logs deployment/velero")
    return Gate("velero", PASSED, "Velero's pod is ready")


def _velero_version(site: Site) -> Gate:
    kots, velero = version_numbers(site.console or ""), version_numbers(site.velero)
    if kots is None or velero is None:
        return Gate("velero_version", UNKNOWN_GATE, f"the version of {'KOTS' if kots is None else 'Velero'} is not known")
    words = f"Velero {site.velero} with KOTS {site.console}"
    most = next((row[1] for row in VELERO_BY_KOTS if kots >= row[0]), None)
    if most is None:
        state = PASSED if velero[:2] == OLD_VELERO else UNKNOWN_GATE
        return Gate("velero_version", state, words if state == PASSED else f"{words}: no table tells whether that works")
    if velero[: len(most)] > most:
        return Gate(
            "velero_version", FAILED, f"{words}: {'.'.join(map(str, most))} is the newest that works", "upgrade KOTS, or install that version of Velero"
        )
    return Gate("velero_version", PASSED, words)


def _rights(site: Site) -> Gate:
    if site.minimal is None:
        return _unseen("minimal_rbac", f"kotsadm's rights could not be read: {site.blind.get('minimal', 'no answer')}")
    if site.minimal:
        remedy = "kubectl kots velero ensure-permissions --namespace <namespace of kotsadm> --velero-namespace <namespace of Velero>"
        return Gate("minimal_rbac", FAILED, "kotsadm has minimal rights and may not see Velero", remedy)
    return Gate("minimal_rbac", PASSED, "kotsadm may see Velero")


def _location(site: Site) -> Gate:
    if "location" in site.blind:
        return _unseen("location", f"the backup storage location could not be read: {site.blind['location']}")
    where = site.location
    if where is None:
        return Gate(
            "location", FAILED, "there is no backup storage location named default, the only one that KOTS uses", "install Velero with one (velero_install)"
        )
    if not where.is_available:
        why = where.message or ("Velero has not looked at it, or has not its plugin" if not where.phase else "Velero gives no reason; see its log")
        return Gate("location", FAILED, f"the backup storage location default is {where.phase or 'without a phase'}: {why}", "see velero_info")
    if where.access_mode == "ReadOnly":
        return Gate("location", FAILED, "the backup storage location default is ReadOnly", "set its accessMode to ReadWrite")
    if where.validated is None or site.now - where.validated > FRESH:
        late = "never" if where.validated is None else f"{int(site.now - where.validated)} s ago"
        return Gate(
            "location",
            FAILED,
            f"the location default says Available, but was looked at last {late}: Velero is dead or stuck",
            "see the pod of Velero and its log",
        )
    return Gate("location", PASSED, "the backup storage location default is Available")


def _agents(site: Site) -> Gate:
    agents = site.agents
    if agents is None:
        return _unseen("agents", f"the agents could not be read: {site.blind.get('agents', 'no answer')}")
    if "needed" in site.blind:
        return _unseen("agents", f"the volumes that agents are to read could not be looked for: {site.blind['needed']}")
    if agents.desired is None:
        reason = "no agent (DaemonSet node-agent or restic) is installed: no volume can be read"
        return Gate("agents", FAILED, reason, "install Velero with an agent (velero_install)")
    bare, remedy = sorted(site.needed - agents.nodes), f"see the pods of DaemonSet {agents.name}: most often their node has no room"
    if bare:
        return Gate("agents", FAILED, f"no agent is ready on {', '.join(bare)}, where volumes are to be read", remedy)
    if agents.ready < agents.desired:
        return Gate("agents", FAILED, f"{agents.ready} of {agents.desired} agents are ready", remedy)
    return Gate("agents", PASSED, f"{agents.ready} agents, one a node")


def _unseen(name: str, reason: str, remedy: str = "") -> Gate:
    return Gate(name, UNKNOWN_GATE, reason, remedy, blind=True)
