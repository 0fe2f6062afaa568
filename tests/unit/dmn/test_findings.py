"""What is said about a model before it runs; each finding names the rule or the cell."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.dmn.models import CAMUNDA8, decision, input_data, load, table, text


def found(logic: str, type_: str = "number", **options: Any) -> list[str]:
    """The findings of a table or expression about ``n``: rule of the linter, element and message."""
    model = load(input_data("n", type_), decision("d", logic, inputs=["n"]), **options)
    return [f"{one.severity} {one.rule} [{one.element or ''}] {one.message}" for one in model.findings]


@pytest.mark.parametrize(
    ("options", "rules", "expected"),
    [
        (
            {"hit": "UNIQUE"},
            ["< 5 | 1", "[4..6] | 2", "> 6 | 3"],
            (
                "dmn-overlapping-rules [r1] decision 'd': Expected at most one of rules 1 and 2, "
                "but both match n in [4..5)"
            ),
        ),
        (
            {"hit": "ANY"},
            ["< 5 | 1", "[4..6] | 2", "> 6 | 3"],
            (
                "dmn-overlapping-rules [r1] decision 'd': Expected the same outputs of rules 1 and 2, "
                "but both match n in [4..5)"
            ),
        ),
        (
            {"hit": "FIRST"},
            ["< 5 | 1", "< 3 | 2", "- | 3"],
            (
                "dmn-unreachable-rule [r2] decision 'd': Expected rule 2 to match something, "
                "but rule 1 always matches before it"
            ),
        ),
        (
            {"inputs": ["n : [0..100]"]},
            ["< 5 | 1", "> 100 | 2", "[5..100] | 3"],
            (
                "dmn-unreachable-rule [r2] decision 'd': Expected input 'n' to allow what rule 2 asks for, "
                "but it never does"
            ),
        ),
        (
            {},
            ["< 5 | 1", "> 5 | 2"],
            "dmn-missing-rule [] decision 'd': Expected a rule for all values, but found none for n = 5",
        ),
        (
            {"outputs": ["x : 1, 2"]},
            ["< 5 | 1", ">= 5 | 3"],
            "dmn-output-value [r2] decision 'd': Expected output to be an allowed value, but found the number 3",
        ),
        (
            {},
            ["< 5 | m", ">= 5 | 2"],
            "feel-unknown-name [r1] decision 'd', rule 1, output: Expected a name in scope, but found 'm' (m)",
        ),
        (
            {"hit": "FIRST"},
            ['"a" | 1', "- | 2"],
            "feel-type [r1] decision 'd', rule 1, input 'n': Expected a test of number, but found string (\"a\")",
        ),
        (
            {},
            ["< 5 | 1", '>= 5 | n + "a"'],
            (
                "feel-type [r2] decision 'd', rule 2, output: Expected operands that go together with '+', "
                'but found number and string (n + "a")'
            ),
        ),
        (
            {},
            ["< 5 | 1", ">= 5 | substring(n, 1)"],
            (
                "feel-arguments [r2] decision 'd', rule 2, output: Expected arguments that 'substring' takes, "
                "but found number, number (substring(n, 1))"
            ),
        ),
    ],
)
def test_tables(options: dict[str, Any], rules: list[str], expected: str) -> None:
    settings = {"inputs": ["n"], "outputs": ["x"], **options}
    logic = table(settings.pop("inputs"), settings.pop("outputs"), rules, **settings)
    assert found(logic) == [f"warning {expected}"]


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"hit": "UNIQUE"}, ["< 5 | 1", "[5..6] | 2", "> 6 | 3"]),
        ({"hit": "ANY"}, ["< 5 | 1", "[4..6] | 1", "> 6 | 3"]),
        ({"hit": "COLLECT"}, ["< 5 | 1", "[4..6] | 1"]),
        ({"hit": "FIRST"}, ["< 5 | 1", "[4..6] | 2", "- | 3"]),
        ({"outputs": ["x : 1, 2 = 2"]}, ["< 5 | 1", "> 5 | 2"]),
        ({"inputs": ["n : [0..100]"]}, ["[0..50) | 1", "[50..100] | 2"]),
        ({}, ["not(5) | 1", "5 | 2"]),
        ({}, ["count([?]) > 1 | 1", "n > 5 | 2"]),
        ({"outputs": ["x : 1, 2"]}, ["< 5 | 1", ">= 5 | n"]),
    ],
)
def test_nothing_is_said_about_tables_in_order(options: dict[str, Any], rules: list[str]) -> None:
    settings = {"inputs": ["n"], "outputs": ["x"], **options}
    assert found(table(settings.pop("inputs"), settings.pop("outputs"), rules, **settings)) == []


def test_gaps_that_may_not_occur_are_remarks() -> None:
    assert found(table(["n"], ["x"], ['"a" | 1', '"b" | 2']), "string") == [
        (
            "info dmn-missing-rule [] decision 'd': Expected a rule for all values, "
            'but found none for n other than "a", "b"'
        )
    ]
    assert found(table(["n"], ["x"], ["<= 5 | 1", ">= 6 | 2"])) == [
        "info dmn-missing-rule [] decision 'd': Expected a rule for all values, but found none for n in (5..6)"
    ]


def test_gaps_of_several_inputs() -> None:
    rules = ["< 5 | true | 1", "< 5 | false | 2", ">= 5 | true | 3"]
    assert found(table(["n", "n > 3"], ["x"], rules)) == [
        (
            "warning dmn-missing-rule [] decision 'd': Expected a rule for all values, "
            "but found none for n >= 5 and n > 3 = false"
        )
    ]


def test_the_id_of_a_cell_is_named_where_it_has_one() -> None:
    logic = (
        "<decisionTable hitPolicy='FIRST'><input id='i'><inputExpression><text>n</text></inputExpression></input>"
        "<output id='o'/><rule id='r1'><inputEntry id='cell_1'><text>1 +</text></inputEntry>"
        "<outputEntry id='cell_2'><text>m</text></outputEntry></rule></decisionTable>"
    )
    with pytest.raises(Exception, match=r"error \[cell_1\]: decision 'd', rule 1, input 'n'"):
        found(logic)
    (finding,) = found(logic.replace("1 +", "-"))
    assert finding.startswith("warning feel-unknown-name [cell_2] decision 'd', rule 1, output")


@pytest.mark.parametrize(
    ("expression", "type_", "rule"),
    [
        ("m", "number", "feel-unknown-name"),
        ("n + true", "number", "feel-type"),
        ("n.x", "number", "feel-no-entry"),
        ("if n then 1 else 2", "number", "feel-type"),
        ("missing(1)", "number", "feel-unknown-function"),
        ("n and true", "number", "feel-type"),
        ("abs()", "number", "feel-arguments"),
        ("n(1)", "number", "feel-type"),
    ],
)
def test_expressions(expression: str, type_: str, rule: str) -> None:
    assert [finding.split()[1] for finding in found(text(expression), type_)] == [rule]


def test_camunda_may_read_names_that_nothing_declares() -> None:
    assert found(text("m + 1"), attributes=CAMUNDA8) == []


def test_a_result_that_never_has_the_declared_type() -> None:
    model = load(decision("d", text('"a"'), type_="number"))
    assert [one.message for one in model.findings] == ["'d': Expected number, but found string"]
    assert load(decision("d", text("[1]"), type_="number")).findings == ()


def test_large_irregular_tables_are_looked_at_within_bounds() -> None:
    columns = [f"c{number}" for number in range(12)]
    rows = [" | ".join(f'"v{(row * 7 + column) % 5}"' for column in range(12)) + " | 1" for row in range(300)]
    model = load(decision("d", table(columns, ["x"], rows)), attributes=CAMUNDA8)
    assert 0 < len(model.findings) <= 25
