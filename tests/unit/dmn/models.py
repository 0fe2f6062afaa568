"""DMN files as text, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from bpm_server import dmn
from tests.unit.feel.tables import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
NAMESPACES = {
    "1.1": "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "1.2": "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "1.3": "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "1.4": "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "1.5": "https://www.omg.org/spec/DMN/20230324/MODEL/",
}
CAMUNDA8 = (
    'xmlns:modeler="http://camunda.org/schema/modeler/1.0" '
    'modeler:executionPlatform="Camunda Cloud" modeler:executionPlatformVersion="8.6.0"'
)
CAMUNDA7 = 'xmlns:camunda="http://camunda.org/schema/1.0/dmn"'


def definitions(*elements: str, version: str = "1.5", attributes: str = "", namespace: str = "urn:test") -> bytes:
    """A file."""
    head = f'<definitions xmlns="{NAMESPACES[version]}" id="model" name="Model" namespace="{namespace}" {attributes}>'
    return (head + "".join(elements) + "</definitions>").encode()


def text(expression: str, tag: str = "literalExpression", attributes: str = "") -> str:
    """An expression in an element."""
    return f"<{tag} {attributes}><text>{escape(expression)}</text></{tag}>"


def input_data(name: str, type_: str = "") -> str:
    """Input data."""
    reference = f" typeRef={quoteattr(type_)}" if type_ else ""
    return f'<inputData id="in_{name}" name={quoteattr(name)}><variable name={quoteattr(name)}{reference}/></inputData>'


def decision(
    name: str,
    logic: str,
    *,
    inputs: Sequence[str] = (),
    decisions: Sequence[str] = (),
    knowledge: Sequence[str] = (),
    type_: str = "",
) -> str:
    """A decision; what it requires is named by what ``input_data`` and ``decision`` make of names."""
    reference = f" typeRef={quoteattr(type_)}" if type_ else ""
    required = [
        *(f'<informationRequirement><requiredInput href="#in_{each}"/></informationRequirement>' for each in inputs),
        *(f'<informationRequirement><requiredDecision href="#{each}"/></informationRequirement>' for each in decisions),
        *(f'<knowledgeRequirement><requiredKnowledge href="#{each}"/></knowledgeRequirement>' for each in knowledge),
    ]
    variable = f"<variable name={quoteattr(name)}{reference}/>"
    return f'<decision id="{name}" name={quoteattr(name)}>{variable}{"".join(required)}{logic}</decision>'


def table(
    inputs: Sequence[str],
    outputs: Sequence[str],
    rules: Sequence[str],
    *,
    hit: str = "UNIQUE",
    aggregation: str = "",
    orientation: str = "",
) -> str:
    """A decision table.

    Args:
        inputs: ``expression``, or ``expression : allowed values``.
        outputs: ``name``, ``name : allowed values`` or ``name : allowed values = default``.
        rules: Cells, parted by ``|``.
        hit: The hit policy.
        aggregation: Of COLLECT.
        orientation: The preferred one.
    """
    attributes = f'hitPolicy="{hit}"'
    if aggregation:
        attributes += f' aggregation="{aggregation}"'
    if orientation:
        attributes += f' preferredOrientation="{orientation}"'
    columns = [_input(number, each) for number, each in enumerate(inputs, 1)]
    columns += [_output(number, each, single=len(outputs) == 1) for number, each in enumerate(outputs, 1)]
    rows = [_rule(number, each, len(inputs)) for number, each in enumerate(rules, 1)]
    return f"<decisionTable {attributes}>{''.join(columns)}{''.join(rows)}</decisionTable>"


def _input(number: int, written: str) -> str:
    expression, _, allowed = written.partition(" : ")
    values = text(allowed, "inputValues") if allowed else ""
    return f'<input id="i{number}" label={quoteattr(expression)}>{text(expression, "inputExpression")}{values}</input>'


def _output(number: int, written: str, *, single: bool) -> str:
    declared, _, default = written.partition(" = ")
    name, _, allowed = declared.partition(" : ")
    attribute = f" name={quoteattr(name)}" if name and not single else ""
    values = text(allowed, "outputValues") if allowed else ""
    values += text(default, "defaultOutputEntry") if default else ""
    return f'<output id="o{number}"{attribute}>{values}</output>'


def _rule(number: int, written: str, inputs: int) -> str:
    cells = [cell.strip() for cell in written.split("|")]
    entries = [text(cell, "inputEntry") for cell in cells[:inputs]]
    entries += [text(cell, "outputEntry") for cell in cells[inputs:]]
    return f'<rule id="r{number}">{"".join(entries)}</rule>'


def load(*elements: str, **options: Any) -> dmn.Model:
    """A model of elements."""
    return dmn.load(definitions(*elements, **options), name="test.dmn")


def decided(model: dmn.Model, name: str, /, **variables: Any) -> str:
    """The value of a decision, as text."""
    return shown(model.evaluate(name, variables, now=NOW).value)
