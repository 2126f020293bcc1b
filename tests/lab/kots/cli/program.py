"""The program kots: its words, flags, usage and exit codes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.kots.cli import apps, backups, velero
from lab.kots.cli.profile import PROFILES
from lab.kots.cli.run import Cluster, Failed, Run, Unreachable

GLOBAL = frozenset({"namespace", "kubeconfig", "context", "as", "server", "token", "request-timeout", "cluster", "user"})
SHORT = {"n": "namespace", "o": "output", "h": "help", "s": "server"}
PROMPT = "Enter a new password for the admin console (6+ characters):", "Enter a new password to be used for the Admin Console:"


@dataclass(frozen=True)
class Command:
    """A command: what it does, flags with a value, flags without, whether an error brings the usage."""

    act: Callable[[Run], None]
    values: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()
    usage: bool = False
    json: str = "output"  # "" where -o is not known to old versions


def _flags(text: str) -> frozenset[str]:
    return frozenset(text.split())


def version(run: Run) -> None:
    if run.flags.get("output") == "json":
        run.told({"version": f"v{run.profile.version}"})
    else:
        run.print(f"Replicated KOTS v{run.profile.version}\n")


def admin_console(run: Run) -> None:
    """Forwards until it is killed. A pod that is not there is waited for: 5 s (old: from its start), else 10 s."""
    wait = 4.0 if run.profile.old else 9.0
    prefix = "" if run.profile.old else "failed to port forward: failed to get pod name for port forward: "
    try:
        pod = run.find_pod(wait, "")
    except Failed as fault:
        if "timeout" in fault.text:
            text = "kotsadm failed to start: timeout waiting for kotsadm pod. Use the --wait-duration flag to increase timeout."
            raise Failed(prefix + text) from None
        raise Failed(f"{prefix}failed to wait for web{fault.text}") from None
    if run.profile.old:
        run.old_dial(pod, "failed to port forward", run.flags.get("port", "8800"))
    else:
        run._dial(pod, "failed to port forward: failed to forward ports", run.out)
    run.line("Press Ctrl+C to exit")
    while True:
        run.cluster.sleep(1)


def reset_password(run: Run) -> None:
    """Without a terminal it asks for ever."""
    run.print(f"  \u2022 Reset the admin console password for {(run.args or [run.namespace])[0]}\n")
    text = PROMPT[1] if run.profile.old else PROMPT[0]
    while True:
        run.print(f"\x1b[?25l\x1b[2K\r\x1b[31m{text}\x1b[0m \u2588\n\x1b[1A\x1b[2K\r\x1b[2K\r\n\x1b[?25h")
        run.cluster.sleep(0.05)


STORE = _flags("bucket region access-key-id secret-access-key endpoint path cacert json-file")
COMMANDS: dict[tuple[str, ...], Command] = {
    ("version",): Command(version, usage=True, json=""),
    ("backup",): Command(backups.backup, _flags("output"), _flags("wait"), json=""),
    ("backup", "ls"): Command(backups.backups),
    ("restore",): Command(backups.restore, _flags("from-backup output"), _flags("exclude-admin-console exclude-apps wait-for-apps"), json=""),
    ("restore", "ls"): Command(backups.restores),
    ("get", "backups"): Command(backups.backups, _flags("output"), usage=True),
    ("get", "restores"): Command(backups.restores, _flags("output"), usage=True),
    ("get", "apps"): Command(apps.apps, _flags("output"), usage=True),
    ("get", "versions"): Command(apps.versions, _flags("output current-page page-size"), _flags("pin-latest pin-latest-deployable"), usage=True),
    ("get", "config"): Command(apps.get_config, _flags("appslug sequence"), _flags("current decrypt"), usage=True),
    ("set", "config"): Command(apps.set_config, _flags("key value config-file sequence"), _flags("merge deploy skip-preflights current")),
    ("upstream", "upgrade"): Command(apps.upgrade, _flags("output deploy-version-label"), _flags("deploy skip-preflights"), json=""),
    ("app-status",): Command(apps.app_status),
    ("remove",): Command(apps.remove, frozenset(), _flags("undeploy force")),
    ("admin-console",): Command(admin_console, _flags("wait-duration port")),
    ("reset-password",): Command(reset_password),
    ("velero", "print-fs-instructions"): Command(velero.instructions),
    ("velero", "ensure-permissions"): Command(velero.ensure_permissions, _flags("velero-namespace")),
    ("velero", "configure-aws-s3", "access-key"): Command(velero.configure, STORE, _flags("skip-validation")),
    ("velero", "configure-other-s3"): Command(velero.configure, STORE, _flags("skip-validation")),
    ("velero", "configure-gcp", "service-account"): Command(velero.configure, STORE, _flags("skip-validation")),
}
LATER = {("get", "versions"): "versions", ("get", "config"): "resources"}  # since when: Profile
ALIASES = {"backup": "backups", "restore": "restores", "app": "apps"}


def main(name: str, argv: list[str], cluster: Cluster, out: Any, err: Any) -> int:
    """One run; the exit code."""
    run = Run(PROFILES[name], cluster, out, err, list(argv))
    words = [ALIASES.get(word, word) if place == 1 and argv[0] == "get" else word for place, word in enumerate(argv)]
    found = next((words[:size] for size in (3, 2, 1) if tuple(words[:size]) in COMMANDS), None)
    if found is None:
        err.write(f'Error: unknown command "{argv[0] if argv else ""}" for "kots"\nRun \'kots --help\' for usage.\n')
        return 1
    command = COMMANDS[tuple(found)]
    absent = tuple(found) in LATER and not getattr(run.profile, LATER[tuple(found)])
    try:
        _parse(run, command, argv[len(found) :], absent)
        if absent:
            out.write("Examples:\nkubectl kots get apps\n\n" + usage(["get", "[resource]"]))
            return 1
        command.act(run)
    except Failed as fault:
        return _fail(run, fault, command, found)
    except Unreachable as fault:
        return _fail(run, Failed(f'Get "{fault.args[0]}": {fault.args[1]}'), command, found)
    _checked(run, found)
    return 0


def _fail(run: Run, fault: Failed, command: Command, words: list[str]) -> int:
    if not fault.bare:
        run.err.write(f"Error: {fault.text}\n")
    noisy = command.usage and (not run.profile.old or words == ["version"]) and not fault.text.startswith("unknown flag")
    if noisy and not fault.bare:
        run.err.write(usage(words))
    return fault.code


def usage(words: list[str]) -> str:
    """The noise after an error."""
    head = f"Usage:\n  kots {' '.join(words)} [flags]\n\nFlags:\n  -h, --help   help for {words[-1]}\n\n"
    return head + "Global Flags:\n  -n, --namespace string   If present, the namespace scope\n\n"


def _parse(run: Run, command: Command, rest: list[str], absent: bool) -> None:
    known = command.values | (_flags("output") if not command.json else frozenset())
    if absent:
        known = _flags("output")
    if not command.json and not run.profile.json:
        known -= {"output"}
    words = iter(rest)
    for word in words:
        if not word.startswith("-") or word == "-":
            run.args.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = name if word.startswith("--") else SHORT.get(name[:1], name)
        if name in GLOBAL or name in known:
            run.flags[name] = value if equals else next(words, "")
        elif name in command.switches and not absent:
            run.flags[name] = value if equals else "true"
        else:
            raise Failed(f"unknown flag: --{name}" if word.startswith("--") else f"unknown shorthand flag: '{word[1]}' in {word}")


def _checked(run: Run, words: list[str]) -> None:
    """After a success the console's version is compared. A console that does not answer is loud, one that is not there silent."""
    if run.profile.old or words == ["version"] or not run.flags.get("namespace"):
        return
    if run.console is None:
        quiet, run.quiet = run.quiet, False
        try:
            pod = run.find_pod(0.0, "")
            run._dial(pod, "", run.err)
        except Failed:
            return
        finally:
            run.quiet = quiet
    assert run.console is not None
    status, raw = run.console.ask("GET", "/healthz", b"", "")
    if status == 200 and f'"v{run.profile.version}"'.encode() not in raw:
        run.err.write(f"This version of kots ({run.profile.version}) is not the one of the Admin Console\n")
