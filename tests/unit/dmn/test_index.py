"""The index finds the rules that asking each cell would find, at a cost that hardly grows with the rules."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpm_server import dmn, feel
from bpm_server.dmn.index import read_cell
from bpm_server.dmn.rulesets import RuleSets
from tests.unit.dmn.models import CAMUNDA8, NOW, decision, definitions, load, table

PROOF = os.environ.get("BPM_PROOF") == "1"
_POINTS = [
    "0",
    "1",
    "2",
    "1.0",
    "-1",
    "0.5",
    '"a"',
    '"b"',
    '""',
    "true",
    "false",
    'date("2026-01-31")',
    '@"2026-02-01"',
]
_VALUES = [
    *(None, True, False, 0, 1, 2, -1, Decimal("0.5"), Decimal("1.0"), Decimal("1.5"), 99),
    *("a", "b", "", "c", "2026-01-31", feel.Date(2026, 1, 31), feel.Date(2026, 2, 1), feel.Date(2027, 1, 1)),
    *([1], ["a", "b"], {"a": 1}, feel.Time(10, 0, 0), feel.DaysDuration(1)),
]


@st.composite
def cells(draw: st.DrawFn) -> str:
    """Cells of decision tables, most of them made of literals."""

    def one(options: list[str]) -> str:
        return draw(st.sampled_from(options))

    def test() -> str:
        match one(["point", "point", "compare", "interval", "list", "other"]):
            case "point":
                return one(_POINTS)
            case "compare":
                return f"{one(['<', '<=', '>', '>=', '=', '!='])} {one(_POINTS)}"
            case "interval":
                return f"{one(['[', '(', ']'])}{one(_POINTS)}..{one(_POINTS)}{one([']', ')', '['])}"
            case "list":
                return f"[{one(_POINTS)}, {one(_POINTS)}]"
        return one(["null", "? != null", "1 + 1", "? = 1", "count(?) > 1", "[1..2]", "(< 2)"])

    if one(["some"] * 9 + ["any"]) == "any":
        return "-"
    tests = ", ".join(test() for _ in range(draw(st.integers(1, 3))))
    return f"not({tests})" if one(["plain", "plain", "not"]) == "not" else tests


@settings(max_examples=5_000 if PROOF else 60, deadline=None)
@given(st.lists(st.tuples(cells(), cells()), min_size=1, max_size=8), st.sampled_from(["camunda8", "dmn"]))
def test_the_index_agrees_with_asking_each_cell(rules: list[tuple[str, str]], dialect: feel.DialectName) -> None:
    rows = [f"{first} | {second} | {number}" for number, (first, second) in enumerate(rules)]
    xml = decision("d", table(["a", "b"], ["x"], rows, hit="COLLECT"))
    model = dmn.load(definitions(xml, attributes=CAMUNDA8 if dialect == "camunda8" else ""), name="t", strict=False)
    compiled = [tuple(feel.compile(cell, kind="unary", dialect=dialect) for cell in rule) for rule in rules]
    for first in _VALUES:
        for second in (None, 1, "a"):
            expected = [
                number
                for number, (one, other) in enumerate(compiled)
                if one.evaluate({}, tested=first).value is True and other.evaluate({}, tested=second).value is True
            ]
            value = model.evaluate("d", {"a": first, "b": second}, now=NOW).value
            assert (value or []) == expected, (first, second)


@settings(max_examples=5_000 if PROOF else 60, deadline=None)
@given(st.lists(cells(), min_size=2, max_size=8))
def test_rules_that_share_values_or_cover_each_other(texts: list[str]) -> None:
    read = [read_cell(feel.compile(text, kind="unary", dialect="dmn").tree) for text in texts]
    compiled = [feel.compile(text, kind="unary", dialect="dmn") for text in texts]
    passing = [{i for i, v in enumerate(_VALUES) if each.evaluate({}, tested=v).value is True} for each in compiled]
    sets = RuleSets(read)
    for left in range(len(texts)):
        for right in range(len(texts)):
            if read[left] is None or read[right] is None:
                assert not sets.sharing(left) >> right & 1 or read[right] is not None
                continue
            if passing[left] & passing[right] - {0}:
                assert sets.sharing(left) >> right & 1
            if sets.covering(left) >> right & 1:
                assert passing[left] - {0} <= passing[right]


def _large(rules: int) -> dmn.Model:
    rows = [
        f'"P{number % 100}" | [{number % 50 * 1000}..{number % 50 * 1000 + 1000}) | "A", "B{number // 100}" | {number}'
        for number in range(rules)
    ]
    return load(decision("d", table(["product", "amount", "region"], ["x"], rows, hit="FIRST")), attributes=CAMUNDA8)


def _cost(model: dmn.Model, questions: list[dict[str, Any]]) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for variables in questions:
            model.evaluate("d", variables, now=NOW)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.timeout(60)
def test_5000_rules_cost_about_as_much_as_50() -> None:
    questions = [
        {"product": f"P{number * 7 % 100}", "amount": number * 331 % 50_000, "region": f"B{number % 50}"}
        for number in range(200)
    ]
    small, large = _large(50), _large(5_000)
    assert _cost(large, questions) < 2.5 * _cost(small, questions)
    asked = {"product": "P10", "amount": 10_500, "region": "B20"}
    assert large.evaluate("d", asked, now=NOW).value == 2010


def test_a_cell_of_10000_characters() -> None:
    names = ", ".join(f'"name {number}"' for number in range(700))
    assert len(names) > 8_000
    model = load(decision("d", table(["n"], ["x"], [f"{names} | 1", f"not({names}) | 2"])), attributes=CAMUNDA8)
    assert model.evaluate("d", {"n": "name 699"}, now=NOW).value == 1
    assert model.evaluate("d", {"n": "name 700"}, now=NOW).value == 2
    sums = " + ".join(["1"] * 5_000)
    model = load(decision("d", table(["n"], ["x"], [f"{sums} | {sums}"])), attributes=CAMUNDA8)
    assert model.evaluate("d", {"n": 5_000}, now=NOW).value == 5_000
