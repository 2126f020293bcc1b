# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls of the house: imports, sizes and first lines of plugins/, and that every module has its tests. Each rule is also shown a file that breaks it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import APP_RESTART
from unit.laws import house
from unit.laws.house import DOOR_LINES, HEADER, LINES, ROOT, RULES, File

TOP = Path(__file__).parents[2]
PLUGINS = TOP / "plugins"
FILES = {path.relative_to(PLUGINS).as_posix(): File(path.relative_to(PLUGINS).as_posix(), path.read_text()) for path in sorted(PLUGINS.rglob("*.py"))}
MODULES = sorted(file.name for file in FILES.values() if file.room == "modules")
Rule = Callable[[File], list[str]]

CORE, RULE_FILE, CLIENT = "module_utils/core/x.py", "module_utils/nomad/x.py", "module_utils/nomad/client.py"
MODULE, INFO = "modules/nomad_x.py", "modules/nomad_x_info.py"
HEAD = "\n".join(HEADER) + "\n"


def test_there_is_a_house() -> None:
    assert len(FILES) > 20
    assert len(MODULES) >= 2


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_every_rule(rule: Rule, path: str) -> None:
    assert rule(FILES[path]) == []


def test_what_decides_reaches_nothing_outside_itself() -> None:
    assert house.rules_are_pure(FILES) == []
    assert [path for path, file in FILES.items() if house._decides(file)] != [], "the rule must have something to look at"


def ours(path: str, name: str = "") -> str:
    return f"from {ROOT}{path} import {name or 'x'}\n"


