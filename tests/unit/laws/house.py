# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house rules as pure functions over the text of one file of plugins/: each gives the sentences of what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

ROOT = "ansible_collections.serverops.circleci.plugins."
HEADER = [
    "# Copyright (c) 2026, the serverops.circleci authors",
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
]
SDKS = ("nomad", "kubernetes", "websocket", "boto3", "botocore", "google", "requests", "urllib3")
ANSIBLE_ROOMS = ("module_utils/info_door.py", "module_utils/transport/", "action/", "filter/", "inventory/", "plugin_utils/")
# Where an SDK may be imported at all, and there only lazily. errors.py of a system sorts the SDK's exceptions by type.
SDK_ROOMS = re.compile(r"module_utils/(transport/\w+|\w+/((\w+_)?client|errors))\.py|inventory/\w+\.py")
WORLD = ("socket", "subprocess", "shutil", "tempfile", "pathlib", "http", "urllib.request", "ssl")  # what touches the machine or the network
IMPURE = (*WORLD, "time", "os", "random", "sys", "uuid", "threading", "logging")  # what a pure file does not know
WORLD_ROOMS = ("module_utils/transport/", "module_utils/core/clock.py")
NOT_IN_3_9 = ("tomllib",)
# Which systems may use which others (semantics.md); kubernetes and cloud are shared ground for every client.
MAY_USE = {"fleet": {"nomad", "cloud"}, "image": {"gcp"}, "kots": {"velero"}, "replicated": {"host"}, "server": {"*"}, "vms": {"gcp"}}
# Modules that change files of a managed host are called after what they change; by the first word of their names.
HOST_WORDS = ("ca", "certbot", "proxy", "service", "telegraf")
OTHER_WORDS = {"tls": "replicated", "vm": "image", "network": "balancer"}
WHOLE_NAMES = {"server_names_info": "replicated", "vm_service": "vms"}  # about the server, but of a 2.x host; machines, not their images
SHARED = ("kubernetes", "cloud")
SHARED_DATA = ("module_utils/kubernetes/kinds",)  # names alone, which every file of a system may have
DOORS = ("module_utils/door", "module_utils/info_door")
LINES, DOOR_LINES, ACTION_LINES, FUNCTION_LINES, PARAMETERS = 300, 50, 20, 25, 5


