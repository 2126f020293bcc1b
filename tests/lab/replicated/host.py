"""What a Services host does: the app's states, its settings stored and live, its containers. Plain data and a time; nothing runs in the background."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import binascii
import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lab.replicated.files import overrides, telegraf_start
from lab.replicated.items import FIRST, STORED, Item
from lab.replicated.ports import context_of, pair_of

Json = dict[str, Any]
APP_ID = "edd9471be0bc4ea04dfca94718ddf621"
CONTAINERS = (
    *("frontend", "dispatcher", "picard-dispatcher", "picard-scheduler", "picard-output-processor", "nomad", "vm-service", "vm-scaler", "vm-gc"),
    *("telegraf", "usage-stats", "ready-agent", "rabbitmq", "mongo", "postgres", "redis", "vault-cci", "slanger", "exim"),
)
OWN = ("replicated", "replicated-ui", "replicated-operator", "retraced-api")  # Replicated's, which no restart of the app touches
# Seconds. `begin`: until a task that was ordered begins; `settle`: State is as wanted, but IsTransitioning still true; `health`: after that,
# until the health URLs answer.
TIMES = {"begin": 1.0, "stop": 30.0, "start": 60.0, "settle": 20.0, "health": 15.0, "initialize": 20.0}
TROUBLES = ("", "unhealthy", "fails", "hangs")  # what becomes of the next starts


class Failed(Exception):
    """A program says this on stderr and ends so; `out` is what it printed all the same."""

    def __init__(self, text: str, out: str = "", code: int = 1) -> None:
        super().__init__(text)
        self.out, self.code = out, code


def first_state(pace: float, epoch: datetime) -> Json:
    """A host whose app has been running for an hour."""
    state: Json = {
        "pace": pace,
        "epoch": epoch.isoformat(),
        "down": False,
        "ready_at": 0.0,
        "trouble": "",
        "app": {"state": "stopped", "desired": "stopped", "error": "", "moving": False, "modified": 0.0, "sequence": 2439},
        "healthy_at": None,
        "due": [],
        "tasks": {},
        "stored": {name: dict(value) for name, value in FIRST.items()},
        "live": {},
        "params": {"AppUpdateCheckSchedule": "@hourly", "LogLevel": "info"},
        "overridden": {},
        "auth": {"Password": {"Password": "canary-console-password-2d9"}},
        "console": {},
        "containers": {},
        "log": [],
    }
    return state


class Host:
    """The state at a moment. `root` is the folder that stands for / where the override files are."""

    def __init__(self, state: Json, root: Path, now: float) -> None:
        self.state, self.root, self.now = state, root, now
        self._advance()

    # -- time ----------------------------------------------------------------------------------------

    def wall(self, at: float | None = None) -> datetime:
        return datetime.fromisoformat(self.state["epoch"]) + timedelta(seconds=self.now if at is None else at)

    def seconds(self, name: str) -> float:
        return float(self.state.get("times", {}).get(name, TIMES[name])) * float(self.state["pace"])

    def _after(self, seconds: float, what: str, task: str) -> None:
        self.state["due"].append([self.now + seconds, what, task])

    def _advance(self) -> None:
        """What was due until now happens, each thing at its own time."""
        until = self.now
        while self.state["due"] and (first := min(self.state["due"]))[0] <= until:
            self.state["due"].remove(first)
            self.now = first[0]
            getattr(self, f"_{first[1]}")(first[2])
        self.now = until

    def note(self, *words: Any) -> None:
        """What was done on this host, for tests."""
        self.state["log"].append([round(self.now, 3), *words])

    # -- the app -------------------------------------------------------------------------------------

    @property
    def app(self) -> Json:
        return self.state["app"]

    def status(self) -> list[Json]:
        self._must_be_up()
        modified = self.wall(self.app["modified"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        told = {"AppID": APP_ID, "Sequence": self.app["sequence"], "PatchSequence": 0, "State": self.app["state"], "DesiredState": self.app["desired"]}
        moves = {"IsCancellable": False, "IsTransitioning": self.app["moving"], "LastModifiedAt": modified}
        return [told | {"Error": self.app["error"]} | moves]

    def start(self) -> str:
        self._must_be_up()
        task = self._task("start")
        self.note("start")
        self._after(self.seconds("begin"), "begin_start", task)
        return task

    def _begin_start(self, task: str) -> None:
        if self.app["desired"] == "started" and (self.app["state"] == "started" or self.app["moving"]):
            self._end(task)
        elif self.app["moving"]:
            self._end(task, "the app is in transition")
        else:
            self._come_up(task)

    def _come_up(self, task: str) -> None:
        self._set(state="starting", desired="started", moving=True, error="")
        self.state["live"] = json.loads(json.dumps(self.state["stored"]))
        self._after(self.seconds("start") / 2, "create", task)
        self._after(self.seconds("start"), "started", task)

    def stop(self, force: bool = False) -> str:
        self._must_be_up()
        task = self._task("stop")
        self.note("stop")
        self._after(self.seconds("begin"), "begin_force" if force else "begin_stop", task)
        return task

    def _begin_stop(self, task: str) -> None:
        if self.app["desired"] == "stopped" and (self.app["state"] == "stopped" or self.app["moving"]):
            self._end(task)
        elif self.app["moving"]:
            self._end(task, "the app is in transition")
        else:
            self._go_down(task, "stopped")

    def _begin_force(self, task: str) -> None:
        """Whatever was on its way is given up."""
        self.state["due"] = []
        self._go_down(task, "stopped")

    def _go_down(self, task: str, then: str) -> None:
        self._set(state="stopping", desired="stopped", moving=True, error="")
        self.state["healthy_at"] = None
        self._after(self.seconds("stop"), then, task)

    def apply_config(self, force: bool = False) -> str:
        """Stop and start, by one task."""
        self._must_be_up()
        task = self._task("apply-config")
        self.note("apply-config")
        if self.app["moving"] and not force:
            self._end(task, "the app is in transition")
        elif self.app["state"] == "stopped":
            self._come_up(task)
        else:
            self._go_down(task, "stopped_to_start")
        return task

    def _stopped(self, task: str) -> None:
        self._leave_containers()
        self._set(state="stopped")
        self._after(self.seconds("settle"), "settled", task)

    def _stopped_to_start(self, task: str) -> None:
        self._leave_containers()
        self._set(state="stopped")
        self._come_up(task)

    def _leave_containers(self) -> None:
        for name in CONTAINERS:
            if name in self.state["containers"]:
                self.state["containers"][name] |= {"running": False, "finished": self.now}

    def _create(self, _task: str) -> None:
        """All containers anew: their environment is that of the settings that are live now."""
        self.note("create")
        for name in CONTAINERS:
            self.state["containers"][name] = {"id": uuid.uuid4().hex * 2, "created": self.now, "config": self.state["live"], "logs": [], "restarts": 0}
            self._run(name)

    def _run(self, name: str) -> None:
        """A container starts: it reads the override files as they are now."""
        found = self.state["containers"][name]
        settings = {f"REPLICATED_CONFIG_{key.upper()}": value.get("value", "") for key, value in found.pop("config", {}).items()}
        found["base"] = found.get("base") or settings
        found |= {"started": self.now, "running": True, "env": found["base"] | overrides(self.root, name)}
        stamp = self.wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        if name == "telegraf":
            lines, found["running"] = telegraf_start(self.root, stamp)
            found["logs"] += lines
        else:
            found["logs"].append(f"{stamp} {name} started")

    def _started(self, task: str) -> None:
        trouble = self.state["trouble"]
        if trouble == "hangs":
            return
        if trouble == "fails":
            self._leave_containers()
            self._set(state="stopped", moving=False, error="Container frontend exited with code 1")
            self._end(task, self.app["error"])
            return
        self._set(state="started")
        self._after(self.seconds("settle"), "settled", task)

    def _settled(self, task: str) -> None:
        self._set(moving=False)
        if self.app["state"] == "started" and self.state["trouble"] != "unhealthy":
            self.state["healthy_at"] = self.now + self.seconds("health")
        self._end(task)

    def _set(self, **values: Any) -> None:
        self.app.update(values, modified=self.now)

    # -- tasks ---------------------------------------------------------------------------------------

    def _task(self, kind: str) -> str:
        name = uuid.uuid4().hex
        self.state["tasks"][name] = {"ID": name, "Name": kind, "State": "running", "Error": ""}
        return name

    def _end(self, task: str, error: str = "") -> None:
        self.state["tasks"][task] |= {"State": "failed" if error else "completed", "Error": error}

    # -- the daemon ----------------------------------------------------------------------------------

    def system(self) -> Json:
        self._must_run()
        said = "ready" if self.now >= self.state["ready_at"] else "initializing"
        return {"Replicated": said, "Retraced": said}

    def restart_daemon(self) -> None:
        """Replicated's own services restart: the app goes on, its settings and parameters stay."""
        self.note("restart daemon")
        self.state["ready_at"] = self.now + self.seconds("initialize")

    def _must_run(self) -> None:
        if self.state["down"]:
            raise Failed("Error response from daemon: Container replicated is not running")

    def _must_be_up(self) -> None:
        self._must_run()
        if self.now < self.state["ready_at"]:
            raise Failed("Error: Replicated is initializing")

    # -- settings ------------------------------------------------------------------------------------

    def exported(self, hidden: bool) -> Json:
        self._must_be_up()
        told = {}
        for name, item in sorted(STORED.items()):
            told[name] = {} if item.is_secret and not hidden else dict(self.state["stored"].get(name, {}))
        return told

    def import_items(self, given: Any, validate: bool = True) -> None:
        """Items that are not given stay; those that are not in the form, and write_once ones that are set, are passed over without a word."""
        self._must_be_up()
        if not isinstance(given, dict) or not all(isinstance(value, dict) for value in given.values()):
            raise Failed("Error: json: cannot unmarshal the settings")
        taken = {name: _held(STORED[name], value) for name, value in given.items() if name in STORED}
        for name in [name for name in taken if STORED[name].write_once and self.state["stored"].get(name, {}).get("value")]:
            del taken[name]
        after = self.state["stored"] | taken
        if validate:
            _validate(after)
        self.note("import", sorted(taken))
        self.state["stored"] = after

    # -- containers ----------------------------------------------------------------------------------

    def containers(self) -> dict[str, Json]:
        """Those of the app and Replicated's own."""
        own = {} if self.state["down"] else {name: self._own(name) for name in OWN}
        return own | dict(self.state["containers"])

    def _own(self, name: str) -> Json:
        times = {"created": -7200.0, "started": -7200.0, "running": True}
        return {"id": uuid.uuid5(uuid.NAMESPACE_DNS, name).hex * 2, **times, "env": {}, "logs": [], "restarts": 0}

    def container(self, name: str) -> Json:
        for key, found in self.containers().items():
            if name == key or (len(name) >= 12 and found["id"].startswith(name)):
                return found
        raise Failed(f"Error: No such container: {name}")

    def restart_container(self, name: str) -> None:
        """One container by Docker: its environment stays that of its creation, files are read anew."""
        found = self.container(name)
        self.note("docker restart", name)
        if name in self.state["containers"]:
            found["restarts"] += 1
            self._run(name)

    def is_healthy(self) -> bool:
        """Whether all health URLs say 200. With a certificate or key that no server can load, none ever does."""
        at = self.state["healthy_at"]
        pair = pair_of(self.state["live"])
        return at is not None and self.now >= at and (pair is None or context_of(pair) is not None)


def _held(item: Item, given: Json) -> Json:
    """What is kept of a given item: a file without data loses the data it had."""
    kept = {key: given[key] for key in ("value", "data", "multi_value", "multi_data") if given.get(key)}
    for data in [kept.get("data", ""), *kept.get("multi_data", ())]:
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise Failed(f"Error: illegal base64 data in {item.name}") from None
    return kept


def _validate(stored: Json) -> None:
    for name, item in STORED.items():
        value = stored.get(name, {}).get("value", "")
        if item.required and not value and not item.default:
            raise Failed(f"Error: {name} is required")
        if item.options and value and value not in dict(item.options):
            raise Failed(f"Error: {name} has no option {value}")
        if item.type == "bool" and value not in ("", "0", "1"):
            raise Failed(f"Error: {name} must be 0 or 1")


def settle(state: Json, root: Path) -> None:
    """Start the app in the past: it has been up for an hour at 0."""
    host = Host(state, root, -3600.0)
    host.state["ready_at"] = -7200.0
    host.start()
    for _each in range(5):
        host.now = max([host.now, *(due[0] for due in state["due"])])
        host._advance()
    state["healthy_at"] = -3000.0
    state["log"], state["tasks"] = [], {}
