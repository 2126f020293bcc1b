# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the files of a host (F74 to F84): full disks, death between two files and at each system call, two writers, links, owners, values, old content."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.host import assignments
from ansible_collections.serverops.circleci.plugins.module_utils.transport import host_files, host_system
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles
from unit.laws.killing import Killed
from unit.plugins.module_utils.host import readers
from unit.plugins.modules.host_doors import change, notes, snapshot

ROOT = Path(__file__).resolve().parents[2]
OLD = '# of old\nexport A="1"\n'
WRITER = """
import sys
sys.path[:0] = [{collections!r}]
from ansible_collections.serverops.circleci.plugins.module_utils.host import assignments
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles
path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
def put(value):
    def change(data):
        return assignments.with_variables((data or b"").decode(), {{name: value}}, assignments.EXPORTS).encode()
    HostFiles().update(path, change)
for number in range(rounds):
    put(f"{{name}}-{{number}}-" + "x" * (number % 50))
"""


def writer(path: Path, name: str, rounds: int, *before: str) -> list[str]:
    """The command line of a process that writes a variable so many times."""
    program = WRITER.format(collections=str(ROOT / "build" / "collections"))
    return [*before, sys.executable, "-c", program, str(path), name, str(rounds)]


def overrides(folder: Path, **more: Any) -> dict[str, Any]:
    names = {"global_file": "global", "environment_file": "environment", "hosts_file": "hosts", "config_directory": "circleconfig"}
    return {**{option: str(folder / name) for option, name in names.items()}, **more}


# -- F74: the disk is full ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here, so a full disk was only scripted (test_host_files.py): {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_f74_a_full_disk_leaves_the_old_file_and_no_rest(small_disk: Path, tmp_path: Path) -> None:
    path = small_disk / "global"
    path.write_text(OLD)
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(b"x" * 4096)
    long = "y" * 10_000
    result, failure = change("service_customization", tmp_path, **overrides(small_disk, variables={"A": "2", "B": long}))
    assert "its disk is full; make room there; it is as it was" in failure and result["files"][0]["exists"]
    assert path.read_text() == OLD and sorted(one.name for one in small_disk.iterdir()) == ["filler", "global"]
    assert notes(tmp_path) == ()
    (small_disk / "filler").unlink()
    result, failure = change("service_customization", tmp_path, **overrides(small_disk, variables={"A": "2", "B": long}))
    assert failure == "" and len(notes(tmp_path)) == 1 and readers.by_shell("sh", path)["B"] == long


# -- F75: death between two files ----------------------------------------------------------------------------------------


def test_f75_killed_between_two_files_nothing_asks_for_a_restart_until_both_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []

    class Dying(host_system.System):
        def rename(self, name: str, to: str, folder: int) -> None:
            super().rename(name, to, folder)
            renamed.append(to)
            raise Killed(to)

    params = overrides(tmp_path, variables={"HTTP_PROXY": "http://10.0.0.33:3128"}, environment={"HTTP_PROXY": "http://10.0.0.33:3128"})
    for _death in range(2):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(host_files, "System", Dying)
            change("service_customization", tmp_path, **params)
        assert notes(tmp_path) == (), "half of it must not come alive"
    assert renamed == ["global", "environment"]
    result, failure = change("service_customization", tmp_path, **params)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["note"], "both were written, and the note was still missing"
    assert len(notes(tmp_path)) == 1


@pytest.mark.soak
def test_f75_killed_at_each_system_call_of_a_write(tmp_path: Path) -> None:
    readers.needs("strace")
    deaths = 0
    for call in ("openat", "write", "fchmod", "fsync", "rename,renameat,renameat2", "flock", "close"):
        for number in range(1, 400):
            path = tmp_path / "file"
            path.write_text(OLD)
            inject = f"--inject={call}:signal=KILL:when={number}"
            ran = subprocess.run(writer(path, "A", 1, "strace", "-f", "-o", "/dev/null", f"--trace={call}", inject), capture_output=True, check=False)
            text = path.read_text()
            assert text == OLD or re.fullmatch(r'# of old\nexport A="A-0-"\n', text), (call, number, text)
            deaths += ran.returncode != 0
            if ran.returncode == 0:
                break
            if call in ("openat", "close") and number > 3 and text != OLD:
                break
    assert deaths > 20
    HostFiles().update(str(tmp_path / "file"), lambda _data: b"last\n")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


