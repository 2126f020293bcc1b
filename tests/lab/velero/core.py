"""What all parts of the simulated Velero server share: its objects, its clock, its life and death, its log, and its way to the store."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import configparser
import hashlib
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from lab.copies import copied
from lab.kubernetes.state import State
from lab.velero.messages import told
from lab.velero.profile import Profile
from lab.velero.store import Access, Refused, Seen

Json = dict[str, Any]
Work = Generator[float, None, None]  # yields the seconds until its next step
REACTION = 0.005  # s from a change to the first answer to it (recorded: 0.004)
GO_DURATION = re.compile(r"[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+|0")
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATIONS = ("ttl", "csiSnapshotTimeout", "itemOperationTimeout")


def seconds_of(text: str) -> float:
    """A duration as Go reads it. Raises ValueError in its words."""
    if not GO_DURATION.fullmatch(text):
        unit = re.fullmatch(r"[-+]?[\d.]+([^\d.]+)", text)
        raise ValueError(f'time: unknown unit "{unit[1]}" in duration "{text}"' if unit else f'time: invalid duration "{text}"')
    return sum(float(number) * UNITS[unit] for number, _rest, unit in re.findall(r"(\d+(\.\d*)?)(ns|us|µs|ms|s|m|h)", text))


def unreadable(backup: Json) -> str:
    """Why Go cannot read a Backup ("" if it can)."""
    for name in DURATIONS:
        try:
            seconds_of(str((backup.get("spec") or {}).get(name) or "0"))
        except ValueError as error:
            return str(error)
    return ""


class Plain(Exception):
    """Something went wrong, in Velero's own words."""


