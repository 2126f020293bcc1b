# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packer as a program: its version, a build that outlives us, and what it says, with no secret in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_model import base_of, private_parts, run_label
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import GCP, ImageSpec, ImageState, Leftover, last_said, temporary_names
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import find_program, run
from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import PROXIES, Detached, environment, place, whose

# What Packer and the SDK of its builder read of the environment.
VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "AWS_",
    "GOOGLE_",
    "CLOUDSDK_",
    "GCE_METADATA_",
    "PACKER_PLUGIN_PATH",
    "PACKER_CONFIG_DIR",
    "SSL_CERT_",
    *PROXIES,
)
KEYS = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "session_token": "AWS_SESSION_TOKEN", "profile": "AWS_PROFILE"}
GOOGLE_FILE, GOOGLE_TEXT = "service_account_file", "service_account_contents"


class Packer:
    """Builds of one family on this machine."""

    def __init__(self, spec: ImageSpec, cloud: Mapping[str, Any]) -> None:
        self._spec, self._cloud = spec, {name: value for name, value in cloud.items() if value}
        self._secrets = spec.secret_variables

    def version(self) -> str:
        """Packer's version. Raises BadInput where there is no Packer."""
        program = find_program(self._spec.packer)
        if program is None:
            raise BadInput(f"packer is {self._spec.packer!r}, which is not on PATH where this module runs; install Packer or give its path")
        for line in run([program, "version", "-machine-readable"]).out.splitlines():
            parts = line.split(",")
            if parts[2:3] == ["version"] and len(parts) > 3:
                return parts[3].strip()
        raise BadInput(f"{program} tells no version, so it is not the Packer that builds images; another program may have that name")

    def mark(self) -> str:
        """Where builds run whose locks are ours to ask, in the form that the cloud keeps beside them: this machine, this user, this folder."""
        mark = f"{place()}/{whose(self._spec.log_directory)}"
        return run_label(mark) if self._spec.provider == GCP else mark

    def is_alive(self, digest: str) -> bool:
        """Whether a build of this digest runs on this machine."""
        return self._build(digest).is_alive()

    def log(self, digest: str) -> str:
        """Path of its log."""
        return self._build(digest).log

    def said(self, digest: str) -> str:
        """What it does now, or the last thing that it did, in its words; no secret of ours among them."""
        return self._without_secrets(last_said(self._build(digest).tail()))

    def named(self, digest: str) -> list[Leftover]:
        """What the builds in its log made for themselves."""
        return temporary_names(self._build(digest).tail())

    def start(self, digest: str, state: ImageState) -> None:
        """Begin a build. Variables go by a private file, the cloud's keys by the environment: nothing of them is in the arguments."""
        program, build = find_program(self._spec.packer), self._build(digest)
        if program is None:
            raise Refused(f"{self._spec.packer} is not on PATH any more")
        given = {**self._spec.variables, **{name: value.reveal() for name, value in self._secrets.items()}, **self._ours(digest, state)}
        text = json.dumps({name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()})
        argv = [program, "build", "-color=false", f"-var-file={build.kept}", os.path.abspath(os.path.expanduser(self._spec.template))]
        build.start(argv, self._environment(), Secret(text))

    def dead_files(self, digests: Iterable[str]) -> list[Leftover]:
        """Files with variables, by the digests of their builds. A build that ends takes its own away; one that was killed did not come to it."""
        return [Leftover("variables", one) for one in sorted(set(digests)) if self._build(one).keeps() and not self.is_alive(one)]

    def forget(self, digest: str) -> None:
        """Remove the file with the variables of a build that has ended."""
        if not self.is_alive(digest):
            self._build(digest).tidy()

    def _build(self, digest: str) -> Detached:
        return Detached(self._spec.log_directory, f"{self._spec.name.replace('/', '_').replace(' ', '_')}-{digest[:12]}", "pkrvars.json")

    def _ours(self, digest: str, state: ImageState) -> dict[str, str]:
        own = {"image_name": state.name_of(self._spec), "image_family": self._spec.name, "image_digest": digest, "image_run": self.mark()}
        return {**own, **(self._google() if self._spec.provider == GCP else self._amazon())}

    def _amazon(self) -> dict[str, str]:
        return {"region": self._spec.region, **({"base_image": self._spec.base_image} if self._spec.base_image else {})}

    def _google(self) -> dict[str, str]:
        """A key that is given as text goes by a variable: Packer reads none from the environment."""
        own = {"project": self._spec.project, "zone": self._spec.zone}
        if self._spec.base_image:
            own["base_project"], own["base_image"] = base_of(self._spec.base_image, self._spec.project)
        return {**own, **({"account_file": str(self._cloud[GOOGLE_TEXT])} if GOOGLE_TEXT in self._cloud else {})}

    def _environment(self) -> dict[str, str]:
        keys = {variable: str(self._cloud[name]) for name, variable in KEYS.items() if name in self._cloud}
        if self._spec.provider == GCP:
            keys = {"GOOGLE_APPLICATION_CREDENTIALS": os.path.expanduser(self._cloud[GOOGLE_FILE])} if GOOGLE_FILE in self._cloud else {}
        # A key that is given beats a profile of the environment.
        kept = {name: value for name, value in environment(VARIABLES).items() if not (keys and name in KEYS.values())}
        return {**kept, **keys, "CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}

    def _without_secrets(self, text: str) -> str:
        hidden = [value.reveal() for value in self._secrets.values()] + [
            str(self._cloud[name]) for name in ("secret_key", "session_token") if name in self._cloud
        ]
        hidden += private_parts(str(self._cloud.get(GOOGLE_TEXT, "")))
        for secret in hidden:
            if secret:
                text = text.replace(secret, HIDDEN)
        return text
