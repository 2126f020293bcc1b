# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Google: tokens, rights in force, policies over the version that was read, faults; and that what breaks it is found out."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from lab.google import oauth, policies
from lab.google.answers import Asked
from lab.google.api import Api, Fault
from lab.google.catalogue import PREDEFINED
from lab.google.control import PROJECT, Control
from lab.google.model import World
from lab.google.pairs import pair
from lab.google.server import Server

ACCOUNTS = f"/v1/projects/{PROJECT}/serviceAccounts"
ROLES = f"/v1/projects/{PROJECT}/roles"
VELERO = f"velero@{PROJECT}.iam.gserviceaccount.com"
ONE = f"{ACCOUNTS}/{VELERO}"
STAMP = 1_800_000_000.0


class Lab:
    """The API in a line, asked by somebody."""

    def __init__(self) -> None:
        self.world = World(lambda: STAMP)
        self.api = Api(self.world)
        self.control = Control(self.api)
        self.key = json.loads(self.control.operator()["contents"])
        self.operator = self.world.token(f"serviceAccount:operator@{PROJECT}.iam.gserviceaccount.com")

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **query: str) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        headers = {"authorization": f"Bearer {self.operator if token is None else token}"}
        answer = self.api.handle(Asked(method, path, query, headers, data))
        assert answer is not None
        return answer.status, json.loads(answer.body) if answer.body and "json" in answer.kind else answer.body

    def grant(self, **claims: Any) -> tuple[int, Any]:
        """A token for the operator's key."""
        signer = crypt.RSASigner.from_service_account_info(claims.pop("key", self.key))
        told = {"iss": self.key["client_email"], "aud": "http://lab/token", "scope": "s", "iat": STAMP, "exp": STAMP + 3600, **claims}
        body = urlencode({"grant_type": oauth.GRANT, "assertion": jwt.encode(signer, told).decode()}).encode()
        answer = self.api.handle(Asked("POST", "/token", body=body))
        assert answer is not None
        return answer.status, json.loads(answer.body)

    def velero(self) -> str:
        """The account, and a token of its."""
        assert self.ask("POST", ACCOUNTS, {"accountId": "velero"})[0] == 200
        return self.world.token(f"serviceAccount:{VELERO}")


@pytest.fixture
def lab() -> Iterator[Lab]:
    yield Lab()


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_signed_jwt_is_a_token_and_the_token_is_the_account(lab: Lab) -> None:
    status, said = lab.grant()
    assert (status, said["token_type"], said["expires_in"]) == (200, "Bearer", 3599)
    assert lab.world.bearer(said["access_token"]) == f"serviceAccount:{lab.key['client_email']}"
    assert lab.ask("GET", ACCOUNTS, token=said["access_token"])[0] == 200


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iat": STAMP - 4000, "exp": STAMP - 400}, "reasonable timeframe"),
        ({"iat": STAMP + 400}, "reasonable timeframe"),
        ({"exp": STAMP + 7200}, "reasonable timeframe"),
        ({"aud": "http://elsewhere"}, "audience"),
        ({"iss": "nobody@x"}, "account not found"),
        ({"scope": ""}, "OAuth scope"),
    ],
)
def test_a_jwt_that_is_wrong_is_refused(lab: Lab, claims: dict[str, Any], words: str) -> None:
    status, said = lab.grant(**claims)
    assert status == 400 and words in said["error_description"], said


