"""Whole models: versions, requirements, boxed expressions, business knowledge, services, imports, types."""

from __future__ import annotations

from typing import Any

import pytest

from bpm_server import dmn, feel
from tests.unit.dmn.models import (
    CAMUNDA7,
    CAMUNDA8,
    NAMESPACES,
    NOW,
    decided,
    decision,
    definitions,
    input_data,
    load,
    table,
    text,
)

DMN13 = NAMESPACES["1.3"]


def knowledge(name: str, parameters: str, logic: str, required: str = "") -> str:
    """A business knowledge model; parameters are ``name`` or ``name: type``."""
    formal = ""
    for each in parameters.split(", "):
        parameter, _, type_ = each.partition(": ")
        reference = f' typeRef="{type_}"' if type_ else ""
        formal += f'<formalParameter name="{parameter}"{reference}/>'
    requirement = f'<knowledgeRequirement><requiredKnowledge href="#{required}"/></knowledgeRequirement>' * bool(
        required
    )
    return (
        f'<businessKnowledgeModel id="{name}" name="{name}"><variable name="{name}"/>'
        f"<encapsulatedLogic>{formal}{logic}</encapsulatedLogic>{requirement}</businessKnowledgeModel>"
    )


# ---------------------------------------------------------------------- versions


@pytest.mark.parametrize("version", NAMESPACES)
@pytest.mark.parametrize("prefix", ["", "dmn"])
def test_every_version_reads_the_same(version: str, prefix: str) -> None:
    data = definitions(decision("d", table(["n"], ["x"], ["< 5 | 1", ">= 5 | 2"]), inputs=["n"]), input_data("n"))
    data = data.replace(NAMESPACES["1.5"].encode(), NAMESPACES[version].encode())
    if prefix:
        data = data.replace(b"<", b"<dmn:").replace(b"<dmn:/", b"</dmn:").replace(b"xmlns=", b"xmlns:dmn=")
    model = dmn.load(data, name="m.dmn")
    assert model.definitions.version == version
    assert model.evaluate("d", {"n": 5}).value == 2


def test_types_of_dmn_1_1_have_a_prefix() -> None:
    xml = definitions(
        '<decision id="d" name="d"><variable name="d" typeRef="feel:number"/>'
        "<literalExpression><text>1.50</text></literalExpression></decision>",
        version="1.1",
        attributes='xmlns:feel="http://www.omg.org/spec/FEEL/20140401"',
    )
    assert str(dmn.load(xml, name="m").evaluate("d", {}).value) == "1.50"


def test_a_file_of_camunda_is_known_by_its_platform() -> None:
    assert load(decision("d", text("1"))).dialect.name == "dmn"
    assert load(decision("d", text("1")), attributes=CAMUNDA8).dialect.name == "camunda8"
    assert load(decision("d", text("1")), attributes=CAMUNDA7).definitions.platform == "camunda7"


# ---------------------------------------------------------------------- requirements


def test_names_may_have_spaces_and_operators() -> None:
    model = load(
        input_data("net price"),
        input_data("VAT-rate"),
        decision("gross price", text("net price + net price * VAT-rate"), inputs=["net price", "VAT-rate"]),
    )
    assert decided(model, "gross price", **{"net price": 100, "VAT-rate": 0}) == "100"


def test_a_decision_is_made_once_and_only_if_it_is_needed() -> None:
    model = load(
        decision("costly", text("random number()")),
        decision("left", text("costly"), decisions=["costly"]),
        decision("right", text("costly"), decisions=["costly"]),
        decision("unused", text("1 / 0")),
        decision("d", text("if left = right then 1 else unused"), decisions=["left", "right", "unused"]),
        attributes=CAMUNDA8,
    )
    result = model.evaluate("d", {}, now=NOW)
    assert result.value == 1
    assert [one.id for one in result.evaluations] == ["costly", "left", "right", "d"]
    assert result.diagnostics == ()


