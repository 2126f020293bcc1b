"""IAM: service accounts, their keys and policies, custom roles; and what it does in the name of an account."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import hashlib
import re
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from lab.google import policies
from lab.google.answers import Answer, Asked, Json, Said, ok
from lab.google.catalogue import KNOWN
from lab.google.model import FOREVER, Account, Key, Role, World
from lab.google.pairs import key_file, pair

MOST_KEYS = 10
ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
ROLE_ID = re.compile(r"[a-zA-Z0-9_.]{3,64}")
STAMP = "%Y-%m-%dT%H:%M:%SZ"


class Iam:
    """iam.googleapis.com, and the two calls of iamcredentials.googleapis.com that an identity of a cluster needs."""

    def __init__(self, world: World, token_uri: Callable[[], str]) -> None:
        self._world, self._token_uri = world, token_uri
        account = r"/v1/projects/([^/:]+)/serviceAccounts"
        one, role = account + r"/([^/:]+)", r"/v1/projects/([^/:]+)/roles"
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", account, self.make_account),
            ("GET", account, self.list_accounts),
            ("GET", one, self.account),
            ("DELETE", one, self.delete_account),
            ("POST", one + ":(disable|enable)", self.switch_account),
            ("POST", one + ":(getIamPolicy|setIamPolicy)", self.policy),
            ("POST", one + ":signBlob", self.sign),
            ("POST", one + ":generateAccessToken", self.access),
            ("POST", one + "/keys", self.make_key),
            ("POST", one + "/keys:upload", self.upload_key),
            ("GET", one + "/keys", self.list_keys),
            ("GET", one + "/keys/([^/:]+)", self.key),
            ("DELETE", one + "/keys/([^/:]+)", self.delete_key),
            ("POST", one + "/keys/([^/:]+):(disable|enable)", self.switch_key),
            ("POST", role, self.make_role),
            ("GET", role, self.list_roles),
            ("GET", role + r"/([^/:]+)", self.role),
            ("PATCH", role + r"/([^/:]+)", self.change_role),
            ("DELETE", role + r"/([^/:]+)", self.delete_role),
            ("POST", role + r"/([^/:]+):undelete", self.undelete_role),
        ]

    # -- accounts ------------------------------------------------------------------------------------------------

    def make_account(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "iam.serviceAccounts.create", f"projects/{project}")
        name, given = asked.json.get("accountId", ""), asked.json.get("serviceAccount", {})
        if not ACCOUNT_ID.fullmatch(name):
            raise Said(400, f"The account ID {name!r} does not have a length between 6 and 30.")
        if f"{name}@{project}.iam.gserviceaccount.com" in self._world.accounts:
            raise Said(409, f"Service account {name} already exists within project projects/{project}.")
        more = {"display_name": given.get("displayName", ""), "description": given.get("description", "")}
        return ok(_account(self._world.account(project, name, **more)))

    def list_accounts(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "iam.serviceAccounts.list", f"projects/{project}")
        return ok({"accounts": [_account(one) for one in self._world.accounts.values() if one.project == project and not one.unseen]})

    def account(self, asked: Asked, project: str, email: str) -> Answer:
        return ok(_account(self._account(asked, project, email, "iam.serviceAccounts.get")))

    def delete_account(self, asked: Asked, project: str, email: str) -> Answer:
        self._account(asked, project, email, "iam.serviceAccounts.delete")
        self._world.accounts.pop(email)
        return ok({})

    def switch_account(self, asked: Asked, project: str, email: str, verb: str) -> Answer:
        self._account(asked, project, email, f"iam.serviceAccounts.{verb}").disabled = verb == "disable"
        return ok({})

    def policy(self, asked: Asked, project: str, email: str, verb: str) -> Answer:
        account = self._account(asked, project, email, f"iam.serviceAccounts.{verb}")
        policy = self._world.policies[f"accounts/{account.email}"]
        if verb == "setIamPolicy":
            policies.put(self._world, policy, asked.json.get("policy", {}), Said(409, policies.CONFLICT, "ABORTED"))
            return ok(policies.shown(policy, 3))
        return ok(policies.shown(policy, int(asked.query.get("options.requestedPolicyVersion", 1))))

    def sign(self, asked: Asked, project: str, email: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccounts.signBlob")
        digest = hashlib.sha256(account.email.encode() + base64.b64decode(asked.json.get("payload", ""))).digest()
        return ok({"keyId": "google", "signedBlob": base64.b64encode(digest).decode()})

    def access(self, asked: Asked, project: str, email: str) -> Answer:
        """How a pod comes to be a service account: its own account's token for one of Google's."""
        account = self._account(asked, project, email, "iam.serviceAccounts.getAccessToken")
        return ok({"accessToken": self._world.token(f"serviceAccount:{account.email}"), "expireTime": FOREVER})

    # -- keys ------------------------------------------------------------------------------------------------------

    def make_key(self, asked: Asked, project: str, email: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccountKeys.create")
        self._constraint("iam.disableServiceAccountKeyCreation", "Key creation is not allowed on this service account.")
        private, certificate = pair(self._world.next())
        made = self._keep(account, certificate, "GOOGLE_PROVIDED", self._world.stamp(), FOREVER)
        text = key_file(account.project, account.email, made.id, private, self._token_uri())
        return ok({**_key(account, made), "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "privateKeyData": base64.b64encode(text.encode()).decode()})

    def upload_key(self, asked: Asked, project: str, email: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccountKeys.create")
        rule = "iam.disableServiceAccountKeyUpload"
        self._constraint(rule, f"Constraint `constraints/{rule}` violated for service account {account.email} attempting to upload public key.")
        try:
            text = base64.b64decode(asked.json["publicKeyData"], validate=True)
            found = load_pem_x509_certificate(text)
        except (KeyError, ValueError):
            raise Said(400, "The public key data is no X.509 certificate in PEM.") from None
        if not isinstance(found.public_key(), rsa.RSAPublicKey):
            raise Said(400, "The public key is no RSA key.")
        if any(_public(key.certificate) == _public(text.decode()) for key in account.keys.values()):
            raise Said(409, "A key with the same public key already exists.")
        after, before = found.not_valid_before_utc.strftime(STAMP), found.not_valid_after_utc.strftime(STAMP)
        return ok(_key(account, self._keep(account, text.decode(), "USER_PROVIDED", after, before)))

    def list_keys(self, asked: Asked, project: str, email: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccountKeys.list")
        wanted = asked.query.get("keyTypes", "")
        found = [] if wanted == "USER_MANAGED" else [{**_key(account, Key("0" * 40, "", "GOOGLE_PROVIDED", self._world.stamp())), "keyType": "SYSTEM_MANAGED"}]
        for key in account.keys.values():
            if key.unseen:
                key.unseen -= 1
            elif wanted != "SYSTEM_MANAGED":
                found.append(_key(account, key))
        return ok({"keys": found} if found else {})

    def key(self, asked: Asked, project: str, email: str, name: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccountKeys.get")
        key, form = self._key(account, name), asked.query.get("publicKeyType", "TYPE_NONE")
        more = {"publicKeyData": base64.b64encode(key.certificate.encode()).decode()} if form == "TYPE_X509_PEM_FILE" else {}
        return ok({**_key(account, key), **more})

    def delete_key(self, asked: Asked, project: str, email: str, name: str) -> Answer:
        account = self._account(asked, project, email, "iam.serviceAccountKeys.delete")
        account.keys.pop(self._key(account, name).id)
        return ok({})

    def switch_key(self, asked: Asked, project: str, email: str, name: str, verb: str) -> Answer:
        account = self._account(asked, project, email, f"iam.serviceAccountKeys.{verb}")
        self._key(account, name).disabled = verb == "disable"
        return ok({})

    # -- roles -----------------------------------------------------------------------------------------------------

    def make_role(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "iam.roles.create", f"projects/{project}")
        name, given = asked.json.get("roleId", ""), asked.json.get("role", {})
        whole = f"projects/{project}/roles/{name}"
        if not ROLE_ID.fullmatch(name):
            raise Said(400, f"The role_id {name!r} does not match [a-zA-Z0-9_.]{{3,64}}.")
        if whole in self._world.roles:
            if self._world.roles[whole].deleted:
                words = f"You can't create a role with role_id ({name}) where there is an existing role with that role_id in a deleted state."
                raise Said(400, words, "FAILED_PRECONDITION")
            raise Said(409, f"A role named {name} in projects/{project} already exists.")
        made = Role(whole, [], stage="ALPHA", etag=self._world.etag())
        self._write(made, given, ("title", "description", "includedPermissions", "stage"))
        self._world.roles[whole] = made
        return ok(_role(made))

    def list_roles(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "iam.roles.list", f"projects/{project}")
        return ok({"roles": [_role(one) for one in self._world.roles.values() if one.name.startswith(f"projects/{project}/") and not one.deleted]})

    def role(self, asked: Asked, project: str, name: str) -> Answer:
        return ok(_role(self._role(asked, project, name, "get")))

    def change_role(self, asked: Asked, project: str, name: str) -> Answer:
        role = self._role(asked, project, name, "update")
        self._fresh(role, asked.json.get("etag"))
        if role.deleted:
            raise Said(400, f"You can't update role_id ({name}) because it is deleted.", "FAILED_PRECONDITION")
        self._write(role, asked.json, tuple(asked.query.get("updateMask", "title,description,includedPermissions,stage").split(",")))
        return ok(_role(role))

    def delete_role(self, asked: Asked, project: str, name: str) -> Answer:
        role = self._role(asked, project, name, "delete")
        role.deleted, role.etag = True, self._world.etag()
        return ok(_role(role))

    def undelete_role(self, asked: Asked, project: str, name: str) -> Answer:
        role = self._role(asked, project, name, "undelete")
        self._fresh(role, asked.json.get("etag"))
        if not role.deleted:
            raise Said(400, f"You can't undelete role_id ({name}) because it is not deleted.", "FAILED_PRECONDITION")
        role.deleted, role.etag = False, self._world.etag()
        return ok(_role(role))

    # -- below them ------------------------------------------------------------------------------------------------

    def _must(self, asked: Asked, permission: str, resource: str) -> None:
        if asked.member is None or not self._world.may(asked.member, permission, resource):
            raise denied(permission, resource)

    def _account(self, asked: Asked, project: str, email: str, permission: str) -> Account:
        found = self._world.accounts.get(email) or next((one for one in self._world.accounts.values() if one.unique_id == email), None)
        if found is None or project not in ("-", found.project):
            raise denied(permission, "") if project == "-" else Said(404, f"Unknown service account: {email}")
        self._must(asked, permission, f"accounts/{found.email}")
        if found.unseen:
            found.unseen -= 1
            raise Said(404, f"Unknown service account: {email}")
        return found

    def _key(self, account: Account, name: str) -> Key:
        if name not in account.keys:
            raise Said(404, f"Service account key {name} does not exist.")
        return account.keys[name]

    def _keep(self, account: Account, certificate: str, origin: str, after: str, before: str) -> Key:
        if len(account.keys) >= MOST_KEYS:
            raise Said(400, "Maximum number of keys on account reached.", "FAILED_PRECONDITION")
        name = hashlib.sha1(f"{account.email} {self._world.next()}".encode(), usedforsecurity=False).hexdigest()
        account.keys[name] = Key(name, certificate, origin, after, before, unseen=self._world.key_lag)
        return account.keys[name]

    def _constraint(self, rule: str, words: str) -> None:
        if rule in self._world.constraints:
            violation = {"type": f"constraints/{rule}", "description": words}
            details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
            raise Said(400, words, "FAILED_PRECONDITION", details)

    def _role(self, asked: Asked, project: str, name: str, verb: str) -> Role:
        self._must(asked, f"iam.roles.{verb}", f"projects/{project}")
        found = self._world.roles.get(f"projects/{project}/roles/{name}")
        if found is None:
            raise Said(404, f"The role named projects/{project}/roles/{name} was not found.")
        return found

    def _fresh(self, role: Role, etag: str | None) -> None:
        if etag and etag != role.etag:
            raise Said(409, "There were concurrent role changes.", "ABORTED")

    def _write(self, role: Role, given: Json, fields: tuple[str, ...]) -> None:
        unknown = [one for one in given.get("includedPermissions", []) if one not in KNOWN]
        if unknown:
            raise Said(400, f"Permission {unknown[0]} is not valid.")
        names = {"title": "title", "description": "description", "includedPermissions": "permissions", "stage": "stage"}
        for name in fields:
            if name in given:
                setattr(role, names[name], given[name])
        role.etag = self._world.etag()


def denied(permission: str, resource: str) -> Said:
    info = {"reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com", "metadata": {"permission": permission, "resource": resource}}
    words = f"Permission '{permission}' denied on resource (or it may not exist)."
    return Said(403, words, details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}])


def _account(account: Account) -> Json:
    more = {"disabled": True} if account.disabled else {}
    name = f"projects/{account.project}/serviceAccounts/{account.email}"
    shown = {"displayName": account.display_name, "description": account.description}
    texts = {key: value for key, value in shown.items() if value}
    return {"name": name, "projectId": account.project, "uniqueId": account.unique_id, "email": account.email, **texts, **more}


def _key(account: Account, key: Key) -> Json:
    return {
        "name": f"projects/{account.project}/serviceAccounts/{account.email}/keys/{key.id}",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": key.origin,
        "keyType": "USER_MANAGED",
        "validAfterTime": key.after,
        "validBeforeTime": key.before,
        **({"disabled": True} if key.disabled else {}),
    }


def _role(role: Role) -> Json:
    more = {"deleted": True} if role.deleted else {}
    texts = {key: value for key, value in (("title", role.title), ("description", role.description)) if value}
    return {"name": role.name, "includedPermissions": sorted(role.permissions), "stage": role.stage, "etag": role.etag, **texts, **more}


def _public(certificate: str) -> bytes:
    return load_pem_x509_certificate(certificate.encode()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
