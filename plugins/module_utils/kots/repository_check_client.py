# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic on this machine goes through a backup's repositories: where it is, what locks are there, its life beside ours. Writes nothing into one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import GCP, StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_keys import PASSWORDS
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import (
    BEGUN,
    ENDED,
    FAILED,
    Lock,
    RepositoryCheck,
    forgotten,
    judged,
    lock_of,
    name_of_check,
    said,
    state_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, detached, files
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup
from ansible_collections.serverops.circleci.plugins.module_utils.velero.vault_client import value_of

FIELD = "repository-password"
PASSWORD = "password"  # how the file ends that is kept for a check
# Around what restic says: how the repository stood, whose run it was, when it began, and the exit code, for whoever reads the log later.
SCRIPT = f"""state=$1 run=$2 at=$(date -u +%Y-%m-%dT%H:%M:%SZ); shift 2
printf '{BEGUN} %s %s %s\\n' "$state" "$run" "$at"
"$@"; code=$?
printf '\\n{ENDED} %s %s %s %s\\n' "$code" "$state" "$run" "$at"
exit $code"""
# No lock of ours: an exclusive one, which a check takes otherwise, would break a backup of Velero's that begins meanwhile.
ALWAYS = ("--no-lock", "--no-cache")
ENVIRONMENT = (*detached.BASICS, *detached.PROXIES)
OWN_IDENTITY = ("AWS_",)  # a profile or a role of this machine, where there is no key


@dataclass(frozen=True)
class Place:
    """A repository: the store that it is in, and its folder there."""

    store: ObjectStore
    folder: str

    @property
    def url(self) -> str:
        """As restic names it."""
        spec = self.store.spec
        aws = f"https://s3.{spec.region}.amazonaws.com" if spec.region else "https://s3.amazonaws.com"
        return f"s3:{(spec.endpoint or aws).rstrip('/')}/{spec.bucket}/{self.folder}"

    def names(self) -> list[str]:
        """Its indexes and its snapshots."""
        return [*self.store.list(f"{self.folder}/index/"), *self.store.list(f"{self.folder}/snapshots/")]


class CheckClient:
    """The checks of one run."""

    def __init__(self, client: InstallationClient, spec: BackupSpec, run: str) -> None:
        self._client, self._spec, self._run = client, spec, run
        self._programs: dict[str, Any] = {}

    def hindered(self) -> str:
        """Why no check at all can be made here; empty where one can. Raises BadInput for a folder that is not ours alone."""
        detached.check_folder(self._spec.log_directory)
        if commands.find_program(self._spec.restic_program):
            return ""
        return f"{self._spec.restic_program} is not on PATH where this module runs; install restic there, or name it by restic_program"

    def read(self, found: InstanceBackup, volumes: Optional[Sequence[PodVolumeBackup]]) -> tuple[RepositoryCheck, ...]:
        """How far the checks are, one for each namespace. Raises Unreachable; any other failure is told as blindness."""
        left = bool(self._leftovers())
        return tuple(replace(one, left=left) for one in self._all(found, volumes))

    def tidy(self) -> None:
        """Remove what checks that were killed left behind, whichever backup they were of; their logs stay."""
        for program in self._leftovers():
            program.tidy()

    def _leftovers(self) -> list[detached.Detached]:
        """What holds a password for a restic that does not live any more."""
        kept = files.stems(self._spec.log_directory, "check-", f".{PASSWORD}")
        found = [detached.Detached(self._spec.log_directory, name, PASSWORD) for name in kept]
        return [one for one in found if not one.is_alive() and one.keeps()]

    def _all(self, found: InstanceBackup, volumes: Optional[Sequence[PodVolumeBackup]]) -> tuple[RepositoryCheck, ...]:
        if volumes is None:
            return (RepositoryCheck("", blind="the volumes could not be read"),)
        try:
            names = sorted({one.pod_namespace for one in volumes})
            return tuple(self._read(found, name, volumes) for name in names) or (RepositoryCheck("", cannot="no volume is in it"),)
        except Unreachable:
            raise
        except CollectionError as error:
            return (RepositoryCheck("", blind=str(error)),)

    def begin(self, found: InstanceBackup, namespace: str) -> None:
        """Begin the check of one repository, on what is read again first. Raises Refused."""
        place = self._place(found, namespace)
        locked, _stale = self._locks(place)
        if locked:
            raise Refused(f"the repository of namespace {namespace} is in use: {locked}")
        program = self._program(place, found)
        more = [f"--read-data-subset={self._spec.read_data_subset}"] if self._spec.read_data_subset else []
        argv = ["/bin/sh", "-c", SCRIPT, "sh", state_of(place.names()), self._run, *self._restic(place, self._lasting_ca(place.store.spec)), "check", *more]
        program.start(argv, {**self._environment(place), "RESTIC_PASSWORD_FILE": program.kept}, self._password())

    # -- what is there ----------------------------------------------------------------------------------

    def _read(self, found: InstanceBackup, namespace: str, volumes: Sequence[PodVolumeBackup]) -> RepositoryCheck:
        if any(one.uploader == "kopia" for one in volumes if one.pod_namespace == namespace):
            return RepositoryCheck(namespace, cannot="not made: Kopia repositories have no such check here")
        hindered = self.hindered()
        if hindered:
            return RepositoryCheck(namespace, cannot=hindered)
        place = self._place(found, namespace)
        if place.store.spec.provider == GCP:
            return RepositoryCheck(namespace, cannot="not made: only repositories in a store of S3's kind are checked here")
        program = self._program(place, found)
        if program.is_alive():
            return RepositoryCheck(namespace, going=True)
        names, told = place.names(), said(program.tail())
        gone = forgotten((one for one in volumes if one.pod_namespace == namespace), names)
        if gone:
            return RepositoryCheck(namespace, state=FAILED, reason="; ".join(gone))
        state, reason = judged(told, state_of(names), self._run)
        if state:
            stale: tuple[str, ...] = ()
            with suppress(Refused):  # the check is over: a lock that cannot be read changes nothing of it
                stale = self._locks(place)[1]
            words = f"{reason}; see {program.log}" if state == FAILED else reason
            return RepositoryCheck(namespace, state=state, reason=words, stale=stale, at=told.at if told else "")
        locked, stale = self._locks(place)
        return RepositoryCheck(namespace, locked=locked, stale=stale)

    def _place(self, found: InstanceBackup, namespace: str) -> Place:
        store, base = self._client.store_of(found)
        return Place(store, f"{base}restic/{namespace}")

    def _program(self, place: Place, found: InstanceBackup) -> Any:
        name = name_of_check(place.url, found.uid, self._spec.read_data_subset)
        if name not in self._programs:
            self._programs[name] = detached.Detached(self._spec.log_directory, name, PASSWORD)
        return self._programs[name]

    def _locks(self, place: Place) -> tuple[str, tuple[str, ...]]:
        """A lock that somebody renews, in words, and those that nobody does."""
        names = sorted(name.rpartition("/")[2] for name in place.store.list(f"{place.folder}/locks/"))
        if not names:
            return "", ()
        now = self._client.kubernetes.server_time()
        locks = [self._lock(place, name) for name in names]
        live = [one.words(now) for one in locks if one is not None and one.is_live(now)]
        return "; ".join(live), tuple(one.words(now) for one in locks if one is not None and not one.is_live(now))

    def _lock(self, place: Place, name: str) -> Optional[Lock]:
        """None where it is gone meanwhile: restic renews a lock by another one. Raises Refused where it cannot be read."""
        argv = [*self._restic(place, self._ca(place.store.spec)), "--quiet", "cat", "lock", name]
        ran = commands.run(argv, 60.0, self._password(), self._environment(place))
        if ran.code == 0:
            return lock_of(name, ran.out)
        if not place.store.list(f"{place.folder}/locks/{name}"):
            return None
        raise Refused(f"restic cannot read lock {name[:8]}: {(ran.err.strip().splitlines() or ['it says nothing'])[-1][:160]}")

    # -- how restic is told ------------------------------------------------------------------------------

    def _restic(self, place: Place, ca: str) -> list[str]:
        spec = place.store.spec
        argv = [commands.find_program(self._spec.restic_program) or self._spec.restic_program, *ALWAYS]
        argv += ["-o", "s3.bucket-lookup=path"] if spec.path_style else []
        argv += ["--cacert", ca] if spec.validate and ca else []
        return argv + ([] if spec.validate else ["--insecure-tls"])

    def _ca(self, spec: StoreSpec) -> str:
        """The file of the authorities, for a short call."""
        return spec.ca_path or (files.kept_file(spec.ca_text) if spec.ca_text else "")

    def _lasting_ca(self, spec: StoreSpec) -> str:
        """The same for what outlives this task."""
        if spec.ca_path or not spec.ca_text:
            return spec.ca_path
        detached.make_folder(self._spec.log_directory)
        path = os.path.join(os.path.expanduser(self._spec.log_directory), f"{name_of_check(spec.place, '', '')}.pem")
        files.write_secret(path, Secret(spec.ca_text), "log_directory")
        return path

    def _environment(self, place: Place) -> dict[str, str]:
        """The repository, and the key of its store; where there is none, what names this machine's own identity."""
        spec = place.store.spec
        made = detached.environment((*ENVIRONMENT, *(() if spec.aws else OWN_IDENTITY)))
        made["RESTIC_REPOSITORY"] = place.url
        made.update({"AWS_DEFAULT_REGION": spec.region} if spec.region else {})
        made.update({"AWS_PROFILE": spec.profile} if spec.profile and not spec.aws else {})
        if spec.aws:
            made.update(AWS_ACCESS_KEY_ID=spec.aws.access, AWS_SECRET_ACCESS_KEY=spec.aws.secret.reveal())
            made.update({"AWS_SESSION_TOKEN": spec.aws.token.reveal()} if spec.aws.token else {})
        return made

    def _password(self) -> Secret:
        """The password of Velero's repositories. Raises Refused where there is none."""
        space = self._client.place.velero_namespace
        for name in PASSWORDS:
            held = value_of(self._client.kubernetes.find(SECRET, space, name), FIELD)
            if held:
                return held
        raise Refused(f"Velero's Secret with the password of the repositories ({' or '.join(PASSWORDS)}) is not in namespace {space}")
