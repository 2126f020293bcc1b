"""get apps, versions and config, set config, upstream upgrade, app-status, remove."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
from typing import Any

import yaml

from lab.kots import vault
from lab.kots.cli.run import Failed, Json, Run
from lab.kots.cli.tables import table

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor
POD = 5.0  # how long set config and remove wait for a pod


def slug_of(run: Run) -> str:
    return run.args[0] if run.args else run.flags.get("appslug", "")


def _enter(run: Run, wait: float = 0.0) -> None:
    try:
        run.forward(wait)
    except Failed as fault:
        if run.profile.old and "kotsadm pod" not in fault.text and not wait:
            run.finish(False)
        raise
    run.authorize()


def apps(run: Run) -> None:
    prefix = "failed to get apps: " if run.profile.old else ""
    if run.profile.old and not run.flags.get("namespace"):
        raise Failed(f"{prefix}failed to validate namespace: namespace is required")
    try:
        _enter(run)
    except Failed as fault:
        raise Failed(prefix + fault.text, fault.code) from None
    _status, body = run.ask("GET", "/api/v1/apps")  # whatever its status
    rows = []
    for app in (body.get("apps") if isinstance(body, dict) else None) or ():
        _status, state = run.ask("GET", f"/api/v1/app/{app['slug']}/status")
        current = app["downstream"].get("currentVersion") or {}
        rows.append({"slug": app["slug"], "state": state["appstatus"]["state"], "versionlabel": current.get("versionLabel", "")})
    if run.flags.get("output") == "json":
        run.told(rows)  # type: ignore[arg-type]
    else:
        run.print(table(("SLUG", "STATUS", "VERSION"), [(row["slug"], row["state"], row["versionlabel"]) for row in rows]))


def versions(run: Run) -> None:
    _enter(run)
    asked = {"current-page": "currentPage", "page-size": "pageSize", "pin-latest": "pinLatest", "pin-latest-deployable": "pinLatestDeployable"}
    query = "&".join(f"{theirs}={run.flags[flag]}" for flag, theirs in asked.items() if flag in run.flags)
    status, body = run.ask("GET", f"/api/v1/app/{slug_of(run)}/versions" + (f"?{query}" if query else ""))
    if status != 200:
        raise Failed(f"failed to get app versions: unexpected status code {status}")
    found = body["versionHistory"]
    if run.flags.get("output") == "json":
        rows = [{"versionLabel": one["versionLabel"], "sequence": one["sequence"], "createdOn": one["createdOn"], "status": one["status"]} for one in found]
        whole = [{**row, "deployedAt": one.get("deployedAt"), "source": one["source"]} for row, one in zip(rows, found, strict=True)]
        run.told(whole)  # type: ignore[arg-type]
    else:
        cells = [(one["versionLabel"], str(one["sequence"]), one["status"], one["source"]) for one in found]
        run.print(table(("VERSION", "SEQUENCE", "STATUS", "SOURCE"), cells))


# --- config ---
def get_config(run: Run) -> None:
    _enter(run)
    _status, body = run.ask("GET", "/api/v1/apps")
    found = {app["slug"]: app for app in body.get("apps") or ()}
    slug = run.flags.get("appslug", "") or (next(iter(found)) if len(found) == 1 else "")
    if not slug:
        raise Failed("appslug is required")
    if slug not in found:
        raise Failed(f"app {slug} not found")
    sequence = int(run.flags.get("sequence", -1))
    if run.flags.get("current") == "true":
        sequence = found[slug]["downstream"]["currentVersion"]["parentSequence"]
    status, body = run.ask("GET", f"/api/v1/app/{slug}/config/{sequence if sequence >= 0 else found[slug]['currentSequence']}")
    if status != 200:
        raise Failed(f"failed to get config: failed to get config: {body.get('error', '')}")
    items = [item for group in body["configGroups"] for item in group["items"]]
    run.print(written(_decrypted(run, items) if run.flags.get("decrypt") == "true" else items))


def _decrypted(run: Run, items: list[Json]) -> list[Json]:
    status, body = run.get(f"/api/v1/namespaces/{run.namespace}/secrets/{vault.SECRET}")
    if status != 200:
        text = f"get {vault.SECRET} secret: {body.get('message', '')}"
        raise Failed(f"failed to decrypt config: find password encryption information in {run.namespace}: {text}")
    held = base64.b64decode(body["data"][vault.FIELD]).decode()
    return [{**item, "value": vault.opened(item["value"], held) if item["type"] == "password" and item["value"] else item["value"]} for item in items]


def written(items: list[Json]) -> str:
    lines = ["apiVersion: kots.io/v1beta1", "kind: ConfigValues", "metadata:", "  creationTimestamp: null", "spec:", "  values:"]
    for item in sorted(items, key=lambda one: str(one["name"])):
        told = [f"      {name}: {scalar(item[name])}" for name in ("default", "value") if item.get(name)]
        lines += [f"    {item['name']}:", *told] if told else [f"    {item['name']}: {{}}"]
    return "\n".join([*lines, "status: {}", ""])


def scalar(text: str) -> str:
    try:
        plain = yaml.safe_load(text) == text
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text)


def set_config(run: Run) -> None:
    slug = slug_of(run)
    run.print(HIDE)
    try:
        values, merge = _values(run)
        if not run.profile.old:
            run.line(f"Updating {slug} configuration...")
        _reach(run, f"Updating {slug} configuration...")
        body = {
            "configValues": values,
            "merge": merge,
            "deploy": run.flags.get("deploy") == "true",
            "skipPreflights": run.flags.get("skip-preflights") == "true",
        }
        body |= {"current": run.flags.get("current") == "true", "sequence": int(run.flags.get("sequence", -1))}
        status, answer = run.ask("POST", f"/api/v1/app/{slug}/config/values", body)
        if status != 200:
            raise Failed(f"unexpected status code from {status}: {answer.get('error', '') if isinstance(answer, dict) else answer}")
        run.line("Done")
    finally:
        run.print(SHOW)


def _reach(run: Run, text: str) -> None:
    """An old program finds the pod before it says what it does."""
    if run.profile.old:
        run.find_pod(POD, "failed to find kotsadm pod")
        run.line(text)
    run.forward(POD)
    run.authorize()


def _values(run: Run) -> tuple[str, bool]:
    path, pairs = run.flags.get("config-file", ""), [arg.partition("=") for arg in run.args[1:]]
    if path:
        try:
            with open(path, "rb") as file:
                return base64.b64encode(file.read()).decode(), run.flags.get("merge") == "true"
        except OSError:
            raise Failed(f"failed to create config values from arguments: failed to load config from file: open {path}: no such file or directory") from None
    given = {name: value for name, _equals, value in pairs} if pairs else {run.flags.get("key", ""): run.flags.get("value", "")}
    body: Any = {"apiVersion": "kots.io/v1beta1", "kind": "ConfigValues", "metadata": {"name": "x"}}
    body["spec"] = {"values": {name: {"value": value} for name, value in given.items()}}
    return base64.b64encode(yaml.safe_dump(body).encode()).decode(), True


# --- updates ---
def upgrade(run: Run) -> None:
    """Exit 0 whatever the console says; 1 only when it cannot be reached."""
    if run.profile.old:
        run.action("Checking for application updates")
    try:
        run.forward()  # its noise comes also with -o json
        run.authorize()
    except Failed:
        run.finish(False)
        raise
    run.quiet = run.flags.get("output") == "json"
    if not run.profile.old:
        run.action("Checking for application updates")
    try:
        found = _check(run)
    except Failed as fault:
        run.finish(False)
        if run.quiet:
            run.told({"success": False, "availableUpdates": 0, "error": fault.text})
        else:
            run.line(fault.text)
        return
    run.finish()
    if run.quiet:
        told = {name: found[name] for name in ("availableUpdates", "currentRelease", "availableReleases", "deployingRelease") if found.get(name) is not None}
        run.told({"success": True, **told})
        return
    some = found["availableUpdates"]
    text = f"There are currently {some} updates available in the Admin Console" if some else "There are no application updates available"
    if run.flags.get("deploy") == "true":
        text += ", when the latest release is downloaded, it will be deployed" if some else ", ensuring latest is deployed"
    run.print(f"\n  \u2022 {text}\n\n  \u2022 To access the Admin Console, run kubectl kots admin-console --namespace {run.namespace}\n\n")


def _check(run: Run) -> Json:
    slug, query = slug_of(run), {"wait": "true"}
    if run.flags.get("deploy") == "true":
        query["deploy"] = "true"
    if run.flags.get("deploy-version-label"):
        query["deployVersionLabel"] = run.flags["deploy-version-label"]
    path = f"/api/v1/app/{slug}/updatecheck?" + "&".join(f"{name}={query[name]}" for name in sorted(query))
    assert run.console is not None
    url = f"http://localhost:{run.console.port}{path}"
    for left in (4, 3, 2, 1, 0):
        if left == 4:
            run.err.write(f"{run.cluster.wall():%Y/%m/%d %H:%M:%S} [DEBUG] POST {url}\n")
        status, body = run.ask("POST", path, {})
        if status == 404:
            raise Failed(f"The application {slug} was not found in the cluster in the specified namespace")
        if status < 500:
            return dict(body)
        if left:
            pause = 2 ** (4 - left)
            run.err.write(f"{run.cluster.wall():%Y/%m/%d %H:%M:%S} [DEBUG] POST {url} (status: {status}): retrying in {pause}s ({left} left)\n")
            run.cluster.sleep(pause)
    raise Failed(f"failed to check for updates: POST {url} giving up after 5 attempts")


def app_status(run: Run) -> None:
    _enter(run)
    assert run.console is not None
    _status, raw = run.console.ask("GET", f"/api/v1/app/{slug_of(run)}/status", b"", run.auth)  # whatever its status
    run.print(raw.decode() + "\n")


def remove(run: Run) -> None:
    slug = slug_of(run)
    text = f"Removing application {slug} reference from Admin Console"
    run.print(HIDE)
    try:
        if not run.profile.old:
            run.line(text)
        _reach(run, text)
        body = {"undeploy": run.flags.get("undeploy") == "true", "force": run.flags.get("force") == "true"}
        status, answer = run.ask("POST", f"/api/v1/app/{slug}/remove", body)
        if status == 404:
            raise Failed(f"app with slug {slug} not found")
        if status != 200:
            raise Failed(str(answer.get("error", "")) if isinstance(answer, dict) else f"unexpected status code {status}")
        run.line(f"Application {slug} has been removed")
    finally:
        run.print(SHOW)
