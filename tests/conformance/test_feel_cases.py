"""Camunda's semantics of FEEL, as recorded in feel-cases.json."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.conformance import feel_engine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

DIFFERENCES: Final[dict[str, str]] = {}
"""Expressions whose value differs on purpose, each with the reason: there are none."""


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[dict[str, Any]]:
    """All recorded cases."""
    found: list[dict[str, Any]] = json.loads((shared / "feel-cases.json").read_text(encoding="utf-8"))
    return found


def test_expressions_have_the_recorded_value(cases: list[dict[str, Any]]) -> None:
    different = {}
    for case in cases:
        question = {key: value for key, value in case.items() if key != "expected"}
        value = feel_engine.evaluate(question)
        if not _same(value, case["expected"]):
            different[case["expression"]] = value
    assert different.keys() == DIFFERENCES.keys(), different


def _same(left: Any, right: Any) -> bool:
    """Equality of tagged values; numbers by value, because Camunda computed some with less precision."""
    if isinstance(left, dict) and isinstance(right, dict):
        if left.get("@") == right.get("@") == "number":
            return abs(Decimal(left["v"]) - Decimal(right["v"])) < Decimal("1e-8")
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right
