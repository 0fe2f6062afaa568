"""Camunda 7's form fields become form-js forms that can be deployed."""

from __future__ import annotations

from typing import Any

import pytest

from bpm_server import bpmn
from bpm_server.domain import forms
from bpm_server.kernel import json

HEADER = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="d" targetNamespace="t">'
    '<bpmn:process id="p" isExecutable="true" camunda:historyTimeToLive="P1D"><bpmn:startEvent id="s"/>'
    '<bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="ask"/>'
    '<bpmn:sequenceFlow id="f2" sourceRef="ask" targetRef="e"/><bpmn:endEvent id="e"/>'
)


def diagram(fields: str) -> bytes:
    data = f"<bpmn:extensionElements><camunda:formData>{fields}</camunda:formData></bpmn:extensionElements>"
    return f'{HEADER}<bpmn:userTask id="ask">{data}</bpmn:userTask></bpmn:process></bpmn:definitions>'.encode()


def components(fields: str) -> list[dict[str, Any]]:
    (process,) = bpmn.read(diagram(fields), name="p.bpmn").processes
    form = forms.read(process.forms["formData:ask"].encode(), name="p.bpmn", embedded=True)
    assert form.findings == ()
    found: list[dict[str, Any]] = json.loads(process.forms["formData:ask"])["components"]
    return found


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('type="string" label="Name"', {"type": "textfield", "label": "Name"}),
        ('type="string"', {"type": "textfield", "label": "a"}),
        ('type="long" defaultValue="5"', {"type": "number", "decimalDigits": 0, "label": "a", "defaultValue": 5}),
        ('type="long" defaultValue="five"', {"type": "number", "decimalDigits": 0, "label": "a"}),
        ('type="string" defaultValue="${x}"', {"type": "textfield", "label": "a"}),
        ('type="boolean" defaultValue="true"', {"type": "checkbox", "label": "a", "defaultValue": True}),
        ('type="date"', {"type": "datetime", "subtype": "date", "dateLabel": "a"}),
        ('type="own"', {"type": "textfield", "label": "a"}),
        ("", {"type": "textfield", "label": "a"}),
    ],
)
def test_types_labels_and_defaults(field: str, expected: dict[str, Any]) -> None:
    assert components(f'<camunda:formField id="a" {field}/>') == [{"key": "a", "id": "Field_1", **expected}]


def test_choices() -> None:
    (field,) = components(
        '<camunda:formField id="a" type="enum" defaultValue="y">'
        '<camunda:value id="y" name="Yes"/><camunda:value id="n"/></camunda:formField>'
    )
    assert field["values"] == [{"value": "y", "label": "Yes"}, {"value": "n", "label": "n"}]
    assert (field["type"], field["defaultValue"]) == ("select", "y")


@pytest.mark.parametrize(
    ("kind", "constraints", "expected"),
    [
        ("string", {"required": "", "maxlength": "5"}, {"validate": {"required": True, "maxLength": 5}}),
        ("long", {"min": "1", "max": "9"}, {"validate": {"min": 1, "max": 9}}),
        ("string", {"readonly": '""'}, {"readonly": True}),
        ("string", {"readonly": "false", "required": "false", "max": "many"}, {}),
        ("boolean", {"required": "true"}, {}),
        ("string", {"validator": "com.example.Own"}, {}),
    ],
)
def test_constraints(kind: str, constraints: dict[str, str], expected: dict[str, Any]) -> None:
    written = "".join(f"<camunda:constraint name='{name}' config='{config}'/>" for name, config in constraints.items())
    validation = f"<camunda:validation>{written}</camunda:validation>"
    (field,) = components(f'<camunda:formField id="a" type="{kind}">{validation}</camunda:formField>')
    assert {name: field[name] for name in ("validate", "readonly") if name in field} == expected


def test_a_field_that_is_there_twice_counts_once() -> None:
    assert len(components('<camunda:formField id="a"/><camunda:formField id="a"/><camunda:formField/>')) == 1