# -- F76: two writers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.soak)])
def test_f76_two_writers_never_tear_a_file_and_lose_nothing(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "customizations"
    path.write_text("# of old\n")
    running = [subprocess.Popen(writer(path, name, rounds)) for name in ("ONE", "TWO")]
    seen = set()
    while any(process.poll() is None for process in running):
        text = path.read_text()
        assert text.startswith("# of old\n") and text.endswith("\n") and text.count("export ONE=") <= 1 and text.count("export TWO=") <= 1, text
        assert all(value is not None for value in assignments.variables(text).values())
        seen.add(text)
    assert [process.returncode for process in running] == [0, 0]
    last = rounds - 1
    assert assignments.variables(path.read_text()) == {name: f"{name}-{last}-" + "x" * (last % 50) for name in ("ONE", "TWO")}
    assert len(seen) > 2 and [one.name for one in tmp_path.iterdir()] == ["customizations"]


# -- F77, F78: what kind of file it is, and whose --------------------------------------------------------------------------------


def test_f77_an_immutable_file_a_link_into_a_folder_of_others_a_hard_link_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "global"
    path.write_text(OLD)
    if shutil.which("chattr") and not subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        try:
            for check in (True, False):
                assert "chattr -i -a" in change("service_customization", tmp_path, check, **overrides(tmp_path, variables={"A": "2"}))[1]
        finally:
            subprocess.run(["chattr", "-i", str(path)], check=True)
    others = tmp_path / "others"
    others.mkdir()
    others.chmod(0o777)
    (others / "theirs").write_text(OLD)
    hindered = {"link": "others than us may write to", "twin": "hard links", "folder": "is a folder"}
    (tmp_path / "link").symlink_to(others / "theirs")
    os.link(path, tmp_path / "twin")
    (tmp_path / "folder").mkdir()
    for name, words in hindered.items():
        params = {**overrides(tmp_path, variables={"A": "2"}), "global_file": str(tmp_path / name)}
        assert words in change("service_customization", tmp_path, **params)[1]
    assert path.read_text() == OLD == (others / "theirs").read_text()


def test_f78_owner_mode_and_acl_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "global"
    path.write_text(OLD)
    path.chmod(0o640)
    entry = struct.Struct("<HHI")
    none = 0xFFFFFFFF  # user::rw- user:65534:r-- group::r-- mask::r-- other::---
    acl = struct.pack("<I", 2) + b"".join(entry.pack(*one) for one in ((1, 6, none), (2, 4, 65534), (4, 4, none), (16, 4, none), (32, 0, none)))
    name = "system.posix_acl_access"
    try:
        os.setxattr(path, name, acl)
        has_acl = True
    except OSError:
        has_acl = False  # the unit test keeps the law with scripted attributes
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    before = path.stat()
    assert change("service_customization", tmp_path, **overrides(tmp_path, variables={"A": "2"}))[1] == ""
    now = path.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (before.st_uid, before.st_gid, 0o640) and now.st_ino != before.st_ino
    assert not has_acl or os.getxattr(path, name) == acl


# -- F79, F80, F81: values and old content ------------------------------------------------------------------------------------------


def test_f79_raw_lines_are_read_wrongly_and_ours_are_not(tmp_path: Path) -> None:
    values = ["a b", "it's", 'a"b', "$HOME", "a`echo b`", "x #y", "a\\b", "é 日本"]
    wrong = 0
    for number, value in enumerate(values):
        raw, ours = tmp_path / f"raw{number}", tmp_path / f"ours{number}"
        raw.write_text(f"export V={value}\n")
        ours.write_text(assignments.with_variables("", {"V": value}, assignments.EXPORTS))
        ran = subprocess.run(["bash", "-c", '. "$1" 2>/dev/null; exec /usr/bin/env -0', "bash", str(raw)], env={}, capture_output=True, check=False)
        wrong += f"V={value}".encode() not in ran.stdout.split(b"\0")
        assert [readers.by_shell(shell, ours)["V"] for shell in readers.SHELLS] == [value] * 3
    assert wrong == 8
    for value in ("a\0b", "a\nb"):
        assert "the value of V holds" in change("service_customization", tmp_path, **overrides(tmp_path, variables={"V": value}))[1]
    assert not (tmp_path / "global").exists()


@pytest.mark.parametrize("text", ["A=1\r\nexport A=2\r\n# kept\r\n", "# kept\nexport A='2'", "export A=3 # kept\nA=4\nexport A", "\n\n# kept\nexport A=$B"])
def test_f80_old_content_ends_with_one_value_and_its_comments(tmp_path: Path, text: str) -> None:
    path = tmp_path / "global"
    path.write_bytes(text.encode())
    assert change("service_customization", tmp_path, **overrides(tmp_path, variables={"A": "2"}))[1] == ""
    after = path.read_text()
    assert after.count("A=") == 1 and after.count("# kept") == 1 and "\r" not in after
    assert [readers.by_shell(shell, path)["A"] for shell in readers.SHELLS] == ["2"] * 3
    assert not change("service_customization", tmp_path, **overrides(tmp_path, variables={"A": "2"}))[0]["changed"]


# What the guide of 2.17.2 has the operator paste, with the addresses filled in; the services that it restarts are left out.
SERVICES_SNIPPET = """(cat <<'EOF'
HTTP_PROXY=10.0.0.33:3128
HTTPS_PROXY=10.0.0.33:3128

EOF
| sudo tee -a {file}
"""
CLIENT_SNIPPET = """(cat << 'EOF'
HTTP_PROXY=10.0.0.33:3128
HTTPS_PROXY=10.0.0.33:3128
NO_PROXY=169.254.169.254,10.0.1.238,
127.0.0.1,localhost,ghe.example.com
JVM_OPTS="-Dhttp.proxyHost=10.0.0.33 -Dhttp.proxyPort=3128
-Dhttps.proxyHost=10.0.0.33 -Dhttps.proxyPort=3128
-Dhttp.nonProxyHosts=169.254.169.254|10.0.1.238|
127.0.0.1|localhost|ghe.example.com"
EOF
) | tee -a {file}
"""


def proxy(folder: Path, **more: Any) -> dict[str, Any]:
    paths = {name: str(folder / name) for name in ("customizations", "environment", "docker_daemon", "apt")}
    return {"http": "http://10.0.0.33:3128", "services": ["10.0.1.238"], "github_enterprise": "ghe.example.com", "paths": paths, **more}


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_f81_the_guides_snippet_for_services_is_no_shell_and_writes_nothing(shell: str, tmp_path: Path) -> None:
    path = tmp_path / "customizations"
    ran = subprocess.run([shell], input=SERVICES_SNIPPET.format(file=path), capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and not path.exists(), "erratum E1: the subshell is never closed"


def test_f81_the_guides_snippet_for_clients_doubles_its_lines_and_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "environment"
    path.write_text('PATH="/usr/bin:/bin"\n')
    for _time in range(2):
        subprocess.run(["bash"], input=CLIENT_SNIPPET.format(file=path), capture_output=True, text=True, check=True)
    assert path.read_text().count("HTTP_PROXY=") == 2, "it appends each time it is run"
    read = subprocess.run(["bash", "-c", 'set -a; . "$1"; exec /usr/bin/env -0', "bash", str(path)], env={}, capture_output=True, text=True, check=False)
    assert "127.0.0.1,localhost,ghe.example.com: command not found" in read.stderr, "erratum E1: the wrapped line is a command"
    assert "NO_PROXY=169.254.169.254,10.0.1.238," in read.stdout.split("\0")
    assert readers.by_pam(path.read_text())["JVM_OPTS"].endswith("-Dhttp.proxyPort=3128"), "PAM reads the first line alone"
    result, failure = change("proxy_config", tmp_path, **proxy(tmp_path, places=["environment"]))
    assert failure == "" and path.read_text().count("HTTP_PROXY=") == path.read_text().count("NO_PROXY=") == 1
    assert "a shell takes it for a command" in str(result["warnings"]), "what is left of the wrapped line is told"
    assert "ghe.example.com" in assignments.variables(path.read_text())["NO_PROXY"]  # type: ignore[operator]
    assert "-Dhttp.nonProxyHosts=169.254.169.254|127.0.0.1|" in str(assignments.variables(path.read_text())["JVM_OPTS"])
    assert not change("proxy_config", tmp_path, **proxy(tmp_path, places=["environment"]))[0]["changed"]


# -- F82, F83, F84: what a proxy is called, and who is asked without it -------------------------------------------------------------


@pytest.mark.parametrize("http", ["10.0.0.33:3128", "http://me:5ec2e7@10.0.0.33:3128", "http://10.0.0.33:3128/pac", "http://fd00::1:3128"])
def test_f82_a_proxy_that_readers_take_differently_is_refused_with_the_fix(tmp_path: Path, http: str) -> None:
    result, failure = change("proxy_config", tmp_path, **proxy(tmp_path, http=http, places=["customizations"]))
    assert result == {} and re.search(r"write|allow_credentials", failure) and "5ec2e7" not in failure and snapshot(tmp_path) == {}


def test_f83_no_proxy_is_rendered_for_each_reader_or_warned_about(tmp_path: Path) -> None:
    listed = ["10.0.0.0/9", " *.corp.example.com ", "registry.example.com:5000,"]
    result, failure = change("proxy_config", tmp_path, **proxy(tmp_path, no_proxy=listed, places=["customizations", "apt"]))
    assert failure == "" and len([one for one in result["warnings"] if one.startswith("10.0.0.0/9: ")]) == 3, "older curl, Java, apt"
    read = readers.by_shell("sh", tmp_path / "customizations")
    assert read["NO_PROXY"].endswith("10.0.0.0/9,.corp.example.com,registry.example.com:5000") and "*.corp.example.com" in read["JVM_OPTS"]


def test_f84_the_metadata_address_is_never_asked_through_the_proxy(tmp_path: Path) -> None:
    places = ["customizations", "environment", "docker_daemon", "apt"]
    _result, failure = change("proxy_config", tmp_path, **proxy(tmp_path, s3_hosts=[], places=places))
    assert failure == ""
    for place in places:
        assert "169.254.169.254" in (tmp_path / place).read_text(), place
    assert readers.by_systemd((tmp_path / "docker_daemon").read_text(), tmp_path / "systemd")["NO_PROXY"].split(",")[0] == "169.254.169.254"


# -- F88, F89: check mode, secrets ------------------------------------------------------------------------------------------------------


def test_f88_check_mode_makes_no_system_call_that_changes_a_file_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untouched(host_system.System):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"check mode called {name}")

    monkeypatch.setattr(host_files, "System", Untouched)
    result, failure = change("proxy_config", tmp_path, True, **proxy(tmp_path, places=["customizations", "docker_daemon", "apt"]))
    assert failure == "" and result["changed"] and snapshot(tmp_path) == {}
    with pytest.raises(AssertionError, match="check mode called"):
        change("proxy_config", tmp_path, False, **proxy(tmp_path, places=["customizations"]))


def process(folder: Path, check: bool, *before: str, **given: Any) -> subprocess.CompletedProcess[str]:
    """proxy_config as Ansible runs it."""
    collections = ROOT / "build" / "collections"
    own = {"_ansible_remote_tmp": str(folder / "tmp"), "_ansible_diff": True, "_ansible_check_mode": check, "restart_notes": str(folder / "notes.d")}
    args = json.dumps({"ANSIBLE_MODULE_ARGS": {**given, **own}})
    path = collections / "ansible_collections/serverops/circleci/plugins/modules/proxy_config.py"
    env = {**os.environ, "PYTHONPATH": str(collections), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*before, sys.executable, str(path)], input=args, capture_output=True, text=True, env=env, check=False)


