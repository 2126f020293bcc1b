"""Calls that a client agent answers, also when a server is asked: logs, files, garbage collection; and an agent's health, metrics."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from typing import Any

from lab.nomad.acl import Acl
from lab.nomad.client import Client
from lab.nomad.cluster import Cluster
from lab.nomad.render import dumps
from lab.nomad.wire import TEXT, Answer, Fail, Request, Response

BAD_ID = "alloc lookup failed: index error: UUID must be 36 characters"
FOLLOW = "ailed to parse follow field to boolean: strconv.ParseBool: parsing "


class AgentCalls:
    def __init__(self, cluster: Cluster, acl: Acl) -> None:
        self.c = cluster
        self.acl = acl

    def route(self, request: Request, rest: list[str]) -> Response | None:
        """What the agent named in `request.agent` says; None: no such route."""
        if rest[:1] == ["gc"] and len(rest) == 1:
            return self._collect(request)
        if rest == ["identity"] and self.acl.guard.introduction:
            return self._identity(request)
        if rest[:1] == ["allocation"] and len(rest) == 3 and rest[2] == "gc":
            return self._collect_one(rest[1])
        if rest[:1] == ["fs"] and len(rest) == 3 and rest[1] in ("logs", "ls", "cat"):
            return self._files(request, rest[1], rest[2])
        return None

    def _client(self, name: str) -> Client | None:
        return next((client for client in self.c.clients.values() if name in (client.node.name, client.node.id)), None)

    def _identity(self, request: Request) -> Response:
        """What stands in the token by which the servers know a client again (introduction-token)."""
        self.acl.node_read(request.rights)
        client = self._client(request.query.get("node_id") or request.agent)
        if client is None or not client.identity:
            raise Fail(404, "node not found")
        node, now = client.node, self.c.clock.wall().timestamp()
        about = {"nomad_node_id": client.identity, "nomad_node_class": node.node_class, "nomad_node_datacenter": node.datacenter, "nomad_node_pool": node.pool}
        when = {"iat": float(int(now)), "nbf": float(int(now)), "exp": float(int(now) + 86400), "jti": self.c.new_id()}
        subject = f"node:global:{node.pool}:{client.identity}:default"
        claims = {**about, **when, "sub": subject, "aud": "nomadproject.io"}
        return Response(200, dumps({"Claims": claims}), {"Content-Type": "application/json"})

    # --- garbage ---
    def _collect(self, request: Request) -> Response:
        """The directories of ended builds go, and their logs with them (operator-calls)."""
        self.acl.node_write(request.rights)
        asked = request.query.get("node_id", "")
        if not asked and request.agent == "server":
            raise Fail(400, "No local Node and node_id not provided")
        client = self._client(asked or request.agent)
        if client is None:
            raise Fail(500, ("" if request.agent == "server" else "rpc error: ") + f"Unknown node {asked}")
        client.collect()
        return Response(200)

    def _collect_one(self, allocation_id: str) -> Response:
        if allocation_id not in self.c.allocations:
            raise Fail(404, f'Unknown allocation "{allocation_id}"')
        client = self.c.clients[self.c.allocations[allocation_id].node_id]
        if not client.collect(allocation_id):
            raise Fail(500, "No such allocation on client, or allocation not eligible for GC")
        return Response(200)

    # --- logs and files ---
    def _files(self, request: Request, what: str, allocation_id: str) -> Response:
        old = self.c.profile.old_logs
        if self.c.profile.logs_of_clients_only and request.agent == "server":
            raise Fail(500, "node is not running a Nomad Client")
        if not allocation_id:
            raise self._wrong("must provide a valid alloc id")
        query = request.query
        if what == "logs":
            self._check(query)
        build_client = self._holder(request, allocation_id)
        if build_client is None:
            return Response(200)
        if what == "ls":
            return Response(200, dumps(self._listing(build_client, allocation_id)), {"Content-Type": "application/json"})
        if what == "cat":
            return Response(200, self._text(build_client, allocation_id, query.get("path", "").split(".")[-2]), {"Content-Type": TEXT})
        text = self._cut(self._text(build_client, allocation_id, query["type"]), query)
        if query.get("plain") == "true":
            return Response(200, text, {"Content-Type": TEXT if old else "text/plain"} if text or not old else {})
        frame = {"Data": base64.b64encode(text).decode(), "File": f"alloc/logs/{query['task']}.{query['type']}.0", "Offset": len(text)}
        return Response(200, dumps(frame), {"Content-Type": TEXT if old else "application/json"})

    def _wrong(self, text: str) -> Fail:
        return Fail(500 if self.c.profile.old_logs else 400, text)

    def _check(self, query: dict[str, str]) -> None:
        """The arguments, in the order in which they are complained of."""
        if not query.get("task"):
            raise self._wrong("must provide task name")
        follow, offset = query.get("follow", "false"), query.get("offset", "0")
        if follow not in ("true", "false", "1", "0"):
            raise self._wrong(("F" if self.c.profile.old_logs else "f") + FOLLOW + f'"{follow}": invalid syntax')
        if query.get("type") not in ("stdout", "stderr"):
            raise self._wrong("must provide log type (stdout/stderr)")
        if not offset.lstrip("-").isdigit():
            raise self._wrong(f'error parsing offset: strconv.ParseInt: parsing "{offset}": invalid syntax')
        if query.get("origin", "start") not in ("start", "end"):
            raise self._wrong("origin must be start or end")

    def _holder(self, request: Request, allocation_id: str) -> Client | None:
        """The client with the directory; None: the old answer to an odd id, which is 200 and nothing."""
        profile, form = self.c.profile, self.c.profile.log_error_form
        task, known = request.query.get("task", ""), self.c.allocations.get(allocation_id)
        try:
            self.acl.job(request, "read-logs", known.job.namespace if known else "")
        except Fail as fail:
            if profile.old_logs:
                return None
            raise Fail(500, fail.text, form=form) from None
        if profile.logs_of_clients_only:
            client = self._client(request.agent)
            if client is None or allocation_id not in client.builds:
                raise Fail(500, f'unknown allocation ID "{allocation_id}"')
            if task and task != "task":
                raise Fail(404, f'task group "group" does not have task with name "{task}"')
            return client
        if len(allocation_id) != 36:
            if profile.old_logs:
                return None
            raise Fail(500, BAD_ID, form=form)
        allocation = self.c.allocations.get(allocation_id)
        if allocation is None:
            raise Fail(404, f'Unknown allocation "{allocation_id}"', form=form)
        if task and task != allocation.job.task["Name"]:
            raise Fail(400, f'unknown task name "{task}"', form=form)
        client = self.c.clients[allocation.node_id]
        if not client.alive or client.frozen:
            raise Fail(500, "No path to node", form=form)  # not recorded: its documentation
        if allocation_id in client.collected:
            if profile.state_of_allocation:
                raise Fail(404, f"state for allocation {allocation_id} not found on client", form=form)
            place = f"/nomad/{client.node.name}/alloc/{allocation_id}/alloc/logs"
            raise Fail(500, f"failed to list entries: open {place}: no such file or directory", form=form)
        return client

    def _text(self, client: Client, allocation_id: str, kind: str) -> bytes:
        build = client.builds.get(allocation_id)
        return b"" if build is None else build.output(kind).encode()

    @staticmethod
    def _cut(text: bytes, query: dict[str, str]) -> bytes:
        offset = int(query.get("offset", "0"))
        if query.get("origin") == "end":
            return text[max(0, len(text) - offset) :]
        return text[offset:]

    def _listing(self, client: Client, allocation_id: str) -> list[dict[str, Any]]:
        stamp = self.c.stamp()
        common = {"IsDir": False, "ModTime": stamp}
        files = []
        for kind in () if self.c.profile.logs_of_clients_only else ("stderr", "stdout"):
            files.append({"FileMode": "prw-------", "Name": f".task.{kind}.fifo", "Size": 0, **common})
        for kind in ("stderr", "stdout"):
            files.append({"FileMode": "-rw-r--r--", "Name": f"task.{kind}.0", "Size": len(self._text(client, allocation_id, kind)), **common})
        return files

    # --- the agent itself ---
    def health(self, request: Request) -> Response:
        """By kind; a kind that is none is 200 and empty (operator-calls)."""
        mine = "server" if request.agent == "server" else "client"
        asked = request.query.get("type", "")
        if asked in ("server", "client") and asked != mine:
            return Response(500, dumps({asked: {"ok": False, "message": f"{asked} not enabled"}}), {"Content-Type": TEXT})
        body = {mine: {"message": "ok", "ok": True}} if asked in ("", mine) else {}
        return Response(200, dumps(body), {"Content-Type": "application/json"})

    def metrics(self, request: Request) -> Answer:
        """Open to anybody. The gauges about clients and jobs are true, all others stand still."""
        whole = json.loads(json.dumps(self.c.profile.shapes["metrics"]))
        sample = next((g for g in whole["Gauges"] if ".job_summary." in g["Name"]), None)
        gauges = [g for g in whole["Gauges"] if ".job_summary." not in g["Name"]]
        for job in self.c.jobs.values():
            for name, count in self.c.render.summary_value(job)["Summary"][job.group["Name"]].items():
                labels = {**(sample or {"Labels": {}})["Labels"], "job": job.id, "task_group": job.group["Name"]}
                gauges.append({"Labels": labels, "Name": f"nomad.nomad.job_summary.{name.lower()}", "Value": float(count)})
        statuses = [job.status for job in self.c.jobs.values()]
        for gauge in gauges:
            last = gauge["Name"].rsplit(".", 1)[-1]
            if gauge["Name"].endswith("heartbeat.active"):
                gauge["Value"] = float(sum(1 for node in self.c.nodes.values() if node.status == "ready"))
            elif ".job_status." in gauge["Name"]:
                gauge["Value"] = float(statuses.count(last))
            elif gauge["Name"].endswith("blocked_evals.total_blocked"):
                gauge["Value"] = float(len(self.c.scheduler.blocked))
        return Answer(dumps({**whole, "Gauges": gauges}))
