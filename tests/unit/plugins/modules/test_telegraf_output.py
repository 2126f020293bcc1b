# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of telegraf_output: refused before a write, restarted only on a change, believed by its log alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.host import telegraf
from ansible_collections.serverops.circleci.plugins.module_utils.host.telegraf import Container, TelegrafSpec, TelegrafState, error_lines, loaded_outputs
from unit.plugins.modules.host_doors import change
from unit.plugins.modules.indoors import check_options, module, returned

from lab.replicated.services import ServicesHost

NAME = "telegraf_output"
SECRET = "5ec2e7-of-influx"
ADDRESS = f"https://in.example .com/v1?token={SECRET}"  # a blank in a host's name
KAFKA = '[[outputs.kafka]]\n  brokers = ["kafka.example.com:9092"]\n  topic = "circleci"\n'


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServicesHost]:
    """The lab's programs on PATH, in real time."""
    with ServicesHost(tmp_path / "host") as made:
        monkeypatch.setenv("PATH", made.path)
        yield made


def output(host: ServicesHost, check: bool = False, **params: Any) -> tuple[dict[str, Any], str]:
    return change(NAME, host.directory, check, **{"name": "kafka", "directory": str(host.root / "etc/circleconfig/telegraf"), "content": KAFKA, **params})


def started(host: ServicesHost) -> str:
    return host.run("docker", "inspect", "--format", "{{.State.StartedAt}}", "telegraf").out


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_it_is_written_loaded_and_then_left_alone(host: ServicesHost) -> None:
    path, first = host.root / "etc/circleconfig/telegraf/kafka.conf", started(host)
    predicted, failure = output(host, check=True)
    assert failure == "" and not path.exists() and started(host) == first
    result, failure = output(host)
    assert failure == "" and result["steps"] == predicted["steps"] and [step["step"] for step in result["steps"]] == ["write", "restart"]
    assert path.read_text() == KAFKA and result["output"]["loaded"] and result["output"]["outputs"] == ["kafka"]
    assert set(result) - {"changed", "diff", "warnings"} == set(returned(NAME)) and result["diff"]["after"] == predicted["diff"]["after"]
    second = started(host)
    again, failure = output(host)
    assert second != first and failure == "" and not again["changed"] and started(host) == second, "restarted only on a change"
    gone, failure = output(host, state="absent", content=None)
    assert failure == "" and not path.exists() and started(host) != second and not output(host, state="absent", content=None)[0]["changed"]


def test_without_waiting_it_is_written_and_restarted_all_the_same(host: ServicesHost) -> None:
    first = started(host)
    result, failure = output(host, wait=False)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["write", "restart"] and started(host) != first
    assert output(host)[0]["output"]["loaded"]


def test_a_password_in_a_file_that_everybody_may_read_is_warned_about(host: ServicesHost) -> None:
    path, secret = host.root / "etc/circleconfig/telegraf/kafka.conf", {"content": f'{KAFKA}  sasl_password = "{SECRET}"\n'}
    for check in (True, False, False):
        result, failure = output(host, check, **secret)
        [warning] = result["warnings"]
        assert failure == "" and f"{path}: it holds a password or a token" in warning and SECRET not in warning
    assert output(host, mode="0640", **secret)[0]["warnings"] == [] and path.stat().st_mode & 0o777 == 0o640
    assert output(host, **secret)[0]["warnings"] == []
    assert output(host, state="absent", content=None)[0]["warnings"] == output(host)[0]["warnings"] == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"outputs": {"kafka": [{"brokers": ["a:1"], "topic": "x"}]}}, False),
        ({"outputs": {"influxdb_v2": [{"urls": ["http://a"]}, {"token": "x"}]}}, True),
        ({"outputs": {"influxdb_v2": [{"token": "${INFLUX_TOKEN}"}]}}, False),
        ({"outputs": {"influxdb_v2": [{"token": "@{store:token}"}]}}, False),
        ({"outputs": {"influxdb": [{"urls": ["http://me:x@a"], "password": ""}]}}, True),
        ({"outputs": {"datadog": [{"apikey": "x"}]}}, True),
        ({"global_tags": {"Env": "x"}}, False),
    ],
)
def test_what_holds_a_secret(data: dict[str, Any], found: bool) -> None:
    assert telegraf.holds_secret(data) is found


def test_a_file_that_telegraf_has_not_read_yet_is_a_restart(host: ServicesHost) -> None:
    """As after a run that died between the two."""
    (host.root / "etc/circleconfig/telegraf/kafka.conf").write_text(KAFKA)
    result, failure = output(host)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["restart"]


def test_another_file_that_stops_telegraf_is_told_without_its_words(host: ServicesHost) -> None:
    (host.root / "etc/circleconfig/telegraf/other.conf").write_text(f'password = "{SECRET}\n')
    result, failure = output(host, content=f'{KAFKA}  password = "another-{SECRET}"\n')
    assert "telegraf does not run" in failure and "other.conf" in failure and SECRET not in failure + str(result)
    assert result["output"]["loaded"] is False


