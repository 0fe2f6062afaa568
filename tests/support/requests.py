"""A process that people start by a form: for the catalogue, drafts, copies, links and public forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

FORM: dict[str, Any] = {
    "type": "default",
    "id": "visit",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "key": "guest", "label": "Guest", "id": "F1", "validate": {"required": True}},
        {"type": "number", "key": "people", "label": "People", "id": "F2", "validate": {"max": 50}},
        {
            "type": "select", "key": "room", "label": "Room", "id": "F3",
            "values": [{"label": "Blue", "value": "blue"}, {"label": "7", "value": 7}],
        },
        {"type": "checkbox", "key": "lunch", "label": "Lunch", "id": "F4"},
        {"type": "textfield", "key": "diet", "label": "Diet", "id": "F5", "conditional": {"hide": "=lunch != true"}},
        {"type": "textfield", "key": "badge", "label": "Badge", "id": "F6", "properties": {"secret": "true"}},
        {"type": "textfield", "key": "office", "label": "Office", "id": "F7", "readonly": True},
        {"type": "textarea", "key": "note", "label": "Note", "id": "F8"},
    ],
}  # fmt: skip
FORM_OF = '<zeebe:formDefinition formId="visit"/>'


def properties(**values: str) -> str:
    """Extension properties; ``__`` in a name is a dot."""
    rows = [f'<zeebe:property name="{name.replace("__", ".")}" value="{value}"/>' for name, value in values.items()]
    return f"<zeebe:properties>{''.join(rows)}</zeebe:properties>"


def visit(process_id: str = "visit", *, form: bool = True, **more: str) -> bytes:
    """Starts by the form, then one task with the same form that the reception is asked to do."""
    p = Process(process_id)
    inside = (FORM_OF if form else "") + properties(initiator="host")
    p.start("s", f"<bpmn:extensionElements>{inside}</bpmn:extensionElements>")
    reception = '<zeebe:assignmentDefinition candidateUsers="ann,ben"/>'
    p.user("receive", extra=f"<zeebe:userTask/>{FORM_OF}{reception}")
    p.end("e")
    p.path("s", "receive", "e")
    xml = p.xml().decode()
    at = xml.index(">", xml.index("<bpmn:process")) + 1
    block = f"<bpmn:extensionElements>{properties(summary='guest', **more)}</bpmn:extensionElements>"
    return f"{xml[:at]}{block}{xml[at:]}".encode()


def deploy_visit(bpm: Product, form: dict[str, Any] = FORM, **more: str) -> None:
    """The process and its form."""
    bpm.deploy(("visit.bpmn", visit(**more)), ("visit.form", json.dumps_bytes(form)), actor=ADMIN)
