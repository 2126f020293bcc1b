# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an execution environment would install is compared with what we state, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution_environment import code_block, differences, quoted, requirements, wrong_in_context

DEFINITION = """\
images:
  base_image:
    name: example.org/base:9
dependencies:
  galaxy:
    collections:
      - name: serverops.circleci
"""
RECIPE = """\
ARG EE_BASE_IMAGE="example.org/base:9"
RUN ansible-galaxy collection install -r requirements.yml
RUN $PYCMD /output/scripts/introspect.py introspect --write-pip=/tmp/requirements.txt
"""


def test_the_first_block_of_the_language_is_taken() -> None:
    assert code_block("```sh\nno\n```\n\n```yaml\na: 1\nb: 2\n```\n```yaml\nc: 3\n```\n", "yaml") == "a: 1\nb: 2\n"
    with pytest.raises(SystemExit, match="no block of yaml"):
        code_block("```sh\nno\n```\n", "yaml")


def test_comments_are_no_requirements() -> None:
    assert requirements("# why\nrequests>=2.28  # from collection x\n\n  boto3\n") == {"requests>=2.28", "boto3"}
    assert requirements("# nothing\n") == set()


def test_a_reader_s_requirements_are_the_quoted_ones_with_a_bound() -> None:
    text = 'pip install "a-b>=1.0" "c>=2,<3"\nFor more `"d~=4"`; nomad_url: "https://x?a=b", "owner", "e"'
    assert quoted(text) == {"a-b>=1.0", "c>=2,<3", "d~=4"}


def test_both_kinds_of_difference_are_told() -> None:
    assert differences("file", {"a>=1"}, {"a>=1"}) == []
    assert differences("file", {"a>=1"}, {"a>=2"}) == ["file: a>=1 is stated and would not be installed", "file: a>=2 would be installed and is stated nowhere"]


def context(folder: Path, collections: str, recipe: str) -> Path:
    (folder / "_build").mkdir()
    (folder / "_build/requirements.yml").write_text(collections)
    (folder / "Containerfile").write_text(recipe)
    return folder


def test_a_context_as_asked_has_nothing_wrong(tmp_path: Path) -> None:
    assert wrong_in_context(DEFINITION, context(tmp_path, "collections:\n- name: serverops.circleci\n", RECIPE)) == []


def test_a_context_that_lacks_something_is_told(tmp_path: Path) -> None:
    found = wrong_in_context(DEFINITION, context(tmp_path, "collections: []\n", RECIPE.replace(":9", ":8").replace("introspect.py", "look.py")))
    assert [line.split()[1] for line in found] == ["the", "Containerfile", "Containerfile"]
