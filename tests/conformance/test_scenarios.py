"""Golden traces of a real Camunda 7.24 engine: every scenario that is not Camunda 7 only comes out the same.

``READ_OTHERWISE`` lists the Camunda 7 scenarios whose trace is not ours, with the reason that scenario.json gives; the
others of that kind are followed too. docs/reference/camunda7-differences.md explains them for people.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance import trace_driver
from tests.support.services import ROOT, shared_data

pytestmark = pytest.mark.shared
NAMES_FILE = Path(__file__).parent / "scenarios.txt"
"""Names of the scenarios, ``*`` behind those that are Camunda 7 only and read otherwise here."""
NAMES = [line.strip() for line in NAMES_FILE.read_text(encoding="utf-8").splitlines() if line.strip()]
READ_OTHERWISE = {name.rstrip("* ") for name in NAMES if name.endswith("*")}


@pytest.fixture(scope="session")
def comparator() -> ModuleType:
    path = shared_data() / "tools" / "trace_compare.py"
    spec = importlib.util.spec_from_file_location("trace_compare", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def differences(comparator: ModuleType, folder: Path) -> dict[Any, Any]:
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    found: dict[Any, Any] = comparator.compare_runs(golden, trace_driver.run(folder))
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("*")])
def test_a_scenario_comes_out_as_in_the_golden_trace(name: str, shared: Path, comparator: ModuleType) -> None:
    assert differences(comparator, shared / "scenarios" / name) == {}


@pytest.mark.parametrize("name", sorted(READ_OTHERWISE))
def test_a_scenario_that_is_read_otherwise_is_marked_so_by_its_author(name: str, shared: Path) -> None:
    spec = json.loads((shared / "scenarios" / name / "scenario.json").read_text(encoding="utf-8"))
    assert spec["c7_only"] and spec["c7_reason"]


def test_every_scenario_is_named(shared: Path) -> None:
    there = {path.parent.name for path in (shared / "scenarios").glob("*/scenario.json")}
    assert there == {name.rstrip("* ") for name in NAMES}


def test_the_list_stands_in_the_project() -> None:
    assert NAMES_FILE.is_relative_to(ROOT)
