# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Nomad as a world for the laws: in process, on its virtual clock, reached by the real client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import client as nomad_client
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import LEAST
from unit.laws.killing import Tap
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

from lab.nomad.adapter import LabAdapter
from lab.nomad.lab import Lab

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
DRAIN = import_module(MODULES + "nomad_node_drain").DOOR
INFO = import_module(MODULES + "nomad_node_info").DOOR
CANARY = "c4a1f0de-5ec2-e7ca-9a2b-70ad1e5ca9e5"  # a token that no output may show
PROFILES = ("0.5.6", "1.1.2")
URL = "http://lab:4646"
PARAMS: Json = {"nomad_url": URL, "nomad_token": CANARY}
# Times, what was when, and the instance id: the lists do not carry it, and check mode does not spend a request a client to learn it.
VOLATILE = ("waited", "since", "instance_id", "nodes.history", "nodes.builds")


class TappedAdapter(LabAdapter):
    """The way to the lab, on which one can die before and after every request."""

    def __init__(self, lab: Lab, tap: Tap) -> None:
        super().__init__(lab)
        self._tap = tap

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        with self._tap.around(f"{request.method} {request.path_url}", before=request.method != "GET"):
            return super().send(request, *args, **kwargs)


class NomadWorld:
    """A lab with builds tied to their clients; `drained` names the clients whose builds are over at the end, and must have ended by themselves."""

    def __init__(self, profile: str, clients: int, builds: dict[str, list[float]], acl: bool = False) -> None:
        self.lab = Lab(profile, clients=clients)
        self.clock = self.lab.clock
        self.tap = Tap()
        self.drained: tuple[str, ...] = ()
        for client, lengths in builds.items():
            for number, seconds in enumerate(lengths):
                self.lab.build(f"build-{client}-{number}", client, seconds=seconds)
        if acl and profile != "0.5.6":  # ACLs came with 0.7
            self.lab.acl(True, {CANARY: {"policies": ["drainer"]}}, {"drainer": LEAST})
        self.clock.sleep(2)

    @contextmanager
    def open(self) -> Iterator[None]:
        with mock.patch.object(nomad_client, "new_session", lambda _tls: self._session()):
            yield

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", TappedAdapter(self.lab, self.tap))
        return session

    def settle_in(self) -> NomadWorld:
        """What happened so far was the scene, not the act."""
        self.lab.journal.clear()
        self.tap.kill(None)
        return self

    def writes(self) -> list[Any]:
        return list(self.lab.requests["writes"])

    def end(self) -> Json:
        nodes = {node.name: [node.drain, node.eligible] for node in self.lab.cluster.nodes.values()}
        truth = self.lab.truth()["builds"]
        return {"nodes": nodes, "builds": {build["job"]: build["how"] for build in truth if build["client"] in self.drained}}

    def harm(self) -> list[str]:
        return [f"{build['job']} was {build['how']}" for build in self.lab.truth()["builds"] if build["how"] not in ("running", "itself", "cancelled")]


def _busy(profile: str, acl: bool = False, drained: tuple[str, ...] = ("c1", "c2", "c3")) -> NomadWorld:
    world = NomadWorld(profile, 4, {"c1": [21.0, 47.0], "c2": [33.0], "c4": [75.0]}, acl)
    world.drained = drained
    return world.settle_in()


def _closed(profile: str) -> NomadWorld:
    """Two clients that an earlier task of ours drained."""
    world = NomadWorld(profile, 4, {"c1": [5.0], "c4": [75.0]})
    result = module_run(DRAIN, world, {**PARAMS, "nodes": ["c1", "c2"]})
    assert not result.get("failed"), result
    return world.settle_in()


def _winding_up(profile: str) -> NomadWorld:
    """Clients of ours to be opened, on one of which a cancelled build takes its time to stop."""
    world = NomadWorld(profile, 4, {"c4": [75.0]})
    world.lab.build("slow", "c1", seconds=600.0, stop_seconds=25.0, kill_timeout=60.0)
    world.clock.sleep(2)
    result = module_run(DRAIN, world, {**PARAMS, "nodes": ["c1", "c2"], "wait": False})
    assert not result.get("failed"), result
    world.lab.cancel("slow")
    world.clock.sleep(1)
    return world.settle_in()


def _ends(profile: str, closed: tuple[str, ...], builds: bool = True) -> Json:
    """How a good end looks: these clients closed (below 0.8 a drained client keeps draining), and every build on them over by itself."""
    nodes = {name: [name in closed and profile == "0.5.6", name not in closed or profile == "0.5.6"] for name in ("c1", "c2", "c3", "c4")}
    return {"nodes": nodes, "builds": {f"build-{name}": "itself" for name in ("c1-0", "c1-1", "c2-0")} if builds else {}}


def _refuse_token(world: NomadWorld) -> None:
    world.lab.acl(True, {})


def _fault(kind: str, **fields: Any) -> Callable[[NomadWorld], None]:
    return lambda world: (world.lab.fault(kind, count=None, **fields), None)[1]


TROUBLES = tuple(_fault(kind) for kind in ("500", "503", "html", "redirect", "reset", "truncate")) + (
    _fault("reset", match="^(POST|PUT)", apply=True),
    _fault("500", match="^(POST|PUT)"),
    _fault("html", after=6),
    _refuse_token,
)


def _subject(name: str, make: Callable[[], NomadWorld], ends: Json, short: float | None = None, **params: Any) -> Subject:
    return Subject(f"nomad_node_drain {name}", DRAIN, make, {**PARAMS, **params}, ends, CANARY, short, VOLATILE, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """nomad_node_drain in every state, on every profile that knows it."""
    found = []
    for p in PROFILES:
        closed = _ends(p, ("c1", "c2", "c3"))
        found += [
            _subject(f"drained, {p}", lambda p=p: _busy(p, acl=True), closed, 10.0, nodes=["c1", "c2", "c3"]),
            _subject(f"drained one at a time, {p}", lambda p=p: _busy(p), closed, 10.0, nodes=["c1", "c2", "c3"], max_in_flight=1),
            _subject(f"eligible, {p}", lambda p=p: _closed(p), _ends(p, (), False), nodes=["c1", "c2"], state="eligible", take_over=p == "0.5.6"),
        ]
    new = "1.1.2"
    return [
        *found,
        _subject(f"cordoned, {new}", lambda: _busy(new, drained=()), _ends(new, ("c1", "c2"), False), nodes=["c1", "c2"], state="cordoned"),
        _subject(f"eligible once a build has wound up, {new}", lambda: _winding_up(new), _ends(new, (), False), 5.0, nodes=["c1", "c2"], state="eligible"),
    ]


def readings() -> list[Reading]:
    """nomad_node_info on every profile."""
    params = {**PARAMS, "allocations": True, "details": True}
    return [Reading(f"nomad_node_info, {p}", INFO, lambda p=p: _busy(p, acl=True), params, CANARY, TROUBLES) for p in PROFILES]