@dataclass
class Core:
    """One Velero server. It runs or it does not; what it was doing when it died is lost."""

    state: State
    profile: Profile
    store: Any
    namespace: str = "velero"
    validation: float = 60.0
    sync: float = 60.0
    running: bool = False
    epoch: int = 0
    credentials: str = ""  # the mounted file, as it was at the start
    providers: tuple[str, ...] = ()
    pod: str = "velero"
    listeners: list[Callable[[str, str, Json | None], None]] = field(default_factory=list)  # kind, name, object (None: gone)

    # --- objects ---
    def find(self, plural: str, name: str, uid: str = "") -> Json | None:
        found = self.state.objects.get((f"{plural}.velero.io", self.namespace, name))
        return copied(found) if found is not None and uid in ("", found["metadata"]["uid"]) else None

    def all(self, plural: str) -> list[Json]:
        found = sorted((key[2], body) for key, body in self.state.objects.items() if key[:2] == (f"{plural}.velero.io", self.namespace))
        return [copied(body) for _name, body in found]

    def write(self, plural: str, body: Json) -> Json:
        return self.state.put(f"{plural}.velero.io", self.namespace, body["metadata"]["name"], body)

    def remove(self, plural: str, name: str) -> None:
        self.state.remove(f"{plural}.velero.io", self.namespace, name)

    def report(self, plural: str, name: str, uid: str = "", **changes: Any) -> bool:
        """Into the status; None takes a field away. False when the object is gone, or is another one by now."""
        body = self.find(plural, name, uid)
        if body is None:
            return False
        status = {**(body.get("status") or {}), **changes}
        body["status"] = {key: value for key, value in status.items() if value is not None}
        self.write(plural, body)
        return True

    def named(self, start: str) -> str:
        """As generateName would; the same in every run."""
        number, letters = self.state.version * 7919 + 11, "bcdfghjklmnpqrstvwxz2456789"
        end = ""
        for _letter in range(5):
            number, place = divmod(number, len(letters))
            end += letters[place]
        return start + end

    # --- time ---
    def spawn(self, work: Work, after: float = REACTION) -> None:
        """Does it step by step, until this server dies."""
        epoch = self.epoch

        def go() -> None:
            if not self.running or self.epoch != epoch:
                work.close()
                return
            try:
                wait = next(work)
            except StopIteration:
                return
            self.state.clock.after(wait, go)

        self.state.clock.after(after, go)

    def every(self, seconds: float, act: Callable[[], None], first: float) -> None:
        def work() -> Work:
            while True:
                act()
                yield seconds

        self.spawn(work(), first)

    # --- life ---
    def start(self) -> None:
        self.epoch += 1
        self.running = True
        secret = self.state.objects.get(("secrets", self.namespace, "cloud-credentials")) or {}
        self.credentials = decoded(secret, "cloud")
        deployment = self.state.objects.get(("deployments.apps", self.namespace, "velero")) or {}
        images = [one.get("image", "") for one in dig(deployment, "spec", "template", "spec", "initContainers") or []]
        known = {"aws": "plugin-for-aws", "gcp": "plugin-for-gcp", "azure": "plugin-for-microsoft-azure"}
        self.providers = tuple(name for name, part in known.items() if any(part in image for image in images))
        self.log("info", "setting log-level to INFO")
        self.log("info", f"Starting Velero server v{self.profile.version} (-)")

    def stop(self) -> None:
        self.epoch += 1
        self.running = False

    def log(self, level: str, text: str, **fields: str) -> None:
        """Into the log of the server's pod."""
        more = "".join(f" {name.replace('_', '.')}={quoted(value)}" for name, value in sorted(fields.items()))
        line = f'time="{self.state.stamp()}" level={level} msg={quoted(text, always=True)}{more}\n'
        logs: dict[tuple[str, str, str], str] = self.state.__dict__.setdefault("logs", {})
        key = (self.namespace, self.pod, "velero")
        logs[key] = logs.get(key, "") + line

    # --- the store ---
    def location(self, name: str) -> Json | None:
        return self.find("backupstoragelocations", name)

    def open(self, location: Json) -> Seen:
        """The store of a location, as this server reaches it. Raises Plain in the server's words."""
        spec = location["spec"]
        provider = spec["provider"].removeprefix("velero.io/")
        text = self._credentials_of(spec)
        if provider not in self.providers:
            raise Plain(f"unable to locate ObjectStore plugin named velero.io/{provider}")
        config = spec.get("config") or {}
        bad = sorted(set(config) - KEYS[provider])
        if bad:
            raise Plain(f"rpc error: code = Unknown desc = config has invalid keys [{' '.join(bad)}]; valid keys are [{' '.join(ORDERED[provider])}]")
        key, secret = keys_of(text, config.get("profile", "default"))
        url = config.get("s3Url") or getattr(self.store, "url", "")
        seen: Seen = self.store.as_seen(Access(url, config.get("region", "us-east-1"), key, secret))
        return seen

    def _credentials_of(self, spec: Json) -> str:
        wanted = spec.get("credential")
        if not wanted:
            return self.credentials
        secret = self.state.objects.get(("secrets", self.namespace, wanted["name"]))
        if secret is None:
            raise Plain(f'unable to get credentials: unable to get key for secret: Secret "{wanted["name"]}" not found')
        if wanted["key"] not in (secret.get("data") or {}):
            raise Plain(f'unable to get credentials: unable to get key for secret: secret "{wanted["name"]}" is missing data for key "{wanted["key"]}"')
        return decoded(secret, wanted["key"])

    def words(self, refused: Refused | Plain, location: Json) -> str:
        if isinstance(refused, Plain):
            return str(refused)
        return told(refused, self.profile, location["spec"]["provider"].removeprefix("velero.io/"))


ORDERED = {
    "aws": (
        "region s3Url publicUrl kmsKeyId customerKeyEncryptionFile s3ForcePathStyle signatureVersion credentialsFile profile "
        "serverSideEncryption insecureSkipTLSVerify enableSharedConfig tagging checksumAlgorithm bucket prefix caCert"
    ).split(),
    "gcp": "kmsKeyName serviceAccount credentialsFile storeEndpoint bucket prefix caCert".split(),
    "azure": "resourceGroup storageAccount storageAccountKeyEnvVar subscriptionId blockSizeInBytes credentialsFile bucket prefix caCert".split(),
}
KEYS = {provider: set(names) for provider, names in ORDERED.items()}


def keys_of(text: str, profile: str) -> tuple[str, str]:
    """Key and secret of AWS's credentials file; what is no such file has none."""
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read_string(text)
    except configparser.Error:
        return "", ""
    part = found[profile] if found.has_section(profile) else {}
    return str(part.get("aws_access_key_id", "")), str(part.get("aws_secret_access_key", ""))


def decoded(secret: Json, key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode(errors="replace")


def quoted(text: str, always: bool = False) -> str:
    """As logrus writes a field."""
    if not always and re.fullmatch(r"[\w\-./@^+:]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def label_of(name: str) -> str:
    """A name as the value of a label: what is longer than 63 ends in a part of its hash."""
    return name if len(name) <= 63 else name[:57] + hashlib.sha256(name.encode()).hexdigest()[:6]


def dig(body: Any, *path: str) -> Any:
    for name in path:
        body = (body or {}).get(name)
    return body