def test_a_decision_is_found_by_id_and_by_name() -> None:
    model = load('<decision id="d_1" name="My decision"><variable name="My decision"/>' + text("1") + "</decision>")
    assert model.evaluate("d_1", {}).value == model.evaluate("My decision", {}).value == 1


def test_thousands_of_decisions_in_a_row() -> None:
    count = 2_000
    chain = [decision(f"d{n}", text(f"d{n + 1} + 1"), decisions=[f"d{n + 1}"]) for n in range(count)]
    assert decided(load(*chain, decision(f"d{count}", text("0"))), "d0") == str(count)


def test_the_explanation_names_what_was_read_and_matched() -> None:
    model = load(
        input_data("amount", "number"),
        decision("level", table(["amount"], ["x"], ['< 10 | "low"', '>= 10 | "high"']), inputs=["amount"]),
        decision("d", text('level = "high"'), decisions=["level"]),
    )
    result = model.evaluate("d", {"amount": 12}, now=NOW)
    level, own = result.evaluations
    assert (level.id, level.type, level.value) == ("level", "decision table", "high")
    assert [(each.name, each.value) for each in level.inputs] == [("amount", 12)]
    assert [(rule.id, rule.index, [o.value for o in rule.outputs]) for rule in level.rules] == [("r2", 2, ["high"])]
    assert (own.id, own.type, own.value) == ("d", "literal expression", True)
    assert [(each.name, each.value) for each in own.inputs] == [("level", "high")]


# ---------------------------------------------------------------------- boxed expressions


def boxed(xml: str, **variables: Any) -> str:
    """The value of a boxed expression."""
    inputs = "".join(input_data(name) for name in variables)
    return decided(load(inputs, decision("d", xml, inputs=list(variables))), "d", **variables)


def entry(name: str, xml: str) -> str:
    """An entry of a boxed context."""
    return f'<contextEntry><variable name="{name}"/>{xml}</contextEntry>'


def child(tag: str, expression: str) -> str:
    """An expression inside an element of its own."""
    return f"<{tag}>{text(expression)}</{tag}>"


def test_boxed_context() -> None:
    pair = entry("a b", text("1")) + entry("c", text("a b + 1"))
    assert boxed(f"<context>{pair}</context>") == "{a b: 1, c: 2}"
    assert boxed(f"<context>{pair}<contextEntry>{text('a b + c')}</contextEntry></context>") == "3"


def test_boxed_list_and_relation() -> None:
    assert boxed(f"<list>{text('1')}{text('n')}<list>{text('3')}</list></list>", n=2) == "[1, 2, [3]]"
    columns = '<column name="a"/><column name="b c"/>'
    rows = f"<row>{text('1')}{text('2')}</row><row>{text('n')}{text('n + 1')}</row>"
    assert boxed(f"<relation>{columns}{rows}</relation>", n=5) == "[{a: 1, b c: 2}, {a: 5, b c: 6}]"


def test_boxed_conditional_filter_and_iterators() -> None:
    conditional = f"<conditional>{child('if', 'n > 1')}{child('then', 'n')}{child('else', '0')}</conditional>"
    assert boxed(conditional, n=5) == "5"
    assert boxed(conditional, n=None) == "0"
    assert boxed(f"<filter>{child('in', 'n')}{child('match', 'item > 1')}</filter>", n=[1, 2, 3]) == "[2, 3]"
    loop = f'<for iteratorVariable="x">{child("in", "n")}{child("return", "x * 2")}</for>'
    assert boxed(loop, n=[1, 2]) == "[2, 4]"
    for quantifier, expected in (("some", "true"), ("every", "false")):
        inside = f"{child('in', 'n')}{child('satisfies', 'x > 1')}"
        assert boxed(f'<{quantifier} iteratorVariable="x">{inside}</{quantifier}>', n=[1, 2]) == expected


