# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of proxy_config: one description in every place, in the way of each reader; what cannot be is refused or warned about."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.host import proxy_places
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy_places import PLACES
from unit.plugins.module_utils.host import readers
from unit.plugins.modules.host_doors import Systemd, change, notes, snapshot
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "proxy_config"
URL = "http://10.0.0.33:3128"
DIRECT = "169.254.169.254,127.0.0.1,localhost,::1,10.0.1.238,ghe.example.com,s3.amazonaws.com,.s3.amazonaws.com"
JAVA = "169.254.169.254|127.0.0.1|localhost|[::1]|10.0.1.238|ghe.example.com|s3.amazonaws.com|*.s3.amazonaws.com"
VARIABLES = {"HTTP_PROXY": URL, "HTTPS_PROXY": URL, "NO_PROXY": DIRECT, "http_proxy": URL, "https_proxy": URL, "no_proxy": DIRECT}
SECRET = "5ec2e7-of-the-proxy"


def given(folder: Path, **more: Any) -> dict[str, Any]:
    paths = {name: str(folder / "etc" / name) for name in (*PLACES, "replicated_installed")}
    return {"http": URL, "services": ["10.0.1.238"], "github_enterprise": "ghe.example.com", "places": list(PLACES), "paths": paths, **more}


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_every_place_is_read_by_its_reader(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "customizations").write_text('export JVM_OPTS="-Xmx2g -Dhttp.proxyHost=old"\n')
    result, failure = change(NAME, tmp_path, **given(tmp_path))
    assert failure == "" and set(result) - {"changed", "diff", "warnings"} == set(returned(NAME))
    exported, environment = readers.by_shell("sh", etc / "customizations"), readers.by_shell("bash", etc / "environment", export=False)
    for read in (exported, environment, readers.by_docker((etc / "env_file").read_text())):
        assert {name: read[name] for name in VARIABLES} == VARIABLES
    assert readers.by_pam((etc / "environment").read_text())["NO_PROXY"] == DIRECT
    assert exported["JVM_OPTS"] == f"-Xmx2g {environment['JVM_OPTS']}" and environment["JVM_OPTS"].endswith(f"-Dhttp.nonProxyHosts={JAVA}")
    java = readers.by_java(etc / "customizations")
    assert (java["http.proxyHost"], java["https.proxyPort"], java["http.nonProxyHosts"]) == ("10.0.0.33", "3128", JAVA)
    assert readers.by_systemd((etc / "docker_daemon").read_text(), tmp_path / "systemd") == VARIABLES
    apt = readers.by_apt(etc / "apt")
    assert apt["Acquire::https::Proxy::ghe.example.com"] == "DIRECT" and 'Acquire::http::Proxy "http://10.0.0.33:3128";' in (etc / "apt").read_text()
    assert json.loads((etc / "replicated").read_text()) == {"HttpProxy": URL}
    assert json.loads((etc / "docker_client").read_text()) == {"proxies": {"default": {"httpProxy": URL, "httpsProxy": URL, "noProxy": DIRECT}}}
    assert stat.S_IMODE((etc / "docker_client").stat().st_mode) == 0o600
    assert sorted(note.restart for note in notes(tmp_path)) == ["app", "docker", "nomad"]


def test_it_is_foreseen_done_once_and_taken_back(tmp_path: Path) -> None:
    predicted, _failure = change(NAME, tmp_path, check=True, **given(tmp_path))
    assert snapshot(tmp_path) == {}
    result, failure = change(NAME, tmp_path, **given(tmp_path))
    assert failure == "" and predicted["steps"] == result["steps"] and predicted["diff"] == result["diff"]
    assert not change(NAME, tmp_path, **given(tmp_path))[0]["changed"]
    result, failure = change(NAME, tmp_path, state="absent", **{key: value for key, value in given(tmp_path).items() if key in ("places", "paths")})
    assert failure == "" and result["changed"] and "proxy" not in result
    assert not [name for name, data in snapshot(tmp_path / "etc").items() if b"10.0.0.33" in data]


