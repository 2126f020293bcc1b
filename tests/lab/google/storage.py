"""Cloud Storage by its JSON API: buckets with their settings and policies, objects in pages, rights by name."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import re
from collections.abc import Callable
from urllib.parse import unquote

from lab.google import policies
from lab.google.answers import Answer, Asked, Json, Said, ok
from lab.google.fields import chosen
from lab.google.model import Bucket, Policy, World

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
LOCATIONS = ("EU", "US", "ASIA", "EUROPE-WEST1", "EUROPE-WEST4", "US-CENTRAL1", "US-EAST1")
SOFT_DELETE = 604800  # s; what a bucket gets where nothing is said
STALE = "At least one of the pre-conditions you specified did not hold."


class Storage:
    """storage.googleapis.com."""

    def __init__(self, world: World) -> None:
        self._world = world
        bucket, item = r"/storage/v1/b/([^/]+)", r"/storage/v1/b/([^/]+)/o/([^/]+)"
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", r"/storage/v1/b", self.make),
            ("GET", r"/storage/v1/b", self.list),
            ("GET", bucket, self.bucket),
            ("PATCH", bucket, self.patch),
            ("DELETE", bucket, self.remove),
            ("GET", bucket + r"/iam", self.policy),
            ("PUT", bucket + r"/iam", self.set_policy),
            ("GET", bucket + r"/iam/testPermissions", self.test),
            ("POST", r"/upload/storage/v1/b/([^/]+)/o", self.upload),
            ("GET", bucket + r"/o", self.objects),
            ("GET", item, self.object),
            ("DELETE", item, self.delete),
        ]

    # -- buckets -------------------------------------------------------------------------------------------------

    def make(self, asked: Asked) -> Answer:
        project = asked.query.get("project", "")
        self._must(asked, "storage.buckets.create", f"projects/{project}", "project")
        name = asked.json.get("name", "")
        if not NAME.fullmatch(name):
            raise Said(400, f"Invalid bucket name: '{name}'")
        if name in self._world.buckets:
            own = self._world.buckets[name].project == project
            other = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            other += "Please select a different name and try again."
            raise Said(409, "Your previous request to create the named bucket succeeded and you already own it." if own else other)
        location = str(asked.json.get("location", "US")).upper()
        if location not in LOCATIONS:
            raise Said(400, f"The specified location constraint is not valid: {location}")
        return ok(self._shown(self.put(project, name, location, asked.json), asked))

    def put(self, project: str, name: str, location: str, given: Json) -> Bucket:
        """A bucket with what Google gives one that says nothing."""
        body: Json = {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "projectNumber": self._world.projects[project],
            "location": location,
            "locationType": "multi-region" if "-" not in location else "region",
            "storageClass": "STANDARD",
            "timeCreated": self._world.stamp(),
            "metageneration": "1",
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"},
            "softDeletePolicy": {"retentionDurationSeconds": str(SOFT_DELETE), "effectiveTime": self._world.stamp()},
        }
        found = Bucket(body, project)
        self._write(found, {key: value for key, value in given.items() if key not in ("name", "location")})
        people = [
            {"role": f"roles/storage.legacyBucket{role}", "members": [f"project{kind}:{project}" for kind in kinds]}
            for role, kinds in (("Owner", ("Editor", "Owner")), ("Reader", ("Viewer",)))
        ]
        self._world.buckets[name], self._world.policies[f"buckets/{name}"] = found, Policy(people, etag=self._world.etag())
        return found

    def list(self, asked: Asked) -> Answer:
        project = asked.query.get("project", "")
        self._must(asked, "storage.buckets.list", f"projects/{project}", "project")
        return ok({"kind": "storage#buckets", "items": [one.body for one in self._world.buckets.values() if one.project == project]})

    def bucket(self, asked: Asked, name: str) -> Answer:
        return ok(self._shown(self._bucket(asked, name, "storage.buckets.get"), asked))

    def patch(self, asked: Asked, name: str) -> Answer:
        found = self._bucket(asked, name, "storage.buckets.update")
        if asked.query.get("ifMetagenerationMatch", found.body["metageneration"]) != found.body["metageneration"]:
            raise Said(412, STALE)
        self._write(found, asked.json)
        found.body["metageneration"] = str(int(found.body["metageneration"]) + 1)
        return ok(self._shown(found, asked))

    def remove(self, asked: Asked, name: str) -> Answer:
        found = self._bucket(asked, name, "storage.buckets.delete")
        if found.objects or found.noncurrent:
            raise Said(409, "The bucket you tried to delete is not empty.")
        self._world.buckets.pop(name)
        self._world.policies.pop(f"buckets/{name}")
        return Answer(204, b"")

    def policy(self, asked: Asked, name: str) -> Answer:
        self._bucket(asked, name, "storage.buckets.getIamPolicy")
        return ok(self._policy(name, int(asked.query.get("optionsRequestedPolicyVersion", 1))))

    def set_policy(self, asked: Asked, name: str) -> Answer:
        found = self._bucket(asked, name, "storage.buckets.setIamPolicy")
        closed = found.body["iamConfiguration"]["publicAccessPrevention"] == "enforced"
        public = {"allUsers", "allAuthenticatedUsers"}
        if closed and any(public & set(binding.get("members", [])) for binding in asked.json.get("bindings", [])):
            raise Said(412, "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.")
        policies.put(self._world, self._world.policies[f"buckets/{name}"], asked.json, Said(412, STALE))
        return ok(self._policy(name, 3))

    def test(self, asked: Asked, name: str) -> Answer:
        if name not in self._world.buckets:
            raise Said(404, "The specified bucket does not exist.")
        wanted = asked.query.get("permissions", "").split(",")
        mine = [one for one in wanted if asked.member and self._world.may(asked.member, one, f"buckets/{name}")]
        return ok({"kind": "storage#testIamPermissionsResponse", **({"permissions": mine} if mine else {})})

    # -- objects -------------------------------------------------------------------------------------------------

    def upload(self, asked: Asked, name: str) -> Answer:
        if asked.query.get("uploadType") != "media":
            raise Said(400, "Upload requests other than media are not understood here.")
        found, key = self._bucket(asked, name, "storage.objects.create"), asked.query.get("name", "")
        if key in found.objects:  # to write over an object takes both
            self._must(asked, "storage.objects.delete", f"buckets/{name}", "object")
        return ok(self.write(name, key, asked.body))

    def write(self, bucket: str, key: str, data: bytes) -> Json:
        """An object, by whoever."""
        found = self._world.buckets[bucket]
        self._retire(found, key)
        found.data[key] = data
        found.objects[key] = {
            "kind": "storage#object",
            "name": key,
            "bucket": bucket,
            "size": str(len(data)),
            "generation": str(self._world.next()),
            "timeCreated": self._world.stamp(),
        }
        return found.objects[key]

    def objects(self, asked: Asked, name: str) -> Answer:
        found, prefix = self._bucket(asked, name, "storage.objects.list"), asked.query.get("prefix", "")
        delimiter, after = asked.query.get("delimiter", ""), base64.b64decode(asked.query.get("pageToken", "")).decode()
        most = min(1000, int(asked.query.get("maxResults", 1000)))
        keys = [key for key in sorted(found.objects) if key.startswith(prefix) and key > after]
        page, folders = keys[:most], set()
        if delimiter:
            folders = {prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in page if delimiter in key[len(prefix) :]}
            listed = [key for key in page if delimiter not in key[len(prefix) :]]
        else:
            listed = page
        more = {"nextPageToken": base64.b64encode(page[-1].encode()).decode()} if len(keys) > most else {}
        body = {"kind": "storage#objects", **more, **({"prefixes": sorted(folders)} if folders else {})}
        return ok(chosen({**body, **({"items": [found.objects[key] for key in listed]} if listed else {})}, asked.query.get("fields", "")))

    def object(self, asked: Asked, name: str, quoted: str) -> Answer:
        found, key = self._bucket(asked, name, "storage.objects.get"), unquote(quoted)
        if key not in found.objects:
            raise Said(404, f"No such object: {name}/{key}")
        return Answer(200, found.data[key], "application/octet-stream") if asked.query.get("alt") == "media" else ok(found.objects[key])

    def delete(self, asked: Asked, name: str, quoted: str) -> Answer:
        found, key = self._bucket(asked, name, "storage.objects.delete"), unquote(quoted)
        if key not in found.objects:
            raise Said(404, f"No such object: {name}/{key}")
        self._retire(found, key)
        return Answer(204, b"")

    # -- below them ------------------------------------------------------------------------------------------------

    def _retire(self, found: Bucket, key: str) -> None:
        gone = found.objects.pop(key, None)
        if gone and found.body.get("versioning", {}).get("enabled"):
            found.noncurrent.append(gone)
        found.data.pop(key, None)

    def _write(self, found: Bucket, given: Json) -> None:
        """As JSON merge patch: an object is merged, null takes away."""
        _merge(found.body, given)
        soft = found.body.get("softDeletePolicy", {})
        if "retentionDurationSeconds" in soft:
            soft["retentionDurationSeconds"] = str(soft["retentionDurationSeconds"])
            if soft["retentionDurationSeconds"] != "0" and not 604800 <= int(soft["retentionDurationSeconds"]) <= 7776000:
                raise Said(400, "The soft delete retention duration must be 0 or from 7 to 90 days.")

    def _shown(self, found: Bucket, asked: Asked) -> Json:
        return chosen(found.body, asked.query.get("fields", ""))

    def _policy(self, name: str, version: int) -> Json:
        return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{name}", **policies.shown(self._world.policies[f"buckets/{name}"], version)}

    def _bucket(self, asked: Asked, name: str, permission: str) -> Bucket:
        if name not in self._world.buckets:
            raise Said(404, "The specified bucket does not exist.")
        self._must(asked, permission, f"buckets/{name}", "bucket")
        return self._world.buckets[name]

    def _must(self, asked: Asked, permission: str, resource: str, kind: str) -> None:
        if asked.member is None or not self._world.may(asked.member, permission, resource):
            who = (asked.member or "Anonymous caller").partition(":")[2] or "Anonymous caller"
            raise Said(
                403,
                f"{who} does not have {permission} access to the Google Cloud {'project' if kind == 'project' else f'Storage {kind}'}. "
                f"Permission '{permission}' denied on resource (or it may not exist).",
            )


def _merge(body: Json, given: Json) -> None:
    for key, value in given.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            _merge(body[key], value)
        else:
            body[key] = value
