# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcp_bucket, gcp_service_account and gcp_service_account_key as subjects of the laws: from nothing, over what is there, in a Google that is slow to see."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.gcp_world import BUCKET, EMAIL, PROJECT, TOKEN, Fault, GoogleWorld
from unit.laws.running import module_run
from unit.laws.subject import Subject

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
BUCKETS = import_module(MODULES + "gcp_bucket").DOOR
ACCOUNTS = import_module(MODULES + "gcp_service_account").DOOR
KEYS = import_module(MODULES + "gcp_service_account_key").DOOR
GROUP: Json = {"project": PROJECT, "access_token": TOKEN, "endpoint_url": "http://lab"}
OBJECTS = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
BUCKET_WISH: Json = {**GROUP, "name": BUCKET, "location": "europe-west1", "wait_timeout": 300.0}
ACCOUNT_WISH: Json = {
    **GROUP,
    "account_id": "velero",
    "display_name": "Velero",
    "roles": [
        {"role_id": "velero_objects", "title": "Objects", "permissions": OBJECTS, "place": "bucket", "bucket": BUCKET},
        {"role_id": "velero_sign", "title": "Sign", "permissions": ["iam.serviceAccounts.signBlob"], "place": "account", "bucket": None},
    ],
    "workload_identity": {"namespace": "velero", "service_account": "velero", "pool": None},
    "wait_timeout": 300.0,
}
KEY_WISH: Json = {**GROUP, "service_account": EMAIL, "credentials_file": "/lab/credentials-velero", "wait_timeout": 900.0}
VOLATILE = ("waited", "account.unique_id", "key.id", "key.made", "superseded")


def _bucket(**settings: Any) -> GoogleWorld:
    world = GoogleWorld()
    world.control.bucket(BUCKET, settings=settings)
    return world.settle_in()


def _account(lag: int = 0) -> GoogleWorld:
    world = _bucket()
    world.control.lag(lag)
    return world


def _guide() -> GoogleWorld:
    """As the guide leaves it, and a role of ours that somebody deleted."""
    world = _bucket()
    world.control.account("velero")
    world.control.grant(f"buckets/{BUCKET}", "roles/storage.objectAdmin", f"serviceAccount:{EMAIL}")
    world.control.grant(f"buckets/{BUCKET}", "roles/storage.objectViewer", "user:a@example.com", {"title": "until", "expression": "request.time < x"})
    module_run(ACCOUNTS, world, {**ACCOUNT_WISH, "workload_identity": None})
    role = world.world.roles[f"projects/{PROJECT}/roles/velero_objects"]
    role.deleted, role.permissions = True, OBJECTS[:2]
    return world.settle_in()


def _keyless(lag: int = 0) -> GoogleWorld:
    world = GoogleWorld()
    world.control.account("velero")
    world.control.lag(keys=lag)
    return world.settle_in()


def _keyed(replaced: bool = False) -> GoogleWorld:
    """A key, and an older one that it replaced."""
    world = _keyless()
    world.may_be_lost = 1
    for order in ({}, {"made_after": "2026-11-22T06:34:30Z"}) if replaced else ({},):
        result = module_run(KEYS, world, {**KEY_WISH, **order})
        assert not result.get("failed"), result
        world.clock.sleep(400)
    return world.settle_in()


def _fault(answer: str, match: str, times: int = 1000, done: bool = False) -> Callable[[GoogleWorld], None]:
    return lambda world: world.api.faults.append(Fault(answer, match, times, done))


TROUBLES = (
    _fault("denied", "POST|PATCH|PUT"),
    _fault("reset", "POST|PATCH|PUT", done=True),
    _fault("unavailable", ""),
    lambda world: world.world.tokens.clear(),
)


ROLES = {"velero_objects": OBJECTS, "velero_sign": ["iam.serviceAccounts.signBlob"]}
RIGHTS = ["accounts iam.workloadIdentityUser", "accounts velero_sign", "buckets velero_objects"]
OPERATOR, LEGACY = 5, 3  # bindings of the operator's, and those that Google gives a bucket


def _ends(**more: Any) -> Json:
    nothing: Json = {"buckets": {}, "roles": {}, "rights": [], "others": OPERATOR, "account": False, "keys": 0, "kept": False, "beside": False}
    return {**nothing, **more}


def _subject(name: str, make: Callable[[], GoogleWorld], wish: Json, ends: Json, short: float | None = None) -> Subject:
    door = {"gcp_bucket": BUCKETS, "gcp_service_account": ACCOUNTS, "gcp_service_account_key": KEYS}[name.partition(",")[0]]
    return Subject(name, door, make, wish, ends, TOKEN, short, VOLATILE, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """Each from nothing, over what is there, and where Google is slow to see."""
    rotate, remove = {**KEY_WISH, "made_after": "2026-11-22T06:38:00Z"}, {**KEY_WISH, "superseded": "removed"}
    closed = _ends(buckets={BUCKET: True}, others=OPERATOR + LEGACY)
    account = _ends(buckets={BUCKET: False}, roles=ROLES, rights=RIGHTS, others=OPERATOR + LEGACY, account=True)
    guide = {**account, "rights": sorted([*RIGHTS, "buckets storage.objectAdmin"]), "others": OPERATOR + LEGACY + 1}
    key = _ends(account=True, keys=1, kept=True)
    return [
        _subject("gcp_bucket, a new one", lambda: GoogleWorld().settle_in(), BUCKET_WISH, closed),
        _subject("gcp_bucket, an open one", lambda: _bucket(softDeletePolicy={"retentionDurationSeconds": 0}), BUCKET_WISH, closed),
        _subject("gcp_service_account, a new one", _account, ACCOUNT_WISH, account),
        _subject("gcp_service_account, seen late", lambda: _account(4), ACCOUNT_WISH, account, 3.0),
        _subject("gcp_service_account, the guide's", _guide, ACCOUNT_WISH, guide),
        _subject("gcp_service_account_key, the first", _keyless, KEY_WISH, key),
        _subject("gcp_service_account_key, listed late", lambda: _keyless(4), KEY_WISH, key, 3.0),
        _subject("gcp_service_account_key, another", _keyed, rotate, {**key, "keys": 2}),
        _subject("gcp_service_account_key, the old one goes", lambda: _keyed(True), remove, key),
    ]
