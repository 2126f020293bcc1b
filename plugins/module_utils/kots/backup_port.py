# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an installation's backups: one watch on them, one on the volumes of the one that runs, and the proofs read when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import TrialStep
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial_client import TrialClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec, BackupState, candidates, proofs_of, settled_choice
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import NotSent
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Gate, gates, ttl_gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup, instance_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import LONG, PASSED, RESTORED, UNKNOWN_PROOF, Evidence, outcome, prove
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import CHECK, CheckStep, TidyStep
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check_client import CheckClient
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import backup_from_api, pod_volume_backup_from_api

QUIET = 120.0  # s without news after which Velero's own pod is looked at: it may have begun anew


class BackupPort:
    """One slice's way to the backups of one installation."""

    def __init__(self, client: InstallationClient, spec: BackupSpec, task: Task, clock: Clock) -> None:
        self._client, self._spec, self._task, self._clock = client, spec, task, clock
        self._mirror = client.backups_mirror()
        self._volumes: Optional[tuple[str, Any]] = None
        self._evidence: dict[str, Evidence] = {}
        self._trials, self._checks = TrialClient(client, task.run), CheckClient(client, spec, task.run)
        self._restores: Optional[Any] = None  # the mirror of Restores, once a trial goes on
        self._found: dict[str, InstanceBackup] = {}
        self._gates: Optional[tuple[Gate, ...]] = None
        self._started: Optional[float] = None
        self._looked = self._news = float("-inf")
        self._seen: Any = None
        self._named = ""

    def read(self, confirming: frozenset[str]) -> BackupState:
        """The backups; of ended ones that may count, what proves them; the gates where one may have to be begun."""
        with doing("read the backups"):
            raw = self._mirror.fresh() if confirming else self._mirror.items()
        self._note(raw)
        found = tuple(one for one in map(instance_from_api, raw) if one and one.namespace == self._client.place.namespace)
        sent = any(step.get("step") == "backup" for step in self._task.steps)
        state = BackupState(self._client.kubernetes.server_time(), found, sent=sent, named=self._named)
        state = self._with_proofs(state, bool(confirming))
        if any(one.backup.is_running for one in found):
            state = replace(state, server_started=self._server_started(), bytes=self._bytes(found))
        if not sent and not self._followed and not self._spec.backup and settled_choice(Look(self._spec, state)) is None:
            bad = {one.meta.name: one.bad_ttl for one in map(backup_from_api, raw) if one.bad_ttl}
            hindered = self._checks.hindered() if CHECK in self._spec.required_proofs else ""
            state = replace(state, gates=(*self._read_gates(), ttl_gate(bad)), hindered=hindered)
        return state

    def apply(self, step: Any) -> None:
        """Ask kotsadm, once. Where its answer is lost the next look tells; it is never asked a second time. Or do what a trial or a check has due."""
        if isinstance(step, TrialStep):
            found = self._found[step.uid]
            with doing(f"restore backup {found.name} for trial"):
                self._trials.apply(step, found, self._evidence[step.uid].volumes or ())
            return
        if isinstance(step, CheckStep):
            found = self._found[step.uid]
            with doing(f"check the repositories of backup {found.name}"):
                self._checks.begin(found, step.namespace)
            return
        if isinstance(step, TidyStep):
            self._checks.tidy()
            return
        with doing("begin a backup"):
            try:
                said = self._client.console.write("POST", "/snapshot/backup")
            except NotSent as error:  # kotsadm went away since the gates were looked at: look again
                self._gates = None
                raise Refused(f"{error}; nothing was asked") from None
            if not isinstance(said.get("backupName"), str) or not said["backupName"]:
                raise Unreachable(f"{self._client.console.place} did not name the backup")
            self._named = said["backupName"]

    def wait(self, seconds: float) -> None:
        """Until a backup, a volume of the one that runs, or the restore of a trial changes."""
        also = [self._volumes[1]] if self._volumes else []
        self._client.wait([self._mirror, *also, *([self._restores] if self._restores else [])], seconds)

    # -- what is asked seldom ------------------------------------------------------------------------------

    @property
    def _followed(self) -> str:
        return str(self._task.memory.get("uid") or "")

    def _note(self, raw: Sequence[Any]) -> None:
        if raw != self._seen:
            self._seen, self._news = raw, self._clock.now()

    def _read_gates(self) -> tuple[Gate, ...]:
        if self._gates is None or any(gate.blind for gate in self._gates):
            site = self._client.site()
            self._gates = gates(site)
            if site.server:
                self._started, self._looked = site.server.started, self._clock.now()
        return self._gates

    def _server_started(self) -> Optional[float]:
        """When Velero's pod began; looked at first, and again whenever nothing was heard for a while."""
        now = self._clock.now()
        if now - max(self._looked, self._news) >= QUIET or self._looked == float("-inf"):
            with doing("look at Velero's pod"):
                self._started = self._client.server().started or self._started
            self._looked = now
        return self._started

    def _bytes(self, found: Sequence[InstanceBackup]) -> dict[str, int]:
        """What the volumes of the followed one have so far."""
        one = next((one for one in found if one.uid == self._followed and one.backup.is_running), None)
        if one is None:
            return {}
        if self._volumes is None or self._volumes[0] != one.name:
            self._volumes = (one.name, self._client.volumes_mirror(one.name))
        with doing("read the volumes of the backup"):
            volumes = [pod_volume_backup_from_api(item) for item in self._volumes[1].items()]
        return {one.uid: sum(volume.bytes_done or 0 for volume in volumes)}

    # -- the proofs --------------------------------------------------------------------------------------------

    def _with_proofs(self, state: BackupState, afresh: bool) -> BackupState:
        """Newest first, and no further than the first that passes."""
        for one in self._worth_proving(state):
            if afresh or one.uid not in self._evidence or self._is_open(state, one):
                with doing(f"prove backup {one.name}"):
                    self._evidence[one.uid] = self._proved(state, one, afresh)
            state = replace(state, evidence={**state.evidence, one.uid: self._evidence[one.uid]})
            if one.uid != self._followed and self._outcome(state, one) == PASSED:
                break
        return state

    def _worth_proving(self, state: BackupState) -> list[InstanceBackup]:
        """The followed one and those made since this task began, then what may be reused."""
        known = self._task.memory.get("known")
        mine = [one for one in state.backups if known is not None and not one.backup.is_running and (one.uid == self._followed or one.uid not in known)]
        young = [] if self._followed or state.sent else candidates(Look(self._spec, state))
        return [*mine, *(one for one in young if one not in mine)]

    def _proved(self, state: BackupState, one: InstanceBackup, afresh: bool) -> Evidence:
        """What proves it. While its check or its trial goes on, what was seen of the rest stays."""
        before, required = self._evidence.get(one.uid), self._spec.required_proofs
        rest = tuple(name for name in required if name not in LONG)
        if len(rest) == len(required):
            return self._client.evidence(one, required)
        if afresh or before is None or (rest and outcome(prove(one, before, rest, self._spec.allow_empty)) == UNKNOWN_PROOF):
            before = self._client.evidence(one, required)
        self._found[one.uid] = one
        if CHECK in required:
            before = replace(before, checks=self._checks.read(one, before.volumes))
        return self._tried(one, before) if RESTORED in required else before

    def _tried(self, one: InstanceBackup, before: Evidence) -> Evidence:
        """The same with how far its trial is."""
        if self._restores:
            self._restores.items()  # seen: what changes from here on wakes us
        trial = self._trials.read(one, before.volumes or ())
        if trial.begun and self._restores is None:
            self._restores = self._client.restores_mirror()
            self._restores.items()
        return replace(before, trial=trial)

    def _is_open(self, state: BackupState, one: InstanceBackup) -> bool:
        trial, checks = self._evidence[one.uid].trial, self._evidence[one.uid].checks
        return (
            bool(trial and trial.left)
            or any(check.left for check in checks or ())
            or self._outcome(replace(state, evidence=self._evidence), one) == UNKNOWN_PROOF
        )

    def _outcome(self, state: BackupState, one: InstanceBackup) -> str:
        return outcome(proofs_of(Look(self._spec, state), one))