def test_an_installed_replicated_is_told_the_other_way(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "replicated_installed").write_text("")
    result, failure = change(NAME, tmp_path, **given(tmp_path, places=["replicated"]))
    assert failure == "" and not result["changed"] and not (etc / "replicated").exists()
    assert "left alone" in result["files"][0]["reason"]
    assert result["proxy"]["install_arguments"] == [f"http-proxy={URL}", f"additional-no-proxy={DIRECT}"]
    assert result["proxy"]["kots_values"] == {"http_proxy": URL, "https_proxy": URL, "no_proxy": DIRECT}


@pytest.mark.parametrize("place", ["etc/default/replicated", "etc/sysconfig/replicated"])
def test_an_installed_replicated_is_known_on_both_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for name, path in (("replicated", "etc/replicated.conf"), ("replicated_installed", "etc/default/replicated")):
        monkeypatch.setitem(proxy_places.PATHS, name, str(tmp_path / path))
    monkeypatch.setattr(proxy_places, "INSTALLED_ON_RED_HAT", str(tmp_path / "etc/sysconfig/replicated"))
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("")
    result, failure = change(NAME, tmp_path, **given(tmp_path, places=["replicated"], paths={}))
    assert failure == "" and not result["changed"] and not (tmp_path / "etc/replicated.conf").exists()
    assert str(tmp_path / place) in result["files"][0]["reason"]


@pytest.mark.parametrize(
    ("more", "restarts"),
    [
        ({}, ["app"]),
        ({"places": ["environment", "nomad"]}, ["nomad"]),
        ({"environment_restart": "nomad"}, ["nomad"]),
        ({"environment_restart": "app", "places": ["environment", "nomad"]}, ["app", "nomad"]),
        ({"environment_restart": "none"}, []),
    ],
)
def test_who_takes_up_the_environment_can_be_said(tmp_path: Path, more: dict[str, Any], restarts: list[str]) -> None:
    result, failure = change(NAME, tmp_path, **given(tmp_path, **{"places": ["environment"], **more}))
    assert failure == "" and result["restarts"] == restarts and sorted(note.restart for note in notes(tmp_path)) == restarts


def test_a_note_goes_away_once_its_unit_was_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd, params = Systemd(tmp_path, monkeypatch), given(tmp_path, places=["docker_daemon", "nomad", "customizations"])
    assert change(NAME, tmp_path, **params)[0]["restarts"] == ["docker", "nomad", "app"]
    left = notes(tmp_path)[0].time
    systemd.started("docker.service", left - timedelta(minutes=1))
    systemd.started("nomad.service", left + timedelta(minutes=1), reloaded=False)
    assert not change(NAME, tmp_path, **params)[0]["changed"], "restarted before, or with the old files"
    for restart, still in (("docker", ["nomad", "app"]), ("nomad", ["app"])):
        systemd.started(f"{restart}.service", left + timedelta(minutes=1))
        predicted, _failure = change(NAME, tmp_path, check=True, **params)
        result, failure = change(NAME, tmp_path, **params)
        assert failure == "" and result["steps"] == predicted["steps"] and [step["step"] for step in result["steps"]] == ["clear"]
        assert result["restarts"] == still == predicted["restarts"]
        assert not change(NAME, tmp_path, **params)[0]["changed"]
    assert [note.restart for note in notes(tmp_path)] == ["app"], "that is for whoever restarts the app"


