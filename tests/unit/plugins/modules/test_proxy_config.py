# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of proxy_config: one description in every place, in the way of each reader; what cannot be is refused or warned about."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.host.proxy_places import PLACES
from unit.plugins.module_utils.host import readers
from unit.plugins.modules.host_doors import change, notes, snapshot
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