def test_boxed_function_and_invocation() -> None:
    function = f'<functionDefinition><formalParameter name="x"/>{text("x + n")}</functionDefinition>'
    parameter = f'<binding><parameter name="x"/>{text("10")}</binding>'
    invocation = f"<invocation>{text('f')}{parameter}</invocation>"
    assert boxed(f"<context>{entry('f', function)}<contextEntry>{invocation}</contextEntry></context>", n=1) == "11"
    assert boxed(f"<invocation>{text('abs')}<binding><parameter name='n'/>{text('-3')}</binding></invocation>") == "3"


# ---------------------------------------------------------------------- business knowledge and services


def test_business_knowledge_is_a_function() -> None:
    model = load(
        knowledge("rate", "level", table(["level"], ["x"], ['"A" | 5', "- | 1"], hit="FIRST")),
        knowledge("discount", "amount: number, level", text("amount * rate(level)"), required="rate"),
        decision("d", text('discount(level: "A", amount: 20)'), knowledge=["discount"]),
    )
    result = model.evaluate("d", {}, now=NOW)
    assert result.value == 100
    assert [(one.id, one.element) for one in result.evaluations] == [
        ("rate", "business knowledge model"),
        ("d", "decision"),
    ]
    assert model.evaluate("discount", {"amount": 2, "level": "B"}).value == 2


def test_business_knowledge_may_call_itself() -> None:
    factorial = knowledge("f", "n", text("if n < 2 then 1 else n * f(n - 1)"))
    assert decided(load(factorial, decision("d", text("f(30)"), knowledge=["f"])), "d") == (
        "265252859812191058636308480000000"
    )


def test_a_service_decides_with_given_inputs() -> None:
    service = (
        '<decisionService id="s" name="s"><variable name="s"/><outputDecision href="#total"/>'
        '<encapsulatedDecision href="#tax"/><inputData href="#in_net"/></decisionService>'
    )
    model = load(
        input_data("net"),
        decision("tax", text("net * 0.2"), inputs=["net"]),
        decision("total", text("net + tax"), inputs=["net"], decisions=["tax"]),
        service,
        decision("d", text("s(100)"), knowledge=["s"]),
    )
    assert decided(model, "s", net=10) == "12.0"
    assert decided(model, "d") == "120.0"


# ---------------------------------------------------------------------- imports

IMPORT = '<import name="base" namespace="urn:base" locationURI="folder/base.dmn" importType="DMN"/>'
BASE = definitions(
    '<itemDefinition name="level"><typeRef>string</typeRef><allowedValues><text>"A", "B"</text></allowedValues>'
    "</itemDefinition>",
    decision("rate", text("0.25")),
    knowledge("twice", "n", text("n * 2")),
    namespace="urn:base",
)


def importing(*elements: str) -> dmn.Model:
    """A model that imports."""
    data = definitions(IMPORT, *elements)
    return dmn.load(data, name="m.dmn", imports=dmn.among({"base.dmn": BASE, "broken.dmn": b"<"}))


def test_imported_elements_are_read_by_the_name_of_the_import() -> None:
    required = (
        '<informationRequirement><requiredDecision href="urn:base#rate"/></informationRequirement>'
        '<knowledgeRequirement><requiredKnowledge href="urn:base#twice"/></knowledgeRequirement>'
    )
    logic = text("base.twice(base.rate)")
    model = importing(f'<decision id="d" name="d"><variable name="d"/>{required}{logic}</decision>')
    assert decided(model, "d") == "0.50"


def test_imported_types_are_known_by_the_name_of_the_import() -> None:
    model = importing(input_data("n", "base.level"), decision("d", text("n"), inputs=["n"]))
    assert decided(model, "d", n="B") == '"B"'
    assert decided(model, "d", n="C") == "null"


def test_an_import_is_found_by_namespace_or_by_location() -> None:
    data = definitions(IMPORT)
    assert dmn.load(data, name="m", imports={"urn:base": BASE}).imports.keys() == {"base"}
    assert dmn.load(data, name="m", imports={"folder/base.dmn": BASE}).imports.keys() == {"base"}
    other = BASE.replace(b"urn:base", b"urn:other")
    assert dmn.load(data, name="m", imports=dmn.among({"base.dmn": other})).imports["base"].namespace == "urn:other"