BROKEN: list[tuple[Rule, str, str]] = [
    (house.doors_open_one_way, CORE, ours("module_utils.nomad.model")),
    (house.doors_open_one_way, CORE, ours("module_utils.door")),
    (house.doors_open_one_way, CORE, "from . import errors\n"),
    (house.doors_open_one_way, "module_utils/door.py", ours("module_utils.nomad.client")),
    (house.doors_open_one_way, "module_utils/info_door.py", ours("module_utils.door")),
    (house.doors_open_one_way, "module_utils/transport/x.py", ours("module_utils.nomad.client")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils.door")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils.info_door")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils.transport.sessions")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils.velero.model")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils", "velero")),
    (house.doors_open_one_way, RULE_FILE, ours("module_utils.kubernetes.client")),
    (house.doors_open_one_way, RULE_FILE, ours("modules.nomad_node_drain")),
    (house.doors_open_one_way, MODULE, ours("modules", "nomad_node_drain")),
    (house.doors_open_one_way, MODULE, ours("module_utils.transport.sessions")),
    (house.doors_open_one_way, MODULE, ours("module_utils.velero.client")),
    (house.doors_open_one_way, "doc_fragments/x.py", ours("module_utils.door")),
    (house.ansible_stays_in_its_rooms, RULE_FILE, "from ansible.module_utils.basic import AnsibleModule\n"),
    (house.ansible_stays_in_its_rooms, MODULE, "import ansible\n"),
    (house.ansible_stays_in_its_rooms, "module_utils/door.py", "from ansible.module_utils.basic import AnsibleModule\n"),
    (house.ansible_stays_in_its_rooms, CORE, "def f():\n    from ansible.errors import AnsibleError\n"),
    (house.sdks_are_lazy_and_in_clients, CLIENT, "import nomad\n"),
    (house.sdks_are_lazy_and_in_clients, CLIENT, "try:\n    import nomad\nexcept ImportError:\n    nomad = None\n"),
    (house.sdks_are_lazy_and_in_clients, CLIENT, "from requests.exceptions import Timeout\n"),
    (house.sdks_are_lazy_and_in_clients, RULE_FILE, "def f():\n    import requests\n"),
    (house.sdks_are_lazy_and_in_clients, MODULE, "def f():\n    import boto3\n"),
    (house.nothing_unexpected_is_caught, RULE_FILE, "try:\n    f()\nexcept Exception:\n    pass\n"),
    (house.nothing_unexpected_is_caught, RULE_FILE, "try:\n    f()\nexcept:\n    pass\n"),
    (house.nothing_unexpected_is_caught, RULE_FILE, "try:\n    f()\nexcept (ValueError, BaseException):\n    pass\n"),
    (house.the_world_is_touched_in_transports_only, RULE_FILE, "import socket\n"),
    (house.the_world_is_touched_in_transports_only, CLIENT, "def f():\n    import subprocess\n"),
    (house.the_world_is_touched_in_transports_only, CLIENT, "def f():\n    return open('x')\n"),
    (house.the_world_is_touched_in_transports_only, CLIENT, "import time\ntime.sleep(1)\n"),
    (house.the_world_is_touched_in_transports_only, "plugin_utils/x.py", "from time import sleep\n"),
    (house.only_the_door_fails_a_module, MODULE, "module.fail_json(msg='x')\n"),
    (house.only_the_door_fails_a_module, RULE_FILE, "module.exit_json()\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "match x:\n    case 1:\n        pass\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "@dataclass(frozen=True, slots=True)\nclass X:\n    a: int\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "import tomllib\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "class X:\n    a: str | None = None\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "Json = dict[str, int] | list[int]\n"),
    (house.first_lines_say_what_it_is, RULE_FILE, '"""What it is for."""\n'),
    (house.first_lines_say_what_it_is, RULE_FILE, HEAD),
    (house.first_lines_say_what_it_is, RULE_FILE, HEAD + "x = 1\n"),
    (house.first_lines_say_what_it_is, RULE_FILE, HEAD + '\n"""Too late."""\n'),
    (house.first_lines_say_what_it_is, RULE_FILE, HEAD + '"""no sentence"""\n'),
    (house.first_lines_say_what_it_is, MODULE, HEAD + '"""What it is for."""\n'),
    (house.sizes_are_kept, RULE_FILE, "x = 1\n" * (LINES + 1)),
    (house.sizes_are_kept, "action/nomad_x.py", "x = 1\n" * 21),
    (house.sizes_are_kept, MODULE, 'RETURN = """\n"""\n' + "x = 1\n" * (DOOR_LINES + 1)),
    (house.sizes_are_kept, RULE_FILE, "def f():\n" + "    x = 1\n" * 25),
    (house.sizes_are_kept, RULE_FILE, "class C:\n    def f(self, a, b, c, d, e, *, g): ...\n"),
]
FINE: list[tuple[Rule, str, str]] = [
    (house.doors_open_one_way, MODULE, ours("module_utils.door") + ours("module_utils.nomad", "drain") + ours("module_utils.core.clock")),
    (house.doors_open_one_way, CLIENT, ours("module_utils.transport.sessions") + ours("module_utils.kubernetes.client")),
    (house.doors_open_one_way, "module_utils/kots/x.py", ours("module_utils.velero.model")),
    (house.doors_open_one_way, "module_utils/server/x.py", ours("module_utils.kots.model")),
    (house.ansible_stays_in_its_rooms, "module_utils/info_door.py", "from ansible.module_utils.basic import AnsibleModule\n"),
    (house.ansible_stays_in_its_rooms, RULE_FILE, ours("module_utils.core.errors")),
    (house.ansible_stays_in_its_rooms, "filter/x.py", "from ansible.errors import AnsibleFilterError\n"),
    (house.doors_open_one_way, "filter/x.py", ours("plugin_utils.report_page")),
    (house.sdks_are_lazy_and_in_clients, CLIENT, "def f():\n    import nomad\n"),
    (house.sdks_are_lazy_and_in_clients, "module_utils/transport/x.py", "if TYPE_CHECKING:\n    import requests\n"),
    (house.sdks_are_lazy_and_in_clients, RULE_FILE, ours("module_utils.nomad.model")),
    (house.nothing_unexpected_is_caught, RULE_FILE, "try:\n    f()\nexcept (ValueError, KeyError):\n    pass\n"),
    (house.the_world_is_touched_in_transports_only, "module_utils/transport/x.py", "import socket\nopen('x')\n"),
    (house.the_world_is_touched_in_transports_only, CLIENT, "self.open()\nclock.sleep(1)\n"),
    (house.python_3_9_can_run_it, RULE_FILE, "x = {'a'} | found\ny: Optional[str] = None\n"),
    (house.first_lines_say_what_it_is, MODULE, "#!/usr/bin/python\n" + HEAD + '"""What it is for."""\n'),
    (house.sizes_are_kept, MODULE, 'DOCUMENTATION = """' + "\n" * 400 + '"""\n' + "x = 1\n" * DOOR_LINES),
    (house.sizes_are_kept, RULE_FILE, "class C:\n    def f(self, a, b, c, d, e):\n" + "        x = 1\n" * 24),
]


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN, ids=[f"{rule.__name__}-{number}" for number, (rule, _path, _text) in enumerate(BROKEN)])
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert rule(File(path, text)) != []


