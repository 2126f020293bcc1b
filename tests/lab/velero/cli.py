"""The program `velero` of a test: written into a folder of its PATH, as the CLI of one version. `run` is the same in process."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
import os
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from lab.velero import cli_install
from lab.velero import cli_objects as objects
from lab.velero.command import PATCHES, Ask, Call, Json, NoCluster, Stop, Usage, parsed
from lab.velero.core import dig
from lab.velero.profile import Profile, profile_of

SPEC = {
    *"include-namespaces exclude-namespaces include-resources exclude-resources storage-location ttl labels from-schedule".split(),
    *"snapshot-volumes volume-snapshot-locations ordered-resources".split(),
}
COMMANDS: dict[str, tuple[Callable[[Call], None], set[str], set[str]]] = {  # how, switches, flags with a value
    "backup create": (objects.create_backup, {"wait", "default-volumes-to-restic", "default-volumes-to-fs-backup", "include-cluster-resources"}, SPEC),
    "backup get": (objects.get, set(), set()),
    "backup logs": (objects.logs, set(), set()),
    "backup delete": (objects.delete, {"confirm", "all"}, set()),
    "backup download": (objects.download_backup, {"force"}, set()),
    "restore create": (objects.create_restore, {"wait"}, {"from-backup", "from-schedule", "include-namespaces", "namespace-mappings", "labels"}),
    "restore get": (objects.get, set(), set()),
    "restore logs": (objects.logs, set(), set()),
    "restore delete": (objects.delete, {"confirm", "all"}, set()),
    "schedule create": (objects.create_schedule, set(), {*SPEC, "schedule"}),
    "schedule get": (objects.get, set(), set()),
    "schedule delete": (objects.delete, {"confirm", "all"}, set()),
    "schedule pause": (objects.pause, set(), set()),
    "schedule unpause": (objects.pause, set(), set()),
    "backup-location get": (objects.get, set(), set()),
    "backup-location create": (objects.create_location, set(), {"provider", "bucket", "config", "prefix", "access-mode"}),
}


def version(call: Call) -> None:
    """Without a server: exit 0 after five seconds, and an empty version."""
    call.say(f"Client:\n\tVersion: v{call.profile.version}\n\tGit commit: {call.profile.commit}")
    if call.on("client-only"):
        return
    try:
        body = {
            "apiVersion": "velero.io/v1",
            "kind": "ServerStatusRequest",
            "metadata": {"generateName": "velero-cli-", "namespace": call.namespace},
            "spec": {},
        }
        made = call.call("POST", "serverstatusrequests", "ServerStatusRequest", body=body)
    except Stop as why:
        call.say(f"<error getting server version: {why}>")
        return
    told = ""
    for _turn in range(20):
        told = dig(call.find("serverstatusrequests", "ServerStatusRequest", made["metadata"]["name"]), "status", "serverVersion") or ""
        if told:
            break
        call.sleep(0.25)
    call.say(f"Server:\n\tVersion: {told}")
    if told != f"v{call.profile.version}":
        call.say("# WARNING: the client version does not match the server version. Please update server")


def call_of(argv: list[str], profile: Profile, **ways: Any) -> tuple[Call, Callable[[Call], None]]:
    words = argv[:1] if argv[:1] in (["install"], ["version"]) else argv[:2]
    name = " ".join(words)
    if name == "install":
        how, (switches, values) = cli_install.run, cli_install.flags(profile)
    elif name == "version":
        how, switches, values = version, {"client-only"}, set()
    elif name in COMMANDS:
        how, switches, values = COMMANDS[name]
    else:
        raise Usage(f'unknown command "{name}" for "velero"')
    names, flags = parsed(argv[len(words) :], switches, values)
    return Call(profile, words, names, flags, **ways), how


def run(argv: list[str], profile: Profile, asking: Ask, **ways: Any) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    start = "velero: " if profile.queued else "An error occurred: "
    try:
        call, how = call_of(argv, profile, asking=asking, **ways)
    except Usage as why:
        return 1, "", f"Error: {why}\nUsage:\n  velero {' '.join(argv[:1])} [flags]\n"
    try:
        how(call)
    except Stop as why:
        return 1, "".join(call.out), f"{start}{why}\n"
    except objects.Plain as why:
        return 1, "".join(call.out), f"{why}\n"
    return 0, "".join(call.out), "".join(call.err)


# --- the program ---
def cluster_of(path: str) -> Ask:
    """The API that a kubeconfig leads to."""
    if not path or not Path(path).exists():

        def nowhere(*_words: Any) -> tuple[int, Any]:
            raise NoCluster

        return nowhere
    config = yaml.safe_load(Path(path).read_text())
    context = next(one["context"] for one in config["contexts"] if one["name"] == config["current-context"])
    cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"])
    user = next((one["user"] for one in config.get("users") or [] if one["name"] == context.get("user")), {})
    trust = tls(cluster, user) if cluster["server"].startswith("https") else None

    def ask(method: str, path: str, query: dict[str, str], body: Json | None) -> tuple[int, Any]:
        url = cluster["server"].rstrip("/") + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        kind = PATCHES.get(method, "application/json")
        headers = {"Content-Type": kind, **({"Authorization": f"Bearer {user['token']}"} if user.get("token") else {})}
        request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method.replace("APPLY", "PATCH"))
        try:
            with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
                return answer.status, decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, decoded(error.read())
        except urllib.error.URLError as error:
            raise Stop(f'{method.title()} "{url}": {error.reason}') from error

    return ask


def decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def tls(cluster: Json, user: Json) -> ssl.SSLContext:
    data = cluster.get("certificate-authority-data")
    trust = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=base64.b64decode(data).decode() if data else None)
    if cluster.get("insecure-skip-tls-verify"):
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    if user.get("client-certificate-data"):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("client-certificate", "client-key"):
                Path(folder, name).write_bytes(base64.b64decode(user[f"{name}-data"]))
            trust.load_cert_chain(Path(folder, "client-certificate"), Path(folder, "client-key"))
    return trust


def fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.URLError as error:
        raise Stop(f'Get "{url}": {error.reason}') from error


class Live(list[str]):
    """What is printed at once."""

    def append(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def main(argv: list[str], which: str) -> int:
    ask = cluster_of(os.environ.get("KUBECONFIG", ""))
    code, _out, err = run(argv, profile_of(which), ask, sleep=time.sleep, now=lambda: datetime.now(UTC), fetch=fetched, out=Live())
    sys.stderr.write(err)
    return code


def write(folder: Path, which: str) -> Path:
    """The program, for a folder of PATH."""
    profile_of(which)
    target = Path(folder) / "velero"
    root = Path(__file__).parents[2]
    lines = [
        f"#!{sys.executable}",
        "import sys",
        f"sys.path.insert(0, {str(root)!r})",
        "from lab.velero.cli import main",
        f"sys.exit(main(sys.argv[1:], {which!r}))",
    ]
    target.write_text("\n".join(lines) + "\n")
    target.chmod(0o755)
    return target
