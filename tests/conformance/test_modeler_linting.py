"""Camunda Modeler's own rules find nothing wrong with the repository's processes: they open without a finding."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import bundled, node_with
from tests.support.services import ROOT

PROCESSES = sorted((ROOT / "processes").glob("*.bpmn"))


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reports of Camunda Modeler's linter about one file."""
    node = node_with("@camunda/linting")
    bundle = bundled(node, Path(__file__).with_name("modeler_lint.mjs"), tmp_path_factory.mktemp("linter"))

    def lint(file: Path) -> list[dict[str, Any]]:
        result = subprocess.run([node, bundle, file], check=True, capture_output=True, text=True)
        return [json.loads(line) for line in result.stdout.splitlines()]

    return lint


@pytest.mark.parametrize("file", PROCESSES, ids=[path.name for path in PROCESSES])
def test_the_modeler_finds_nothing(linter: Any, file: Path) -> None:
    assert linter(file) == []


def test_the_modeler_would_find_something(linter: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bpmn"
    texts = [path.read_text(encoding="utf-8") for path in PROCESSES]
    text = next(text for text in texts if "zeebe:calledDecision" in text)
    broken.write_text(text.replace("<zeebe:calledDecision", "<zeebe:unknown"), encoding="utf-8")
    assert linter(broken)