CHANGING = re.compile(r"(rename|unlink|mkdir|rmdir|chmod|chown|setxattr|truncate|link|symlink)\w*\(|O_(WRONLY|RDWR|CREAT)")


@pytest.mark.parametrize("check", [True, False])
def test_f88_the_whole_process_in_check_mode_changes_no_file_of_the_host(tmp_path: Path, check: bool) -> None:
    readers.needs("strace")
    folder, log = tmp_path / "host", tmp_path / "strace.log"
    folder.mkdir()
    (folder / "customizations").write_text(OLD)
    ran = process(folder, check, "strace", "-f", "-o", str(log), "-e", "trace=%file,fchmod,fchown,fsetxattr", **proxy(folder, places=["customizations", "apt"]))
    assert json.loads(ran.stdout)["changed"], ran.stderr
    calls = [line for line in log.read_text().splitlines() if CHANGING.search(line) and (str(folder) in line or ".serverops-" in line)]
    if check:
        assert calls == [] and snapshot(folder) == {"customizations": OLD.encode()}
    else:
        assert any("rename" in line for line in calls), "the run itself is seen"


def test_f89_no_password_is_in_what_the_module_prints(tmp_path: Path) -> None:
    """The whole process, its invocation too; a password in an address is hidden although the option is no secret."""
    for http, allow in (("http://me:5ec2e7-a@10.0.0.33:3128", True), ("http://me:5ec2e7-a@10.0.0.33:3128", False), ("me:5ec2e7-a@10.0.0.33:3128", True)):
        ran = process(tmp_path, False, **{**proxy(tmp_path, http=http, places=["customizations"]), "allow_credentials": allow})
        assert "invocation" in ran.stdout and "5ec2e7" not in ran.stdout + ran.stderr