@dataclass(frozen=True)
class File:
    """One file of plugins/; `path` is relative to plugins/."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def room(self) -> str:
        return self.path.partition("/")[0]

    @property
    def system(self) -> str:
        """The system of a file in module_utils or of a module by its name; "" for core, transport, the door and the rest."""
        parts = self.path.split("/")
        if self.room == "module_utils":
            return parts[1] if len(parts) > 2 and parts[1] not in ("core", "transport") else ""
        return system_of(parts[1]) if self.room == "modules" else ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2].removesuffix(".py")


def system_of(module: str) -> str:
    """The system of a module by its name."""
    word = module.partition("_")[0]
    if module.removesuffix(".py") in WHOLE_NAMES:
        return WHOLE_NAMES[module.removesuffix(".py")]
    return "host" if word in HOST_WORDS else OTHER_WORDS.get(word, word)


@dataclass(frozen=True)
class Import:
    """One imported module, and whether the import happens when the file is loaded."""

    module: str
    eager: bool

    @property
    def ours(self) -> str:
        """Path inside plugins/ such as module_utils/core/errors; "" for what is not ours."""
        return self.module.removeprefix(ROOT).replace(".", "/") if self.module.startswith(ROOT) else ""


def imports(file: File) -> list[Import]:
    """All imports; those in functions and under TYPE_CHECKING are lazy."""
    return list(_imports(file.tree, True))


def _imports(node: ast.AST, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, eager) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from _from(child, eager)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or _is_type_checking(child):
            yield from _imports(child, False)
        else:
            yield from _imports(child, eager)


def _from(node: ast.ImportFrom, eager: bool) -> Iterator[Import]:
    base = "." * node.level + (node.module or "")
    # `from plugins.module_utils.nomad import drain` names a file, not something in one.
    whole = base.startswith(ROOT) and len(base.removeprefix(ROOT).split(".")) <= 2 and not base.endswith("door")
    yield from (Import(f"{base}.{alias.name}" if whole else base, eager) for alias in node.names)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_of(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


# -- which way doors open ---------------------------------------------------------------------------------


def doors_open_one_way(file: File) -> list[str]:
    """modules -> door, core, their system; a system -> core, transport (its clients), shared ground; core -> core; nobody -> modules."""
    return [f"imports {one.module}, but {why}" for one in imports(file) if (why := _shut(file, one))]


def _shut(file: File, one: Import) -> str:
    if one.module.startswith("."):
        return "imports are written in full"
    target = one.ours.split("/")
    if not one.ours:
        return ""
    if target[0] in ("modules", "action"):
        return "nobody imports modules or actions"
    if file.path.startswith("module_utils/core/"):
        return "" if one.ours.startswith("module_utils/core/") else "core knows only core"
    if file.path.startswith("module_utils/transport/"):
        return "" if one.ours.startswith(("module_utils/core/", "module_utils/transport/")) else "transport knows only core"
    if file.path == "module_utils/info_door.py":
        return "" if one.ours.startswith("module_utils/core/") else "the door knows only core"
    if file.path == "module_utils/door.py":
        return "" if one.ours.startswith(("module_utils/core/", "module_utils/info_door")) else "the door knows only core"
    if file.room in ("modules", "module_utils"):
        return _shut_system(file, one.ours, target)
    return "" if file.room in ("action", "filter", "plugin_utils", "inventory") else "this room imports nothing of ours"


def _shut_system(file: File, ours: str, target: list[str]) -> str:
    if ours.startswith("module_utils/core/"):
        return ""
    if ours in DOORS:
        return "" if file.room == "modules" else "only modules know the door"
    if target[1] == "transport":
        return "" if file.room == "module_utils" and _is_client(file) else "only clients know transports"
    allowed = MAY_USE.get(file.system, set())
    shared = target[1] in SHARED and (_is_client(file) or file.room == "modules" or ours in SHARED_DATA)
    return "" if target[1] == file.system or target[1] in allowed or "*" in allowed or shared else f"{file.system} may not use {target[1]}"


def _is_client(file: File) -> bool:
    """A system may have several clients, one for each thing it speaks to: store_client.py, console_client.py."""
    return file.name in ("client", "connection", "roads") or file.name.endswith("_client")


def rules_are_pure(files: Mapping[str, File]) -> list[str]:
    """A file that decides, and core but its clock, reach no client, no transport, no SDK, no clock and no file, not even through others."""
    found = []
    for path, file in files.items():
        if path.startswith("module_utils/core/") and path != "module_utils/core/clock.py" or _decides(file):
            found += [f"{path} reaches {what}" for what in sorted(_reached(path, files))]
    return found


def _decides(file: File) -> bool:
    return file.room == "module_utils" and any(isinstance(node, ast.FunctionDef) and node.name == "decide" for node in file.tree.body)


def _reached(path: str, files: Mapping[str, File]) -> set[str]:
    bad: set[str] = set()
    seen: set[str] = set()
    todo = [path]
    while todo:
        here = todo.pop()
        if here in seen or here not in files or here == "module_utils/core/clock.py":
            continue
        seen.add(here)
        for one in imports(files[here]):
            if one.ours:
                todo.append(one.ours + ".py")
                if one.ours.endswith(("/client", "_client")) or "/transport/" in one.ours:
                    bad.add(f"{one.ours}.py through {here}")
            elif _is_of(one.module, (*IMPURE, *SDKS, "ansible")):
                bad.add(f"{one.module} through {here}")
    return bad


def ansible_stays_in_its_rooms(file: File) -> list[str]:
    if file.path.startswith(ANSIBLE_ROOMS):
        return []
    return [f"imports {one.module}" for one in imports(file) if _is_of(one.module, ("ansible",))]


def sdks_are_lazy_and_in_clients(file: File) -> list[str]:
    found = [one for one in imports(file) if _is_of(one.module, SDKS)]
    misplaced = [] if SDK_ROOMS.fullmatch(file.path) else [f"imports {one.module} outside clients and transports" for one in found]
    return misplaced + [f"imports {one.module} when it is loaded" for one in found if one.eager]


# -- what is not done ---------------------------------------------------------------------------------------


def nothing_unexpected_is_caught(file: File) -> list[str]:
    found = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ["everything"] if node.type is None else [ast.unparse(one) for one in getattr(node.type, "elts", [node.type])]
            found += [f"line {node.lineno} catches {one}" for one in caught if one in ("everything", "Exception", "BaseException")]
    return found


def the_world_is_touched_in_transports_only(file: File) -> list[str]:
    if file.path.startswith(WORLD_ROOMS):
        return []
    found = [f"imports {one.module}" for one in imports(file) if _is_of(one.module, WORLD)]
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("open", "io.open", "os.open", "os.system", "os.popen", "time.sleep", "input"):
                found.append(f"line {node.lineno} calls {called}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time" and any(alias.name == "sleep" for alias in node.names):
            found.append(f"line {node.lineno} imports time.sleep")
    return found


def only_the_door_fails_a_module(file: File) -> list[str]:
    if file.path.removesuffix(".py") in DOORS:
        return []
    names = ("fail_json", "exit_json")
    return [f"line {node.lineno} uses {node.attr}" for node in ast.walk(file.tree) if isinstance(node, ast.Attribute) and node.attr in names]


def python_3_9_can_run_it(file: File) -> list[str]:
    found = [f"imports {one.module}" for one in imports(file) if _is_of(one.module, NOT_IN_3_9)]
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Match):
            found.append(f"line {node.lineno} has a match statement")
        elif isinstance(node, ast.Call) and any(word.arg in ("slots", "kw_only") for word in node.keywords) and "dataclass" in ast.unparse(node.func):
            found.append(f"line {node.lineno} has slots or kw_only")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _looks_like_types(node):
            found.append(f"line {node.lineno} has X | Y as a type; write Union or Optional")
    return found


def _looks_like_types(node: ast.BinOp) -> bool:
    names = {"None", "str", "int", "float", "bool", "bytes", "dict", "list", "tuple", "set", "frozenset", "Any", "Json"}
    sides = [ast.unparse(side).partition("[")[0] for side in (node.left, node.right)]
    return any(side in names for side in sides)


# -- what it looks like ---------------------------------------------------------------------------------------


def first_lines_say_what_it_is(file: File) -> list[str]:
    lines = file.lines
    if file.room == "modules":
        if lines[:1] != ["#!/usr/bin/python"]:
            return ["does not begin with #!/usr/bin/python"]
        lines = lines[1:]
    if lines[:3] != HEADER:
        return ["does not begin with the three lines of copyright, GPL and SPDX"]
    docstring = ast.get_docstring(file.tree, clean=False) or ""
    first = docstring.strip().splitlines()[:1]
    if not first or not lines[3:4] or not lines[3].startswith('"""'):
        return ["has no line that says what the file is for, right after the header"]
    return [] if first[0].endswith(".") else ["the line that says what the file is for is no sentence"]


