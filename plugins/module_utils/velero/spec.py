# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wish of velero_install: its options checked by themselves, before anybody is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import checked_duration

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
BUCKET = {"aws": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "gcp": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")}
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
# What makes a pod somebody in the cloud, without a key: annotations of its service account.
IDENTITY = {"aws": "eks.amazonaws.com/role-arn", "gcp": "iam.gke.io/gcp-service-account"}
SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class InstallSpec:
    """What is to be there. `minor` and `uploader` are filled in from the version."""

    version: str
    provider: str
    bucket: str
    namespace: str = "velero"
    plugins: tuple[str, ...] = ()
    prefix: str = ""
    access_mode: str = "ReadWrite"
    backup_location_config: Mapping[str, str] = field(default_factory=dict)
    snapshot_location_config: Optional[Mapping[str, str]] = None
    credentials: Optional[Secret] = None
    service_account_annotations: Mapping[str, str] = field(default_factory=dict)
    uploader: str = ""
    features: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    allow_untested: bool = False
    take_over: bool = False
    crds_file: str = ""
    velero_cli: str = ""
    repository_password: Optional[Secret] = None
    repository_password_export: str = ""
    minor: int = 0

    @property
    def agents(self) -> str:
        """Name of the agents' DaemonSet; empty where none is wanted."""
        return "" if self.uploader == "none" else versions.agents_name(self.minor)


def install_spec(params: Mapping[str, Any]) -> InstallSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    given = spec_from_params(InstallSpec, params)
    number = versions.checked_version(given.version)
    minor = number[1]
    spec = replace(
        given,
        version=".".join(map(str, number)),
        minor=minor,
        uploader=given.uploader or versions.default_uploader(minor),
        plugins=given.plugins or (versions.default_plugin(given.provider, minor),),
        image=given.image or f"velero/velero:v{'.'.join(map(str, number))}",
        backup_location_config=_texts("backup_location_config", given.backup_location_config),
        snapshot_location_config=None if given.snapshot_location_config is None else _texts("snapshot_location_config", given.snapshot_location_config),
        credentials=_some(given.credentials),
        repository_password=_some(given.repository_password),
        service_account_annotations=_texts("service_account_annotations", given.service_account_annotations),
        flags=_texts("flags", given.flags),
    )
    for check in (_check_names, _check_bucket, _check_region, _check_identity, _check_plugins, _check_flags, _check_password):
        check(spec)
    return spec


def _some(secret: Optional[Secret]) -> Optional[Secret]:
    """An empty text is none given."""
    return secret if secret and secret.reveal() else None


def _texts(option: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The API takes texts only; YAML makes truth values and numbers of some."""
    found = {}
    for name, value in given.items():
        if isinstance(value, (dict, list)) or value is None:
            raise BadInput(f"{option}.{name} is no text; give one value, in quotes")
        found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _check_names(spec: InstallSpec) -> None:
    if not NAME.fullmatch(spec.namespace):
        raise BadInput(f"namespace is {spec.namespace!r}; give lower-case letters, digits and dashes, 63 at most")
    versions.check_uploader(spec.uploader, spec.minor)
    tag = versions.image_version(spec.image)
    if tag and ".".join(map(str, tag)) != spec.version and not spec.allow_untested:
        raise BadInput(f"image is {spec.image}, but version is {spec.version}; give the image of that version, or allow_untested")
    bad = [name for name in spec.features if not re.fullmatch(r"[A-Za-z0-9]+", name)]
    if bad:
        raise BadInput(f"features holds {bad[0]!r}; give names such as EnableCSI")


def _check_bucket(spec: InstallSpec) -> None:
    wrong = not BUCKET[spec.provider].fullmatch(spec.bucket) or ".." in spec.bucket or ADDRESS.fullmatch(spec.bucket)
    if wrong:
        raise BadInput(f"bucket is {spec.bucket!r}, which is no name of a bucket; give the bare name: 3 to 63 lower-case letters, digits, dots and dashes")
    if spec.prefix and (spec.prefix.startswith("/") or spec.prefix.endswith("/") or "//" in spec.prefix):
        raise BadInput(f"prefix is {spec.prefix!r}; give the folder inside the bucket without slashes at its ends")


def _check_region(spec: InstallSpec) -> None:
    region = spec.backup_location_config.get("region", "")
    if spec.provider == "aws" and not region:
        raise BadInput("backup_location_config.region is missing; for aws give the bucket's region, such as us-east-1")
    if region and not re.fullmatch(r"[a-z0-9-]+", region):
        raise BadInput(f"backup_location_config.region is {region!r}; give a region such as us-east-1")
    snapshots = spec.snapshot_location_config
    if spec.provider == "aws" and snapshots is not None and not snapshots.get("region"):
        raise BadInput("snapshot_location_config.region is missing; for aws give the region of the cluster's disks")


def _check_identity(spec: InstallSpec) -> None:
    key = IDENTITY[spec.provider]
    identity = spec.service_account_annotations.get(key)
    if bool(spec.credentials) == bool(identity):
        both = "both are given" if identity else "neither is given"
        raise BadInput(f"{both}: give either credentials (the text of the key's file), or the annotation {key} in service_account_annotations")
    text = spec.credentials.reveal() if spec.credentials else ""
    if text and spec.provider == "aws" and not ("aws_access_key_id" in text and "aws_secret_access_key" in text and "[" in text):
        raise BadInput("credentials is no file of AWS credentials: it needs [default], aws_access_key_id and aws_secret_access_key")
    if text and spec.provider == "gcp" and not _is_json(text):
        raise BadInput("credentials is no key file of Google Cloud: it must be the JSON text that the service account's key came in")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _check_plugins(spec: InstallSpec) -> None:
    if not any(versions.plugin_provider(image) == spec.provider for image in spec.plugins) and not spec.allow_untested:
        right = versions.default_plugin(spec.provider, spec.minor)
        raise BadInput(f"plugins holds none for provider {spec.provider}, so no location could work; add {right}")
    faults = [fault for image in spec.plugins if (fault := versions.plugin_fault(image, spec.minor))]
    if faults and not spec.allow_untested:
        raise BadInput(f"plugins: {'; '.join(faults)} (allow_untested installs it all the same)")
    names = [plugin_name(image) for image in spec.plugins]
    if len(set(names)) != len(names):
        raise BadInput(f"plugins names the same plugin twice: {', '.join(spec.plugins)}")


def plugin_name(image: str) -> str:
    """The name of a plugin's container, as the velero program forms it: the image without its registry and tag, 63 characters at most."""
    bare = image.partition("@")[0]
    bare = bare.partition("/")[2] if bare.count("/") > 1 else bare
    slash, colon = bare.rfind("/"), bare.rfind(":")
    bare = bare[:colon] if colon > slash else bare
    return re.sub(r"[^a-z0-9-]", "-", bare.lower())[:63].strip("-")


def _check_flags(spec: InstallSpec) -> None:
    for name, value in spec.flags.items():
        fault = versions.flag_fault(name, value, spec.minor)
        if fault and not spec.allow_untested:
            raise BadInput(f"flags: {fault}")
        if versions.DURATION.fullmatch(name):
            checked_duration(f"flags.{name}", value)


def _check_password(spec: InstallSpec) -> None:
    text = spec.repository_password.reveal() if spec.repository_password else ""
    if text and (len(text) < SHORTEST_PASSWORD or not text.isprintable() or text.strip() != text):
        raise BadInput(f"repository_password is too short or holds blanks at its ends or a line break; give {SHORTEST_PASSWORD} printable characters or more")
