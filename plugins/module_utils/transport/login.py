# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to log in over SSH, as a command line, and what the ssh client's words mean. Pure: the process is ssh.py's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotPermitted, Refused, Unreachable

# No letter that a shell, or the ssh client's own options, could take for something else: ssh hands both to ProxyCommand.
_HOST = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:\[\]-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+\\-]*")
LONGEST_TEXT = 160
_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ExitOnForwardFailure=yes",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    # A shared connection would outlive us, and its end would be another's.
    "ControlMaster=no",
    "ControlPath=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "LogLevel=INFO",  # below it ssh keeps for itself why the far side could not be reached
)


@dataclass(frozen=True)
class Login:
    """Where to log in and as whom; what is None is the ssh client's own to decide (its configuration, its agent)."""

    host: str
    user: Optional[str] = None
    port: Optional[int] = None
    key_file: Optional[str] = None
    known_hosts_file: Optional[str] = None

    @property
    def place(self) -> str:
        """For messages."""
        return (f"{self.user}@" if self.user else "") + self.host + (f":{self.port}" if self.port else "")


def checked(login: Login) -> Login:
    """The login; raises BadInput with the first value that cannot be."""
    if not _HOST.fullmatch(login.host):
        raise BadInput(f"ssh_forward.host is {login.host!r}, which is no host name or address; give the host alone, and the user in ssh_forward.user")
    if login.user is not None and not _USER.fullmatch(login.user):
        raise BadInput(f"ssh_forward.user is {login.user!r}, which is no user name; give letters, digits and . _ - @ + alone")
    if login.port is not None and not 0 < login.port < 65536:
        raise BadInput(f"ssh_forward.port is {login.port}, but it must be 1 to 65535")
    for name, path in (("key_file", login.key_file), ("known_hosts_file", login.known_hosts_file)):
        if path and any(letter in path for letter in '"$%\n'):
            raise BadInput(f"ssh_forward.{name} is {path!r}, and ssh reads some of its letters as its own; give a path without quotes, $ and %")
    return login


def argv(login: Login, target: str, timeout: float) -> list[str]:
    """The ssh client as a plain pipe to `target` (host:port seen from the login's host). No secret is in it: keys are named by their path.

    With -W ssh opens no port and no file of its own, asks nothing, runs no command there, and ends with its connection.
    """
    options = [*_OPTIONS, f"ConnectTimeout={max(1, int(timeout))}"]
    if login.key_file:
        options.append("IdentitiesOnly=yes")
    if login.known_hosts_file:
        options.append(f'UserKnownHostsFile="{login.known_hosts_file}"')
    given = ["ssh", "-W", target]
    for option in options:
        given += ["-o", option]
    for flag, value in (("-l", login.user), ("-p", login.port), ("-i", login.key_file)):
        given += [flag, str(value)] if value else []
    return [*given, "--", login.host]


def failure(login: Login, target: str, text: str) -> CollectionError:
    """What the ssh client's last words mean: final, or worth another try."""
    said = _said(text)
    for pattern, make in _MEANINGS:
        if re.search(pattern, text, re.IGNORECASE):
            return make(login, target, said)
    return Unreachable(f"the connection of ssh_forward to {login.place} broke ({said})")


def _said(text: str) -> str:
    """The line that tells most: ssh puts it last, behind banners and boxes of @."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" @\t")]
    told = [line for line in lines if re.search(r"open failed|denied \(|verification failed|UNPROTECTED|resolve|Connection|timed out", line)]
    return (told or lines or ["it said nothing"])[-1].removeprefix("ssh: ")[:LONGEST_TEXT]


def _host_key(login: Login, _target: str, _said: str) -> CollectionError:
    where = login.known_hosts_file or "known_hosts of the user that runs the module"
    return Refused(
        f"ssh_forward.host is {login.host}, whose host key is not the one in {where}, or is not there; "
        "compare its fingerprint with the owner's word, then put it there (ssh-keyscan), or name the file in ssh_forward.known_hosts_file"
    )


def _changed_key(login: Login, _target: str, _said: str) -> CollectionError:
    where = login.known_hosts_file or "known_hosts of the user that runs the module"
    return Refused(
        f"ssh_forward.host is {login.host}, whose host key differs from the one in {where}: the machine was set up anew, or somebody is in between; "
        "ask its owner for the fingerprint before you replace the line"
    )


def _key_mode(login: Login, _target: str, _said: str) -> CollectionError:
    return BadInput(f"ssh_forward.key_file is {login.key_file}, which others may read, so ssh does not use it; chmod 600 it")


def _denied(login: Login, _target: str, said: str) -> CollectionError:
    key = f"ssh_forward.key_file ({login.key_file})" if login.key_file else "no ssh_forward.key_file (the agent's and the default keys)"
    return NotPermitted(
        f"{login.place} let nobody in with {key} ({said}); its user must have the public key in authorized_keys, "
        "and a key with a passphrase must be in the agent"
    )


def _no_host(login: Login, _target: str, said: str) -> CollectionError:
    return BadInput(f"ssh_forward.host is {login.host}, which has no address here ({said}); give a name that resolves, or an address")


def _not_now(login: Login, _target: str, said: str) -> CollectionError:
    return Unreachable(f"nobody answers at ssh_forward.host {login.place} ({said}); is it up, is ssh_forward.port right?")


def _prohibited(login: Login, target: str, said: str) -> CollectionError:
    return Refused(f"{login.place} may not forward to {target} ({said}); its sshd needs AllowTcpForwarding and, where set, PermitOpen {target}")


def _far_refused(login: Login, target: str, said: str) -> CollectionError:
    return Unreachable(f"{login.place} was reached, but from there nobody answers at {target} ({said}); nomad_url names the address as seen from there")


_MEANINGS = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED", _changed_key),
    (r"Host key verification failed|host key is known for", _host_key),
    (r"UNPROTECTED PRIVATE KEY|bad permissions", _key_mode),
    (r"Permission denied \(|Too many authentication failures|no more authentication methods", _denied),
    (r"Temporary failure in name resolution", _not_now),
    (r"Could not resolve hostname", _no_host),
    (r"administratively prohibited|forwarding (is )?disabled", _prohibited),
    (r"open failed", _far_refused),
    (r"connect to host|timed out during banner|Connection timed out|kex_exchange_identification|No route to host", _not_now),
)
