# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of proxy_probe: by a real curl through a real squid that counts, from the host and from a container of the lab; and the rules alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.host.probe import Heard, Target, curl_argv, targets, verdict
from unit.plugins.module_utils.host import readers
from unit.plugins.modules.indoors import check_options, module, returned

from lab.proxy.squid import NO_SQUID, Squid, Web, free_port, squid
from lab.replicated.services import ServicesHost

NAME = "proxy_probe"
SECRET = "5ec2e7-of-the-proxy"


def ask(folder: Path, check: bool = False, **params: Any) -> dict[str, Any]:
    full = {name: option.get("default") for name, option in module(NAME).DOOR.options.items()}
    own = {"usual_targets": False, "environment_file": str(folder / "customizations"), "timeout": 5.0}
    return dict(module(NAME).DOOR.probe({**full, **own, **params}, check, SystemClock()))


def target(name: str, url: str, via: str = "any", optional: bool = False) -> dict[str, Any]:
    return {"name": name, "url": url, "via": via, "optional": optional}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Squid]:
    if squid() is None:
        pytest.skip(NO_SQUID)
    readers.needs("curl")
    with Squid(tmp_path / "squid", ("github.test", "shut.test")) as made:
        yield made


def settings(folder: Path, url: str, no_proxy: str = "127.0.0.1,localhost") -> None:
    text = "".join(f'export {name}="{url}"\n' for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"))
    (folder / "customizations").write_text(f'{text}export no_proxy="{no_proxy}"\nexport NO_PROXY="{no_proxy}"\n')


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_each_request_is_known_by_the_way_that_it_took(tmp_path: Path, proxy: Squid) -> None:
    settings(tmp_path, proxy.url)
    with Web() as web:
        asked = [
            target("github", f"http://github.test:{web.port}/", "proxy"),
            target("tunnel", f"https://github.test:{web.port}/", "proxy"),
            target("metadata", f"http://localhost:{web.port}/latest", "direct"),
            target("wrong", f"http://github.test:{web.port}/", "direct"),
            target("shut", "http://shut.test/", "proxy"),
            target("nobody", f"http://127.0.0.1:{free_port()}/", "direct"),
            target("cloud", f"http://127.0.0.1:{free_port()}/", "direct", optional=True),
        ]
        result = ask(tmp_path, targets=asked)
        assert web.hosts == [f"github.test:{web.port}", f"localhost:{web.port}", f"github.test:{web.port}"]
    told = {one["name"]: (one["verdict"], one["via"]) for one in result["probes"]}
    assert told == {
        "github": ("as_wanted", "proxy"),
        "tunnel": ("unreachable", "proxy"),  # squid made the tunnel, and there is no TLS at its end
        "metadata": ("as_wanted", "direct"),
        "wrong": ("wrong_way", "proxy"),
        "shut": ("refused", "proxy"),
        "nobody": ("unreachable", "direct"),
        "cloud": ("as_wanted", "direct"),
    }
    assert [line.split(":")[0] for line in proxy.asked()] == ["GET http", "CONNECT github.test", "GET http", "GET http"]
    assert "wrong from the host: it was asked through the proxy, but must be asked directly" in result["failure"]
    assert set(result) - {"changed", "failure"} == set(returned(NAME)) and not result["changed"] and not result["as_wanted"]


def test_a_container_is_asked_with_its_own_proxy(tmp_path: Path, proxy: Squid, monkeypatch: pytest.MonkeyPatch) -> None:
    with ServicesHost(tmp_path / "host") as host, Web() as web:
        monkeypatch.setenv("PATH", host.path)
        (host.root / "etc").mkdir(exist_ok=True)
        settings(host.root / "etc", proxy.url)
        (host.root / "etc/customizations").rename(host.root / "etc/circle-installation-customizations")
        asked = [target("github", f"http://github.test:{web.port}/", "proxy"), target("local", f"http://localhost:{web.port}/", "direct")]
        before = ask(tmp_path, targets=asked, containers=["telegraf"], from_host=False)
        assert [one["verdict"] for one in before["probes"]] == ["wrong_way", "as_wanted"], "it has not been restarted since"
        host.run("docker", "restart", "telegraf")
        after = ask(tmp_path, targets=asked, containers=["telegraf"], from_host=False)
        assert after["failure"] == "" and [one["via"] for one in after["probes"]] == ["proxy", "direct"]
        assert len(proxy.asked()) == 1
        gone = ask(tmp_path, targets=asked[:1], containers=["nobody"], from_host=False)
        assert gone["probes"][0]["verdict"] == "unknown" and "github from nobody" in gone["failure"]


def test_a_proxy_that_wants_a_login_is_told_and_the_password_is_not(tmp_path: Path) -> None:
    if squid() is None:
        pytest.skip(NO_SQUID)
    with Squid(tmp_path / "squid", ("github.test",), login=True) as proxy:
        settings(tmp_path, proxy.url.replace("://", f"://me:{SECRET}@"))
        result = ask(tmp_path, targets=[target("a", "http://github.test/", "proxy"), target("b", "https://github.test/", "proxy")])
    assert [one["verdict"] for one in result["probes"]] == ["refused", "refused"] and "407" in result["failure"]
    assert SECRET not in str(result)


def test_a_host_without_curl_or_without_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = ask(tmp_path, targets=[target("a", "http://127.0.0.1/")])
    assert result["probes"][0]["verdict"] == "unknown" and "there is no curl" in result["failure"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"targets": []}, "there is nobody to ask"),
        ({"targets": [target("a", "http://me:x@h/")]}, "no address without a password"),
        ({"targets": [target("a", "github.com")]}, "no address"),
        ({"targets": [target("a", "http://h/")], "timeout": 0.0}, "timeout is 0"),
    ],
)
def test_bad_input(tmp_path: Path, params: dict[str, Any], words: str) -> None:
    with pytest.raises(CollectionError, match=words):
        ask(tmp_path, **params)


