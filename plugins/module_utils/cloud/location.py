# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a backup storage location of Velero's and credentials to the store that Velero would use. Pure.

Names of the config's keys: https://github.com/velero-io/velero-plugin-for-aws/blob/main/backupstoragelocation.md, and the same of the GCP plugin's.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import AWS, GCP, AwsKey, GcpKey, StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

PROVIDERS = {"aws": AWS, "velero.io/aws": AWS, "gcp": GCP, "velero.io/gcp": GCP}
SECRET_NAME, SECRET_KEY = "cloud-credentials", "cloud"  # what `velero install` makes


def store_of_location(location: Mapping[str, Any]) -> StoreSpec:
    """The store that a BackupStorageLocation (its JSON) names, without a key. Raises BadInput for one that we know no way to."""
    name, spec = location.get("metadata", {}).get("name", ""), location.get("spec", {})
    provider = PROVIDERS.get(spec.get("provider", ""))
    bucket = (spec.get("objectStorage") or {}).get("bucket", "")
    if provider is None:
        raise BadInput(f"backup storage location {name} has provider {spec.get('provider')!r}; stores of {', '.join(sorted(PROVIDERS))} can be reached")
    if not bucket:
        raise BadInput(f"backup storage location {name} names no bucket; set spec.objectStorage.bucket")
    config = spec.get("config") or {}
    found = StoreSpec(provider, bucket, prefix=str(spec["objectStorage"].get("prefix") or ""), ca_text=_ca(spec["objectStorage"], name))
    if provider == GCP:
        return replace(found, endpoint=config.get("storeEndpoint", "").partition("/storage/v1")[0])  # the plugin takes the whole path
    return replace(
        found,
        region=config.get("region", ""),
        endpoint=config.get("s3Url", ""),
        path_style=config.get("s3ForcePathStyle", "") == "true",
        validate=config.get("insecureSkipTLSVerify", "") != "true",
        profile=config.get("profile", ""),
    )


def secret_of_location(location: Mapping[str, Any]) -> tuple[str, str]:
    """Name and key of the Secret that holds Velero's credentials for it."""
    chosen = location.get("spec", {}).get("credential") or {}
    return chosen.get("name") or SECRET_NAME, chosen.get("key") or SECRET_KEY


def with_secret(store: StoreSpec, text: Secret) -> StoreSpec:
    """The store with the key of Velero's own credentials file: AWS's ini form, or the JSON of a Google key."""
    if store.provider == GCP:
        return replace(store, gcp=GcpKey(contents=google_key(text, "Velero's Secret")))
    return replace(store, aws=_from_ini(text.reveal(), store.profile or "default"), profile="")


def with_cloud(store: StoreSpec, cloud: Mapping[str, Any]) -> StoreSpec:
    """The store with what the option `cloud` says. What it leaves out stays as the location has it; no key at all means the machine's own identity."""
    found = replace(
        store,
        region=cloud.get("region") or store.region,
        endpoint=cloud.get("endpoint_url") or store.endpoint,
        ca_path=cloud.get("aws_ca_bundle") or "",
        profile=cloud.get("profile") or "",
    )
    if store.provider == GCP:
        contents = Secret.maybe(cloud.get("service_account_contents"))
        file = cloud.get("service_account_file") or ""
        return replace(found, gcp=GcpKey(google_key(contents, "cloud.service_account_contents") if contents else None, file) if contents or file else None)
    access, secret = cloud.get("access_key"), cloud.get("secret_key")
    if bool(access) != bool(secret):
        raise BadInput(f"cloud has only one of access_key and secret_key ({'access_key' if access else 'secret_key'}); give both, or a profile")
    return replace(found, aws=AwsKey(access, Secret(secret), Secret.maybe(cloud.get("session_token"))) if access and secret else None)


def store_for(location: Mapping[str, Any], secret: Optional[Secret], cloud: Optional[Mapping[str, Any]]) -> StoreSpec:
    """The whole of it: `cloud` where it is given, else Velero's own Secret. Raises BadInput where there is neither."""
    store = store_of_location(location)
    if cloud is not None:
        return with_cloud(store, cloud)
    if secret is None:
        name = location.get("metadata", {}).get("name", "")
        raise BadInput(
            f"backup storage location {name} has no Secret to take credentials from (Velero uses an identity of the cluster, or the Secret is missing); "
            "give cloud, with a key or a profile that may use the bucket"
        )
    return with_secret(store, secret)


def _ca(storage: Mapping[str, Any], name: str) -> str:
    try:
        return base64.b64decode(storage.get("caCert") or "", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise BadInput(f"caCert of backup storage location {name} is no PEM in base64; write it again") from None


def _from_ini(text: str, section: str) -> AwsKey:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:  # its text holds lines of the file
        raise BadInput(f"Velero's Secret is no AWS credentials file ({type(error).__name__}); write it as [default] and lines of name=value") from None
    if not parser.has_section(section):
        raise BadInput(f"Velero's Secret has no profile [{section}]; add it, or correct profile in the location's config")
    found = {name.lower(): value.strip() for name, value in parser.items(section)}
    access, secret = found.get("aws_access_key_id"), found.get("aws_secret_access_key")
    if not access or not secret:
        raise BadInput(f"profile [{section}] of Velero's Secret has no aws_access_key_id with aws_secret_access_key; add both, or give cloud")
    return AwsKey(access, Secret(secret), Secret.maybe(found.get("aws_session_token")))


def google_key(text: Secret, where: str) -> Secret:
    """The text of a key, proven to be what google-auth takes: its own complaints could quote it."""
    try:
        found = json.loads(text.reveal())
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"client_email", "private_key", "token_uri"} <= set(found):
        raise BadInput(f"{where} is no key of a Google service account; give its JSON as gcloud wrote it (client_email, private_key, token_uri)")
    return text
