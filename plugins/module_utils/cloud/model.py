# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an object store is and by which key it is asked: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

AWS, GCP = "aws", "gcp"


@dataclass(frozen=True)
class AwsKey:
    """A pair of keys, with the token that temporary ones have."""

    access: str
    secret: Secret
    token: Optional[Secret] = None


@dataclass(frozen=True)
class GcpKey:
    """A service account's key: its JSON, or the file that holds it. The project and the e-mail are in there. Or a token that somebody got before."""

    contents: Optional[Secret] = None
    file: str = ""
    token: Optional[Secret] = None


@dataclass(frozen=True)
class StoreSpec:
    """A bucket, and how to reach it. Without a key the machine's own identity is used: profile, instance role, workload identity."""

    provider: str
    bucket: str
    prefix: str = ""
    region: str = ""
    endpoint: str = ""
    path_style: bool = False
    validate: bool = True
    ca_path: str = ""
    ca_text: str = ""
    profile: str = ""
    aws: Optional[AwsKey] = None
    gcp: Optional[GcpKey] = None

    @property
    def place(self) -> str:
        """For messages: bucket name at address."""
        return f"bucket {self.bucket}{f' at {self.endpoint}' if self.endpoint else ''}"

    def key(self, *parts: str) -> str:
        """The name in the bucket of what Velero calls so."""
        return "/".join(part for part in (self.prefix.strip("/"), *parts) if part)
