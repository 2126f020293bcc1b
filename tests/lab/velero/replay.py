"""Replays a recording of a real Velero against the simulated one, on the virtual clock: HTTP through the API, commands through the CLI."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.kubernetes.api import Api, Request
from lab.kubernetes.state import Change, State
from lab.kubernetes.status import Response
from lab.velero import cli
from lab.velero.command import PATCHES, NoCluster
from lab.velero.not_modelled import LINES
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

FOLDER = Path(__file__).parents[1] / "recordings" / "velero"
Line = dict[str, Any]
PATIENCE = 60.0  # s more than recorded, until a command is said to hang
Act = Callable[["Replay"], Any]
STAMPS = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    r"(?<=-)\d{14}\b",
    r"X-Amz-[^\"]*",
    r"RequestID: \w*",
    r"HostID: [\w+/=]*",
)


class Killed(Exception):
    """Whoever recorded it killed the command."""


def load(version: str, name: str) -> list[Line]:
    lines = [json.loads(line) for line in (FOLDER / version / f"{name}.jsonl").read_text().splitlines()]
    return [line for line in lines if "request" in line or "argv" in line]


def said(line: Line) -> str:
    return " ".join(line["argv"]) if "argv" in line else f"{line['request']['method']} {line['request']['path']}"


def left_out(line: Line) -> bool:
    return any(re.search(pattern, said(line)) for pattern in LINES)


def plain(text: str) -> str:
    """Without times, ids and how long it waited."""
    text = re.sub(r", error found in #.*", "", text.replace("/lab/run/scratch", "/scratch"))
    for pattern in STAMPS:
        text = re.sub(pattern, "*", text)
    lines = [line for line in text.splitlines() if not re.match(r"[WE]\d{4} |\.+$", line)]
    return "\n".join(line.rstrip() for line in lines if line.strip())


@dataclass
class Watched:
    """A watch: where in the history it began and ended."""

    line: Line
    since: int
    upto: int = 0


class Replay:
    """One recording. `acts` are what happened besides: after the line of that number, or so many seconds into it."""

    def __init__(self, version: str, name: str, secret: Path, **settings: Any) -> None:
        self.version, self.name, self.secret = version, name, secret
        self.state = State()
        self.store = MemoryStore(keys={"lab-key": "lab-secret"})
        self.store.bucket("lab-bucket")
        self.world = VeleroWorld(self.state, version, self.store, validation=3.0, sync=5.0, **settings)
        self.api = Api(self.state)
        self.found: list[str] = []
        self.compared = 0
        self.begin = 0.0
        self.watches: list[Watched] = []

    # --- time ---
    @property
    def now(self) -> float:
        return self.state.clock.now() - self.begin

    def until(self, moment: float) -> None:
        self.state.clock.sleep(max(0.0, moment - self.now))

    # --- asking ---
    def http(self, user: str, method: str, path: str, query: dict[str, str], body: Any, kind: str = "application/json") -> Response:
        headers = {"content-type": kind, "authorization": f"Bearer {user}-token"}
        answer = self.api.handle(Request(method, path, query, headers, json.dumps(body).encode() if body is not None else b""))
        assert isinstance(answer, Response)
        return answer

    def asking(self, user: str) -> Callable[..., tuple[int, Any]]:
        def ask(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if user == "none":
                raise NoCluster
            answer = self.http(user, method.replace("APPLY", "PATCH"), path, query, body, PATCHES.get(method, "application/json"))
            return answer.status, answer.body

        return ask

    def command(self, line: Line, user: str) -> list[str]:
        ends = self.now + line["took"] + (0.0 if isinstance(line["rc"], str) else PATIENCE)

        def sleep(seconds: float) -> None:
            self.state.clock.sleep(seconds)
            if self.now > ends:
                raise Killed

        ways = {"sleep": sleep, "now": self.state.clock.wall, "fetch": self._fetched, "out": (out := [])}
        argv = [word.replace("/lab/cred/cloud", str(self.secret)) for word in line["argv"][1:]]
        try:
            code, stdout, stderr = cli.run(argv, self.world.profile, self.asking(user), **ways)
        except Killed:
            stdout = "".join(out)
            right = plain(stdout) == plain(line["stdout"]) if isinstance(line["rc"], str) else False
            return [] if right else [f"hangs; {stdout!r} for {line['stdout']!r}"]
        if code != line["rc"]:
            return [f"exit {code} for {line['rc']}: {stdout[-300:]!r} {stderr[-300:]!r}"]
        return self._printed(line, stdout, stderr)

    def _fetched(self, url: str) -> bytes:
        path = url.removeprefix(f"{self.store.url}/").partition("?")[0]
        if self.store.fault:
            raise cli.Stop(f'Get "{url}": dial tcp 127.0.0.1:5000: connect: connection refused')
        bucket, _slash, key = path.partition("/")
        return self.store.get(bucket, key)

    def _printed(self, line: Line, stdout: str, stderr: str) -> list[str]:
        if "stdout_json" in line:
            return unequal(view(json.loads(stdout)), view(line["stdout_json"]))
        theirs = line["stdout"]
        if line["argv"][2:3] == ["logs"] and line["rc"] == 0:
            return [] if stdout else ["no log"]
        if stderr.startswith("Error: "):
            stderr, line = stderr.splitlines()[0], {**line, "stderr": line["stderr"].splitlines()[0]}
        pairs = ((stdout, theirs), (stderr, line["stderr"]))
        return [f"{plain(ours)!r} for {plain(right)!r}" for ours, right in pairs if plain(ours) != plain(right)]

    # --- a line ---
    def ask(self, line: Line, user: str) -> None:
        self.compared += 1
        if "argv" in line:
            self.until(line["t"] + min(0.04, line["took"] / 2))
            self.note(line, self.command(line, user))
            return
        self.until(line["t"])
        told = line["request"]
        if "lines" in line["response"]:
            watched = Watched(line, len(self.state.history))
            self.watches.append(watched)
            ends = self.begin + line["t"] + float(line["request"]["query"]["timeoutSeconds"])
            self.state.clock.at(ends, lambda: setattr(watched, "upto", len(self.state.history)))
            return
        query = {key: str(value) for key, value in told["query"].items()}
        body = told.get("body")
        answer = self.http(told["user"], told["method"], told["path"], query, body, told.get("content_type") or "application/json")
        self.note(line, differences(answer, line["response"]))

    def note(self, line: Line, wrong: list[str]) -> None:
        self.found += [f"{self.version} {self.name} t={line['t']} {said(line)[:120]}: {text}" for text in wrong]

    def run(self, acts: dict[int | tuple[int, float], Act], users: dict[int, str]) -> list[str]:
        self.begin = self.state.clock.now()
        lines = sorted(enumerate(load(self.version, self.name)), key=lambda entry: entry[1]["t"])
        for number, line in lines:
            for at, act in acts.items():
                if isinstance(at, tuple) and at[0] == number:
                    self.state.clock.at(self.begin + line["t"] + at[1], lambda act=act: act(self))  # type: ignore[misc]
            if not left_out(line):
                self.ask(line, users.get(number, "admin"))
            if number in acts:
                self.until(line["t"] + line["took"] + 0.002)
                acts[number](self)
        self.state.clock.sleep(3.0)
        for watched in self.watches:
            self.note(watched.line, self._watched(watched))
        return self.found

    def _watched(self, watched: "Watched") -> list[str]:
        """The events of the objects that the recording saw, by type and content."""
        line = watched.line
        theirs = [(entry["event"]["type"], view(entry["event"]["object"])) for entry in line["response"]["lines"]]
        resource = line["request"]["path"].split("/")[-1] + ".velero.io"
        name = line["request"]["query"].get("fieldSelector", "").removeprefix("metadata.name=")
        start = "" if name else line["response"]["lines"][0]["event"]["object"]["metadata"].get("generateName", "default")
        history = self.state.history[: watched.upto]
        mine = [one for one in history if one.key[0] == resource and (one.key[2] == name if name else one.key[2].startswith(start))]
        if start == "default":
            mine = mine[max(0, sum(one in mine for one in history[: watched.since]) - 1) :]
        ours = [("ADDED" if start == "default" and not place else one.type, view(self._full(one))) for place, one in enumerate(mine)]
        if [kind for kind, _seen in ours] != [kind for kind, _seen in theirs]:
            return [f"{[(kind, seen.get('status')) for kind, seen in ours]} for {[(kind, seen.get('status')) for kind, seen in theirs]}"]
        return [text for (_kind, seen), (_type, right) in zip(ours, theirs, strict=True) for text in unequal(seen, right)]

    def _full(self, change: Change) -> Any:
        kind = self.state.kinds[change.key[0]]
        return {"kind": kind.kind, "apiVersion": kind.api_version, **change.object}


TIMES = ("Timestamp", "Time", "expiration", "lastBackup")
WRITTEN = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink", "namespace")


def view(item: Any, field: str = "") -> Any:
    """What callers read: all but ids, versions and times; these are there or not."""
    if isinstance(item, list):
        return [view(one) for one in item]
    if not isinstance(item, dict):
        if field.endswith(TIMES):
            return bool(item)
        return plain(item).partition("?")[0] if field == "downloadURL" else plain(item) if isinstance(item, str) else item
    if item.get("kind") == "Status":
        return {key: item.get(key) for key in ("code", "reason", "message") if item.get(key)}
    if "names" in (item.get("spec") or {}) and "group" in item["spec"]:
        return definition(item)
    if isinstance(item.get("kind"), str) and item["kind"] in PARTS and "spec" in item:
        return PARTS[item["kind"]](item)
    made = {key: view(value, key) for key, value in item.items() if key not in WRITTEN and not (key == "plugins" and "serverVersion" in item)}
    if made.get("generateName"):
        made["name"] = len(str(made["name"]))
    if "velero.io/backup-uid" in made:
        made["velero.io/backup-uid"] = True
    if str(item.get("kind", "")).endswith("List"):
        made.pop("metadata", None)
    return {key: value for key, value in made.items() if not (key == "status" and value == {})}


def definition(item: Any) -> Any:
    spec = item["spec"]
    versions = [(one["name"], sorted(one.get("subresources") or {})) for one in spec["versions"]]
    return {"name": item["metadata"]["name"], "labels": item["metadata"].get("labels"), "names": spec["names"], "versions": versions, "scope": spec["scope"]}


def workload(item: Any) -> Any:
    """Without what the API fills in."""
    pod = item["spec"]["template"]["spec"]
    runs = [{key: one.get(key) for key in ("name", "image", "args", "command", "ports", "resources", "volumeMounts")} for one in pod["containers"]]
    variables = [sorted(one["name"] for one in each["env"]) for each in pod["containers"]]
    for one in runs:
        one["ports"] = [{key: port[key] for key in ("name", "containerPort")} for port in one["ports"] or []]
        one["resources"] = one["resources"] or {}
    first = [(one["name"], one["image"]) for one in pod.get("initContainers") or []]
    labels, notes = item["spec"]["template"]["metadata"]["labels"], item["spec"]["template"]["metadata"].get("annotations")
    account = pod["serviceAccountName"]
    return {"name": item["metadata"]["name"], "runs": runs, "env": variables, "first": first, "labels": labels, "notes": notes, "account": account}


def ending(item: Any) -> Any:
    return {"name": item["metadata"]["name"], "ends": bool(item["metadata"].get("deletionTimestamp"))}


PARTS: dict[str, Callable[[Any], Any]] = {"CustomResourceDefinition": definition, "Deployment": workload, "DaemonSet": workload, "Pod": ending}


def differences(answer: Response, theirs: Line) -> list[str]:
    if answer.status != theirs["status"]:
        return [f"status {answer.status} for {theirs['status']}: {str(answer.body)[:300]}"]
    if isinstance(theirs["body"], str):
        return [] if answer.body == theirs["body"] else [f"{answer.body!r} for {theirs['body']!r}"]
    return unequal(view(answer.body), view(theirs["body"]))


def unequal(ours: Any, theirs: Any, path: str = "") -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in sorted({**ours, **theirs}):
            if (key in ours) != (key in theirs):
                found.append(f"{path}.{key}: {ours.get(key, 'nothing')!r} for {theirs.get(key, 'nothing')!r}")
            else:
                found += unequal(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [text for place, pair in enumerate(zip(ours, theirs, strict=True)) for text in unequal(*pair, f"{path}[{place}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} for {theirs!r}"]
