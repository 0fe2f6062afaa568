"""What signers enter into the form of an approval: seen by who comes after, and of the process when it is decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.task_details import task_detail
from tests.support.approvals import person, properties
from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from tests.support.approvals import Desk

FORM = {
    "id": "review",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        {"type": "number", "key": "amount", "id": "a", "label": "Amount", "validate": {"required": True, "max": 100}},
        {"type": "textfield", "key": "note", "id": "b", "label": "Note", "readonly": True},
    ],
}


def start(desk: Desk) -> tuple[int, int]:
    p = Process()
    form = '<zeebe:formDefinition formId="review"/>'
    p.path(p.start(), p.user("sign", extra=form + properties(mode="all", signers="ann, bob")), p.end())
    desk.bpm.deploy(("p.bpmn", p.xml()), ("review.form", json.dumps(FORM).encode()))
    instance = desk.bpm.start(amount=7, note="kept")
    return instance, desk.task()


def test_what_one_has_entered_the_next_sees_and_the_process_gets_at_the_end(desk: Desk) -> None:
    instance, key = start(desk)
    assert desk.vote("ann", variables={"amount": 9, "note": "changed", "hidden": 1}, whole=True) is None
    assert desk.bpm.variables(instance) == {"amount": 7, "note": "kept"}
    assert task_detail(desk.bpm.server, person("bob"), key).data == {"amount": 9, "note": "kept"}
    assert desk.vote("bob", variables={"amount": 11}, whole=True) == "approved"
    found = desk.bpm.variables(instance)
    assert (found["amount"], found["note"]) == (11, "kept")
    assert "hidden" not in found


def test_who_agrees_must_fill_in_the_form_and_who_rejects_need_not(desk: Desk) -> None:
    _, key = start(desk)
    with pytest.raises(InvalidInput) as caught:
        desk.vote("ann", variables={"amount": 101}, whole=True)
    assert caught.value.details["errors"][0]["path"] == ["amount"]
    assert desk.acts(key) == []
    assert desk.vote("ann", "rejected", variables={"amount": 101}, whole=True) == "rejected"
