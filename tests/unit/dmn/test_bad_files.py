"""Whatever is wrong with a file: it is refused with findings, or it ends in null within its budget."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bpm_server import dmn
from bpm_server.kernel.findings import RefusedFile
from tests.unit.dmn.models import CAMUNDA8, NOW, decision, definitions, input_data, load, table, text


def item(name: str, inner: str) -> str:
    """An item definition."""
    return f'<itemDefinition name="{name}">{inner}</itemDefinition>'


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "xml-syntax"),
    "half": (definitions(decision("d", text("1")))[:-20], "xml-syntax"),
    "a document type": (b'<!DOCTYPE a [<!ENTITY x "y">]>' + definitions(), "xml-doctype"),
    "another language": (
        b"<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'/>",
        "dmn-namespace",
    ),
    "without a name": (definitions('<decision id="d"/>'), "dmn-missing-name"),
    "one id twice": (definitions(decision("d", text("1")), decision("d", text("2"))), "dmn-duplicate-id"),
    "a requirement of nothing": (definitions(decision("d", text("1"), decisions=["x"])), "dmn-unknown-reference"),
    "a decision that requires itself": (definitions(decision("d", text("d"), decisions=["d"])), "dmn-cycle"),
    "decisions that require each other": (
        definitions(
            decision("a", text("b"), decisions=["b"]),
            decision("b", text("c"), decisions=["c"]),
            decision("c", text("a"), decisions=["a"]),
        ),
        "dmn-cycle",
    ),
    "an unknown type": (definitions(input_data("n", "nothing")), "dmn-unknown-type"),
    "an unknown type of a decision": (definitions(decision("d", text("1"), type_="nothing")), "dmn-unknown-type"),
    "a type that contains itself": (
        definitions(item("a", "<typeRef>b</typeRef>"), item("b", "<typeRef>a</typeRef>")),
        "dmn-type-cycle",
    ),
    "a constraint that is not FEEL": (
        definitions(item("a", "<typeRef>number</typeRef><allowedValues><text>&lt;</text></allowedValues>")),
        "feel-syntax",
    ),
    "too few cells": (definitions(decision("d", table(["a", "b"], ["x"], ["1 | 2"]))), "dmn-rule-cells"),
    "too many cells": (definitions(decision("d", table(["a"], ["x"], ["1 | 2 | 3"]))), "dmn-rule-cells"),
    "an unknown hit policy": (
        definitions(decision("d", table(["a"], ["x"], ["1 | 2"], hit="MAYBE"))),
        "dmn-hit-policy",
    ),
    "an unknown aggregation": (
        definitions(decision("d", table(["a"], ["x"], ["1 | 2"], hit="COLLECT", aggregation="AVG"))),
        "dmn-aggregation",
    ),
    "an expression language": (
        definitions(decision("d", text("1", attributes='expressionLanguage="groovy"'))),
        "dmn-language",
    ),
    "an import of nothing": (definitions('<import name="x" namespace="urn:x" importType="DMN"/>'), "dmn-import"),
    "a cell that is not FEEL": (definitions(decision("d", table(["a"], ["x"], ["1 + | 2"]))), "feel-syntax"),
    "a cell nested too deep": (
        definitions(decision("d", table(["a"], ["x"], ["(" * 4_999 + "1" + ")" * 4_999 + " | 2"]))),
        "feel-syntax",
    ),
    "a cell of more than a million characters": (
        definitions(decision("d", table(["a"], ["x"], ["- | " + "1+" * 500_000 + "1"]))),
        "feel-syntax",
    ),
    "boxes nested too deep": (definitions(decision("d", "<list>" * 220 + "</list>" * 220)), "xml-depth"),
}


@pytest.mark.parametrize(("data", "rule"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_a_finding(data: bytes, rule: str) -> None:
    started = time.process_time()
    with pytest.raises(RefusedFile) as refused:
        dmn.load(data, name="bad.dmn")
    assert time.process_time() - started < 5
    assert rule in {finding.rule for finding in refused.value.findings if finding.severity == "error"}
    assert all(finding.file == "bad.dmn" and finding.message for finding in refused.value.findings)


def test_models_that_import_each_other_are_refused() -> None:
    files = {
        name: definitions(f'<import name="{other}" namespace="urn:{other}" importType="DMN"/>', namespace=f"urn:{name}")
        for name, other in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(RefusedFile) as refused:
        dmn.load(files["a"], name="a.dmn", imports={"urn:a": files["a"], "urn:b": files["b"]})
    assert [finding.rule for finding in refused.value.findings] == ["dmn-import"]
    assert refused.value.findings[0].file == "urn:b"


def test_without_strictness_what_is_broken_is_null_and_says_so() -> None:
    good, bad = decision("good", text("1")), decision("bad", text("1 +"))
    model = dmn.load(definitions(good, bad), name="m", strict=False)
    assert model.evaluate("good", {}).value == 1
    result = model.evaluate("bad", {})
    assert result.value is None
    assert "Expected an expression at line 1, column 4" in result.diagnostics[0].message


SERVICE = '<decisionService id="s" name="s"><variable name="s"/><outputDecision href="#d"/></decisionService>'


def _function(name: str, body: str, required: str) -> str:
    requirement = f'<knowledgeRequirement><requiredKnowledge href="#{required}"/></knowledgeRequirement>'
    parameter = '<formalParameter name="n"/>'
    return (
        f'<businessKnowledgeModel id="{name}" name="{name}"><variable name="{name}"/>'
        f"<encapsulatedLogic>{parameter}{text(body)}</encapsulatedLogic>{requirement}</businessKnowledgeModel>"
    )


ENDLESS: dict[str, tuple[str, ...]] = {
    "a long loop": (decision("d", text("for x in 1..1000000000 return x")),),
    "a long loop in a cell": (decision("d", table(["1"], ["x"], ["count(for x in 1..1000000000 return x) > ? | 1"])),),
    "a long loop in an output": (decision("d", table(["1"], ["x"], ["- | count(for x in 1..1000000000 return x)"])),),
    "a boxed loop": (
        decision(
            "d",
            f'<for iteratorVariable="x"><in>{text("[1..1000000000]")}</in><return>{text("x")}</return></for>',
        ),
    ),
    "functions that call each other": (
        _function("f", "g(n + 1) + g(n + 2)", "g"),
        _function("g", "f(n + 1) + f(n + 2)", "f"),
        decision("d", text("f(1)"), knowledge=["f"]),
    ),
    "a service that decides by itself": (decision("d", text("s()"), knowledge=["s"]), SERVICE),
    "a pattern that explodes": (decision("d", text('matches("' + "a" * 60 + 'b", "(a|aa)+$")')),),
    "many patterns that explode": (
        decision("d", text('count(for i in 1..1000 return matches("' + "a" * 60 + 'b", "(a|aa)+$"))')),
    ),
}


@pytest.mark.parametrize("elements", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_would_not_end_is_null_and_says_why(elements: tuple[str, ...]) -> None:
    model = load(*elements, attributes=CAMUNDA8)
    started = time.process_time()
    result = model.evaluate("d", {}, now=NOW)
    assert time.process_time() - started < 10
    assert result.value is None
    assert result.diagnostics[-1].kind in {"budget", "argument"}


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "(.*)*x", "(([a-z])+.)+[A-Z]([a-z])+$", "^(a?){50}a{50}$", "((((a?){999}){999}){999})"],
)
@pytest.mark.parametrize("call", ['matches(t, "{0}")', 'replace(t, "{0}", "")', 'split(t, "{0}")', 'extract(t, "{0}")'])
def test_patterns_end_in_time(pattern: str, call: str) -> None:
    model = load(decision("d", text(call.format(pattern))), attributes=CAMUNDA8)
    started = time.process_time()
    model.evaluate("d", {"t": "a" * 50 + "b"}, now=NOW)
    assert time.process_time() - started < 5


def test_a_cell_of_10000_characters() -> None:
    long = "x" * 10_000
    model = load(decision("d", table(["n"], ["x"], [f'"{long}" | 1', f'contains(?, "{long}") | 2'])))
    assert model.evaluate("d", {}).value is None
    model = load(
        decision("d", table(["n"], ["x"], [f'"{long}" | 1', f'starts with(?, "{long}y") | 2'])), attributes=CAMUNDA8
    )
    values: list[Any] = [model.evaluate("d", {"n": each}).value for each in (long, long + "y", "x")]
    assert values == [1, 2, None]
