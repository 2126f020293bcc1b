# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore writes and reads beside the backups: the mark, the kept console, Restores, and what the cluster has for the objects that come."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cluster import is_ready
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import (
    CONSOLE_LABEL,
    MAPPED,
    MARKED,
    OWNER,
    SAVED,
    WORKS,
    Console,
    Mark,
    PodState,
    is_vault,
    mark_from_api,
    mark_manifest,
    pods_from_api,
    says_sealed,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.calls_client import Call
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    NAMESPACE,
    POD,
    PVC,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    STORAGE_CLASS,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import AlreadyExists, Conflict, NotServed
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right, rights_sentence
from ansible_collections.serverops.circleci.plugins.module_utils.velero.kinds import RESTORE
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

ReadT = TypeVar("ReadT")
KEPT_KINDS = (SERVICE_ACCOUNT, SECRET, CONFIG_MAP, ROLE, ROLE_BINDING, SERVICE, STATEFUL_SET, DEPLOYMENT)  # in the order in which they go back
MAPPER = {"velero.io/plugin-config": "", "velero.io/change-storage-class": "RestoreItemAction"}  # by these labels Velero finds its mapping
DEFAULT_MARK = "storageclass.kubernetes.io/is-default-class"
DROPPED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences", "deletionTimestamp")
KEPT_FOR = "serverops.circleci/restore-since"  # annotation of the kept console: when the restore began that it is kept for
MOST = 1_000_000  # bytes that a Secret can hold
LOG_LINES = 50
TOKEN = "kubernetes.io/service-account-token"  # bound to an account by its uid: the cluster makes another one


class RestoreClient:
    """The objects of one installation's restore."""

    def __init__(self, kubernetes: KubernetesClient, namespace: str, velero_namespace: str) -> None:
        self.kubernetes, self.namespace, self.velero = kubernetes, namespace, velero_namespace
        self.mark_name, self.saved_name, self.mapped_name = (f"{name}-{namespace}" for name in (MARKED, SAVED, MAPPED))

    def of_velero(self, read: Callable[[], ReadT]) -> ReadT:
        """What `read` gives; a cluster that does not know Velero's kinds has no Velero."""
        try:
            return read()
        except NotServed:
            raise Refused("Velero is not in this cluster: install it on the bucket of the backup (velero_install), with the same credentials") from None

    # -- the mark ----------------------------------------------------------------------------------------

    def mark(self) -> Optional[Mark]:
        """The mark, whoever's it is."""
        found = self.kubernetes.find(CONFIG_MAP, self.velero, self.mark_name)
        return mark_from_api(found) if found else None

    def set_mark(self, mark: Mark) -> None:
        """Make it, or take the place of the one that was read. Raises Refused where somebody was quicker."""
        manifest = mark_manifest(mark, self.mark_name, self.velero)
        try:
            if mark.version:
                self.kubernetes.patch(CONFIG_MAP, self.velero, self.mark_name, manifest)
            else:
                self.kubernetes.create(CONFIG_MAP, manifest, self.velero)
        except (AlreadyExists, Conflict):
            raise Refused(f"somebody else began a restore at the same time (ConfigMap {self.mark_name} in namespace {self.velero})") from None

    def close(self, mark: Optional[Mark]) -> None:
        """What was kept goes, this very mark last: as long as it stands, a run that is killed here is taken up."""
        for kind, name in ((SECRET, self.saved_name), (CONFIG_MAP, self.mapped_name)):
            self._delete(kind, name)
        if mark is not None:
            self._delete(CONFIG_MAP, self.mark_name, mark.uid)

    # -- the console -------------------------------------------------------------------------------------

    def console(self) -> Console:
        """Whether kotsadm is there, ready, and kept."""
        owners = [self.kubernetes.find(kind, self.namespace, "kotsadm") for kind in (STATEFUL_SET, DEPLOYMENT)]
        there = any(one is not None and not one["metadata"].get("deletionTimestamp") for one in owners)
        pods = self.kubernetes.list(POD, self.namespace, labels="app=kotsadm").items if there else ()
        saved = self.kubernetes.find(SECRET, self.velero, self.saved_name)
        since = str(((saved or {}).get("metadata", {}).get("annotations") or {}).get(KEPT_FOR) or "")
        return Console(there, any(map(is_ready, pods)), saved is not None, since)

    def save_console(self, mark: Mark) -> None:
        """Keep its objects in a Secret beside Velero, which no restore deletes. Raises Refused where the console itself is not among them any more."""
        listed = [one for kind in KEPT_KINDS for one in self.kubernetes.list(kind, self.namespace, labels=CONSOLE_LABEL).items]
        if not any(_is_console(one) for one in listed):
            raise Refused(f"what is left in namespace {self.namespace} is no whole console: nothing of it is kept in the place of what was")
        kept = [_bare(one) for one in listed if one.get("type") != TOKEN]
        packed = base64.b64encode(gzip.compress(json.dumps(kept).encode(), mtime=0)).decode()
        if len(packed) > MOST:
            raise Refused(f"the console's objects have {len(packed)} bytes, more than a Secret holds; see what carries the label {CONSOLE_LABEL}")
        noted = {KEPT_FOR: text_of(mark.since) or ""}
        meta = {"name": self.saved_name, "namespace": self.velero, "labels": {WORKS: OWNER}, "annotations": noted}
        self.kubernetes.apply(SECRET, {"metadata": meta, "type": "Opaque", "data": {"objects.json.gz": packed}}, force=True)

    def put_console_back(self) -> None:
        """Make what is missing of what was kept; what is there stays as it is."""
        kept = self.kubernetes.get(SECRET, self.velero, self.saved_name)
        try:
            objects = json.loads(gzip.decompress(base64.b64decode(kept["data"]["objects.json.gz"])))
        except (KeyError, TypeError, ValueError, OSError, EOFError):
            raise Refused(f"Secret {self.saved_name} in namespace {self.velero} holds no console of ours") from None
        if self.kubernetes.find(NAMESPACE, "", self.namespace) is None:
            self.kubernetes.create(NAMESPACE, {"metadata": {"name": self.namespace}})
        failed = [words for words in map(self._put_back, objects) if words]
        if failed:
            raise Refused(f"of the console's objects these did not go back: {'; '.join(failed[:5])}")

    def _put_back(self, one: Json) -> str:
        """Make it where it is missing; what failed, in words, so that the others go back all the same."""
        kind = next(kind for kind in KEPT_KINDS if kind.name == one["kind"])
        try:
            if self.kubernetes.find(kind, self.namespace, one["metadata"]["name"]) is None:
                self.kubernetes.create(kind, one, self.namespace)
        except AlreadyExists:
            return ""
        except CollectionError as error:
            return str(error)
        return ""

    # -- Restores and storage ------------------------------------------------------------------------------

    def clear(self, restores: Iterable[tuple[str, str]]) -> None:
        """Delete these very Restores; what they restored stays. Raises NotFound where none of them is there any more."""
        gone = [self._delete(RESTORE, name, uid) for name, uid in restores]
        if True not in gone:
            raise NotFound("somebody else deleted these Restores meanwhile")

    def map_storage(self, classes: Mapping[str, str]) -> None:
        """Velero's mapping of storage classes, as it looks for it."""
        meta = {"name": self.mapped_name, "namespace": self.velero, "labels": {**MAPPER, WORKS: OWNER}}
        self.kubernetes.apply(CONFIG_MAP, {"metadata": meta, "data": dict(classes)}, force=True)

    def is_mapped(self, classes: Mapping[str, str]) -> bool:
        """Whether our mapping is there, as it is wanted now; of one that is not wanted any more, whether it is there at all."""
        found = self.kubernetes.find(CONFIG_MAP, self.velero, self.mapped_name)
        return found is not None and (not classes or (found.get("data") or {}) == dict(classes))

    def mappings(self) -> dict[str, Mapping[str, str]]:
        """Others' mappings, by name: Velero takes but one."""
        found = self.kubernetes.list(CONFIG_MAP, self.velero, labels="velero.io/change-storage-class=RestoreItemAction").items
        return {str(one["metadata"]["name"]): dict(one.get("data") or {}) for one in found if one["metadata"]["name"] != self.mapped_name}

    def classes(self) -> dict[str, bool]:
        """The storage classes, and which is the default."""
        found = self.kubernetes.list(STORAGE_CLASS).items
        return {str(one["metadata"]["name"]): (one["metadata"].get("annotations") or {}).get(DEFAULT_MARK) == "true" for one in found}

    def claim_uids(self) -> frozenset[str]:
        """The uids of the claims that live here."""
        return frozenset(str(one["metadata"].get("uid") or "") for one in self.kubernetes.list(PVC, self.namespace).items) - {""}

    def served(self, kinds: Iterable[str]) -> frozenset[str]:
        """Those of the kinds (apps/v1/Deployment) that this cluster serves, each group and version asked once."""
        wanted: dict[str, set[str]] = {}
        for one in kinds:
            group, _slash, kind = one.rpartition("/")
            wanted.setdefault(group, set()).add(kind)
        return frozenset(f"{group}/{kind}" for group, names in sorted(wanted.items()) for kind in names & self._kinds_of(group))

    def _kinds_of(self, group: str) -> set[str]:
        path = f"/apis/{group}" if "/" in group else f"/api/{group}"
        try:
            told = self.kubernetes.calls.read(Call("GET", path))
        except NotFound:
            return set()
        return {str(one.get("kind")) for one in told.get("resources") or ()}

    def missing_rights(self) -> str:
        """The sentence on what the CLI and we have to write and may not, asked before the first of it is gone; empty where all is granted."""
        rights = [Right(verb, kind, self.velero) for kind in (CONFIG_MAP, SECRET) for verb in ("create", "patch", "delete")]
        rights += [Right(verb, RESTORE, self.velero) for verb in ("create", "delete")]
        rights += [Right(verb, kind, self.namespace) for kind in (*KEPT_KINDS, POD) for verb in ("list", "delete")]
        return rights_sentence(self.kubernetes.missing_rights(rights))

    # -- pods ------------------------------------------------------------------------------------------------

    def pods(self) -> tuple[tuple[PodState, ...], bool, bool]:
        """The pods that are not ready, each Vault asked whether it is sealed; whether there is any beside the console's; whether there is anything to lose."""
        items = self.kubernetes.list(POD, self.namespace).items
        raw = {str(one["metadata"]["name"]): one for one in items}
        found = [self._with_seal(one, raw[one.name]) for one in pods_from_api(items)]
        running = any(map(_is_apps, items))
        return tuple(found), running, running or any(map(_is_apps, self.kubernetes.list(PVC, self.namespace).items))

    def _with_seal(self, pod: PodState, raw: Json) -> PodState:
        if not is_vault(raw) or not says_sealed(self._words_of(pod.name)):
            return pod
        return PodState(pod.name, "Vault is sealed", True)

    def _words_of(self, pod: str) -> list[str]:
        """What its probe and its log say. For our own eyes: a log of Vault may hold keys."""
        texts: list[str] = []
        for ask in (self._events_of, self._log_of):
            with suppress(CollectionError):
                texts += ask(pod)
        return texts

    def _log_of(self, pod: str) -> list[str]:
        return [self.kubernetes.log(self.namespace, pod, "", LOG_LINES)]

    def _events_of(self, pod: str) -> list[str]:
        listed: Sequence[Any] = self.kubernetes.list(EVENT, self.namespace, fields=f"involvedObject.kind=Pod,involvedObject.name={pod}").items
        return [str(one.get("message") or "") for one in listed if one.get("reason") == "Unhealthy"]

    def _delete(self, kind: Any, name: str, uid: str = "") -> bool:
        """Whether it was there, and of that uid where one is given."""
        try:
            self.kubernetes.delete(kind, self.velero, name, uid)
        except (NotFound, Conflict):
            return False
        return True


def _is_console(one: Json) -> bool:
    """kotsadm's workload, and not on its way out."""
    meta = one["metadata"]
    return one["kind"] in (STATEFUL_SET.name, DEPLOYMENT.name) and meta["name"] == "kotsadm" and not meta.get("deletionTimestamp")


def _is_apps(one: Json) -> bool:
    return bool((one["metadata"].get("labels") or {}).get("kots.io/kotsadm") != "true")


def _bare(one: Json) -> Json:
    """As it can be made anew: without what the server sets."""
    meta = {name: value for name, value in one["metadata"].items() if name not in DROPPED}
    spec = {name: value for name, value in (one.get("spec") or {}).items() if name not in ("clusterIP", "clusterIPs")}
    rest = {name: value for name, value in one.items() if name not in ("metadata", "status", "spec")}
    return {**rest, "metadata": meta, **({"spec": spec} if "spec" in one else {})}