QUOTED = [f"'{ADDRESS}'", f'"{ADDRESS}"', f'"""{ADDRESS}"""', f"'''\n{ADDRESS}'''"]


@pytest.mark.parametrize("quoted", QUOTED)
def test_an_address_is_not_told_however_it_is_quoted(host: ServicesHost, quoted: str) -> None:
    failure = output(host, content=f"[[outputs.http]]\n  url = {quoted}\n")[1]
    assert "outputs.http" in failure and SECRET not in failure and "invalid character" in failure


@pytest.mark.parametrize("params", [{}, {"state": "absent", "content": None}], ids=["present", "absent"])
def test_nor_that_of_another_file(host: ServicesHost, params: dict[str, Any]) -> None:
    output(host)
    (host.root / "etc/circleconfig/telegraf/other.conf").write_text(f"[[outputs.http]]\n  url = '{ADDRESS}'\n")
    (host.root / "etc/circleconfig/telegraf/mounted.conf").mkdir()  # as Docker does where the file of a mount is not there
    result, failure = output(host, **{"content": KAFKA + "# anew\n", **params})
    assert "outputs.http" in failure and SECRET not in failure + str(result)


def test_without_a_restart_only_the_file_is_looked_at(tmp_path: Path) -> None:
    result, failure = change(NAME, tmp_path, name="kafka", directory=str(tmp_path / "telegraf"), content=KAFKA, restart=False)
    assert failure == "" and [step["step"] for step in result["steps"]] == ["write"] and result["output"]["loaded"] is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "../x"}, "name is '../x'"),
        ({"name": "kafka.conf"}, "without .conf"),
        ({"content": None}, "content is needed"),
        ({"content": " \n"}, "content is needed"),
        ({"content": f'[[output.influxdb]]\n  password = "{SECRET}"\n'}, "did you mean outputs?"),
        ({"content": f'[[outputs.influxdb]\n  password = "{SECRET}"\n'}, "content is no TOML: line 1"),
        ({"content": f'[outputs]\na = 1\na = "{SECRET}"\n'}, "content is no TOML"),
        ({"content": "[outputs]\nkafka = 1\n"}, "kafka is no table"),
        ({"content": "brokers = []\n"}, "does not know"),
        ({"container": "none"}, "there is no container none"),
        ({"mode": "416"}, "mode is '416', but it must be"),
    ],
)
def test_what_telegraf_would_not_take_is_refused_before_a_write(host: ServicesHost, params: dict[str, Any], words: str) -> None:
    first = started(host)
    result, failure = output(host, **params)
    assert result == {} and words in failure and SECRET not in failure
    assert list((host.root / "etc/circleconfig/telegraf").iterdir()) == [] and started(host) == first


def test_the_guides_url_of_influxdb_is_warned_about(host: ServicesHost) -> None:
    result, failure = output(host, name="influxdb", content='[[outputs.influxdb]]\n  url = "http://10.0.0.5:8086"\n  database = "testdb"')
    assert failure == "" and "write urls" in result["warnings"][0]


def test_without_docker_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _result, failure = change(NAME, tmp_path, name="kafka", directory=str(tmp_path), content=KAFKA)
    assert "docker is not on PATH" in failure


# -- rules ----------------------------------------------------------------------------------------------------------

SPEC = TelegrafSpec("/x.conf", None, ("kafka",))


@pytest.mark.parametrize(
    ("container", "phase", "kind", "words"),
    [
        (Container(True, True), 0.0, "steps", "started before"),
        (Container(False, False, errors=("E! no",)), 0.0, "stuck", "does not run: E! no"),
        (Container(True, False, 5.0), 0.0, "waiting", "not named its outputs yet"),
        (Container(True, False, 70.0), 61.0, "stuck", "names no outputs"),
        (Container(True, False, 9999.0), 0.0, "settled", "is not known"),
        (Container(True, False, 5.0, ("file",)), 0.0, "stuck", "loaded file, but not kafka"),
        (Container(True, False, 5.0, ("file", "kafka")), 0.0, "settled", "as wanted"),
    ],
)
def test_the_container_decides(container: Container, phase: float, kind: str, words: str) -> None:
    look = Look(SPEC, TelegrafState(True, True, ("kafka",), container=container), phases={"/x.conf": phase})
    decision = telegraf.decide(look)["/x.conf"]
    assert decision.kind == kind and words in decision.reason


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("", None),
        ("2026-01-01T00:00:00Z I! Loaded inputs: cpu\n", None),
        ("x I! Loaded outputs: file\nx I! Loaded outputs: influxdb (2x) kafka\n", ("influxdb", "kafka")),
        ("x I! Loaded outputs: \n", ()),
    ],
)
def test_the_outputs_of_the_last_start(log: str, found: tuple[str, ...] | None) -> None:
    assert loaded_outputs(log) == found


def test_errors_are_the_last_few_lines() -> None:
    assert error_lines("I! a\n" + "".join(f"x E! {number}\n" for number in range(5))) == ("x E! 2", "x E! 3", "x E! 4")
