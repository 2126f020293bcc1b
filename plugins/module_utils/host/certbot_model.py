# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that certbot obtains by a DNS challenge: what is wanted, what it has stored, how it is called, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret, without_passwords
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_names import as_address, plain

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
FOLDER = "/var/lib/serverops/letsencrypt"
MANUAL, ROUTE53 = "manual", "dns-route53"
PLUGIN = re.compile(r"dns-[a-z0-9-]+")
NAME = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
LINEAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A line of ours before each run in the log: where certbot or a plugin of it cannot even be loaded, it prints none that it begins with.
BEGUN = "serverops: certbot is begun"
MARKED = ("/bin/sh", "-c", f"printf '\\n{BEGUN}\\n'; exec \"$@\"", "sh")
# What certbot prints besides the reason for which it failed.
NOISE = re.compile(
    r"Saving debug log|Ask for help|Hint:|Some challenges have failed|An unexpected error occurred:$|Requesting a certificate|Renewing an existing"
    r"|Account registered|Certbot failed to authenticate|- - -|\(PATH is |\s*Domain: |\s*Type: |Hook '.*' for .* ran with |Hook '--manual-cleanup-hook'"
)
# What a hook wrote on its error output stands below this line, one letter to the right.
OF_HOOK = re.compile(r"^Hook '--manual-auth-hook' .* ran with error output:\n((?: .*\n)+)", re.MULTILINE)
LONGEST, SHORTEST = 500, 4  # letters of a reason; of what is a secret worth hiding


@dataclass(frozen=True)
class CertbotSpec:
    """What is wanted."""

    name: str
    host_names: tuple[str, ...]
    plugin: str
    auth_hook: str = ""
    cleanup_hook: str = ""
    credentials: Optional[Secret] = None
    environment: Mapping[str, Secret] = field(default_factory=dict)
    propagation_seconds: Optional[int] = None
    directory_url: str = LETS_ENCRYPT
    directory_authorities: str = ""
    account_email: str = ""
    key_type: str = ""
    renew_days: int = 30
    config_directory: str = FOLDER
    certbot: str = "certbot"


@dataclass(frozen=True)
class Stored:
    """A certificate in certbot's folder. `key` is its kind, rsa or ecdsa; `server` the directory that its renewals are from."""

    fingerprint: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    key: str = ""
    server: str = ""


@dataclass(frozen=True)
class CertbotState:
    """What was found. `newer` is stored whole, but not what the links lead to: certbot was killed before it set them.

    `begun` is what this run had certbot do last; `said` why it failed, where it did; `unfinished` what a certbot left that was killed at its first order.
    `left`: the credentials of one that was killed are still there.
    """

    now: datetime
    stored: Optional[Stored] = None
    newer: Optional[Stored] = None
    unfinished: tuple[str, ...] = ()
    running: bool = False
    begun: str = ""
    said: str = ""
    log: str = ""
    left: bool = False


def certbot_spec(params: Mapping[str, Any]) -> CertbotSpec:
    """Raises BadInput."""
    names = tuple(dict.fromkeys(plain(name) for name in params["host_names"]))
    name = params["name"] or (names[0].removeprefix("*.") if names else "")
    environment = {str(key): Secret(str(value)) for key, value in (params["environment"] or {}).items()}
    _names(names, name)
    _account(params)
    _plugin(params)
    for variable in environment:
        if not VARIABLE.fullmatch(variable):
            raise BadInput(f"environment has {variable!r}, which is no name of a variable")
    positive(renew_days=params["renew_days"], propagation_seconds=params["propagation_seconds"])
    texts: dict[str, Any] = {one: params[one] or "" for one in ("auth_hook", "cleanup_hook", "directory_authorities", "account_email", "key_type")}
    return CertbotSpec(
        name=name,
        host_names=names,
        credentials=Secret.maybe(params["credentials"]),
        environment=environment,
        **texts,
        **{one: params[one] for one in ("plugin", "propagation_seconds", "directory_url", "renew_days", "config_directory", "certbot")},
    )


def _names(names: tuple[str, ...], name: str) -> None:
    if not names:
        raise BadInput("host_names is empty; give the names that the certificate is to be for")
    for one in names:
        if not NAME.fullmatch(one) or as_address(one):
            raise BadInput(f"host_names has {one!r}, for which no authority gives a certificate; give a whole DNS name such as circleci.example.com")
    if not LINEAGE.fullmatch(name):
        raise BadInput(f"name is {name!r}; give letters, digits, dots and dashes, by which certbot calls the certificate")


def _account(params: Mapping[str, Any]) -> None:
    if not params["agree_tos"]:
        raise BadInput("agree_tos is false; read the terms of the authority, and give agree_tos true where you agree to them")
    if not params["directory_url"].startswith("https://"):
        raise BadInput(f"directory_url is {params['directory_url']!r}; give the address of an ACME directory, which begins with https://")


