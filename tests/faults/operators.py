# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator who runs the drain in process on the lab's virtual clock, in one piece or in slices, and who can be struck at any request."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.action.nomad_node_drain import ActionModule
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain_port import DrainPort
from ansible_collections.serverops.circleci.plugins.modules import nomad_node_drain
from ansible_collections.serverops.circleci.plugins.plugin_utils import slices
from unit.laws.running import unpacked_run

from lab.nomad.adapter import LabAdapter
from lab.nomad.lab import Lab
from lab.nomad.wire import Response

PROFILES = ("0.5.6", "1.1.2")
both_profiles = pytest.mark.parametrize("profile", PROFILES)
both_ways = pytest.mark.parametrize("sliced", [False, True], ids=["whole", "sliced"])
MODULE_STARTS = 0.4  # s that Ansible needs between two slices
Json = dict[str, Any]
# Called with "before" or "after", the method and the path of each request; may raise, or answer in the server's place.
Hook = Callable[[str, str, str], Response | None]


class Struck(BaseException):
    """The process dies here: nothing of ours runs any more."""


class NotingPort(DrainPort):
    """Notes when the first complete look was over: what a task tells begins there."""

    looked: Callable[[], None]

    def read(self, confirming: frozenset[str]) -> Any:
        state = super().read(confirming)
        self.looked()
        return state


class StruckAdapter(LabAdapter):
    """The lab's adapter with somebody who listens at every request."""

    def __init__(self, lab: Lab, hook: Hook) -> None:
        super().__init__(lab)
        self.hook = hook

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        method, path = str(request.method), request.path_url
        instead = self.hook("before", method, path)
        if instead is not None:
            return self._build(request, instead)
        answer = super().send(request, *args, **kwargs)
        instead = self.hook("after", method, path)
        return answer if instead is None else self._build(request, instead)


def quiet(_moment: str, _method: str, _path: str) -> None:
    """A hook that does nothing."""


class Operator:
    """Somebody with the collection. `sliced`: through the action plugin's own loop, one module run after the other."""

    def __init__(self, lab: Lab, sliced: bool = False, hook: Hook = quiet, token: str | None = None, clock: Clock | None = None) -> None:
        self.lab, self.sliced, self.token = lab, sliced, token
        self.clock: Clock = clock or lab.clock
        self.hook = hook
        self.said: list[str] = []
        self.runs = 0
        self.first_look = float("inf")

    def drain(self, *nodes: str, check: bool = False, **options: Any) -> Json:
        """The task's result as Ansible has it, with `failed` and `msg`."""
        arguments = {"nodes": list(nodes), **options}
        if not self.sliced or check or not options.get("wait", True):
            return slices._cleaned(self._module(arguments, check))
        action = object.__new__(ActionModule)
        action._task = SimpleNamespace(args=arguments, no_log=False, check_mode=False, async_val=0)
        action._execute_module = lambda module_args, task_vars, wrap_async: self._again(module_args)
        action._say = self.said.append
        kept, slices.SystemClock = slices.SystemClock, lambda: self.clock
        try:
            return slices._cleaned(action._slices({}))
        finally:
            slices.SystemClock = kept

    def _again(self, arguments: Json) -> Json:
        if self.runs:
            self.clock.sleep(MODULE_STARTS)
        return unpacked_run(lambda given: self._module(given, False), arguments)

    def _module(self, arguments: Json, check: bool) -> Json:
        """What the module's process answers; its arguments and its answer travel as JSON."""
        self.runs += 1
        known = {**nomad_node_drain.DOOR.options, **door.WAIT_OPTIONS}
        params = {name: option.get("default") for name, option in known.items()}
        params.update(json.loads(json.dumps(arguments)))
        try:
            outcome = door.reconcile(nomad_node_drain.DOOR._replace(port=self._port), params, check, self.clock)
        except CollectionError as error:
            return {"failed": True, "msg": str(error)}
        result: Json = json.loads(json.dumps(door.result_of(outcome)))
        return {**result, "failed": bool(outcome.failure), "msg": outcome.failure}

    def _port(self, _params: Any, spec: DrainSpec, task: Task, clock: Clock) -> DrainPort:
        known = {item: past.get("instance") for item, past in (task.memory.get("targets") or {}).items()}
        connection = NomadConnection(url="http://nomad.example:4646", token=Secret.maybe(self.token))
        port = NotingPort(NomadClient(connection, clock, self.session()), spec, task.run, clock, known)
        port.looked = self._looked
        port.proof = tuple(task.memory.get("token") or ())
        return port

    def _looked(self) -> None:
        self.first_look = min(self.first_look, self.clock.now())

    def session(self) -> requests.Session:
        """A session that reaches the lab, past the hook."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", StruckAdapter(self.lab, self.hook))
        return session


# -- looking at the world -------------------------------------------------------------------------------


def verdicts(result: Json) -> dict[str, str]:
    """Client -> verdict."""
    return {node["name"]: node["verdict"] for node in result.get("nodes") or []}


def reasons(result: Json) -> str:
    """All words of a result."""
    return " | ".join([str(result.get("msg") or "")] + [node["reason"] for node in result.get("nodes") or []])


def ends(lab: Lab) -> dict[str, str]:
    """Job -> how its build really ended, by the machines and not by the API."""
    return {build["job"]: build["how"] for build in lab.truth()["builds"]}


def writes(lab: Lab, path: str = "") -> list[Json]:
    """Orders that reached the server, those of `path` only."""
    return [entry for entry in lab.requests["writes"] if path in entry["path"]]


def is_closed(lab: Lab, name: str) -> bool:
    """Whether the server places nothing more on it."""
    node = lab.cluster.nodes[lab.node_id(name)]
    return bool(node.drain or not node.eligible)


def order(lab: Lab, name: str, what: str = "drain", **body: Any) -> None:
    """Somebody else writes to a client, past everything that is counted."""
    query = {"enable": "true" if body.get("DrainSpec") is not None else "false"} if lab.profile.old_drain else {}
    answer = lab.api.handle("PUT", f"/v1/node/{lab.node_id(name)}/{what}", query, json.dumps(body).encode())
    assert isinstance(answer, Response) and answer.status == 200, answer


def assert_true(lab: Lab, result: Json, since: float = 0.0) -> None:
    """No verdict `drained` is a lie: every build on that client has ended by itself (or by a person), or is named as killed or lost.

    `since`: the task's first look; what had ended before is another task's to tell. A build whose own agent reports it as failed, since its machine
    was away for less than a heartbeat, counts as ended: no server tells it from one that failed by itself.
    """
    for node in result.get("nodes") or []:
        named = {build["allocation"] for build in node["killed"] + node["lost"]}
        for build in lab.truth()["builds"] if node["verdict"] == "drained" else []:
            over = build["ended"] is not None and build["ended"] < since
            if build["client"] != node["name"] or over or build["how"] in ("itself", "cancelled"):
                continue
            told = lab.cluster.allocations[build["allocation"]]
            failed = build["how"] == "lost" and (told.desired, told.client) == ("run", "failed")
            assert failed or build["allocation"] in named, f"{node['name']} is called drained, but {build['job']} is {build['how']}"


def assert_drained(lab: Lab, result: Json, *names: str) -> None:
    """Drained, closed, and every build ended by itself."""
    assert not result["failed"], reasons(result)
    assert verdicts(result) == dict.fromkeys(names, "drained"), reasons(result)
    assert all(is_closed(lab, name) for name in names)
    on_them = {b["job"]: b["how"] for b in lab.truth()["builds"] if b["client"] in names}
    assert set(on_them.values()) <= {"itself"}, on_them
