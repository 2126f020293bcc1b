"""A request, and what its path names."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.kubernetes.kinds import Resource
from lab.kubernetes.status import Fail

Json = dict[str, Any]
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "HEAD": "get"}


@dataclass(frozen=True)
class Target:
    """What a path names."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    old_watch: bool = False
    version: str = "v1"
    method: str = "GET"

    @property
    def qualified(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def details(self) -> Json:
        """As Status objects name it."""
        named = {"name": self.name} if self.name else {}
        return {**named, **({"group": self.group} if self.group else {}), "kind": self.resource}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""

    def flag(self, name: str) -> bool:
        """As the API reads it: all but "false" is true."""
        return self.query.get(name, "false").lower() != "false"

    @property
    def watches(self) -> bool:
        return self.flag("watch")

    @property
    def dry(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def manager(self) -> str:
        """Who changes fields: what the query says, else the first word of the agent's name."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "").partition("/")[0] or "unknown"

    def json(self) -> Json:
        try:
            return dict(json.loads(self.body)) if self.body.strip() else {}
        except ValueError as error:  # kubectl sends its own kinds as protobuf, which nobody here reads
            words = "the body of the request was in an unknown format - accepted media types include: application/json"
            raise Fail(415, words, "UnsupportedMediaType") from error


def kind_in(target: Target, kinds: Mapping[str, Resource]) -> Resource | None:
    """The kind that is served under this group, version and plural."""
    found = kinds.get(target.qualified)
    return found if found is not None and target.version in found.served else None


def verb_of(request: Request, target: Target) -> str:
    if request.method == "GET" and not target.sub:
        watches = target.old_watch or (request.watches and not target.name)
        return "watch" if watches else "get" if target.name else "list"
    verb = "get" if request.method == "GET" else VERBS.get(request.method, request.method.lower())
    return "deletecollection" if verb == "delete" and not target.name else verb


def parse(path: str) -> Target | None:
    """None for what is no path of a resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    old = rest[0] == "watch" and len(rest) > 1
    rest = rest[1:] if old else rest
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and (group or rest[2] not in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource, name, sub = (rest + ["", ""])[:3]
    return Target(group, resource, namespace, name, sub, old, version)