@pytest.mark.parametrize(("rule", "path", "text"), FINE, ids=[f"{rule.__name__}-{number}" for number, (rule, _path, _text) in enumerate(FINE)])
def test_a_rule_lets_pass_what_keeps_it(rule: Rule, path: str, text: str) -> None:
    assert rule(File(path, text)) == []


def test_every_rule_is_shown_a_file_that_breaks_it() -> None:
    assert {rule for rule, _path, _text in BROKEN} == set(RULES)


@pytest.mark.parametrize(
    "text", [ours("module_utils.nomad.client"), "import time\n", "import os\n", "def f():\n    import requests\n", ours("module_utils.nomad.helper")]
)
def test_purity_sees_what_is_reached_directly_and_through_others(text: str) -> None:
    files = {
        RULE_FILE: File(RULE_FILE, text + "def decide(look): ...\n"),
        "module_utils/nomad/helper.py": File("module_utils/nomad/helper.py", "from random import random\n"),
    }
    assert house.rules_are_pure(files) != []


def test_purity_lets_a_pure_file_and_the_clock_pass() -> None:
    files = {
        RULE_FILE: File(RULE_FILE, ours("module_utils.core.clock") + "def decide(look): ...\n"),
        "module_utils/core/clock.py": File("module_utils/core/clock.py", "import time\n"),
        CLIENT: File(CLIENT, "import time\n"),
    }
    assert house.rules_are_pure(files) == []


# -- what every module has -------------------------------------------------------------------------------------


def door_of(module: str) -> Any:
    return import_module(f"{ROOT}modules.{module}").DOOR


# The modules of a system that lives in Kubernetes share the options of that group.
GROUPS = {"velero": "kubernetes", "kots": "kubernetes", "server": "kubernetes"}
PIECES = {"gcp": "gcp.options", "kubernetes": "kubernetes.options", "nomad": "nomad.connection"}


def group_of(module: str) -> str:
    system = house.system_of(module)
    return GROUPS.get(system, system)


def group_options(group: str) -> dict[str, Any]:
    """The options that all modules of a group share: the piece beside its client. Modules of a host share none."""
    if group not in PIECES:
        return {}
    return dict(getattr(import_module(f"{ROOT}module_utils.{PIECES[group]}"), f"{group.upper()}_OPTIONS"))


def fragment(name: str) -> dict[str, Any]:
    found = import_module(f"{ROOT}doc_fragments.{name}").ModuleDocFragment.DOCUMENTATION
    return dict(yaml.safe_load(found)["options"])


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_unit_test_of_its_door(module: str) -> None:
    assert (TOP / "tests/unit/plugins/modules" / f"test_{module}.py").is_file()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_an_integration_target(module: str) -> None:
    assert (TOP / "tests/integration/targets" / module / "tasks").is_dir()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_in_its_action_group_and_takes_all_of_the_groups_options(module: str) -> None:
    group = group_of(module)
    groups = yaml.safe_load((TOP / "meta/runtime.yml").read_text())["action_groups"]
    assert module in groups[group]
    assert group_options(group).items() <= door_of(module).options.items()


