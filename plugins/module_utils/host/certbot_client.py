# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to certbot: its folder read, and the program itself, which outlives us; secrets go to it by a private file or its environment."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot import LINK, ORDER, Link, SetAside, TidyUp, why_due
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import (
    MARKED,
    CertbotSpec,
    CertbotState,
    Stored,
    certbot_argv,
    last_run,
    server_of,
    why_it_failed,
    without_secrets,
)
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_material
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_model import STORES
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import find_program
from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import BASICS, PROXIES, Detached, check_folder, environment, make_folder
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import write_secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles
from ansible_collections.serverops.circleci.plugins.module_utils.transport.versions import set_aside, there_of, version_in_use, versions_of

FOUR = ("cert", "chain", "fullchain", "privkey")
OPTION = "config_directory"
VARIABLES = (*BASICS, "AWS_", *PROXIES)
GLANCE = 1.0  # s between two looks at the process


class CertbotPort:
    """One certificate in the folder of a certbot."""

    def __init__(self, spec: CertbotSpec, clock: Clock) -> None:
        self._spec, self._clock, self._begun = spec, clock, ""
        self._files, self._runs = HostFiles(), f"{spec.config_directory}/runs"
        self._program = Detached(self._runs, spec.name, "credentials.ini", OPTION)

    def read(self, _confirming: frozenset[str]) -> CertbotState:
        """The folder, and whether certbot is at it."""
        spec = self._spec
        with doing("look at certbot's folder"):
            check_folder(spec.config_directory, OPTION)
            running = self._program.is_alive()  # first: what it leaves when it ends is then seen
            if find_program(spec.certbot) is None:
                where = "which is not on PATH where this module runs"
                raise BadInput(f"certbot is {spec.certbot!r}, {where}; install certbot with its DNS plugin, or give its path")
            # Hidden first: what is cut to a reason might have half of a secret at its end.
            said, unfinished = why_it_failed(without_secrets(last_run(self._program.tail()), spec)), () if running else self._unfinished()
            left = not running and self._program.keeps()
            return CertbotState(self._clock.wall(), self._stored(), self._newer(), unfinished, running, self._begun, said, self._program.log, left)

    def apply(self, step: Any) -> None:
        """Begin certbot, or tidy up after a dead one; on what a second look finds."""
        with doing(f"obtain the certificate {self._spec.name}"):
            if self._program.is_alive():
                raise Refused("certbot has begun meanwhile")
            if isinstance(step, TidyUp):
                self._program.tidy()
            elif isinstance(step, SetAside):
                for path in step.paths:
                    set_aside(f"{self._spec.config_directory}/{path}", f"{self._spec.config_directory}/unfinished")
            else:
                self._begin(step)

    def _begin(self, step: Any) -> None:
        spec, force = self._spec, not isinstance(step, Link)
        program = find_program(spec.certbot)
        if program is None:
            raise Refused(f"{spec.certbot} is not on PATH any more")
        if force and not why_due(spec, self.read(frozenset())):
            raise Refused("somebody else has obtained one meanwhile")
        make_folder(spec.config_directory, OPTION)
        argv = certbot_argv(program, spec, spec.host_names if force else step.names, force, self._program.kept if spec.credentials else "")
        self._program.start([*MARKED, *argv], self._environment(), spec.credentials)
        self._begun = ORDER if force else LINK

    def wait(self, seconds: float) -> None:
        """Until certbot ends, or the time is over."""
        ends = self._clock.now() + seconds
        while self._clock.now() < ends and self._program.is_alive():
            self._clock.sleep(min(GLANCE, ends - self._clock.now()))

    def _stored(self) -> Optional[Stored]:
        """What the links lead to."""
        return self._read(f"{self._spec.config_directory}/live/{self._spec.name}/cert.pem")

    def _newer(self) -> Optional[Stored]:
        """What is stored whole in a version that not all links lead to."""
        folder, name = self._spec.config_directory, self._spec.name
        whole = frozenset.intersection(*(versions_of(f"{folder}/archive/{name}", one, ".pem") for one in FOUR))
        newest = max(whole, default=0)
        used = min(version_in_use(f"{folder}/live/{name}/{one}.pem") for one in FOUR)
        return self._read(f"{folder}/archive/{name}/cert{newest}.pem") if newest > used else None

    def _unfinished(self) -> tuple[str, ...]:
        """What is there of a certificate whose renewal file certbot did not come to write."""
        name = self._spec.name
        if server_of(self._conf()):
            return ()
        return there_of(self._spec.config_directory, (f"live/{name}", f"archive/{name}", f"renewal/{name}.conf"))

    def _conf(self) -> str:
        return (self._files.look(f"{self._spec.config_directory}/renewal/{self._spec.name}.conf").data or b"").decode("utf-8", "replace")

    def _read(self, path: str) -> Optional[Stored]:
        papers = read_material(self._files.look(path).data or b"").papers
        if not papers:
            return None
        leaf, server = papers[0], server_of(self._conf())
        key = "ecdsa" if leaf.key.startswith("ec ") else leaf.key.partition(" ")[0]
        return Stored(leaf.fingerprint, tuple(name.lower() for name in leaf.names), leaf.begins, leaf.ends, key, server)

    def _environment(self) -> dict[str, str]:
        """What certbot, its plugin and hooks need. The authorities of its directory are added to those of the host: the plugin talks to others too."""
        spec = self._spec
        given = {**environment(VARIABLES), **{name: value.reveal() for name, value in spec.environment.items()}}
        if not spec.directory_authorities:
            return given
        make_folder(self._runs, OPTION)
        bundle, path = self._bundle() + spec.directory_authorities, f"{self._runs}/{spec.name}.authorities.pem"
        write_secret(path, Secret(bundle), OPTION)
        return {**given, "REQUESTS_CA_BUNDLE": path}

    def _bundle(self) -> str:
        found = [self._files.look(store.bundle).data for store in STORES.values()]
        return "".join(data.decode("utf-8", "replace").rstrip("\n") + "\n" for data in found if data)