def test_another_s_signature_and_a_key_that_is_gone_or_disabled_are_refused(lab: Lab) -> None:
    stranger = {**lab.key, "private_key": pair(99)[0]}
    assert lab.grant(key=stranger)[1] == {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    account = lab.world.accounts[lab.key["client_email"]]
    account.keys[lab.key["private_key_id"]].disabled = True
    assert lab.grant()[1]["error_description"] == "Invalid JWT Signature."
    account.keys.clear()
    assert lab.grant()[1]["error_description"] == "Invalid JWT Signature."


def test_a_token_ends_and_so_does_one_of_a_disabled_account(lab: Lab) -> None:
    token = lab.velero()
    assert lab.ask("GET", "/storage/v1/b/none", token=token)[0] == 404
    lab.ask("POST", f"{ONE}:disable")
    assert lab.ask("GET", "/storage/v1/b/none", token=token) == (
        401,
        {"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"message": "Invalid Credentials", "domain": "global", "reason": "authError"}]}},
    )
    lab.ask("POST", f"{ONE}:enable")
    lab.world.offset = 3700
    assert lab.ask("GET", ONE, token=token)[1]["error"]["status"] == "UNAUTHENTICATED"


# -- accounts and keys ----------------------------------------------------------------------------------------------------


def test_an_account_is_made_once_and_is_seen_after_a_while(lab: Lab) -> None:
    lab.world.lag = 2
    assert lab.ask("POST", ACCOUNTS, {"accountId": "velero", "serviceAccount": {"displayName": "V"}})[1]["email"] == VELERO
    assert [lab.ask("GET", ONE)[0] for _try in range(3)] == [404, 404, 200]
    assert lab.ask("POST", ACCOUNTS, {"accountId": "velero"})[1]["error"]["status"] == "ALREADY_EXISTS"
    assert lab.ask("POST", ACCOUNTS, {"accountId": "short"[:4]})[0] == 400


def test_a_private_key_is_shown_once_and_opens_the_door(lab: Lab) -> None:
    lab.velero()
    made = lab.ask("POST", f"{ONE}/keys")[1]
    found = json.loads(base64.b64decode(made["privateKeyData"]))
    assert found["client_email"] == VELERO and "PRIVATE KEY" in found["private_key"]
    assert lab.grant(key=found, iss=VELERO)[0] == 200
    name = made["name"].rpartition("/")[2]
    listed = lab.ask("GET", f"{ONE}/keys", keyTypes="USER_MANAGED")[1]["keys"]
    assert [key["name"].rpartition("/")[2] for key in listed] == [name] and "privateKeyData" not in listed[0]
    assert "publicKeyData" not in lab.ask("GET", f"{ONE}/keys/{name}")[1]
    assert b"BEGIN CERTIFICATE" in base64.b64decode(lab.ask("GET", f"{ONE}/keys/{name}", publicKeyType="TYPE_X509_PEM_FILE")[1]["publicKeyData"])
    assert lab.ask("DELETE", f"{ONE}/keys/{name}")[0] == 200
    assert lab.grant(key=found, iss=VELERO)[0] == 400


def test_a_public_key_is_uploaded_once_ten_at_most_and_not_where_the_organization_forbids_it(lab: Lab) -> None:
    lab.velero()

    def upload(number: int) -> tuple[int, Any]:
        return lab.ask("POST", f"{ONE}/keys:upload", {"publicKeyData": base64.b64encode(pair(number)[1].encode()).decode()})

    made = upload(1)[1]
    assert made["keyOrigin"] == "USER_PROVIDED"
    key = {**lab.key, "private_key": pair(1)[0], "private_key_id": made["name"].rpartition("/")[2]}
    assert lab.grant(key=key, iss=VELERO)[0] == 200
    assert upload(1)[0] == 409
    lab.world.constraints.add("iam.disableServiceAccountKeyUpload")
    assert upload(2)[1]["error"]["status"] == "FAILED_PRECONDITION"
    lab.world.constraints.clear()
    assert lab.ask("POST", f"{ONE}/keys:upload", {"publicKeyData": "AAAA"})[0] == 400
    assert [upload(number)[0] for number in range(2, 12)] == [200] * 9 + [400]


# -- roles ------------------------------------------------------------------------------------------------------------------


def test_a_role_that_was_deleted_blocks_its_name_until_it_is_undeleted(lab: Lab) -> None:
    made = lab.ask("POST", ROLES, {"roleId": "velero_x", "role": {"includedPermissions": ["storage.objects.get"], "stage": "GA"}})[1]
    stale = made["etag"]
    assert lab.ask("PATCH", f"{ROLES}/velero_x", {"etag": stale, "includedPermissions": ["storage.objects.list"]}, updateMask="includedPermissions")[0] == 200
    assert lab.ask("PATCH", f"{ROLES}/velero_x", {"etag": stale, "includedPermissions": []})[1]["error"]["status"] == "ABORTED"
    lab.ask("DELETE", f"{ROLES}/velero_x")
    assert lab.ask("GET", f"{ROLES}/velero_x")[1]["deleted"] is True
    assert "deleted state" in lab.ask("POST", ROLES, {"roleId": "velero_x"})[1]["error"]["message"]
    assert lab.ask("PATCH", f"{ROLES}/velero_x", {"includedPermissions": []})[0] == 400
    back = lab.ask("POST", f"{ROLES}/velero_x:undelete")[1]
    assert "deleted" not in back and back["includedPermissions"] == ["storage.objects.list"]


@pytest.mark.parametrize(("body", "code"), [({"roleId": "a b"}, 400), ({"roleId": "abc", "role": {"includedPermissions": ["storage.*"]}}, 400)])
def test_a_role_that_cannot_be(lab: Lab, body: Any, code: int) -> None:
    assert lab.ask("POST", ROLES, body)[0] == code


# -- policies -----------------------------------------------------------------------------------------------------------------


def policy(lab: Lab, version: int = 3) -> Any:
    return lab.ask("POST", f"/v3/projects/{PROJECT}:getIamPolicy", {"options": {"requestedPolicyVersion": version}})[1]


def put(lab: Lab, given: Any) -> tuple[int, Any]:
    return lab.ask("POST", f"/v3/projects/{PROJECT}:setIamPolicy", {"policy": given})


def test_a_policy_is_written_over_the_version_that_was_read(lab: Lab) -> None:
    old = policy(lab)
    lab.world.grant(f"projects/{PROJECT}", "roles/viewer", "user:a@example.com")
    status, said = put(lab, old)
    assert (status, said["error"]["status"]) == (409, "ABORTED")
    assert put(lab, policy(lab))[0] == 200
    assert put(lab, {"bindings": old["bindings"]})[0] == 200, "without an etag Google writes blindly"
    assert "user:a@example.com" not in str(policy(lab))


def test_conditions_are_seen_and_kept_by_version_3_alone(lab: Lab) -> None:
    lab.world.grant(f"projects/{PROJECT}", "roles/viewer", "user:a@example.com", {"title": "t", "expression": "true"})
    assert "_withcond_" in policy(lab, 1)["bindings"][-1]["role"] and put(lab, policy(lab, 1))[0] == 400
    assert put(lab, {**policy(lab), "version": 1})[0] == 400
    assert put(lab, policy(lab))[1]["bindings"][-1]["condition"] == {"title": "t", "expression": "true"}


@pytest.mark.parametrize(
    ("role", "member", "words"),
    [
        ("roles/none", "user:a@b", "not supported"),
        (f"projects/{PROJECT}/roles/none", "user:a@b", "does not exist in the resource's hierarchy"),
        ("roles/viewer", "serviceAccount:none@lab-project.iam.gserviceaccount.com", "Service account none@lab-project.iam.gserviceaccount.com does not exist"),
        ("roles/viewer", "serviceAccount:other.svc.id.goog[velero/velero]", "Identity Pool does not exist"),
        ("roles/viewer", "robot:x", "unknown type"),
    ],
)
def test_roles_and_members_must_be_there(lab: Lab, role: str, member: str, words: str) -> None:
    found = policy(lab)
    found["bindings"].append({"role": role, "members": [member]})
    status, said = put(lab, found)
    assert status == 400 and words in said["error"]["message"]


def test_a_bucket_s_policy_and_an_account_s_have_their_own_conflicts(lab: Lab) -> None:
    lab.control.bucket("b-one")
    lab.velero()
    assert lab.ask("PUT", "/storage/v1/b/b-one/iam", {"etag": "old"})[1]["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert lab.ask("POST", f"{ONE}:setIamPolicy", {"policy": {"etag": "old"}})[1]["error"]["status"] == "ABORTED"


# -- rights ----------------------------------------------------------------------------------------------------------------------


def test_nobody_may_anything_without_a_token_and_each_call_takes_its_own_right(lab: Lab) -> None:
    token = lab.velero()
    lab.control.bucket("b-one")
    lab.control.write("b-one", "k", "1")
    assert lab.ask("GET", "/storage/v1/b/b-one/o", token="none")[0] == 401
    calls: dict[str, Callable[[], tuple[int, Any]]] = {
        "storage.objects.list": lambda: lab.ask("GET", "/storage/v1/b/b-one/o", token=token),
        "storage.objects.get": lambda: lab.ask("GET", "/storage/v1/b/b-one/o/k", token=token),
        "storage.objects.create": lambda: lab.ask("POST", "/upload/storage/v1/b/b-one/o", b"1", token, uploadType="media", name="n"),
        "storage.buckets.get": lambda: lab.ask("GET", "/storage/v1/b/b-one", token=token),
        "storage.buckets.update": lambda: lab.ask("PATCH", "/storage/v1/b/b-one", {}, token),
        "storage.buckets.getIamPolicy": lambda: lab.ask("GET", "/storage/v1/b/b-one/iam", token=token),
        "storage.buckets.setIamPolicy": lambda: lab.ask("PUT", "/storage/v1/b/b-one/iam", {}, token),
        "storage.objects.delete": lambda: lab.ask("DELETE", "/storage/v1/b/b-one/o/k", token=token),
        "iam.serviceAccounts.signBlob": lambda: lab.ask("POST", f"/v1/projects/-/serviceAccounts/{VELERO}:signBlob", token=token),
        "iam.serviceAccountKeys.create": lambda: lab.ask("POST", f"{ONE}/keys", token=token),
        "iam.serviceAccountKeys.list": lambda: lab.ask("GET", f"{ONE}/keys", token=token),
        "iam.serviceAccounts.setIamPolicy": lambda: lab.ask("POST", f"{ONE}:setIamPolicy", {}, token),
        "iam.roles.create": lambda: lab.ask("POST", ROLES, {"roleId": "abc"}, token),
        "storage.buckets.create": lambda: lab.ask("POST", "/storage/v1/b", {"name": "b-two"}, token, project=PROJECT),
    }
    for permission, call in calls.items():
        status, said = call()
        assert status == 403 and permission in said["error"]["message"], permission
    for permission, call in calls.items():
        name = "one_" + permission.rpartition(".")[2] + str(lab.world.next())
        lab.ask("POST", ROLES, {"roleId": name, "role": {"includedPermissions": [permission], "stage": "GA"}})
        lab.world.grant(f"projects/{PROJECT}", f"projects/{PROJECT}/roles/{name}", f"serviceAccount:{VELERO}")
        assert call()[0] == 200 or permission == "storage.objects.delete" and call()[0] in (204, 404), permission


def test_a_role_on_a_bucket_opens_that_bucket_alone_and_none_once_it_is_deleted(lab: Lab) -> None:
    token = lab.velero()
    for name in ("b-one", "b-two"):
        lab.control.bucket(name)
    lab.ask("POST", ROLES, {"roleId": "lists", "role": {"includedPermissions": ["storage.objects.list"]}})
    lab.world.grant("buckets/b-one", f"projects/{PROJECT}/roles/lists", f"serviceAccount:{VELERO}")
    assert [lab.ask("GET", f"/storage/v1/b/{name}/o", token=token)[0] for name in ("b-one", "b-two")] == [200, 403]
    permissions = lab.ask("GET", "/storage/v1/b/b-one/iam/testPermissions", token=token, permissions="storage.objects.list,storage.objects.get")[1]
    assert permissions["permissions"] == ["storage.objects.list"]
    lab.ask("DELETE", f"{ROLES}/lists")
    assert lab.ask("GET", "/storage/v1/b/b-one/o", token=token)[0] == 403


def test_to_write_over_an_object_takes_the_right_to_delete(lab: Lab) -> None:
    token = lab.velero()
    lab.control.bucket("b-one")
    lab.ask("POST", ROLES, {"roleId": "adds", "role": {"includedPermissions": ["storage.objects.create"]}})
    lab.world.grant("buckets/b-one", f"projects/{PROJECT}/roles/adds", f"serviceAccount:{VELERO}")
    writes = [lab.ask("POST", "/upload/storage/v1/b/b-one/o", b"1", token, uploadType="media", name="k")[0] for _try in range(2)]
    assert writes == [200, 403]


def test_a_pod_becomes_the_account_by_the_binding_of_its_own(lab: Lab) -> None:
    lab.velero()
    pod = lab.world.token(f"serviceAccount:{PROJECT}.svc.id.goog[velero/velero]")
    path = f"/v1/projects/-/serviceAccounts/{VELERO}:generateAccessToken"
    assert lab.ask("POST", path, token=pod)[0] == 403
    lab.world.grant(f"accounts/{VELERO}", "roles/iam.workloadIdentityUser", f"serviceAccount:{PROJECT}.svc.id.goog[velero/velero]")
    assert lab.world.bearer(lab.ask("POST", path, token=pod)[1]["accessToken"]) == f"serviceAccount:{VELERO}"
    other = lab.world.token(f"serviceAccount:{PROJECT}.svc.id.goog[default/velero]")
    assert lab.ask("POST", path, token=other)[0] == 403


# -- buckets and objects -----------------------------------------------------------------------------------------------------------


def test_a_bucket_is_made_changed_over_its_generation_and_deleted_when_it_is_empty(lab: Lab) -> None:
    body = {"name": "b-one", "location": "europe-west1", "iamConfiguration": {"publicAccessPrevention": "enforced"}}
    made = lab.ask("POST", "/storage/v1/b", body, project=PROJECT)[1]
    assert (made["location"], made["iamConfiguration"]["publicAccessPrevention"]) == ("EUROPE-WEST1", "enforced")
    assert made["iamConfiguration"]["uniformBucketLevelAccess"] == {"enabled": False}, "a merge leaves what was not named"
    assert "already own it" in lab.ask("POST", "/storage/v1/b", body, project=PROJECT)[1]["error"]["message"]
    lab.control.bucket("taken-name", project="other-project")
    assert "not available" in lab.ask("POST", "/storage/v1/b", {"name": "taken-name"}, project=PROJECT)[1]["error"]["message"]
    assert lab.ask("GET", "/storage/v1/b/taken-name")[0] == 403
    assert lab.ask("PATCH", "/storage/v1/b/b-one", {"versioning": {"enabled": True}}, ifMetagenerationMatch="9")[0] == 412
    assert lab.ask("PATCH", "/storage/v1/b/b-one", {"versioning": {"enabled": True}}, ifMetagenerationMatch="1")[1]["metageneration"] == "2"
    assert lab.ask("PATCH", "/storage/v1/b/b-one", {"softDeletePolicy": {"retentionDurationSeconds": "5"}})[0] == 400
    public = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    assert lab.ask("PUT", "/storage/v1/b/b-one/iam", public)[0] == 412
    lab.control.write("b-one", "k")
    lab.ask("DELETE", "/storage/v1/b/b-one/o/k")
    assert lab.ask("DELETE", "/storage/v1/b/b-one")[0] == 409, "the old version is in it"
    lab.world.buckets["b-one"].noncurrent.clear()
    assert lab.ask("DELETE", "/storage/v1/b/b-one")[0] == 204


def test_objects_come_in_pages_by_prefix_and_only_the_fields_that_were_asked_for(lab: Lab) -> None:
    lab.control.bucket("b-one")
    for number in range(5):
        lab.control.write("b-one", f"velero/{number}", "12")
    lab.control.write("b-one", "other", "1")
    seen, page = [], {}
    for _page in range(3):
        answer = lab.ask("GET", "/storage/v1/b/b-one/o", prefix="velero/", maxResults="2", fields="items(name,size),nextPageToken", **page)[1]
        seen += answer["items"]
        page = {"pageToken": answer.get("nextPageToken", "")}
    assert seen == [{"name": f"velero/{number}", "size": "2"} for number in range(5)] and page == {"pageToken": ""}
    assert "nextPageToken" not in lab.ask("GET", "/storage/v1/b/b-one/o", maxResults="2", fields="items(name)")[1]
    assert lab.ask("GET", "/storage/v1/b/b-one/o", delimiter="/")[1]["prefixes"] == ["velero/"]
    assert lab.ask("GET", "/storage/v1/b/b-one/o/velero%2F1", alt="media") == (200, b"12")
    assert lab.ask("GET", "/storage/v1/b/b-one/o/none")[1]["error"]["message"] == "No such object: b-one/none"


# -- faults ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "status"), [("busy", 429), ("unavailable", 503), ("denied", 403), ("conflict", 409)])
def test_a_fault_strikes_as_often_as_it_should(lab: Lab, answer: str, status: int) -> None:
    lab.api.faults = [Fault(answer, "^GET", 1)]
    assert [lab.ask("GET", ACCOUNTS)[0] for _try in range(2)] == [status, 200]
    assert [call["status"] for call in lab.world.calls] == [status, 200]


def test_a_lost_answer_may_be_of_what_was_done(lab: Lab) -> None:
    lab.api.faults = [Fault("reset", "POST", 1, done=True)]
    body = json.dumps({"accountId": "velero"}).encode()
    assert lab.api.handle(Asked("POST", ACCOUNTS, headers={"authorization": f"Bearer {lab.operator}"}, body=body)) is None
    assert lab.ask("GET", ONE)[0] == 200


def test_a_fault_or_an_act_that_there_is_not_is_told(lab: Lab) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        lab.control.fault([{"answer": "nonsense"}])
    with pytest.raises(ValueError, match="no such act"):
        lab.control.act("_world", {})


def test_it_speaks_http_and_stops_when_it_is_asked_to() -> None:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{server.url}/_lab/operator", b"{}", method="POST"), timeout=10) as answer:
        assert json.load(answer)["id"]
    with opener.open(urllib.request.Request(f"{server.url}/_lab/stop", method="POST"), timeout=10):
        thread.join(10)
    assert not thread.is_alive()
    server.server_close()


# -- broken on purpose -------------------------------------------------------------------------------------------------------------

Mutant = Callable[[], Any]
MUTANTS: dict[str, tuple[Mutant, Callable[[Lab], None]]] = {
    "signatures are not looked at": (
        lambda: mock.patch.object(oauth, "_signed", lambda *_all: True),
        test_another_s_signature_and_a_key_that_is_gone_or_disabled_are_refused,
    ),
    "times are not looked at": (
        lambda: mock.patch.object(oauth, "SKEW", 1e9),
        lambda lab: test_a_jwt_that_is_wrong_is_refused(lab, {"iat": STAMP + 400}, "timeframe"),
    ),
    "everybody may everything": (
        lambda: mock.patch.object(World, "may", lambda *_all: True),
        test_nobody_may_anything_without_a_token_and_each_call_takes_its_own_right,
    ),
    "nobody may anything": (
        lambda: mock.patch.object(World, "may", lambda *_all: False),
        test_a_role_on_a_bucket_opens_that_bucket_alone_and_none_once_it_is_deleted,
    ),
    "conditions are shown to all": (
        lambda: mock.patch.object(policies, "shown", lambda policy, _version: {"etag": policy.etag, "version": 3, "bindings": policy.bindings}),
        test_conditions_are_seen_and_kept_by_version_3_alone,
    ),
    "a deleted role still opens": (
        lambda: mock.patch.object(
            World, "permissions", lambda world, role: frozenset(world.roles[role].permissions) if role in world.roles else PREDEFINED[role]
        ),
        test_a_role_on_a_bucket_opens_that_bucket_alone_and_none_once_it_is_deleted,
    ),
    "a token never ends": (
        lambda: mock.patch.object(World, "bearer", lambda world, token: world.tokens.get(token, (None,))[0]),
        test_a_token_ends_and_so_does_one_of_a_disabled_account,
    ),
    "etags are all the same": (lambda: mock.patch.object(World, "etag", lambda _world: "same"), test_a_policy_is_written_over_the_version_that_was_read),
    "members are not looked for": (
        lambda: mock.patch.object(policies, "_must_be_somebody", lambda *_all: None),
        lambda lab: test_roles_and_members_must_be_there(lab, "roles/viewer", "robot:x", "unknown type"),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_simulator_is_found_out(name: str) -> None:
    mutant, test = MUTANTS[name]
    test(Lab())
    with mutant(), pytest.raises((AssertionError, KeyError)):
        test(Lab())