def test_the_usual_targets_and_who_takes_their_place() -> None:
    usual = {one.name: (one.via, one.optional) for one in targets({"usual_targets": True})}
    assert usual == {"github": ("proxy", False), "s3": ("direct", False), "registry": ("proxy", False), "metadata": ("direct", True)}
    mine = targets({"usual_targets": True, "github_enterprise": "ghe.example.com", "targets": [target("registry", "https://r/", "direct")]})
    assert {one.name: one.url for one in mine if one.name in ("github", "registry")} == {"github": "https://ghe.example.com/", "registry": "https://r/"}
    assert len(mine) == 4 and curl_argv(mine[0], 5.0)[-1] == "https://ghe.example.com/"


PROXY = frozenset({("10.0.0.33", "3128")})


@pytest.mark.parametrize(
    ("code", "line", "via", "found"),
    [
        (0, "200 000 10.0.0.33 3128", "proxy", ("as_wanted", "proxy")),
        (0, "401 200 10.0.0.33 3128", "proxy", ("as_wanted", "proxy")),
        (0, "404 000 10.1.1.1 443", "direct", ("as_wanted", "direct")),
        (0, "200 000 10.0.0.33 3128", "direct", ("wrong_way", "proxy")),
        (0, "200 000 10.1.1.1 443", "proxy", ("wrong_way", "direct")),
        (0, "407 000 10.0.0.33 3128", "proxy", ("refused", "proxy")),
        (0, "503 000 10.0.0.33 3128", "any", ("refused", "proxy")),
        (0, "503 000 10.1.1.1 80", "any", ("as_wanted", "direct")),
        (56, "000 403 10.0.0.33 3128", "proxy", ("refused", "proxy")),
        (60, "000 200 10.0.0.33 3128", "proxy", ("untrusted", "proxy")),
        (28, "000 000  ", "direct", ("unknown", None)),
        (28, "000 000  ", "proxy", ("unknown", None)),
        (28, "000 000  0", "any", ("unreachable", None)),
        (6, "000 000  0", "direct", ("unreachable", "direct")),
        (5, "000 000  0", "direct", ("wrong_way", "proxy")),
        (5, "000 000  0", "proxy", ("unreachable", "proxy")),
    ],
)
def test_what_an_answer_means(code: int, line: str, via: str, found: tuple[str, str | None]) -> None:
    told = verdict(Target("x", "https://x/", via), "", Heard(code, f"\nprobe {line}\n", "", PROXY))
    assert (told["verdict"], told["via"]) == found


