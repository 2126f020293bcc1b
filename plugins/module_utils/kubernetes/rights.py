# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights that an act needs, asked for before it begins: how one is asked, and the sentence that names all that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import ACCESS_REVIEW, Kind


@dataclass(frozen=True)
class Right:
    """One verb on a kind, in a namespace ("": in all, or of a kind that has none), for one object or all, on the object or a part of it such as log."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    sub: str = ""

    @property
    def words(self) -> str:
        """For people: "create on pods/portforward in namespace x"."""
        part = f"/{self.sub}" if self.sub else ""
        one = f" {self.name}" if self.name else ""
        where = f" in namespace {self.namespace}" if self.namespace else " in all namespaces" if self.kind.namespaced else ""
        return f"{self.verb} on {self.kind.plural}{part}{'.' + self.kind.group if self.kind.group else ''}{one}{where}"

    def review(self) -> Json:
        """The question, as the API takes it."""
        kind = self.kind
        asked = {"verb": self.verb, "group": kind.group, "version": kind.version, "resource": kind.plural}
        more = {"namespace": self.namespace, "name": self.name, "subresource": self.sub}
        return {
            "apiVersion": ACCESS_REVIEW.api_version,
            "kind": ACCESS_REVIEW.name,
            "spec": {"resourceAttributes": {**asked, **{name: value for name, value in more.items() if value}}},
        }


def is_allowed(review: Any) -> bool:
    """The answer to a review. Where the API tells neither yes nor no, it is no."""
    return (review.get("status") or {}).get("allowed") is True


def rights_sentence(missing: Sequence[Right], place: str = "Kubernetes") -> str:
    """All missing rights at once, with the remedy; empty where none is missing."""
    if not missing:
        return ""
    listed = "; ".join(right.words for right in missing)
    wide = any(not right.namespace for right in missing)
    role = "a ClusterRole with a ClusterRoleBinding" if wide else "a Role with a RoleBinding"
    return f"{place} does not grant us: {listed}. Give our user or service account {role} for them, or connect as another (kubeconfig, context, api_key)"
