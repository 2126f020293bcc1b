# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of an installation: the key of the digest, the password of the repositories, and its copy for the operator's vault."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.transport import files
from ansible_collections.serverops.circleci.plugins.module_utils.velero import kinds, manifests
from ansible_collections.serverops.circleci.plugins.module_utils.velero.password import Ruling, ruling
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec


class Vault:
    """Made anew for each slice; what it makes up is in the cluster before anything depends on it."""

    def __init__(self, client: KubernetesClient, spec: InstallSpec) -> None:
        self._client, self._spec = client, spec
        self._key: Optional[Secret] = None
        self._ruling: Optional[Ruling] = None
        self._password: Optional[Secret] = None
        self._seen: tuple[Optional[Secret], str] = (None, "")
        self._fresh = Secret(secrets.token_urlsafe(33))

    def key(self) -> Secret:
        """What the digest is keyed with: the cluster's, or one made up that is to become it."""
        if self._key is None:
            self._key = self._held(manifests.KEY, manifests.KEY_FIELD) or Secret(secrets.token_hex(32))
        return self._key

    def ruling(self) -> Ruling:
        """What becomes of the repositories' password; asked once in a slice, since what we write ourselves would be taken for somebody's."""
        if self._ruling is None:
            there, used = self._seen = self._held(manifests.REPOSITORY, manifests.PASSWORD_FIELD), self._used()
            may = self._spec.access_mode == "ReadWrite" and bool(self._spec.agents)
            made = ruling(there, self._spec.repository_password, used, self._fresh if may else None)
            self._ruling, self._password = made, made.password or there
        return self._ruling

    def must_still_hold(self) -> None:
        """Right before the password is written: what the ruling rests on is as it was. Raises Refused where it is not; then there is a new ruling to come."""
        self.ruling()
        there, used = self._held(manifests.REPOSITORY, manifests.PASSWORD_FIELD), self._used()
        if (there, bool(used)) != (self._seen[0], bool(self._seen[1])):
            self._ruling = None
            what = f"{used} was written with it" if used else "somebody else set it"
            raise Refused(f"the password of the repositories is another matter than a moment ago: {what}")

    def password(self) -> Optional[Secret]:
        """What the Secret is to hold; None where it is left to Velero."""
        self.ruling()
        return self._password

    def export(self) -> None:
        """The password in use into the operator's file, for its owner alone."""
        held = self._held(manifests.REPOSITORY, manifests.PASSWORD_FIELD)
        if held:
            files.write_secret(self._spec.repository_password_export, held, "repository_password_export")

    def is_exported(self) -> bool:
        """Whether the file holds what the Secret is to hold."""
        files.must_be_writable(self._spec.repository_password_export, "repository_password_export")
        password = self.password()
        return password is None or files.holds_secret(self._spec.repository_password_export, password)

    def _held(self, name: str, field: str) -> Optional[Secret]:
        with doing(f"read Secret {name}"):
            found = self._client.find(SECRET, self._spec.namespace, name)
        return value_of(found, field)

    def _used(self) -> str:
        """What was written with the present password; empty for nothing."""
        for kind in (*kinds.REPOSITORIES, kinds.BACKUP):
            with doing(f"list {kind.resource}"):
                try:
                    items = self._client.list(kind, self._spec.namespace).items
                except NotFound:  # not served: no such object can be
                    continue
            if items:
                return f"{kind.name} {items[0]['metadata']['name']}"
        return ""


def value_of(found: Optional[Any], field: str) -> Optional[Secret]:
    """One value of a Secret object."""
    text = ((found or {}).get("data") or {}).get(field)
    if not text:
        return None
    try:
        return Secret(base64.b64decode(text).decode("utf-8"))
    except (binascii.Error, UnicodeDecodeError):
        return None
