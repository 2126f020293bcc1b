# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a restore: watches on Restores and their volumes, the mark, the console and the pods; and, before anything is deleted, what must hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup, instance_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_cli_client import ProgramClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_client import RestoreClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_course import current, is_restored, lives, lost_volumes, under_way
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_gates import origin_of, restore_gates
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_ground import Surveyor
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import (
    Mark,
    RestoreLook,
    RestoreSpec,
    RestoreState,
    restores_from_api,
    volume_restore_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import meta_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

SENT = ("restore", "restore_apps", "put_console_back")
BEAT = 1.0  # s
PACE = 30.0  # s between two looks at Velero's own pod while it works


class RestorePort:
    """One slice's way to the restore of one installation."""

    def __init__(self, client: InstallationClient, program: ProgramClient, spec: RestoreSpec, task: Task, clock: Clock) -> None:
        self._client, self._program, self._spec, self._task, self._clock = client, program, spec, task, clock
        self._own = RestoreClient(client.kubernetes, client.place.namespace, client.place.velero_namespace)
        self._restores, self._volumes = client.restores_mirror(), client.volume_restores_mirror()
        self._survey = Surveyor(client, self._own, program, spec)
        self._velero: Optional[tuple[float, Optional[float], str]] = None
        self._wanted: Optional[tuple[str, Any]] = None

    def read(self, confirming: frozenset[str]) -> RestoreState:
        """All that is seen, and as long as nothing was begun by this task, what must hold before."""
        self._program.check()
        with doing("read the backups"):
            listed = self._own.of_velero(self._client.backups)
        backups = tuple(one for one in map(instance_from_api, listed) if one)
        found = next((one for one in backups if one.name == self._spec.backup), None)
        state = RestoreState(
            now=self._client.kubernetes.server_time(),
            backup=found,
            is_there=any(meta_from_api(one).name == self._spec.backup for one in listed),
            names=tuple(one.name for one in sorted(backups, key=lambda one: one.begun)),
            # What stays without an answer is the noting of it, before the program: then nothing was started.
            sent=self._task.answered(*SENT),
        )
        with doing("read the restores"):
            state = self._with_restores(state, bool(confirming))
        return self._with_work(self._with_console(state), found)

    def apply(self, step: Any) -> None:
        """One step."""
        with doing(str(step.name).replace("_", " ")):
            self._orders(step)[step.name]()

    def wait(self, seconds: float) -> None:
        """Until a Restore or a volume changes; a beat at least, since Velero counts bytes and items aloud."""
        ends = self._clock.now() + min(seconds, BEAT)
        self._client.wait([self._restores, self._volumes], seconds)
        self._clock.sleep(max(0.0, ends - self._clock.now()))

    # -- reading ---------------------------------------------------------------------------------------------

    def _with_restores(self, state: RestoreState, fresh: bool) -> RestoreState:
        """By the watches as long as a Restore lives. Where none does, one may be begun, cleared or called whole, and two watches need not belong together:
        then by new lists, the volumes last, since each of them ends before its Restore."""
        raw = self._restores.fresh() if fresh else self._restores.items()
        state = replace(state, restores=restores_from_api(raw, state.names))
        if any(not one.is_terminal for one in state.restores):
            state = self._with_velero(state)
        if not fresh and not any(lives(state, one) for one in state.restores):
            return self._with_restores(state, True)
        volumes = map(volume_restore_from_api, self._volumes.fresh() if fresh else self._volumes.items())
        return replace(state, volumes=tuple(sorted(volumes, key=lambda one: (one.namespace, one.pod, one.volume))))

    def _with_console(self, state: RestoreState) -> RestoreState:
        with doing("read the mark and the console"):
            mark, console, mapped = self._own.mark(), self._own.console(), self._own.is_mapped(self._spec.storage_classes)
        program = self._program.lives(mark) if mark else False
        said = self._program.said(mark) if mark and program is False else ""
        return replace(state, mark=mark, console=console, mapped=mapped, program=program, said=said)

    def _with_work(self, state: RestoreState, found: Optional[InstanceBackup]) -> RestoreState:
        if found is None:
            return state
        state = replace(state, wanted=self._volumes_of(found.name))
        look = self._look(state)
        parts = current(look)
        if set(parts) == set(state.parts) and all(one.is_terminal for one in parts.values()):
            with doing("read the pods"):
                pods, running, installed = self._own.pods()
            state = replace(state, pods=pods, running=running, installed=installed)
        return self._with_gates(state, found)

    def _with_gates(self, state: RestoreState, found: InstanceBackup) -> RestoreState:
        """Read where a start may be due: nothing lives, and this task began nothing."""
        look = self._look(state)
        idle = not any(lives(state, one) for one in state.restores) and "restore" not in state.sent and state.program is not True
        if not idle or (is_restored(look) and not (under_way(look) and lost_volumes(look))):
            return state
        with doing("look at what must hold before a restore"):
            ground = self._survey.ground(found, state, traces=not under_way(look))
        gates = restore_gates(found, self._spec, ground)
        return replace(state, gates=gates, proofs=ground.proofs, origin=origin_of(found, ground))

    def _with_velero(self, state: RestoreState) -> RestoreState:
        """When Velero's pod began: a Restore from before it never ends; and why none is ready."""
        now = self._clock.now()
        if self._velero is None or now - self._velero[0] >= PACE:
            with doing("look at Velero's pod"):
                server = self._client.server()
            words = "" if server.ready else f"no pod of Velero is ready: {server.words}"
            self._velero = (now, server.started, words)
        return replace(state, server_started=self._velero[1], velero=self._velero[2])

    def _volumes_of(self, name: str) -> Any:
        if self._wanted is None or self._wanted[0] != name:
            with doing("read the volumes of the backup"):
                self._wanted = (name, tuple(one for one in self._client.volumes(name) if one.phase == "Completed"))
        return self._wanted[1]

    def _look(self, state: RestoreState) -> RestoreLook:
        return Look(self._spec, state, self._task.memory)

    # -- acting ----------------------------------------------------------------------------------------------

    def _orders(self, step: Any) -> dict[str, Callable[[], None]]:
        own = self._own
        return {
            "save_console": lambda: self._save(step),
            "mark": lambda: self._mark(step),
            "map_storage": lambda: self._map(step),
            "clear_restores": lambda: own.clear(step.restores),
            "restore": lambda: self._begin(step, False),
            "restore_apps": lambda: self._begin(step, True),
            "end_program": lambda: self._program.end(self._marked(step)),
            "put_console_back": own.put_console_back,
            "close": lambda: self._close(step),
        }

    def _mark(self, step: Any) -> None:
        """In the place of the one that was decided on, or of none: whoever else looked at the same time is refused, or we are. Its program may have
        started since then."""
        there = self._own.mark()
        if there is not None and self._program.lives(there):
            raise Refused(f"a restore of backup {there.backup} was begun meanwhile, and its program runs here")
        mark = replace(step.mark, run=self._task.run, place=self._program.place(), folder=self._program.folder)
        self._own.set_mark(mark)

    def _marked(self, step: Any) -> Mark:
        """The mark, still the one that was decided on. Raises Refused where somebody else was there meanwhile."""
        mark, meant = self._own.mark(), step.mark
        if mark is None or meant is None or (mark.uid, mark.version) != (meant.uid, meant.version) or mark.backup != self._spec.backup:
            raise Refused(f"the mark of the restore ({self._own.mark_name}) is another one than a moment ago: somebody else restores here too")
        return mark

    def _save(self, step: Any) -> None:
        self._own.save_console(self._marked(step))

    def _map(self, step: Any) -> None:
        self._marked(step)
        self._own.map_storage(self._spec.storage_classes)

    def _begin(self, step: Any, apps_alone: bool) -> None:
        """The mark names this machine first: whoever comes after a death in between finds out here whether it lives. It is another one from now on,
        so that what others decided while it did not run yet is refused."""
        mark = self._marked(step)
        here = replace(mark, owner=self._spec.owner, run=mark.run or self._task.run, place=self._program.place(), folder=self._program.folder)
        here = replace(here, begun=text_of(self._client.kubernetes.server_time()) or "")
        self._own.set_mark(here)
        self._program.start(here, self._client.place.namespace, apps_alone)

    def _close(self, step: Any) -> None:
        if step.mark is not None:
            mark = self._marked(step)
            self._own.close(mark)
            self._program.forget(mark)
        elif self._own.mark() is None:
            self._own.close(None)
        else:
            raise Refused(f"somebody began a restore meanwhile (ConfigMap {self._own.mark_name})")
