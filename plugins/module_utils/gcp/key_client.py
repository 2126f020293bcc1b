# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the keys of one account, and to the file that keeps one of them. A pair is on the disk before Google hears of it, so no kill loses one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import IAM, GcpClient
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.errors import Conflict
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.key import STAMP, BeginKey, GoogleKey, KeepKey, KeptKey, KeySpec, KeyState, UploadKey
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.pair_client import certificate, kept_from_text, make_pair, seen_in, with_id
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import must_be_writable, write_secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport.secret_files import remove_secret, secret_text

OPTION = "credentials_file"
YOUNG = 300.0  # s; Google lists a new key within a minute or so
FORBIDDEN = "iam.disableServiceAccountKey"


class KeyPort:
    """One account's keys and one file."""

    def __init__(self, client: GcpClient, spec: KeySpec, task: Task) -> None:
        self._client, self._spec, self._task = client, spec, task
        self._beside = f"{spec.file}.new"
        self._keys = f"/v1/projects/{quote(client.project, safe='')}/serviceAccounts/{spec.email}/keys"

    def read(self, _confirming: frozenset[str]) -> KeyState:
        """Both files and all keys that people made."""
        now = self._client.clock.wall()
        kept, begun = self._kept(self._spec.file), self._kept(self._beside)
        with doing(f"read the keys of {self._spec.email}"):
            listed = self._client.read("GET", IAM, self._keys, query={"keyTypes": "USER_MANAGED"}).get("keys") or ()
            keys = tuple(self._key(entry) for entry in listed)
        if begun and not begun.made:
            raise BadInput(f"{self._beside} holds a key that was not made here; move it away")
        return KeyState(kept, begun, keys, _is_young(kept, now), self._sent(), now.strftime(STAMP))

    def _kept(self, path: str) -> Optional[KeptKey]:
        text = secret_text(path, OPTION)
        return kept_from_text(text, path) if text else None

    def _key(self, entry: Json) -> GoogleKey:
        """With its public half, by which it is known again."""
        name = entry["name"].rpartition("/")[2]
        whole = self._client.read("GET", IAM, f"{self._keys}/{name}", query={"publicKeyType": "TYPE_X509_PEM_FILE"})
        fingerprint, ours = seen_in(whole)
        return GoogleKey(name, fingerprint, str(entry.get("validAfterTime", "")), ours, bool(entry.get("disabled")))

    def _sent(self) -> bool:
        """Whether this task has sent the public half, by an order that was answered."""
        return bool(self._task.answered("upload_key"))

    def apply(self, step: Any) -> None:
        """Do it."""
        if isinstance(step, BeginKey):
            self._begin()
        elif isinstance(step, UploadKey):
            with doing("upload the public half of the new key"):
                self._upload()
        elif isinstance(step, KeepKey):
            write_secret(self._spec.file, with_id(self._pair(), step.key_id), OPTION)
            remove_secret(self._beside)
        else:
            with doing(f"remove key {step.key.key_id}"):
                self._remove(step.key)

    def _begin(self) -> None:
        must_be_writable(self._spec.file, OPTION)
        made = make_pair(self._spec.email, self._client.project, self._client.token_uri, self._client.clock.wall())
        write_secret(self._beside, made.text, OPTION)

    def _pair(self) -> Secret:
        text = secret_text(self._beside, OPTION)
        if text is None:
            raise Refused(f"{self._beside} is gone, which held the new key; run again for another one")
        return text

    def _upload(self) -> None:
        try:
            self._client.write("POST", IAM, f"{self._keys}:upload", {"publicKeyData": certificate(self._pair())})
        except Conflict:  # an earlier run has sent it, and it is not listed yet
            return
        except Refused as error:
            if FORBIDDEN not in str(error):
                raise
            remove_secret(self._beside)
            raise BadInput(f"{error}; the organization forbids keys, so use workload identity in place of one") from None

    def _remove(self, key: GoogleKey) -> None:
        """After a second look: it is ours still, and not the one in the file."""
        again = self._client.read("GET", IAM, f"{self._keys}/{key.key_id}", query={"publicKeyType": "TYPE_X509_PEM_FILE"})
        fingerprint, ours = seen_in(again)
        kept = self._kept(self._spec.file)
        if not ours or kept is None or kept.fingerprint == fingerprint:
            raise Refused(f"key {key.key_id} is not one that another has replaced")
        self._client.write("DELETE", IAM, f"{self._keys}/{key.key_id}")

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._client.clock.sleep(min(2.0, seconds))


def _is_young(kept: Optional[KeptKey], now: datetime) -> bool:
    try:
        made = datetime.strptime(kept.made if kept else "", STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return abs((now - made).total_seconds()) < YOUNG
