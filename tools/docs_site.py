# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site from the guides and the plugins' own documentation; warnings and links that lead nowhere are errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from links import broken_in_markdown, broken_in_site  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build/docs-site"
WORK = ROOT / "build/docs-work"
BIN = Path(sys.executable).parent
# Pages of Ansible's own documentation that the generated reference points to, by their labels. Sphinx would fetch the list.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html#action-plugins",
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}
# The generated tables know one set of colours; these follow the theme's switch to dark.
DARK = {
    "table-background-header": "#3b3f46",
    "table-background-even": "#1e2126",
    "table-background-odd": "#272b31",
    "table-border": "#5a5f68",
    "narrowtable-background": "#3b3f46",
    "option-type": "#e0a3ff",
    "option-elements": "#e0a3ff",
    "option-required": "#ff8f8f",
    "option-version-added": "#7fd68a",
    "option-aliases": "#7fd68a",
    "option-default": "#a9b8ff",
    "option-sample": "#a9b8ff",
    "option-sample-header": "#ffffff",
    "attribute-support-none": "#ff8f8f",
    "attribute-support-partial": "#d0c860",
    "attribute-support-full": "#7fd68a",
    "deprecation-border": "#ffffff",
    "deprecation-background": "#1e2126",
    "deprecation-color": "#ffffff",
}
SETTINGS = f"""\
project = "serverops.circleci"
copyright = "the serverops.circleci authors"
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {{"ansible": ({ANSIBLE!r}, "ansible.inv")}}
default_role = "any"
nitpicky = True
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {{"dark_css_variables": { ({f"antsibull-{name}": value for name, value in DARK.items()}) }}}
html_title = "Operating CircleCI Server"
html_copy_source = False
html_show_sphinx = False
"""


def inventory(labels: dict[str, str]) -> bytes:
    """A list of labels as Sphinx reads it (sphinx/util/inventory.py, version 2)."""
    head = "# Sphinx inventory version 2\n# Project: ansible\n# Version:\n# The remainder of this file is compressed using zlib.\n"
    lines = "".join(f"{label} std:label -1 {place} {label}\n" for label, place in sorted(labels.items()))
    return head.encode() + zlib.compress(lines.encode())


def index(text: str, guides: list[str]) -> str:
    """The first page: the table of the guides as it stands in the repository, and what the side bar lists."""
    unlisted = [guide for guide in guides if f"({guide}.md)" not in text]
    if unlisted:
        sys.exit(f"docs_site: docs/README.md does not name {', '.join(unlisted)}")
    ordered = sorted(guides, key=lambda guide: text.index(f"({guide}.md)"))
    return text + "\n```{toctree}\n:hidden:\n\n" + "\n".join([*ordered, "reference/index"]) + "\n```\n"


def without_contents(text: str) -> str:
    """A generated page without its own list of contents: the theme puts one beside every page, and an error in red where there are two."""
    return re.sub(r"^\.\. contents::.*\n(?: +.*\n)*", "", text, flags=re.M)


def write_source(source: Path) -> None:
    guides = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")
    for guide in guides:
        shutil.copy(guide, source)
    (source / "index.md").write_text(index((ROOT / "docs/README.md").read_text(), [guide.stem for guide in guides]))
    (source / "conf.py").write_text(SETTINGS)
    (source / "ansible.inv").write_bytes(inventory(LABELS))


def run(*argv: str | Path) -> None:
    print("+", *argv, flush=True)
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = dict(os.environ, HOME=str(WORK), PATH=path, ANSIBLE_COLLECTIONS_PATH=str(ROOT / "build/collections"))
    if code := subprocess.run([str(part) for part in argv], env=env, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"docs_site: this failed with {code}: {' '.join(map(str, argv))}")


def build() -> None:
    for folder in (SITE, WORK):
        shutil.rmtree(folder, ignore_errors=True)
    source = WORK / "source"
    (source / "reference").mkdir(parents=True)
    # antsibull-docs refuses a folder that others may write to.
    (source / "reference").chmod(0o700)
    write_source(source)
    generate = ("collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", source / "reference")
    run(BIN / "antsibull-docs", *generate, "serverops.circleci")
    for page in (source / "reference").glob("*.rst"):
        page.write_text(without_contents(page.read_text()))
    run(BIN / "sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-d", WORK / "doctrees", source, SITE)


def missing_pages() -> list[str]:
    """A module or role without a page: the generator leaves out what it does not see."""
    wanted = [f"{path.stem}_module" for path in (ROOT / "plugins/modules").glob("*.py")] + [f"{path.name}_role" for path in (ROOT / "roles").iterdir()]
    return [f"{name} has no page" for name in sorted(wanted) if not (SITE / "reference" / f"{name}.html").exists()]


def visible_errors() -> list[str]:
    """What a reader would see in red without a warning: Sphinx's own messages, and the theme's over a second list of contents."""
    shown = re.compile(r'<nav class="contents|class="(?:[\w -]* )?system-message[ "]')
    return [f"{page.relative_to(SITE)} shows an error" for page in sorted(SITE.rglob("*.html")) if shown.search(page.read_text())]


def main() -> None:
    build()
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "*.md"], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = missing_pages() + visible_errors() + broken_in_site(SITE) + broken_in_markdown(ROOT, [name for name in listed.split("\0") if name])
    for fault in found:
        print(f"docs_site: {fault}")
    if found:
        sys.exit(1)
    print(f"{SITE.relative_to(ROOT)}/index.html: {len(list(SITE.rglob('*.html')))} pages")


if __name__ == "__main__":
    main()
