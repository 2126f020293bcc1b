"""The API as a function: who asks, which service, faults that a test asked for, and the policy of a project."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.google import oauth, policies
from lab.google.answers import Answer, Asked, Json, Said, error, grant_error, ok
from lab.google.compute import Compute
from lab.google.dns import Dns
from lab.google.iam import Iam
from lab.google.model import World
from lab.google.storage import Storage

DENIED = "The caller does not have permission"
FAULTS: dict[str, Said] = {
    "busy": Said(429, "The rate limit was exceeded. Please reduce your request rate."),
    "unavailable": Said(503, "The service is currently unavailable."),
    "denied": Said(403, "Permission denied by an organization's policy."),
    "conflict": Said(409, policies.CONFLICT, "ABORTED"),
}
OLD_ERRORS = ("/storage/v1/", "/compute/v1/", "/dns/v1/")  # these write their errors alike, the others in the newer form


@dataclass
class Fault:
    """An answer instead of Google's own, a name of FAULTS or "reset" (no answer), to what `match` finds in "METHOD path". `done`: it was carried out."""

    answer: str
    match: str = ""
    times: int = 1_000_000
    done: bool = False


class Api:
    """One Google under one address."""

    def __init__(self, world: World, url: str = "http://lab") -> None:
        self.world, self.url = world, url
        self.faults: list[Fault] = []
        self.storage, self.iam = Storage(world), Iam(world, lambda: f"{self.url}/token")
        self.compute, self.dns = Compute(world), Dns(world)
        own = (*self.storage.routes, *self.iam.routes, *self.compute.routes, *self.dns.routes)
        project = r"/v[13]/projects/([^/:]+):(getIamPolicy|setIamPolicy)"
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            (method, re.compile(pattern), act) for method, pattern, act in (*own, ("POST", project, self.policy))
        ]

    def handle(self, asked: Asked) -> Answer | None:
        """None: the connection breaks."""
        with self.world.lock:
            self.compute.pass_time()
            asked.member = self._member(asked)
            fault = next((one for one in self.faults if one.times > 0 and re.search(one.match, f"{asked.method} {asked.path}")), None)
            if fault:
                fault.times -= 1
            answer = self._own(asked) if fault is None or fault.done else None
            if fault:
                answer = None if fault.answer == "reset" else self._faulty(FAULTS[fault.answer], asked)
            self.world.calls.append({"method": asked.method, "path": asked.path, "status": answer.status if answer else 0, "member": asked.member})
            return answer

    def _faulty(self, said: Said, asked: Asked) -> Answer:
        return (
            grant_error(said.message, "internal_failure" if said.code >= 429 else "unauthorized_client", said.code)
            if asked.path == "/token"
            else error(said, any(part in asked.path for part in OLD_ERRORS))
        )

    def _own(self, asked: Asked) -> Answer:
        if asked.path == "/token" and asked.method == "POST":
            return oauth.token(self.world, asked, f"{self.url}/token")
        storage = any(part in asked.path for part in OLD_ERRORS)
        try:
            if asked.member is None:
                words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."
                raise Said(401, "Invalid Credentials" if storage else words)
            for method, pattern, act in self._routes:
                match = pattern.fullmatch(asked.path)
                if match and method == asked.method:
                    return act(asked, *match.groups())
            raise Said(404, "Not Found")
        except Said as said:
            return error(said, storage)

    def policy(self, asked: Asked, project: str, verb: str) -> Answer:
        """The policy of a whole project."""
        if project not in self.world.projects or not self.world.may(asked.member or "", f"resourcemanager.projects.{verb}", f"projects/{project}"):
            raise Said(403, DENIED)
        policy = self.world.policies[f"projects/{project}"]
        if verb == "setIamPolicy":
            policies.put(self.world, policy, asked.json.get("policy", {}), Said(409, policies.CONFLICT, "ABORTED"))
            return ok(policies.shown(policy, 3))
        options: Json = asked.json.get("options", {})
        return ok(policies.shown(policy, int(options.get("requestedPolicyVersion", 1))))

    def _member(self, asked: Asked) -> str | None:
        kind, _space, token = asked.headers.get("authorization", "").partition(" ")
        return self.world.bearer(token) if kind == "Bearer" else None
