# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the definition of the guide as far as an execution environment goes without a container engine.

The context is made, and the script in it that tells an image's build what to install looks at the collection as installed from its tarball.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = ROOT / "build/installed"
PLACE = ROOT / "build/execution-environment"
GUIDE = ROOT / "docs/execution-environment.md"


def code_block(text: str, language: str) -> str:
    """The first block of that language in a Markdown text."""
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    if found is None:
        sys.exit(f"execution_environment: no block of {language} in the guide")
    return found[1]


def requirements(text: str) -> set[str]:
    """The lines of a requirements or bindep file without comments: ours, or one that says which collection asked for what."""
    return {line for line in (line.partition("#")[0].strip() for line in text.splitlines()) if line}


def quoted(text: str) -> set[str]:
    """The requirements that a text tells a reader to install: a name with a bound, in quotes, as a shell wants them."""
    return set(re.findall(r'"([A-Za-z][\w.-]*[<>=!~][^"\s]*)"', text))


def differences(what: str, wanted: set[str], found: set[str]) -> list[str]:
    missing = [f"{what}: {name} is stated and would not be installed" for name in sorted(wanted - found)]
    return missing + [f"{what}: {name} would be installed and is stated nowhere" for name in sorted(found - wanted)]


def wrong_in_context(definition: str, context: Path) -> list[str]:
    """What the context holds against what the definition asks for."""
    asked = yaml.safe_load(definition)
    wanted = asked["dependencies"]["galaxy"]
    got = yaml.safe_load((context / "_build/requirements.yml").read_text())
    recipe = (context / "Containerfile").read_text()
    expected = (f'ARG EE_BASE_IMAGE="{asked["images"]["base_image"]["name"]}"', "ansible-galaxy collection install", "/output/scripts/introspect.py introspect")
    found = [] if got == wanted else [f"context: the collections are {got}, asked were {wanted}"]
    return found + [f"context: Containerfile has no {text}" for text in expected if text not in recipe]


def run(*argv: str) -> None:
    print("+", *argv, flush=True)
    if code := subprocess.run(argv, cwd=PLACE, env=dict(os.environ, HOME=str(PLACE)), stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"execution_environment: this failed with {code}: {' '.join(argv)}")


def introspected(context: Path) -> tuple[set[str], set[str]]:
    """The Python and the system packages that an image would get. The script writes no file where it has nothing to write."""
    files = [PLACE / name for name in ("python.txt", "system.txt")]
    script = str(context / "_build/scripts/introspect.py")
    run(sys.executable, script, "introspect", str(INSTALLED), "--write-pip", str(files[0]), "--write-bindep", str(files[1]))
    python, system = (requirements(file.read_text()) if file.exists() else set() for file in files)
    return python, system


def main() -> None:
    if not INSTALLED.exists():
        sys.exit("execution_environment: no build/installed; run the steps `tarball` and `installed` first")
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    definition = code_block(GUIDE.read_text(), "yaml")
    (PLACE / "execution-environment.yml").write_text(definition)
    context = PLACE / "context"
    run(str(Path(sys.executable).parent / "ansible-builder"), "create", "--context", str(context), "--output-filename", "Containerfile")
    python, system = introspected(context)
    stated = requirements((ROOT / "meta/ee-requirements.txt").read_text())
    readme = quoted((ROOT / "README.md").read_text())
    found = wrong_in_context(definition, context)
    found += differences("meta/ee-requirements.txt", stated, python) + differences("README.md", readme, python)
    found += differences("meta/ee-bindep.txt", requirements((ROOT / "meta/ee-bindep.txt").read_text()), system)
    for fault in found:
        print(f"execution_environment: {fault}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
