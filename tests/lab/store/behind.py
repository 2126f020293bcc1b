"""The way behind moto's API, in its own process: makes and reads buckets, users and keys whatever the rights in force say."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import Any

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

HOME = "us-east-1"


def s3() -> Any:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def iam() -> Any:
    return iam_backends[DEFAULT_ACCOUNT_ID]["aws"]


def region_of(bucket: str) -> str | None:
    """Where a bucket is; None where there is none."""
    found = s3().buckets.get(bucket)
    return str(found.region_name) if found else None


def make_bucket(name: str, region: str = HOME) -> dict[str, Any]:
    s3().create_bucket(name, region)
    return {"name": name, "region": region}


def objects(bucket: str, prefix: str = "") -> dict[str, int]:
    found = s3().buckets[bucket].keys
    return {key: found[key].size for key in found if key.startswith(prefix)}


def write(bucket: str, key: str, body: str) -> dict[str, Any]:
    s3().put_object(bucket, key, body.encode())
    return {"key": key}


def read(bucket: str, key: str) -> dict[str, Any]:
    return {"body": s3().get_object(bucket, key).value.decode()}


def remove(bucket: str, key: str) -> dict[str, Any]:
    s3().delete_object(bucket, key)
    return {"key": key}


def make_user(name: str, policy: dict[str, Any]) -> dict[str, Any]:
    """A user with one policy, and its key."""
    iam().create_user("us-east-1", name)
    iam().put_user_policy(name, "least", json.dumps(policy))
    key = iam().create_access_key(name)
    return {"access_key": key.access_key_id, "secret_key": key.secret_access_key}


def enforce(on: bool) -> dict[str, Any]:
    """Whether moto checks keys, signatures and policies (it leaves conditions other than StringEquals out)."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0 if on else float("inf")
    ActionAuthenticatorMixin.request_count = 0
    return {"enforced": on}


def users() -> dict[str, Any]:
    """Every user with its policies and its keys' ids."""
    return {user.name: {"policies": sorted(user.policies), "keys": [key.access_key_id for key in user.access_keys]} for user in iam().users.values()}
