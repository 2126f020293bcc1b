# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole 3.x site on a virtual clock as a world for the laws: Kubernetes with its controllers, Velero, kotsadm, and the CLI as a program beside us."""

from __future__ import annotations

import base64
import copy
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import client, connection, console_client, restore_cli_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import calls_client
from unit.laws.killing import Killed, Tap

from lab.installation.installation import NAMESPACE, Installation, install, settle
from lab.installation.parts import PARTS
from lab.kots.adapter import ConsoleAdapter
from lab.kots.beside import Beside, alternating_clock
from lab.kots.world import Entitlement, KotsWorld
from lab.kubernetes.api import Api
from lab.kubernetes.controllers.control import Control
from lab.kubernetes.controllers.podstatus import is_ready
from lab.kubernetes.link import LabLink
from lab.kubernetes.request import Request
from lab.kubernetes.state import ADMIN, Change, State
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

VELERO, BUCKET = "velero", "lab-bucket"
CANARY = "c4a1f0de-5ec2-e7ca-9a2b-70ad1e5ca9e5"  # the token; as auth string and as a key of Vault it shows nowhere either
APPS = ("frontend", "postgresql", "vault")  # the fewer, the sooner the laws are tried
STEP = 0.25  # s between two looks of a watch
LATE = {"podvolumerestores.velero.io": 3.0}  # s that the watch of a kind is behind the others
DATA = "data-postgresql-0"


class MortalTap(Tap):
    """With `dies`, the programs of a machine die with whoever is killed on it."""

    def __init__(self, world: RestoreWorld) -> None:
        super().__init__()
        self._world = world

    def _pass(self, point: str) -> None:
        try:
            super()._pass(point)
        except BaseException:
            if self._world.dies:
                self._world.kill_programs()
            raise