def test_an_action_group_names_only_modules_that_exist() -> None:
    groups = yaml.safe_load((TOP / "meta/runtime.yml").read_text())["action_groups"]
    assert sorted({name for names in groups.values() for name in names}) == MODULES


@pytest.mark.parametrize("name", [file.name for file in FILES.values() if file.room == "action"])
def test_an_action_plugin_has_the_name_of_a_module(name: str) -> None:
    assert name in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_names_the_options_that_the_door_takes(module: str) -> None:
    told = yaml.safe_load(import_module(f"{ROOT}modules.{module}").DOCUMENTATION)
    options, own = door_of(module).options, told["options"]
    shared = set(options) - set(own) - {"cloud", *RESTART_NOTES, *APP_RESTART}  # of modules in two groups; of some of a group
    assert shared == set(group_options(group_of(module)))
    for name, text in own.items():
        for key in ("type", "elements", "choices", "default", "required"):
            assert text.get(key) == options[name].get(key), f"{name}: {key}"


@pytest.mark.parametrize(
    ("name", "options"),
    [*((group, group_options(group)) for group in PIECES), ("wait", WAIT_OPTIONS), ("restart_notes", RESTART_NOTES), ("app_restart", APP_RESTART)],
)
def test_a_doc_fragment_says_the_same_as_the_option_piece_of_its_name(name: str, options: dict[str, Any]) -> None:
    told = fragment(name)
    assert set(told) == set(options)
    for option, text in told.items():
        for key in ("type", "default"):
            assert text.get(key) == options[option].get(key), f"{option}: {key}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_waits_for_nothing_says_so(module: str) -> None:
    told = yaml.safe_load(import_module(f"{ROOT}modules.{module}").DOCUMENTATION)
    quick = not getattr(door_of(module), "waits", True)
    assert quick == ("serverops.circleci.wait.nothing" in told["extends_documentation_fragment"])
    nothing = yaml.safe_load(import_module(f"{ROOT}doc_fragments.wait").ModuleDocFragment.NOTHING)["options"]
    assert {name: (one["type"], one["default"]) for name, one in nothing.items()} == {name: (one["type"], one["default"]) for name, one in WAIT_OPTIONS.items()}


def test_no_options_but_those_that_begin_with_an_underscore_are_hidden() -> None:
    for module in MODULES:
        assert not [name for name in door_of(module).options if name.startswith("_")]


# -- tests -----------------------------------------------------------------------------------------------------------


def test_the_tests_have_no_init_files() -> None:
    assert list((TOP / "tests").rglob("__init__.py")) == []


def asserts_nothing(node: ast.FunctionDef) -> bool:
    """Neither an assertion nor a `raises`, directly or in a helper whose name says that it checks."""
    calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]
    checks = [name for name in calls if name.split(".")[-1].startswith(("raises", "assert", "check", "expect", "must", "fail"))]
    return not checks and not any(isinstance(one, ast.Assert) for one in ast.walk(node))


def test_no_unit_test_asserts_nothing() -> None:
    idle = []
    for path in sorted((TOP / "tests/unit").rglob("test_*.py")):
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        idle += [f"{path.name}: {node.name}" for node in functions if asserts_nothing(node)]
    assert idle == []


@pytest.mark.parametrize(("text", "idle"), [("def test_x():\n    run()\n", True), ("def test_x():\n    assert run()\n", False)])
def test_a_test_that_asserts_nothing_is_seen(text: str, idle: bool) -> None:
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert asserts_nothing(node) == idle