def test_a_drop_in_that_has_the_last_word_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd, folder = Systemd(tmp_path, monkeypatch), tmp_path / "docker.service.d"
    monkeypatch.setitem(proxy_places.PATHS, "docker_daemon", str(folder / "http-proxy.conf"))
    base = ("/lib/systemd/system/docker.service", f"[Service]\nEnvironmentFile=-{tmp_path}/sysconfig\nEnvironment=HTTP_PROXY=http://first:1\n")
    other = (f"{folder}/override.conf", f"[Service]\nEnvironment=NO_PROXY=me:{SECRET} A=1\n")
    params = given(tmp_path, places=["docker_daemon"], paths={})
    systemd.made_of("docker.service", base, other)
    for check in (True, False, False):
        result, failure = change(NAME, tmp_path, check=check, **params)
        assert f"systemd gives docker.service NO_PROXY not from {folder}/http-proxy.conf, but from {folder}/override.conf" in failure
        assert SECRET not in failure and result["restarts"] == [] and notes(tmp_path) == ()
    systemd.made_of("docker.service", base)
    result, failure = change(NAME, tmp_path, **params)
    assert failure == "" and result["restarts"] == ["docker"]
    (tmp_path / "sysconfig").write_text("HTTPS_PROXY=http://old:1\n")
    assert f"HTTPS_PROXY not from {folder}/http-proxy.conf, but from {tmp_path}/sysconfig" in change(NAME, tmp_path, **params)[1]
    systemd.made_of("docker.service")
    assert change(NAME, tmp_path, **params)[1] == "", "without such a unit nothing is known"
    gone, failure = change(NAME, tmp_path, state="absent", places=["docker_daemon"])
    assert failure == "" and gone["changed"], "others may keep a proxy of their own"