class RestoreWorld:
    """An installation with a proven backup, some of whose data was lost since. `dies`: a program ends with the run that started it.

    `lost`: this is the new cluster of another one that is gone, on the same bucket.
    """

    def __init__(
        self, velero: str = "1.14.0", kots: str = "1.124.18", dies: bool = False, lost: RestoreWorld | None = None, classes: tuple[str, ...] = ("gp2",)
    ) -> None:
        self.state = State(alternating_clock())
        self.clock: Any = self.state.clock
        self.dies, self.cli, self.place, self.speaks = dies, kots, "lab-host/boot", True
        self.tap = MortalTap(self)
        self.journal: list[str] = []
        self.programs: dict[str, Beside] = {}
        self.started: list[list[str]] = []
        self.crowd = 0
        self.mortal = False  # whoever starts the CLI dies of it
        self.state.users[CANARY] = ADMIN
        self.past: dict[str, list[tuple[float, tuple[Json, ...]]]] = {resource: [] for resource in LATE}
        self.state.controllers.append(self._remember)
        self.api = Api(self.state)
        self.store = lost.store if lost else MemoryStore()
        self.store.bucket(BUCKET)
        self.made = self._empty(lost, classes) if lost else settle(install(self.state, parts=[part for part in PARTS if part.name in APPS]))
        self.velero = VeleroWorld(self.state, velero, self.store)
        self.velero.install(BUCKET)
        self.velero.volumes.least = 10.0
        self.console = KotsWorld(self.state, version=kots, namespace=NAMESPACE, authstring=lost.console.authstring if lost else self._auth())
        self.app = self.console.add_app(labels=("3.4.0",))
        self.app.entitlements = (Entitlement("isSnapshotSupported", "Snapshots", True),)
        if lost is None:
            self.console.install()
        self.clock.sleep(90)
        self.backup = lost.backup if lost else self.make_backup()
        self.before = lost.before if lost else self.made.remember()

    def _empty(self, lost: RestoreWorld, classes: tuple[str, ...]) -> Installation:
        """A new cluster, later: nodes and storage classes, nothing else."""
        self.clock.sleep(lost.clock.now() + 3600)
        control = Control(self.state)
        for number in (1, 2, 3):
            control.node(f"new-node-{number}", cpu="4", memory="16Gi")
        control.storage.classes = {"", *classes}
        for name in classes:
            self.state.put("storageclasses.storage.k8s.io", "", name, {"metadata": {}, "provisioner": "ebs.csi.aws.com"})
        return Installation(self.state, control, NAMESPACE, lost.made.claims)

    def _auth(self) -> str:
        return base64.b64decode(self.state.objects["secrets", NAMESPACE, "kotsadm-authstring"]["data"]["kotsadm-authstring"]).decode()

    # -- scenes ----------------------------------------------------------------------------------------------

    def make_backup(self) -> str:
        name = str(self.console.call("POST", "/api/v1/snapshot/backup").body["backupName"])
        while self.phase(name) != "Completed":
            self.clock.sleep(1)
            assert self.phase(name) not in ("Failed", "PartiallyFailed", "FailedValidation"), self.state.get("backups.velero.io", VELERO, name)
        self.clock.sleep(30)
        return name

    def phase(self, name: str, kind: str = "backups") -> str:
        found = self.state.get(f"{kind}.velero.io", VELERO, name) or {}
        return str((found.get("status") or {}).get("phase") or "")

    def lose_data(self) -> RestoreWorld:
        """A day later a table is gone and another one came."""
        volume = self.made.volume(DATA)
        volume.records.pop(min(volume.records))
        volume.write("base/since", b"after the backup")
        return self

    def add_to_archive(self, path: str, body: Json) -> None:
        """One more object in the archive of the backup."""
        key = f"backups/{self.backup}/{self.backup}.tar.gz"
        out = io.BytesIO()
        with (
            tarfile.open(fileobj=io.BytesIO(self.store.get(BUCKET, key)), mode="r:gz") as old,
            tarfile.open(fileobj=out, mode="w:gz") as new,
        ):
            for member in old:
                new.addfile(member, old.extractfile(member))
            raw = json.dumps(body).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(raw)
            new.addfile(entry, io.BytesIO(raw))
        self.store.put(BUCKET, key, out.getvalue())

    def settle_in(self) -> RestoreWorld:
        self.journal.clear()
        self.tap.kill(None)
        return self

    def _remember(self, change: Change) -> None:
        """For watches that are late: all that there was of a kind, and since when."""
        if change.key[0] in self.past:
            self.past[change.key[0]].append((self.clock.now(), tuple(map(copy.deepcopy, self.state.all(change.key[0], VELERO)))))

    # -- programs beside us ------------------------------------------------------------------------------------

    def alive(self) -> list[str]:
        return [name for name, program in self.programs.items() if not program.over]

    def kill_programs(self) -> None:
        for program in self.programs.values():
            if not program.over:
                program.kill()

    def launch(self, name: str, argv: Sequence[str], kept: Any) -> None:
        with self.tap.around("start the CLI"):
            if name in self.alive():
                raise Refused("kots runs already")
            self.started.append(list(argv))
            self.programs[name] = Beside(self.state, self.console, self.cli, list(argv[1:]))
            self.crowd = max(self.crowd, len(self.alive()))
        if self.mortal:
            raise Killed("right after the start of the CLI")

    def _detached(self) -> Any:
        world = self

        class Detached:
            def __init__(self, _folder: str, name: str) -> None:
                self._name, self.kept, self.log = name, f"/lab/{name}.kubeconfig", f"/lab/{name}.log"

            def start(self, argv: Sequence[str], _environment: Json, kept: Any = None) -> None:
                world.launch(self._name, argv, kept)

            def is_alive(self) -> bool:
                return self._name in world.alive()

            def end(self) -> None:
                if self.is_alive():
                    world.programs[self._name].kill()

            def tail(self) -> str:
                found = world.programs.get(self._name)
                return found.out.getvalue() if found else ""

            def forget(self) -> None:
                return None

        calls = {"place": lambda: self.place, "whose": lambda _folder: "us", "environment": lambda _names: {}, "check_folder": lambda _folder: None}
        return SimpleNamespace(Detached=Detached, **calls)

    def _commands(self) -> Any:
        said = SimpleNamespace(out=json.dumps({"version": f"v{self.cli}"}), err="", code=0)
        return SimpleNamespace(find_program=lambda *names: f"/lab/{names[0]}" if self.speaks else None, run=lambda _argv: said)

    # -- as the laws want it -----------------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        stub = SimpleNamespace(port=1, forget=lambda: None, failure=lambda: None, close=lambda: None)
        patches = (
            (console_client, "Forward", lambda *_a: stub),
            (console_client, "new_session", lambda *_a, **_k: self._session()),
            (calls_client, "Link", lambda _connection: LabLink(self.api, CANARY, self._around)),
            (connection, "store_of", lambda location, _secret, _cloud: LabStore(self, location)),
            (client, "Mirror", lambda *args, **more: LabMirror(self, *args, **more)),
            (client, "wait_any", self.wait_any),
            (restore_cli_client, "detached", self._detached()),
            (restore_cli_client, "commands", self._commands()),
        )
        with ExitStack() as stack:
            for where, name, stand_in in patches:
                stack.enter_context(mock.patch.object(where, name, stand_in))
            yield

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", ConsoleAdapter(self.console))
        return session

    @contextmanager
    def _around(self, asked: Request) -> Iterator[None]:
        writes = asked.method != "GET" and "selfsubjectaccessreviews" not in asked.path
        # For the world, a death at a reading is the same as one after the write before it: the first few stand for all.
        with self.tap.around(f"{asked.method} {asked.path}", before=writes) if writes or len(self.tap.points) < 3 else nullcontext():
            if writes:
                self.journal.append(f"{asked.method} {asked.path}")
            yield
            self.clock.sleep(0.01)

    def wait_any(self, mirrors: Sequence[LabMirror], seconds: float) -> bool:
        ends = self.clock.now() + seconds
        while True not in [mirror.changed() for mirror in mirrors]:
            if self.clock.now() >= ends:
                return False
            self.clock.sleep(min(STEP, max(0.001, ends - self.clock.now())))
        for mirror in mirrors:
            mirror.take_news()
        # A death in mid wait: the program beside us is somewhere else each time.
        with self.tap.around("wait", before=False):
            return True

    def writes(self) -> list[Any]:
        return list(self.journal)

    def end(self) -> Json:
        restores = {key[2]: self.phase(key[2], "restores") for key in self.state.objects if key[0] == "restores.velero.io"}
        kept = [key[2] for key in self.state.objects if key[1] == VELERO and key[2].startswith("serverops-")]
        console = self.state.get("statefulsets.apps", NAMESPACE, "kotsadm") is not None
        ready = console and all(is_ready(pod) for pod in self.made.pods())
        return {"restores": restores, "kept": kept, "console": console, "ready": ready, "differences": self.made.differences(self.before)}

    def harm(self) -> list[str]:
        return [f"{self.crowd} programs at once"] if self.crowd > 1 else []


