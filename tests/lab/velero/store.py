"""Object stores as Velero sees them: one in memory that can fail in every way, and a real S3 through boto3."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

CODES = {
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "AccessDenied": (403, "Access Denied"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed; the region is wrong"),
    "BucketRegionError": (301, "incorrect region, the bucket is not in the region that was asked"),
}


@dataclass(frozen=True)
class Access:
    """With what a location is asked: keys, region and address."""

    url: str
    region: str = "us-east-1"
    key: str = ""
    secret: str = ""
    path_style: bool = True


class Refused(Exception):
    """The store did not do it: `code` as S3 names it, "" when nobody answered."""

    def __init__(self, operation: str, code: str, path: str = "", url: str = "", words: str = "") -> None:
        super().__init__(f"{operation}: {code or 'no answer'}")
        self.operation, self.code, self.path, self.url = operation, code, path, url
        self.status, known = CODES.get(code, (0, ""))
        self.words = words or known


class Seen(Protocol):
    """A store as somebody with certain keys reaches it; every call may raise Refused."""

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]: ...
    def put(self, bucket: str, key: str, data: bytes) -> None: ...
    def get(self, bucket: str, key: str) -> bytes: ...
    def has(self, bucket: str, key: str) -> bool: ...
    def delete(self, bucket: str, key: str) -> None: ...
    def link(self, bucket: str, key: str) -> str: ...


@dataclass
class MemoryStore:
    """Buckets with objects. `fault` is a code of CODES or "down"; what a test does itself is never refused."""

    url: str = "http://127.0.0.1:5000"
    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # key -> secret; empty: every key will do
    fault: str = ""
    refused: set[str] = field(default_factory=set)  # operations that are denied: "PutObject", ...
    skew: float = 0.0  # s that the caller's clock is wrong
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # operation, bucket, key

    def bucket(self, name: str, region: str = "us-east-1") -> None:
        self.buckets.setdefault(name, {})
        self.regions[name] = region

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        return {key: len(data) for key, data in sorted(self.buckets[bucket].items()) if key.startswith(prefix)}

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.buckets[bucket][key] = data

    def get(self, bucket: str, key: str) -> bytes:
        return self.buckets[bucket][key]

    def delete(self, bucket: str, key: str) -> None:
        self.buckets[bucket].pop(key, None)

    def as_seen(self, access: Access) -> "MemorySeen":
        return MemorySeen(self, access)


@dataclass
class MemorySeen:
    store: MemoryStore
    access: Access

    def _ask(self, operation: str, bucket: str, key: str = "", query: str = "") -> None:
        self.store.asked.append((operation, bucket, key))
        path = f"{bucket}/{key}" if key else bucket
        where = f"{self.access.url}/{path}{query}"
        if self.store.fault == "down" or self.access.url.rstrip("/") != self.store.url.rstrip("/"):
            raise Refused(operation, "", path, where)
        code = self._code(operation, bucket)
        if code:
            raise Refused(operation, code, path, where)

    def _code(self, operation: str, bucket: str) -> str:
        if self.store.keys and self.access.key not in self.store.keys:
            return "InvalidAccessKeyId"
        if self.store.keys and self.store.keys[self.access.key] != self.access.secret:
            return "SignatureDoesNotMatch"
        if abs(self.store.skew) > 900:
            return "RequestTimeTooSkewed"
        if self.store.fault:
            return self.store.fault
        if bucket not in self.store.buckets:
            return "NoSuchBucket"
        if self.store.regions.get(bucket, "us-east-1") != self.access.region:
            return "BucketRegionError"
        return "AccessDenied" if operation in self.store.refused else ""

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        self._ask("ListObjectsV2", bucket, query=f"?delimiter=%2F&list-type=2&prefix={quote(prefix, safe='')}")
        return self.store.objects(bucket, prefix)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._ask("PutObject", bucket, key)
        self.store.put(bucket, key, data)

    def get(self, bucket: str, key: str) -> bytes:
        self._ask("GetObject", bucket, key)
        if key not in self.store.buckets[bucket]:
            raise Refused("GetObject", "NoSuchKey", f"{bucket}/{key}", f"{self.access.url}/{bucket}/{key}")
        return self.store.get(bucket, key)

    def has(self, bucket: str, key: str) -> bool:
        self._ask("HeadObject", bucket, key)
        return key in self.store.buckets[bucket]

    def delete(self, bucket: str, key: str) -> None:
        self._ask("DeleteObject", bucket, key)
        self.store.delete(bucket, key)

    def link(self, bucket: str, key: str) -> str:
        """Signed without asking anybody, as real ones are."""
        signature = hashlib.sha256(f"{self.access.secret}/{bucket}/{key}".encode()).hexdigest()
        scope = quote(f"{self.access.key}/20261122/{self.access.region}/s3/aws4_request", safe="")
        signed = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20261122T063400Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
        return f"{self.access.url}/{bucket}/{key}?{signed}&X-Amz-Signature={signature}"


@dataclass
class S3Store:
    """A real S3 on the loopback. What is asked goes over HTTP with the keys of the location that asks."""

    url: str

    def as_seen(self, access: Access) -> "S3Seen":
        return S3Seen(access)


@dataclass
class S3Seen:
    access: Access
    _made: Any = None

    @property
    def client(self) -> Any:
        if self._made is None:
            import boto3
            from botocore.config import Config

            style = {"addressing_style": "path" if self.access.path_style else "auto"}
            settings = Config(s3=style, retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5, signature_version="s3v4")
            self._made = boto3.client(
                "s3",
                endpoint_url=self.access.url or None,
                region_name=self.access.region,
                aws_access_key_id=self.access.key or "none",
                aws_secret_access_key=self.access.secret or "none",
                config=settings,
            )
            # Go's SDK does not go to another region by itself; boto3 does, unless it thinks that it has done so already.
            self._made.meta.events.register("before-call.s3", lambda params, **_more: params["context"].setdefault("s3_redirect", {}).update(redirected=True))
        return self._made

    def _call(self, operation: str, bucket: str, key: str = "", **more: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        path = f"{bucket}/{key}" if key else bucket
        names = {"ListObjectsV2": "list_objects_v2", "PutObject": "put_object", "GetObject": "get_object", "HeadObject": "head_object"}
        method = getattr(self.client, names.get(operation, "delete_object"))
        try:
            return method(Bucket=bucket, **({"Key": key} if key else {}), **more)
        except ClientError as error:
            told = error.response.get("Error", {})
            code = {"404": "NoSuchKey", "403": "AccessDenied", "301": "BucketRegionError"}.get(told.get("Code", ""), told.get("Code", "Unknown"))
            code = "BucketRegionError" if code == "PermanentRedirect" else code
            raise Refused(operation, code, path, f"{self.access.url}/{path}", told.get("Message", "")) from error
        except BotoCoreError as error:
            raise Refused(operation, "", path, f"{self.access.url}/{path}", str(error)) from error

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        found: dict[str, int] = {}
        more: dict[str, Any] = {"Prefix": prefix}
        while True:
            page = self._call("ListObjectsV2", bucket, **more)
            found |= {one["Key"]: one["Size"] for one in page.get("Contents", [])}
            if not page.get("IsTruncated"):
                return found
            more["ContinuationToken"] = page["NextContinuationToken"]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._call("PutObject", bucket, key, Body=data)

    def get(self, bucket: str, key: str) -> bytes:
        return bytes(self._call("GetObject", bucket, key)["Body"].read())

    def has(self, bucket: str, key: str) -> bool:
        try:
            self._call("HeadObject", bucket, key)
        except Refused as error:
            if error.code == "NoSuchKey":
                return False
            raise
        return True

    def delete(self, bucket: str, key: str) -> None:
        self._call("DeleteObject", bucket, key)

    def link(self, bucket: str, key: str) -> str:
        return str(self.client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600))