def _plugin(params: Mapping[str, Any]) -> None:
    plugin, hooks = params["plugin"], params["auth_hook"] or params["cleanup_hook"]
    if plugin != MANUAL and not PLUGIN.fullmatch(plugin):
        raise BadInput(f"plugin is {plugin!r}; give manual with hooks, or a DNS plugin of certbot such as dns-route53: no port of the app is taken")
    if plugin == MANUAL and not params["auth_hook"]:
        raise BadInput("auth_hook is needed for plugin manual; give the path of a program that writes the TXT record")
    if plugin != MANUAL and hooks:
        raise BadInput(f"auth_hook and cleanup_hook are for plugin manual, and plugin is {plugin}; leave them out")
    if plugin in (MANUAL, ROUTE53) and params["credentials"]:
        raise BadInput(f"credentials are given, but {plugin} reads no such file; give what it needs in environment")


# -- how certbot is called -----------------------------------------------------------------------------------


def certbot_argv(program: str, spec: CertbotSpec, names: tuple[str, ...], force: bool, credentials: str) -> list[str]:
    """The command line; it names files that hold secrets, and no secret. No hook of the folder runs: one of them might stop the app."""
    folder, plugin = spec.config_directory, spec.plugin
    folders = ["--config-dir", folder, "--work-dir", f"{folder}/work", "--logs-dir", f"{folder}/logs", "--max-log-backups", "20"]
    account = ["--email", spec.account_email, "--no-eff-email"] if spec.account_email else ["--register-unsafely-without-email"]
    argv = [program, "certonly", "--non-interactive", "--no-directory-hooks", "--agree-tos", *account, *folders, "--server", spec.directory_url]
    argv += ["--cert-name", spec.name, "--authenticator", plugin, "--preferred-challenges", "dns", "--renew-with-new-domains"]
    argv += ["--force-renewal" if force else "--keep-until-expiring", *(["--key-type", spec.key_type] if spec.key_type else [])]
    hooks = {"--manual-auth-hook": spec.auth_hook, "--manual-cleanup-hook": spec.cleanup_hook, f"--{plugin}-credentials": credentials}
    seconds = {f"--{plugin}-propagation-seconds": str(spec.propagation_seconds or "") if plugin != MANUAL else ""}
    pairs = [*hooks.items(), *seconds.items(), *(("--domain", name) for name in names)]
    return argv + [word for option, value in pairs if value for word in (option, value)]


# -- what certbot says ---------------------------------------------------------------------------------------


def last_run(log: str) -> str:
    """What its last run said."""
    return log.rpartition(f"{BEGUN}\n")[2]


def why_it_failed(last: str) -> str:
    """The reason in what its last run said, in its own words: what the hook said last, and what the authority; of other failures the last lines."""
    told = [line.strip() for line in last.splitlines() if line.strip() and not NOISE.match(line)]
    of_hooks = [found.splitlines()[-1].strip() for found in OF_HOOK.findall(last)]
    known = [line for line in told if line.startswith("Hook ")] + of_hooks + [line for line in told if line.startswith("Detail: ")]
    return "; ".join(dict.fromkeys(_core(line) for line in known or told[-2:]))[:LONGEST]


def _core(line: str) -> str:
    """Of a library's nested errors the innermost."""
    return (line.partition("(Caused by ")[2] or line.removeprefix("Detail: ")).rstrip(". ")


def without_secrets(text: str, spec: CertbotSpec) -> str:
    """The text with stars in place of whatever was given in environment or credentials."""
    for one in sorted(_secrets(spec), key=len, reverse=True):
        text = text.replace(one, HIDDEN)
    return without_passwords(text)


def _secrets(spec: CertbotSpec) -> Iterator[str]:
    for given in ([spec.credentials] if spec.credentials else []) + list(spec.environment.values()):
        for text in (given.reveal(), *_in_json(given.reveal())):
            yield from (part for part in _parts(text) if len(part) >= SHORTEST)


def _parts(text: str) -> Iterator[str]:
    """The whole; and each line, since programs indent and cut them, with its value: who reads such files takes off quotes and what is noted behind."""
    yield text
    for line in text.splitlines():
        value = line.partition("=")[2].strip()
        plain_value = value.partition(" #")[0].strip()
        yield from (line.strip(), value, plain_value, plain_value.strip("\"'"))


def _in_json(text: str) -> list[str]:
    """All texts in it where it is JSON, as the key of a service account is."""
    found: list[str] = []
    try:
        left: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return found
    while left:
        one = left.pop()
        left += one if isinstance(one, list) else one.values() if isinstance(one, dict) else ()
        found += [one] if isinstance(one, str) else []
    return found


def server_of(conf: str) -> str:
    """The directory in a renewal file of certbot; empty where the file is not whole."""
    found = re.search(r"^server\s*=\s*(\S+)\s*$", conf, re.MULTILINE)
    whole = LETS_ENCRYPT if re.search(r"^\[renewalparams\]", conf, re.MULTILINE) else ""
    return found[1] if found else whole