# ---------------------------------------------------------------------- types

ITEMS = """
<itemDefinition name="percent"><typeRef>number</typeRef><allowedValues><text>[0..100]</text></allowedValues>
</itemDefinition>
<itemDefinition name="percents" isCollection="true"><typeRef>percent</typeRef>
<typeConstraint><text>count(?) &lt; 3</text></typeConstraint></itemDefinition>
<itemDefinition name="person"><itemComponent name="full name"><typeRef>string</typeRef></itemComponent>
<itemComponent name="share"><typeRef>percent</typeRef></itemComponent></itemDefinition>
"""


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("percent", 5, "5"),
        ("percent", [5], "5"),
        ("percent", 101, "null"),
        ("percent", "5", "null"),
        ("percents", [1, 2], "[1, 2]"),
        ("percents", 1, "[1]"),
        ("percents", [1, 2, 3], "null"),
        ("percents", [1, 101], "null"),
        ("person", {"full name": "Ada", "share": 5}, '{full name: "Ada", share: 5}'),
        ("person", {"full name": "Ada", "share": 101}, "null"),
        ("person", {"full name": 5, "share": 1}, "null"),
        ("date and time", feel.Date(2026, 1, 31), "2026-01-31T00:00:00Z"),
    ],
)
def test_values_conform_to_the_declared_type_or_are_null(type_: str, value: Any, expected: str) -> None:
    model = load(ITEMS, input_data("n", type_), decision("d", text("n"), inputs=["n"]))
    assert decided(model, "d", n=value) == expected
    kinds = [note.kind for note in model.evaluate("d", {"n": value}, now=NOW).diagnostics]
    assert kinds == (["coercion"] if expected == "null" else [])


def test_entries_with_spaces_are_known_from_the_types() -> None:
    model = load(ITEMS, input_data("p", "person"), decision("d", text("p.full name"), inputs=["p"]))
    assert decided(model, "d", p={"full name": "Ada", "share": 1}) == '"Ada"'


# ---------------------------------------------------------------------- Camunda 7


def test_cells_of_camunda_7_may_be_juel() -> None:
    rule = (
        '<rule id="r1"><inputEntry expressionLanguage="juel"><text>${cellInput > limit}</text></inputEntry>'
        '<outputEntry expressionLanguage="juel"><text>${amount * 2}</text></outputEntry></rule>'
    )
    logic = (
        '<decisionTable><input id="i" camunda:inputVariable="n"><inputExpression expressionLanguage="juel">'
        f"<text>amount + 1</text></inputExpression></input><output id='o'/>{rule}</decisionTable>"
    )
    model = load(decision("d", logic), attributes=CAMUNDA7, version="1.3")
    assert decided(model, "d", amount=10, limit=5) == "20"
    assert decided(model, "d", amount=1, limit=5) == "null"


def test_the_tested_value_has_the_name_of_the_input_variable() -> None:
    rule = f"<rule id='r1'>{text('n > 5', 'inputEntry')}{text('amount + 1', 'outputEntry')}</rule>"
    logic = (
        '<decisionTable><input id="i" camunda:inputVariable="n">'
        f"{text('amount * 2', 'inputExpression')}</input><output id='o'/>{rule}</decisionTable>"
    )
    model = load(decision("d", logic), attributes=CAMUNDA7, version="1.3")
    assert decided(model, "d", amount=3) == "4"
    assert decided(model, "d", amount=2) == "null"


def test_version_tags() -> None:
    model = load(
        '<decision id="d" name="d" camunda:versionTag="v1">' + text("1") + "</decision>",
        '<decision id="e" name="e"><extensionElements><z:versionTag xmlns:z="urn:z" value="v2"/></extensionElements>'
        + text("1")
        + "</decision>",
        attributes=CAMUNDA7,
    )
    assert [each.version_tag for each in model.decisions] == ["v1", "v2"]
