"""Decision tables: hit policies, aggregators, defaults, cells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bpm_server import dmn
from tests.unit.dmn.models import NOW, decided, decision, definitions, load, table

THREE = ["< 10 | 1", "< 20 | 2", "< 30 | 2"]


def single(rules: list[str], *, output: str = "x", **options: Any) -> dmn.Model:
    return load(decision("d", table(["n"], [output], rules, **options)))


@pytest.mark.parametrize(
    ("options", "value", "expected"),
    [
        ({"hit": "UNIQUE"}, 25, "2"),
        ({"hit": "UNIQUE"}, 15, "null"),
        ({"hit": "UNIQUE"}, 99, "null"),
        ({"hit": "ANY"}, 15, "2"),
        ({"hit": "ANY"}, 5, "null"),
        ({"hit": "FIRST"}, 5, "1"),
        ({"hit": "FIRST"}, 15, "2"),
        ({"hit": "PRIORITY", "output": "x : 2, 1"}, 5, "2"),
        ({"hit": "PRIORITY", "output": "x : 1, 2"}, 5, "1"),
        ({"hit": "OUTPUT ORDER", "output": "x : 2, 1"}, 5, "[2, 2, 1]"),
        ({"hit": "RULE ORDER"}, 5, "[1, 2, 2]"),
        ({"hit": "COLLECT"}, 5, "[1, 2, 2]"),
        ({"hit": "COLLECT", "aggregation": "SUM"}, 5, "5"),
        ({"hit": "COLLECT", "aggregation": "MIN"}, 5, "1"),
        ({"hit": "COLLECT", "aggregation": "MAX"}, 5, "2"),
        ({"hit": "COLLECT", "aggregation": "COUNT"}, 5, "3"),
        ({"hit": "COLLECT"}, 99, "null"),
        ({"hit": "COLLECT", "aggregation": "SUM"}, 99, "null"),
        ({"hit": "UNIQUE", "output": "x : 1, 2 = 9"}, 99, "9"),
        ({"hit": "FIRST", "output": "x :  = n + 1"}, 99, "100"),
    ],
)
def test_hit_policies(options: dict[str, Any], value: int, expected: str) -> None:
    assert decided(single(THREE, **options), "d", n=value) == expected


def test_several_outputs() -> None:
    rules = ["< 10 | 1 | 'a'", "< 20 | 2 | 'b'"]
    rules = [rule.replace("'", '"') for rule in rules]

    def value(hit: str, *outputs: str) -> str:
        return decided(load(decision("d", table(["n"], outputs, rules, hit=hit))), "d", n=5)

    assert value("FIRST", "x", "y") == '{x: 1, y: "a"}'
    assert value("COLLECT", "x", "y") == '[{x: 1, y: "a"}, {x: 2, y: "b"}]'
    assert value("PRIORITY", "x : 2, 1", 'y : "a", "b"') == '{x: 2, y: "b"}'
    assert value("PRIORITY", "x", 'y : "b", "a"') == '{x: 2, y: "b"}'
    assert value("OUTPUT ORDER", "x : 2, 1", "y") == '[{x: 2, y: "b"}, {x: 1, y: "a"}]'
    assert value("ANY", "x", "y") == "null"


def test_a_broken_hit_policy_fails() -> None:
    result = single(THREE).evaluate("d", {"n": 5}, now=NOW)
    assert result.failed
    assert [(note.kind, note.message) for note in result.diagnostics] == [
        ("rule", "Expected one rule that matches, but found rules 1, 2, 3")
    ]
    result = single(THREE, hit="ANY").evaluate("d", {"n": 5}, now=NOW)
    assert [note.message for note in result.diagnostics] == [
        "Expected matching rules with the same outputs, but found rules 1, 2"
    ]


def test_no_match_is_a_result() -> None:
    result = single(THREE).evaluate("d", {"n": 99}, now=NOW)
    assert (result.value, result.failed, result.diagnostics) == (None, False, ())


@pytest.mark.parametrize("orientation", ["Rule-as-Row", "Rule-as-Column", "CrossTable"])
def test_the_orientation_is_how_it_looks(orientation: str) -> None:
    assert decided(single(THREE, hit="FIRST", orientation=orientation), "d", n=5) == "1"


@pytest.mark.parametrize(
    ("cell", "value", "matches"),
    [
        ("-", None, True),
        ("", None, True),
        ("5", 5, True),
        ("5", Decimal("5.0"), True),
        ("5", "5", False),
        ("5", True, False),
        ("1", True, False),
        ("5", None, False),
        ("null", None, True),
        ('"a"', "a", True),
        ('"a", "b"', "b", True),
        ('not("a", "b")', "b", False),
        ('not("a", "b")', "c", True),
        ('not("a")', None, True),
        ('not("a")', 5, False),
        ("true", True, True),
        ("false", True, False),
        ("< 5", 4, True),
        ("< 5", 5, False),
        ("<= 5", 5, True),
        ("[1..5]", 5, True),
        ("[1..5)", 5, False),
        ("(1..5]", 1, False),
        ("]1..5[", 3, True),
        ("[1..5], > 10", 11, True),
        ("not([1..5])", 6, True),
        ("not((1..5])", 1, True),
        ('["a".."c"]', "b", True),
        ('> "b"', "c", True),
        ('date("2026-01-31")', "2026-01-31", False),
        ("-5", -5, True),
        ("> -5", 0, True),
        ("0.1 + 0.2", Decimal("0.3"), True),
        ("? > limit", 8, True),
        ("? > limit", 7, False),
        ("limit", 7, True),
        ("< limit + 1", 7, True),
        ("[1, 2, 3]", 2, True),
        ("even(?)", 4, True),
        ('contains(?, "👍")', "a👍", True),
        ("5, null", None, True),
        ("nowhere", 1, False),
    ],
)
@pytest.mark.parametrize("hit", ["FIRST", "COLLECT"])
def test_cells(cell: str, value: Any, matches: bool, hit: str) -> None:
    model = load(decision("d", table(["n"], ["x"], [f"{cell} | 1"], hit=hit)), attributes=_any_name())
    result = model.evaluate("d", {"n": value, "limit": 7}, now=NOW).value
    assert (result is not None) is matches


def _any_name() -> str:
    """A file of Camunda may read variables that nothing declares."""
    return 'xmlns:modeler="http://camunda.org/schema/modeler/1.0" modeler:executionPlatform="Camunda Cloud"'


def test_dates_are_compared_as_dates() -> None:
    rules = ['< date("2026-02-01") | "early"', '[@"2026-02-01"..@"2026-03-01") | "in time"', '- | "late"']
    model = load(decision("d", table(["date(day)"], ["x"], rules, hit="FIRST")), attributes=_any_name())
    assert decided(model, "d", day="2026-01-31") == '"early"'
    assert decided(model, "d", day="2026-02-28") == '"in time"'
    assert decided(model, "d", day="2026-03-01") == '"late"'


def test_a_table_without_inputs() -> None:
    model = load(decision("d", table([], ["x"], ["1", "2"], hit="COLLECT")))
    assert decided(model, "d") == "[1, 2]"


def test_a_table_without_rules() -> None:
    assert decided(load(decision("d", table(["n"], ["x"], []))), "d", n=1) == "null"
    assert decided(load(decision("d", table(["n"], ["x :  = 5"], []))), "d", n=1) == "5"


def test_outputs_may_be_any_expression() -> None:
    rules = ["> 5 | {a: n, b: [n, n + 1]}", "<= 5 | function(x) x + n"]
    model = load(decision("d", table(["n"], ["x"], rules)), attributes=_any_name())
    assert decided(model, "d", n=6) == "{a: 6, b: [6, 7]}"


def test_aggregating_what_has_no_sum_is_a_failure() -> None:
    model = single(['- | "a"', "- | 1"], hit="COLLECT", aggregation="SUM")
    result = model.evaluate("d", {"n": 1}, now=NOW)
    assert result.value is None
    assert result.failed
    assert result.diagnostics[0].message == 'Expected a list of numbers, but found the string "a" in it'


def test_annotations_are_part_of_the_explanation() -> None:
    data = definitions(
        '<decision id="d" name="d"><decisionTable hitPolicy="FIRST"><input><inputExpression><text>1</text>'
        "</inputExpression></input><output/><annotation name='why'/><rule id='r1'><inputEntry><text>-</text>"
        "</inputEntry><outputEntry><text>1</text></outputEntry><annotationEntry><text>because</text>"
        "</annotationEntry></rule></decisionTable></decision>"
    )
    result = dmn.load(data, name="test.dmn").evaluate("d", {}, now=NOW)
    assert result.evaluations[0].rules[0].annotations == ("because",)