def apt_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real apt-config, on a folder in place of /etc/apt."""
    readers.needs("apt-config")
    parts, programs = folder / "apt/apt.conf.d", folder / "programs"
    parts.mkdir(parents=True)
    programs.mkdir()
    (folder / "apt.start").write_text(f'Dir::Etc::parts "{parts}";\nDir::Etc::main "{folder}/apt/apt.conf";\n')
    (programs / "apt-config").write_text(f'#!/bin/sh\nAPT_CONFIG={folder}/apt.start exec {shutil.which("apt-config")} "$@"\n')
    (programs / "apt-config").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setitem(proxy_places.PATHS, "apt", str(parts / "95serverops-proxy"))
    return parts


def test_a_file_of_apt_that_has_the_last_word_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = apt_of(tmp_path, monkeypatch)
    (parts / "90first").write_text('Acquire { http { Proxy "http://first:1"; } };\n')
    (parts / "01other").write_text('// Proxy\nAPT::Get::Assume-Yes "true";\n')
    params = given(tmp_path, places=["apt"], paths={})
    result, failure = change(NAME, tmp_path, **params)
    assert failure == "" and result["changed"]
    (parts / "99zz").write_text(f'Acquire {{ http {{ Proxy "http://me:{SECRET}@last:1"; }} }};\n')
    for check in (True, False):
        result, failure = change(NAME, tmp_path, check=check, **params)
        assert f"apt takes Acquire::http::Proxy not from {parts}/95serverops-proxy" in failure and f"{parts}/90first, {parts}/99zz" in failure
        assert SECRET not in failure + str(result) and "01other" not in failure
    (parts / "99zz").unlink()
    (tmp_path / "apt/apt.conf").write_text('Acquire::https::Proxy "http://last:1";\n')
    assert f"{tmp_path}/apt/apt.conf" in change(NAME, tmp_path, **params)[1]
    (tmp_path / "apt/apt.conf").unlink()
    assert change(NAME, tmp_path, **params)[1] == ""


def test_on_a_host_without_apt_its_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(proxy_places.PATHS, "apt", str(tmp_path / "apt/95serverops-proxy"))
    monkeypatch.setenv("PATH", str(tmp_path))
    result, failure = change(NAME, tmp_path, **given(tmp_path, places=["apt"], paths={}))
    assert failure == "" and not result["changed"] and "there is no apt on this host" in result["files"][0]["reason"]
    assert not (tmp_path / "apt").exists()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"http": None}, "http is required"),
        ({"http": "10.0.0.33:3128"}, "write such as http://10.0.0.33:3128"),
        ({"http": "10.0.0.33"}, "write such as http://10.0.0.33:3128"),
        ({"http": "fd00::1"}, "write such as http://[fd00::1]:3128"),
        ({"http": "http://fd00::1:3128"}, "IPv6 in brackets"),
        ({"http": "http://10.0.0.33"}, "no port from 1 to 65535; write such as http://10.0.0.33:3128"),
        ({"http": "http://10.0.0.33:0"}, "no port from 1 to 65535"),
        ({"http": f"{URL}/path"}, f"has no path; write {URL}"),
        ({"http": "socks5://10.0.0.33:1080"}, "no address of a proxy"),
        ({"https": "http://:3128"}, "https is 'http://:3128'"),
        ({"http": f"http://me:{SECRET}@10.0.0.33:3128"}, "set allow_credentials to true"),
        ({"http": f"me:{SECRET}@10.0.0.33:3128"}, "http is '********@10.0.0.33:3128'"),
        ({"http": f"http://me:{SECRET}$(id)@10.0.0.33:3128", "allow_credentials": True}, "other letters as %xx"),
        ({"services": []}, "services is empty"),
        ({"no_proxy": ["*"]}, "state: absent"),
        ({"no_proxy": ["10.0.0.1/8"]}, "no network"),
        ({"no_proxy": ["10.0.0.0/8:80"]}, "a network with a port"),
        ({"no_proxy": ["10.0.0"]}, "no host, domain"),
        ({"no_proxy": ["a b"]}, "no host, domain"),
        ({"places": []}, "places is empty"),
        ({"paths": {"nginx": "/x"}}, "'nginx', which is no place"),
        ({"paths": {}, "places": ["env_file"]}, "a full path of env_file"),
    ],
)
def test_bad_input_is_one_sentence_with_the_fix(tmp_path: Path, params: dict[str, Any], words: str) -> None:
    result, failure = change(NAME, tmp_path, **given(tmp_path, **params))
    assert result == {} and words in failure and SECRET not in failure and snapshot(tmp_path) == {}


def test_no_proxy_is_rendered_for_each_reader_or_warned_about(tmp_path: Path) -> None:
    listed = ["10.0.0.0/8, 172.16.0.0/12 ,", "*.corp.example.com", ".other.example.com", "registry.example.com:5000", "[fd00::1]:443", "10.1.2.3/32", ""]
    result, failure = change(NAME, tmp_path, **given(tmp_path, no_proxy=listed))
    assert failure == ""
    values = {one["path"].rpartition("/")[2]: one["values"] for one in result["files"]}
    ours = "10.0.0.0/8,172.16.0.0/12,.corp.example.com,.other.example.com,registry.example.com:5000,fd00::1:443,10.1.2.3/32"
    assert values["environment"]["NO_PROXY"] == f"{DIRECT},{ours}".replace("fd00::1:443", "[fd00::1]:443")
    java = values["customizations"]["JVM_OPTS"].partition("nonProxyHosts=")[2]
    assert java == f"{JAVA}|10.*|*.corp.example.com|*.other.example.com|registry.example.com|[fd00::1]|10.1.2.3"
    told = "\n".join(result["warnings"])
    for words in (
        "10.0.0.0/8: a network is taken by Go, requests and curl from 7.86 on",
        "172.16.0.0/12: Java takes a network by whole bytes alone",
        "registry.example.com:5000: a port is taken by Go and requests",
        ".corp.example.com: apt takes single hosts alone",
    ):
        assert words in told
    assert "10.0.0.0/8: Java" not in told


def test_credentials_are_written_where_it_is_allowed_and_never_shown(tmp_path: Path) -> None:
    params = given(tmp_path, http=f"http://me:{SECRET}@10.0.0.33:3128", allow_credentials=True)
    result, failure = change(NAME, tmp_path, **params)
    assert failure == "" and SECRET not in str(result) and "http://********@10.0.0.33:3128" in str(result)
    assert readers.by_shell("sh", tmp_path / "etc" / "customizations")["HTTP_PROXY"] == params["http"]
    assert "Java takes no name and password" in str(result["warnings"])
