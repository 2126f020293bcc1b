"""One call of the velero program: its arguments as Go reads them, its way to the API, and what it prints."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from lab.velero.profile import Profile

Json = dict[str, Any]
PATCHES = {"PATCH": "application/merge-patch+json", "APPLY": "application/apply-patch+yaml"}  # APPLY: server-side
Ask = Callable[[str, str, dict[str, str], Json | None], tuple[int, Any]]
SHORT = {"n": "namespace", "l": "selector", "o": "output", "w": "wait"}
COMMON = {"namespace", "output", "selector", "timeout", "kubeconfig", "kubecontext", "features", "log-level"}
NO_CONFIG = (
    "error finding Kubernetes API server config in --kubeconfig, $KUBECONFIG, or in-cluster configuration: invalid configuration: "
    "no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
)


class Stop(Exception):
    """Exit code 1 with these words."""


class Usage(Exception):
    """A flag that is not known."""


class NoCluster(Exception):
    """There is no kubeconfig."""


@dataclass
class Call:
    profile: Profile
    words: list[str]  # the command: backup create
    names: list[str]
    flags: dict[str, str]
    asking: Ask
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    fetch: Callable[[str], bytes]
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.flags.get("namespace") or "velero"

    def on(self, flag: str) -> bool:
        return self.flags.get(flag) == "true"

    def say(self, text: str) -> None:
        self.out.append(text + "\n")

    def dot(self) -> None:
        self.out.append(".")

    def ask(self, method: str, path: str, query: dict[str, str], body: Json | None) -> tuple[int, Any]:
        try:
            return self.asking(method, path, query, body)
        except NoCluster as why:
            raise Stop(NO_CONFIG) from why

    def reach(self) -> None:
        self.ask("GET", "/version", {}, None)

    # --- Velero's objects ---
    def path(self, plural: str, name: str = "") -> str:
        return f"/apis/velero.io/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def call(self, method: str, plural: str, kind: str, name: str = "", query: dict[str, str] | None = None, body: Json | None = None) -> Any:
        """The answer. Raises Stop in the words of the client library."""
        status, answer = self.ask(method, self.path(plural, name), query or {}, body)
        if status < 300:
            return answer
        if isinstance(answer, dict) and answer.get("message"):
            raise Stop(str(answer["message"]))
        if self.profile.sdk == 1 and plural not in self.profile.with_status_path:  # these go another way
            verb = {"GET": "get", "POST": "post", "DELETE": "delete", "PATCH": "patch"}[method]
            raise Stop(f"the server could not find the requested resource ({verb} {plural}.velero.io{' ' + name if name else ''})")
        raise Stop(f'no matches for kind "{kind}" in version "velero.io/v1"')

    def find(self, plural: str, kind: str, name: str) -> Json | None:
        status, answer = self.ask("GET", self.path(plural, name), {}, None)
        return dict(answer) if status == 200 else None if isinstance(answer, dict) else self.call("GET", plural, kind, name)

    def show(self, kind: str, found: list[Json], listed: bool) -> None:
        """As -o says: a list, but for one object."""
        whole: Any = found[0] if len(found) == 1 else {"kind": f"{kind}List", "apiVersion": "velero.io/v1", "metadata": {}, "items": found}
        if listed and not found:
            whole = {"kind": f"{kind}List", "apiVersion": "velero.io/v1", "metadata": {}, "items": []}
        self.say(json.dumps(whole, indent=2) if self.flags["output"] == "json" else yaml.safe_dump(whole, default_flow_style=False))


def table(rows: list[list[str]]) -> str:
    """Columns at the widths of their longest word and three blanks."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    made = []
    for row in rows:
        made.append("".join(word.ljust(width + 3) for word, width in zip(row[:-1], widths[:-1], strict=True)) + row[-1])
    return "\n".join(made)


def time_of(stamp: str | None) -> str:
    return f"{stamp[:10]} {stamp[11:19]} +0000 UTC" if stamp else "<nil>"


def age(seconds: float) -> str:
    """As kubectl tells a span."""
    whole = int(seconds)
    steps = ((120, f"{whole}s"), (600, f"{whole // 60}m{whole % 60}s"), (10800, f"{whole // 60}m"), (28800, f"{whole // 3600}h{whole // 60 % 60}m"))
    short = next((text for limit, text in steps if whole < limit), "")
    return short or (f"{whole // 3600}h" if whole < 172800 else f"{whole // 86400}d")


def parsed(argv: list[str], switches: set[str], values: set[str]) -> tuple[list[str], dict[str, str]]:
    """Names and flags. Raises Usage for a flag that this version does not know."""
    names: list[str] = []
    flags: dict[str, str] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            names.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        long = name if word.startswith("--") else SHORT.get(name, name)
        if long in switches:
            flags[long] = value if equals else "true"
        elif long in values | COMMON:
            flags[long] = value if equals else rest.pop(0)
        else:
            raise Usage(f"unknown flag: --{name}" if word.startswith("--") else f"unknown shorthand flag: '{name[0]}' in {word}")
    return names, flags