def sizes_are_kept(file: File) -> list[str]:
    found = []
    if file.room == "modules":
        count = len(file.lines) - _end_of_docs(file)
        found += [f"{count} lines under the docs, {DOOR_LINES} at most"] if count > DOOR_LINES else []
    else:
        bound = ACTION_LINES if file.room == "action" else LINES
        found += [f"{len(file.lines)} lines, {bound} at most"] if len(file.lines) > bound else []
    for node in ast.walk(file.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found += _function(node)
    return found


def _end_of_docs(file: File) -> int:
    docs = ("DOCUMENTATION", "EXAMPLES", "RETURN")
    ends = [node.end_lineno or 0 for node in file.tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in docs]
    return max(ends, default=0)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    given = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if arg.arg not in ("self", "cls")]
    found = [f"{node.name} (line {node.lineno}) has {length} lines, {FUNCTION_LINES} at most"] if length > FUNCTION_LINES else []
    return found + ([f"{node.name} (line {node.lineno}) has {len(given)} parameters, {PARAMETERS} at most"] if len(given) > PARAMETERS else [])


RULES: tuple[Callable[[File], list[str]], ...] = (
    doors_open_one_way,
    ansible_stays_in_its_rooms,
    sdks_are_lazy_and_in_clients,
    nothing_unexpected_is_caught,
    the_world_is_touched_in_transports_only,
    only_the_door_fails_a_module,
    python_3_9_can_run_it,
    first_lines_say_what_it_is,
    sizes_are_kept,
)
