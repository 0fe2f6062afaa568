"""Files and folders of the command line: none is dropped because another has its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.cli.content import by_name, find_files
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/rule.dmn", "b/rule.dmn", "b/deeper/Order.BPMN", "b/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_files_of_one_name_are_both_found(folder: Path) -> None:
    found = find_files([folder])
    assert [path.removeprefix(f"{folder.as_posix()}/") for path in found] == [
        "a/rule.dmn",
        "b/deeper/Order.BPMN",
        "b/rule.dmn",
    ]


def test_a_file_that_is_named_counts_whatever_its_ending(folder: Path) -> None:
    assert list(find_files([folder / "b" / "notes.txt"]).values()) == [b"b/notes.txt"]


def test_a_deployment_takes_names_and_refuses_two_of_one_name(folder: Path) -> None:
    assert by_name(find_files([folder / "b"])) == {"Order.BPMN": b"b/deeper/Order.BPMN", "rule.dmn": b"b/rule.dmn"}
    with pytest.raises(InvalidInput, match=r"'rule\.dmn' in a deployment, but found .*a/rule\.dmn and .*b/rule\.dmn"):
        by_name(find_files([folder]))