IPV6 = frozenset({("fd00::1", "3128")})


@pytest.mark.parametrize(
    ("said", "proxies", "blind", "via"),
    [
        ("*   Trying 10.0.0.33:3128...\n", PROXY, "", "proxy"),
        ("*   Trying 10.0.0.33...\n", PROXY, "", "proxy"),  # of a curl that tells no port
        ("*   Trying 10.0.0.33... Connection refused\n", PROXY, "", "proxy"),
        ("*   Trying [::1]:3128...\n*   Trying 10.0.0.33:3128...\n", PROXY, "", "proxy"),
        ("*   Trying [fd00::1]:3128...\n", IPV6, "", "proxy"),
        ("*   Trying fd00::1:3128...\n", IPV6, "", "proxy"),
        ("*   Trying 10.0.0.33:443...\n", PROXY, "", "direct"),
        ("*   Trying 169.254.169.254:80...\n", PROXY, "", "direct"),
        ("*   Trying 169.254.169.254:80...\n", PROXY, "8080", "direct"),
        ("*   Trying 169.254.169.254:80...\n", frozenset(), "80", None),
        ("*   Trying 169.254.169.254...\n", frozenset(), "3128", None),
        ("", PROXY, "", None),
        ("", frozenset(), "", "direct"),
    ],
)
def test_without_a_connection_it_is_told_by_whom_curl_tried(said: str, proxies: frozenset[tuple[str, str]], blind: str, via: str | None) -> None:
    """A dead proxy looks like a dead target: so a target that need not answer must not be called asked directly."""
    heard = Heard(7, "\nprobe 000 000  0\n", said, proxies, frozenset({blind} if blind else ()))
    told = verdict(Target("metadata", "http://169.254.169.254/", "direct", optional=True), "", heard)
    assert told["via"] == via
    assert told["verdict"] == {"proxy": "wrong_way", "direct": "as_wanted", None: "unknown"}[via]


def test_a_proxy_that_only_the_container_finds_is_not_taken_for_the_target() -> None:
    """Its name leads nowhere on the host: a connection to that port may be one to the proxy."""
    heard = Heard(0, "\nprobe 200 000 172.18.0.5 3128\n", "", frozenset({("squid", "3128")}), frozenset({"3128"}))
    assert verdict(Target("x", "http://x:3128/", "direct"), "frontend", heard)["verdict"] == "unknown"
    assert verdict(Target("x", "http://x:3128/", "any"), "frontend", heard)["verdict"] == "as_wanted"


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "http://localhost:{port}", "http://no-such-proxy.invalid:{port}"])
def test_a_dead_proxy_is_no_direct_way(tmp_path: Path, url: str) -> None:
    """By a real curl."""
    readers.needs("curl")
    settings(tmp_path, url.format(port=free_port()), no_proxy="none.example.com")
    asked = [target("metadata", "http://127.0.0.9/", "direct", optional=True), target("github", "https://github.test/", "proxy")]
    result = ask(tmp_path, targets=asked)
    assert [(one["verdict"], one["via"]) for one in result["probes"]] == [("wrong_way", "proxy"), ("unreachable", "proxy")]
    reason = result["probes"][1]["reason"]
    assert "the proxy takes no connection" in reason or "the proxy's name is not found" in reason


def test_what_curl_says_of_a_login_is_not_passed_on() -> None:
    said = f"* Uses proxy env variable http_proxy == 'http://me:{SECRET}@p:1'\n> Proxy-Authorization: Basic {SECRET}\ncurl: (2) broken\n"
    told = verdict(Target("x", "https://x/", "any"), "", Heard(2, "", said, PROXY))
    assert told["verdict"] == "unknown" and SECRET not in str(told) and "curl: (2) broken" in told["reason"]


@pytest.mark.parametrize("heard", [Heard(None, "", ""), Heard(127, "", "exec: curl not found"), Heard(1, "Error", "No such container")])
def test_no_answer_is_unknown(heard: Heard) -> None:
    assert verdict(Target("x", "https://x/", "any"), "frontend", heard)["verdict"] == "unknown"
