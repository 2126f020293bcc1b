"""What a pod has besides being an object: its log, its ports, commands in it, and eviction."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, Upgrade, not_found

TEXT = {"Content-Type": "text/plain"}


class Pods:
    """One request about a pod."""

    def __init__(self, state: State, request: Request, target: Target) -> None:
        self.state, self.request, self.target = state, request, target
        found = state.get("pods", target.namespace, target.name)
        if found is None:
            raise not_found("pods", target.name)
        self.pod: Json = found
        self.node = str((found.get("spec") or {}).get("nodeName") or "")

    def _address(self) -> str:
        """Where the kubelet listens; "" where that is not of interest. 500 where the machine never told an address."""
        machine = self.state.get("nodes", "", self.node)
        if machine is None:
            return ""
        told = machine.get("status") or {}
        addresses = told.get("addresses")
        if not addresses:
            raise Fail(500, "no preferred addresses found; known addresses: []")
        port = ((told.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port", 10250)
        return f"{addresses[0]['address']}:{port}"

    def _container(self) -> str:
        names = [str(one["name"]) for one in self.pod["spec"].get("containers") or []]
        others = [str(one["name"]) for one in self.pod["spec"].get("initContainers") or []]
        wish = self.request.query.get("container", "")
        if wish and wish not in names + others:
            raise Fail(400, f"container {wish} is not valid for pod {self.target.name}", "BadRequest")
        if not wish and len(names) > 1:
            words = f"a container name must be specified for pod {self.target.name}, choose one of: [{' '.join(names)}]"
            raise Fail(400, words, "BadRequest")
        return wish or names[0]

    # --- log ---
    def log(self) -> Response:
        name = self._container()
        if not self.node:
            return Response(200, "", dict(TEXT))
        address = self._address()
        if self.node in self.state.silent:
            path = f"https://{address}/containerLogs/{self.target.namespace}/{self.target.name}/{name}"
            raise Fail(500, f'Get "{path}": dial tcp {address}: connect: connection refused')
        previous = self.request.flag("previous")
        key = (self.target.namespace, self.target.name, f"{name}/previous" if previous else name)
        if previous and key not in self.state.logs:
            raise Fail(400, f'previous terminated container "{name}" in pod "{self.target.name}" not found', "BadRequest")
        waits = self._waiting(name)
        if waits and not previous and key not in self.state.logs:
            raise Fail(400, f'container "{name}" in pod "{self.target.name}" is waiting to start: {waits}', "BadRequest")
        return Response(200, self._tail(self.state.logs.get(key, "")), dict(TEXT))

    def _waiting(self, name: str) -> str:
        told = (self.pod.get("status") or {}).get("containerStatuses") or []
        found: Json = next((one for one in told if one.get("name") == name), {})
        return str(((found.get("state") or {}).get("waiting") or {}).get("reason") or "")

    def _tail(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        if self.request.query.get("tailLines"):
            wanted = int(self.request.query["tailLines"])
            lines = lines[-wanted:] if wanted else []
        if self.request.flag("timestamps"):
            begun = (self.pod.get("status") or {}).get("startTime") or self.pod["metadata"]["creationTimestamp"]
            lines = [f"{begun[:-1]}.000000000Z {line}" for line in lines]
        text = "".join(lines)
        limit = self.request.query.get("limitBytes")
        return text.encode()[: int(limit)].decode(errors="ignore") if limit else text

    # --- streams ---
    def exec(self) -> Response:
        """Nothing runs in these pods: the checks before that are those of the server."""
        self._container()
        self._address()
        if self.request.headers.get("upgrade", "").lower() not in ("websocket", "spdy/3.1"):
            raise Fail(400, "Upgrade request required", "BadRequest")
        raise Fail(501, "the lab runs no commands in pods", "NotImplemented")

    def portforward(self) -> Upgrade:
        if not self.node:
            raise Fail(400, f"pod {self.target.name} does not have a host assigned", "BadRequest")
        self._address()
        if self.request.headers.get("upgrade", "").lower() != "websocket":
            raise Fail(400, "Upgrade request required", "BadRequest")
        ports = tuple(int(port) for port in self.request.query.get("ports", "").split(",") if port)
        if not ports:
            raise Fail(400, "query parameter 'port' cannot be empty", "BadRequest")
        return Upgrade(self.target.namespace, self.target.name, self.pod["metadata"]["uid"], ports)

    # --- eviction ---
    def evict(self) -> Response:
        budget = self.state.budgets.get(self.target.namespace)
        if budget and not self.request.dry:
            cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {budget} needs 0 healthy pods and has 1 currently"}
            raise Fail(429, "Cannot evict pod as it would violate the pod's disruption budget.", "TooManyRequests", {"causes": [cause]})
        if not self.request.dry:
            self.state.end_pod(self.target.namespace, self.target.name)
        return Response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
