"""Calls of operators: the scheduler's configuration, node pools."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING

from lab.nomad.acl import Acl
from lab.nomad.cluster import Cluster
from lab.nomad.render import dumps, joined
from lab.nomad.wire import Answer, Blocked, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.api import Api

PUT = ("PUT", "POST")
BUILT_IN = ("all", "default")


class OperatorCalls:
    def __init__(self, cluster: Cluster, acl: Acl) -> None:
        self.c = cluster
        self.acl = acl

    # --- the scheduler ---
    def scheduler(self, api: "Api", request: Request) -> Response | Blocked:
        writes = request.method in PUT
        self.acl.need(request.rights, request.rights.operator_write if writes else request.rights.operator_read)
        if writes:
            return api.write(request, self._configure)
        api.only_get(request.method == "GET")
        return api.get(request, self._configuration)

    def _configuration(self, request: Request) -> Answer:
        config = self.c.scheduler.config
        return Answer(dumps({**self.c.profile.shapes["scheduler"], "Index": config["ModifyIndex"], "SchedulerConfig": config}), config["ModifyIndex"])

    def _configure(self, request: Request) -> Response:
        """With a stale `cas` nothing is changed, and the answer is 200 all the same (operator-calls)."""
        given = request.json("structs.SchedulerConfiguration")
        index = self.c.commit()
        config = self.c.scheduler.config
        good = request.query.get("cas", str(config["ModifyIndex"])) == str(config["ModifyIndex"])
        if good:
            self.c.scheduler.configure({**config, **{key: value for key, value in given.items() if key in config}, "ModifyIndex": index})
        body = dumps({"Index": index, "Updated": good})
        return Response(200, body, {"Content-Type": "application/json", "X-Nomad-Index": str(index)})

    # --- node pools ---
    def pools(self, api: "Api", request: Request) -> Response | Blocked:
        if request.method in PUT:
            return api.write(request, self._keep_pool)
        api.only_get(request.method == "GET")
        return api.get(request, self._list)

    def _list(self, request: Request) -> Answer:
        self.acl.known(request.rights)  # for one without rules about pools it is an empty list (acl-thin-tokens)
        # the index of a list is that of the pools made with the cluster, whatever was made later (node-pools)
        prefix = request.query.get("prefix", "")
        found = [dumps(self.c.pools[name]) for name in sorted(self.c.pools) if name.startswith(prefix) and request.rights.sees_pool(name)]
        return Answer(joined(found), self.c.pools["default"]["ModifyIndex"])

    def pool(self, api: "Api", request: Request, rest: list[str]) -> Response | Blocked:
        name, tail = rest[0], rest[1] if len(rest) > 1 else ""
        if request.method in PUT:
            return api.write(request, self._keep_pool)
        self.acl.need(request.rights, request.rights.sees_pool(name) and (request.rights.management or request.method != "DELETE"))
        if request.method == "DELETE":
            return api.write(request, lambda r: self._delete(name))
        if tail == "nodes":
            return api.get(request, lambda r: self._nodes(name))
        if tail == "jobs":
            return api.get(request, lambda r: self._jobs(name))
        return api.get(request, lambda r: self._read(name))

    def _read(self, name: str) -> Answer:
        if name not in self.c.pools:
            raise Fail(404, "node pool not found", self.c.index)
        return Answer(dumps(self.c.pools[name]), self.c.pools[name]["ModifyIndex"])

    def _nodes(self, name: str) -> Answer:
        """Of an unknown pool 200 and none (node-pools)."""
        nodes = sorted((n for n in self.c.nodes.values() if name in ("all", n.pool)), key=lambda n: n.id)
        return Answer(joined([self.c.render.node_stub(n) for n in nodes]), self.c.tables["nodes"] if name in self.c.pools else 0)

    def _jobs(self, name: str) -> Answer:
        jobs = sorted((j for j in self.c.jobs.values() if name in ("all", j.spec.get("NodePool"))), key=lambda j: j.id)
        return Answer(joined([self.c.render.job_stub(j) for j in jobs]), self.c.tables["jobs"])

    def _keep_pool(self, request: Request) -> Response:
        self.acl.management(request.rights)
        given = request.json("structs.NodePool")
        index = self.c.keep_pool(str(given.get("Name") or ""), str(given.get("Description") or ""))
        return Response(200, b"", {"X-Nomad-Index": str(index)})

    def _delete(self, name: str) -> Response:
        reasons = []
        if any(j.spec.get("NodePool") == name and not j.stop and j.status != "dead" for j in self.c.jobs.values()):
            reasons.append(f'node pool "{name}" has non-terminal jobs in regions: [global]')
        if any(n.pool == name for n in self.c.nodes.values()):
            reasons.append(f'node pool "{name}" has nodes in regions: [global]')
        if reasons:
            head = f"{len(reasons)} error{'s' if len(reasons) > 1 else ''} occurred:\n"
            raise Fail(500, head + "".join(f"\t* {reason}\n" for reason in reasons) + "\n")
        self.c.pools.pop(name, None)
        return Response(200, b"", {"X-Nomad-Index": str(self.c.commit())})
