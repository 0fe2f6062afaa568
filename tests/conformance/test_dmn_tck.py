"""The cases of the DMN TCK, with its own harness; each case that fails is named here with its reason."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared

JAVA: Final = "calls a method of a Java class, which no engine outside of the JVM does"
FAILING: Final[dict[tuple[str, str], str]] = {
    ("compliance-level-3/0076-feel-external-java", case): JAVA
    for case in ("boxed_001", *(f"literal_{number:03}" for number in (6, 8, 9, 10, 11, 12)))
}
"""Folder and case, with the reason."""


@pytest.fixture(scope="module")
def report(shared: Path) -> Any:
    """All cases, run once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(shared / "tools"))
        harness = importlib.import_module("dmn_tck")
        engine = importlib.import_module("tests.conformance.tck_engine")
        return harness.run(harness.walk(shared / "dmn-tck"), engine.evaluate)


def test_only_cases_with_a_reason_fail(report: Any) -> None:
    failed = {(folder, case) for (folder, _, case), ok in report.by_case().items() if not ok}
    assert failed == set(FAILING)


def test_rates(report: Any) -> None:
    table = report.table()
    print(table)
    all_ok, all_cases = table["all"]
    assert all_cases == 2354
    assert table["compliance-level-2"] == (83, 83)
    assert all_ok / all_cases >= 0.995
    non_null = [each for each in report.results if each.case.expected is not None and "0076" not in each.case.uid]
    assert sum(each.ok for each in non_null) / len(non_null) >= 0.993


def test_null_never_comes_from_an_exception(report: Any) -> None:
    """A null that is expected has to be the result, not a crash that the harness counts as null."""
    assert [each.case.uid for each in report.results if each.error] == []
