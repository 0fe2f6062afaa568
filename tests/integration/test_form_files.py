"""Files and people of forms in commands, on both databases: adopted with the form, gone with the case."""

from __future__ import annotations

import io
from typing import Any

import pytest

from bpm_server.domain.attachments import Place
from bpm_server.domain.identity import SYSTEM, Actor, Permission
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, LimitExceeded
from bpm_server.reports.colleagues import find_colleagues
from bpm_server.services import attachments, deletion, installation, people, process_instances, users
from bpm_server.services.references import reference
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.documents import document, document_part
from tests.support.bpmn_builder import Process
from tests.support.product import Product

PDF = b"%PDF-1.7\n" + b"x" * 100
FORM: dict[str, Any] = {
    "id": "claim",
    "components": [
        {"type": "textfield", "key": "boss", "properties": {"component": "userPicker"}},
        {"type": "filepicker", "key": "receipts", "properties": {"component": "attachment"}},
    ],
}
ANN, BOB = (
    Actor(name, permissions=frozenset({Permission("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE")}))
    for name in ("ann", "bob")
)


@pytest.fixture
def claim(bpm: Product) -> Product:
    for actor in (ANN, BOB):
        users.create_user(bpm.server, SYSTEM, actor.username, name=actor.username.title(), password="x" * 12)
    process = Process("claim")
    part = '<zeebe:formDefinition formId="claim"/>'
    process.add("startEvent", "s", f"<bpmn:extensionElements>{part}</bpmn:extensionElements>")
    process.user("check", extra=f'<zeebe:assignmentDefinition assignee="=boss"/>{part}')
    process.end()
    process.path("s", "check", "e")
    bpm.deploy(process.xml(), ("claim.form", json.dumps_bytes(FORM)))
    return bpm


def upload(bpm: Product, actor: Actor) -> dict[str, Any]:
    row = attachments.keep_upload(bpm.server, actor, Place(process_id="claim"), "a.pdf", io.BytesIO(PDF))
    return reference(row)


def start(bpm: Product, actor: Actor, **values: Any) -> int:
    return process_instances.start_process(bpm.server, actor, process_id="claim", variables=values, from_form=True).key


def test_a_file_is_the_cases_with_its_form_and_goes_with_it(claim: Product) -> None:
    kept, waiting = upload(claim, ANN), upload(claim, ANN)
    case = start(claim, ANN, boss="bob", receipts=[{**kept, "contentHash": "forged"}])
    assert claim.variables(case)["receipts"] == [kept]
    assert [one.document_id for one in claim.rows(attachment.select())] == [kept["documentId"]]
    claim.task("check").complete()
    deletion.delete_instance(claim.server, SYSTEM, case)
    assert claim.scalars(document.select()) == [waiting["documentId"]]
    claim.clock.advance(days=2)
    claim.deliver()
    assert (claim.rows(document.select()), claim.rows(document_part.select())) == ([], [])


def test_nobody_refers_to_what_others_have_sent(claim: Product) -> None:
    theirs = upload(claim, BOB)
    with pytest.raises(InvalidInput) as caught:
        start(claim, ANN, boss="nobody", receipts=[theirs])
    found = caught.value.details["errors"]
    assert [(error["key"], error["kind"]) for error in found] == [("boss", "person"), ("receipts", "file")]
    first = start(claim, BOB, boss="ann", receipts=[theirs])
    with pytest.raises(InvalidInput):
        start(claim, ANN, boss="bob", receipts=[theirs])
    assert claim.variables(first)["receipts"] == [theirs]


def test_somebody_who_has_left_is_not_chosen_any_more(claim: Product) -> None:
    users.save_user(claim.server, SYSTEM, "cy", name="Cy", password="x" * 12, groups=[], roles=[])
    assert [one.username for one in find_colleagues(claim.server, "C")] == ["cy"]
    assert find_colleagues(claim.server, "c_") == []
    assert start(claim, ANN, boss="cy")
    installation.prepare_installation(claim.server, "an administrator")
    users.create_user(claim.server, SYSTEM, "root", password="x" * 12, roles=("admin",))
    people.set_activity(claim.server, SYSTEM, "cy", active=False)
    assert find_colleagues(claim.server, "C") == []
    with pytest.raises(InvalidInput, match="Nobody who works here is called cy"):
        start(claim, ANN, boss="cy")


def test_only_so_many_files_wait(claim: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MOST_WAITING", 1)
    upload(claim, ANN)
    with pytest.raises(LimitExceeded):
        upload(claim, ANN)
    claim.clock.advance(days=2)
    upload(claim, ANN)
