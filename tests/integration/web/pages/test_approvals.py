"""Acts at approvals on the page of a task, as browsers send them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.substitutions import Mode
from bpm_server.services import substitutions
from bpm_server.services.process_instances import start_process
from tests.integration.web.pages.conftest import actor
from tests.support.approvals import Desk, properties
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser
    from tests.support.product import Product

    Opens = Callable[..., Browser]

FORM = {
    "id": "request",
    "type": "default",
    "schemaVersion": 19,
    "components": [
        {"type": "number", "key": "amount", "id": "a", "label": "Amount", "validate": {"required": True, "max": 100}},
        {"type": "textfield", "key": "title", "id": "t", "label": "Title"},
    ],
}


@pytest.fixture
def task(company: Product) -> int:
    """Li Ming has asked; Wang Fang and Zhang Wei are away, and Liu Yang stands in for both of them."""
    p = Process()
    form = '<zeebe:formDefinition formId="request"/>'
    p.start(body=f"<bpmn:extensionElements>{form}</bpmn:extensionElements>")
    signed = properties(mode="all", signers="wang.fang, zhang.wei", after_return="direct")
    p.path("s", p.user("sign", extra=signed), p.end())
    company.deploy(("p.bpmn", p.xml()), ("request.form", json.dumps(FORM).encode()))
    for name in ("wang.fang", "zhang.wei"):
        substitutions.appoint_substitute(company.server, ADMIN, name, "liu.yang", mode=Mode.ASSISTANCE)
    values = {"amount": 7, "title": "Train"}
    start_process(company.server, actor(company, "li.ming"), process_id="p", variables=values, from_form=True)
    return company.task("sign").key


def test_who_stands_in_for_several_says_for_whom(company: Product, browser: Opens, task: int) -> None:
    desk, liu = Desk(company), browser("liu.yang")
    page = liu.get(f"/tasks/{task}")
    assert page.texts(".acts-for option") == ["for 王芳", "for 张伟"]
    item = str(desk.item(task, "zhang.wei"))
    assert liu.post(f"/tasks/{task}/complete", {"outcome": "approved", "item": item}).status == 303
    assert desk.items(task) == {"wang.fang": "to-do", "zhang.wei": "approved"}
    assert liu.get(f"/tasks/{task}").texts(".acts-for option") == []
    assert liu.post(f"/tasks/{task}/complete", {"outcome": "approved"}).status == 303
    assert desk.outcome(task) == "approved"


def test_opening_an_approval_reads_its_signers_once(company: Product, browser: Opens, task: int) -> None:
    wang = browser("wang.fang")
    wang.get(f"/tasks/{task}", target="detail")  # definitions and permissions are remembered from here on
    with counted(company.server.database) as statements:
        page = wang.get(f"/tasks/{task}", target="detail")
    assert page.texts("#act-return .form-check-label") == ["Who made the request"]
    assert sum("FROM approval_item" in text for text in statements.texts) == 1, str(statements)
    assert len(statements) <= 18, str(statements)


def test_what_is_wrong_with_a_correction_stands_at_its_fields(company: Product, browser: Opens, task: int) -> None:
    back = {"target": "initiator", "comment": "too much"}
    assert browser("wang.fang").post(f"/tasks/{task}/acts/return", back).status == 303
    li = browser("li.ming")

    def correct(values: Any) -> Any:
        return li.post(f"/tasks/{task}/acts/resubmit", {"values": json.dumps(values)}, target="detail")

    refused = correct({"amount": 101, "title": "Train"})
    assert refused.status == 422
    assert refused.texts(".wrong-fields b") == ["Amount"]
    assert correct([7]).status == 422
    assert correct({"amount": 9, "title": "Train"}).status == 200
    assert Desk(company).asked(task) == ["liu.yang", "wang.fang", "zhang.wei"]
