"""What signers enter into the form of an approval, and the initiator into the start form while they correct it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.attachments import Place
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.task_details import task_detail
from bpm_server.services import attachments, drafts, returning
from bpm_server.services.process_instances import start_process
from bpm_server.services.references import reference
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.drafts import draft as draft_table
from tests.support.approvals import person, properties, starter
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


# --- the start form, corrected ----------------------------------------------------------------------------

REQUEST = {
    "id": "request",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        {"type": "number", "key": "amount", "id": "a", "label": "Amount", "validate": {"required": True, "max": 100}},
        {"type": "textfield", "key": "title", "id": "t", "label": "Title", "validate": {"required": True}},
        {"type": "textfield", "key": "applicant", "id": "w", "label": "Who"},
        {"type": "filepicker", "key": "receipts", "id": "r", "properties": {"component": "attachment"}},
    ],
}
PDF = b"%PDF-1.7\n" + b"x" * 100


def upload(desk: Desk, name: str, key: int) -> dict[str, Any]:
    row = attachments.keep_upload(desk.bpm.server, person(name), Place(task_key=key), "a.pdf", io.BytesIO(PDF))
    return reference(row)


@pytest.fixture
def request_(desk: Desk) -> tuple[int, int]:
    """Eve's request; ann has the same form."""
    p = Process()
    form = '<zeebe:formDefinition formId="request"/>'
    who = '<zeebe:properties><zeebe:property name="initiator" value="applicant"/></zeebe:properties>'
    p.start(body=f"<bpmn:extensionElements>{form}{who}</bpmn:extensionElements>")
    p.path("s", p.user("sign", extra=form + properties(mode="all", signers="ann", after_return="direct")), p.end())
    desk.bpm.deploy(("p.bpmn", p.xml()), ("request.form", json.dumps(REQUEST).encode()))
    instance = start_process(
        desk.bpm.server, starter("eve"), process_id="p", variables={"amount": 7, "title": "Train"}, from_form=True
    ).key
    return instance, desk.task()


def give_back(desk: Desk, key: int) -> None:
    returning.give_back(desk.bpm.server, person("ann"), key, "initiator", "which train?")


def correct(desk: Desk, key: int, values: dict[str, Any], **more: Any) -> None:
    returning.resubmit(desk.bpm.server, person("eve"), key, values, **more)


def test_a_correction_is_checked_by_the_start_form_and_names_only_what_changes(
    desk: Desk, request_: tuple[int, int]
) -> None:
    instance, key = request_
    give_back(desk, key)
    with pytest.raises(InvalidInput) as caught:
        correct(desk, key, {"amount": 101})
    assert [one["path"] for one in caught.value.details["errors"]] == [["amount"]]
    with pytest.raises(InvalidInput) as caught:
        correct(desk, key, {"amount": 8, "title": ""}, whole=True)
    assert [one["path"] for one in caught.value.details["errors"]] == [["title"]]
    correct(desk, key, {"amount": 8, "applicant": "bob", "hidden": 1})
    found = desk.bpm.variables(instance)
    assert (found["amount"], found["title"], found["applicant"], "hidden" in found) == (8, "Train", "eve", False)


def test_files_of_a_vote_and_of_a_correction_stay_with_the_case(desk: Desk, request_: tuple[int, int]) -> None:
    instance, key = request_
    give_back(desk, key)
    first = upload(desk, "eve", key)
    correct(desk, key, {"receipts": [first]})
    second = upload(desk, "ann", key)
    assert desk.vote("ann", variables={"receipts": [first, second]}) == "approved"
    assert desk.bpm.variables(instance)["receipts"] == [first, second]
    query = sa.select(attachment.c.document_id, attachment.c.task_key, attachment.c.added_by).order_by(attachment.c.key)
    assert [tuple(row) for row in desk.bpm.rows(query)] == [
        (first["documentId"], None, "eve"),
        (second["documentId"], key, "ann"),
    ]


def test_a_draft_of_a_correction_is_one_of_the_start_form_and_goes_with_it(
    desk: Desk, request_: tuple[int, int]
) -> None:
    _, key = request_
    give_back(desk, key)
    draft = drafts.save_task_draft(
        desk.bpm.server, person("eve"), key, {"title": "Night train", "hidden": 1}, "", known_version=0
    )
    assert draft.values == {"title": "Night train"}
    correct(desk, key, {"title": "Night train"})
    assert desk.bpm.rows(sa.select(draft_table)) == []
