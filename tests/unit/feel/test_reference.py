"""The reference of FEEL says what the code does."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from bpm_server import feel
from tests.unit.feel.reference import PAGE, tables, written
from tests.unit.feel.tables import evaluated

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_of_built_ins_are_those_of_today() -> None:
    assert written(TEXT) == TEXT, "python -m tests.unit.feel.reference puts new built-ins into the page"


def test_every_built_in_has_a_text() -> None:
    assert [line for line in tables().splitlines() if line.endswith("|  |")] == []


def test_every_kind_of_diagnostic_and_every_budget_is_named() -> None:
    assert [kind for kind in get_args(feel.DiagnosticKind) if f"`{kind}`" not in TEXT] == []
    for field in dataclasses.fields(feel.Budget):
        assert f"| `{field.name}` | {field.default:,} |" in TEXT


@pytest.mark.parametrize(
    ("expression", "dmn", "camunda8"),
    [
        ("2 * 3 instance of number", "null", "true"),
        ("[1, 2] instance of list", "null", "true"),
        ('@"10:00:00.1" = @"10:00:00.2"', "true", "false"),
        ("abs(number: -1)", "null", "1"),
        ('[1, 2][if item = 1 then true else "x"]', "null", "[1]"),
        ("1 = true", "null", "null"),
        ("1 = null", "false", "false"),
        ("for x in 3..1 return x", "[3, 2, 1]", "[3, 2, 1]"),
        (r'matches("foo bar", "\\bbar")', "null", "true"),
    ],
)
def test_the_dialects_differ_as_described(expression: str, dmn: str, camunda8: str) -> None:
    def value(dialect: feel.DialectName) -> str:
        try:
            return evaluated(expression, dialect)
        except feel.FeelSyntaxError:
            return "null"

    assert (value("dmn"), value("camunda8")) == (dmn, camunda8)
