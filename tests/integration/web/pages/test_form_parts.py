"""Files and people in forms: sent before the form, the case's with it, gone without it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.documents import document
from bpm_server.store.tables.instances import process_instance
from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.product import Product

PDF = b"%PDF-1.7\n" + b"x" * 100
FORM: dict[str, Any] = {
    "id": "claim",
    "components": [
        {"type": "textfield", "key": "boss", "label": "审批人", "properties": {"component": "userPicker"}},
        {"type": "filepicker", "key": "receipts", "label": "发票", "properties": {"component": "attachment"}},
    ],
}
FORM_PART = '<zeebe:formDefinition formId="claim"/>'


@pytest.fixture
def claim(company: Product) -> Product:
    process = Process("claim")
    process.add("startEvent", "s", f"<bpmn:extensionElements>{FORM_PART}</bpmn:extensionElements>")
    process.user("check", extra=f'<zeebe:assignmentDefinition assignee="=boss"/>{FORM_PART}')
    process.end()
    process.path("s", "check", "e")
    company.deploy(process.xml(), ("claim.form", json.dumps_bytes(FORM)))
    return company


def upload(person: Any, path: str, name: str = "发票.pdf", content: bytes = PDF) -> Any:
    form = {"csrf_token": person.csrf_token, "file": (io.BytesIO(content), name)}
    return person.client.post(path, data=form, headers={"Accept": "application/json"})


def start(person: Any, values: dict[str, Any]) -> Any:
    return person.post("/start/claim", {"values": json.dumps(values)})


def test_a_file_of_a_start_form_becomes_one_of_the_case(browser: Callable[..., Any], claim: Product) -> None:
    li, wang, sun = browser("li.ming"), browser("wang.fang"), browser("sun.li")
    reference = upload(li, "/uploads/claim").get_json()
    assert reference["metadata"] == {"contentType": "application/pdf", "fileName": "发票.pdf", "size": len(PDF)}
    place = f"/files/{reference['documentId']}"
    assert li.client.get(place).data == PDF
    assert wang.client.get(place).status_code == 404
    assert start(li, {"boss": "wang.fang", "receipts": [reference]}).status == 303
    found = claim.rows(attachment.select())
    assert [(one.file_name, one.added_by, one.task_key) for one in found] == [("发票.pdf", "li.ming", None)]
    assert claim.scalars(sa.select(document.c.expires_at)) == [None]
    assert wang.client.get(place).data == PDF
    assert sun.client.get(place, headers={"Accept": "text/html"}).status_code == 403
    claim.clock.advance(days=2)
    assert wang.client.get(place).data == PDF


def test_files_of_others_and_unknown_people_are_refused(browser: Callable[..., Any], claim: Product) -> None:
    li, wang = browser("li.ming"), browser("wang.fang")
    theirs = upload(wang, "/uploads/claim").get_json()
    refused = start(li, {"boss": "nobody", "receipts": [theirs]})
    assert refused.status == 422
    assert "Nobody who works here is called nobody." in refused.text
    assert "A file did not arrive" in refused.text
    assert claim.rows(attachment.select()) == []


def test_a_file_whose_form_never_comes_is_removed(browser: Callable[..., Any], claim: Product) -> None:
    upload(browser("li.ming"), "/uploads/claim")
    claim.clock.advance(days=2)
    claim.deliver()
    assert claim.rows(document.select()) == []


def test_a_task_takes_files_of_its_case_and_new_ones(browser: Callable[..., Any], claim: Product) -> None:
    li, wang = browser("li.ming"), browser("wang.fang")
    first = upload(li, "/uploads/claim").get_json()
    start(li, {"boss": "wang.fang", "receipts": [first]})
    task = claim.task("check").key
    second = upload(wang, f"/tasks/{task}/uploads", "more.pdf").get_json()
    assert upload(browser("sun.li"), f"/tasks/{task}/uploads").status_code == 403
    values = {"boss": "wang.fang", "receipts": [first, second]}
    assert wang.post(f"/tasks/{task}/complete", {"values": json.dumps(values)}).status == 303
    case = claim.scalars(sa.select(process_instance.c.key).order_by(process_instance.c.key.desc()))[0]
    kept = claim.variables(case)["receipts"]
    assert [one["documentId"] for one in kept] == [first["documentId"], second["documentId"]]
    assert [one.task_key for one in claim.rows(attachment.select().order_by(attachment.c.key))] == [None, task]


def test_files_of_a_hidden_field_are_hidden_too(browser: Callable[..., Any], claim: Product) -> None:
    process = Process("claim")
    process.add("startEvent", "s", f"<bpmn:extensionElements>{FORM_PART}</bpmn:extensionElements>")
    hidden = '<zeebe:properties><zeebe:property name="field.receipts" value="hide"/></zeebe:properties>'
    process.user("check", extra=f'<zeebe:assignmentDefinition assignee="=boss"/>{FORM_PART}{hidden}')
    process.end()
    process.path("s", "check", "e")
    claim.deploy(process.xml(), ("claim.form", json.dumps_bytes(FORM)))
    li, wang = browser("li.ming"), browser("wang.fang")
    reference = upload(li, "/uploads/claim").get_json()
    case = start(li, {"boss": "wang.fang", "receipts": [reference]}).headers["Location"]
    task, place = claim.task("check").key, f"/files/{reference['documentId']}"
    key = claim.scalars(sa.select(attachment.c.key))[0]
    assert [li.client.get(one).status_code for one in (place, f"/attachments/{key}")] == [200, 200]
    assert [wang.client.get(one).status_code for one in (place, f"/attachments/{key}")] == [403, 403]
    page = wang.get(f"/tasks/{task}")
    assert page.one("[data-count]") == "0"
    assert reference["documentId"] not in page.text + wang.get(case).text + wang.get(f"{case}/print").text
    assert "发票.pdf" in li.get(f"{case}/print").one("main")


def test_what_cannot_be_taken_is_said(browser: Callable[..., Any], claim: Product) -> None:
    assert claim
    reply = upload(browser("li.ming", language="zh-CN"), "/uploads/claim", "a.png", b"MZ\x90\x00" + bytes(90))
    assert reply.status_code == 400
    assert reply.get_json()["problem"]


def test_colleagues_by_name_department_and_username(browser: Callable[..., Any], claim: Product) -> None:
    assert claim
    person = browser("li.ming")
    found = person.client.get("/colleagues?q=王芳").get_json()
    assert found == [{"username": "wang.fang", "name": "王芳", "department": found[0]["department"]}]
    assert {one["username"] for one in person.client.get("/colleagues?q=technology").get_json()} >= {"wang.fang"}
    assert [one["username"] for one in person.client.get("/colleagues?q=wang.f").get_json()] == ["wang.fang"]
    assert person.client.get("/colleagues?q=%25%25").get_json() == []
    assert [one["name"] for one in person.client.get("/colleagues?name=wang.fang&name=x").get_json()] == ["王芳"]
    assert browser().client.get("/colleagues?q=a", headers={"Accept": "application/json"}).status_code == 401