class LabMirror:
    """In the place of a watch and its thread: the list as it was, of some kinds, a little while ago, and time that passes until that changes."""

    def __init__(self, world: RestoreWorld, kubernetes: Any, kind: Any, namespace: str = "", labels: str = "", fields: str = "") -> None:
        self._world, self._kubernetes, self._asked = world, kubernetes, (kind, namespace, labels)
        self._began: float | None = None
        self._seen: Any = None

    def _shown(self) -> list[Json]:
        kind, namespace, _labels = self._asked
        clock, objects, past = self._world.clock, self._world.state.objects, self._world.past.get(kind.resource, [])
        known = max(clock.now() - LATE.get(kind.resource, 0.0), clock.now() if self._began is None else self._began)  # it begins with a list
        if not past or past[-1][0] <= known:
            return [body for key, body in objects.items() if key[:2] == (kind.resource, namespace)]
        return list(next((items for moment, items in reversed(past) if moment <= known), ()))

    def _now(self) -> Any:
        return tuple((one["metadata"]["name"], one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in self._shown())

    def items(self) -> tuple[Json, ...]:
        listed = self.fresh()
        late = self._asked[0].resource in LATE
        self._began = self._world.clock.now() if self._began is None else self._began
        self._seen = self._now()
        return tuple(map(copy.deepcopy, self._shown())) if late else listed

    def fresh(self) -> tuple[Json, ...]:
        kind, namespace, labels = self._asked
        return tuple(self._kubernetes.list(kind, namespace, labels=labels).items)

    def changed(self) -> bool:
        if self._seen is None:
            self.items()
        return bool(self._now() != self._seen)

    def take_news(self) -> None:
        self._seen = self._now()


class LabStore:
    """The object store, as whoever holds Velero's keys sees it."""

    def __init__(self, world: RestoreWorld, location: Json) -> None:
        self._world, self._bucket = world, location["spec"]["objectStorage"]["bucket"]

    def list(self, prefix: str) -> dict[str, int]:
        if self._world.store.fault:
            raise Unreachable(f"bucket {self._bucket} does not answer")
        return self._world.store.objects(self._bucket, prefix)

    def get(self, key: str) -> bytes:
        if key not in self.list(key):
            raise NotFound(key)
        return self._world.store.get(self._bucket, key)
