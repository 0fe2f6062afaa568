"""What operators do about a handoff that nobody takes: see it, mend it, send it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.web.pages.test_cases import ORDER, case_of
from tests.integration.web.pages.test_tasks import VALUES, task_of
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from tests.support.product import Product

PROCESS = b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t">
  <bpmn:process id="tell-erp" name="Tell the ERP" isExecutable="true">
    <bpmn:startEvent id="s"><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
    <bpmn:serviceTask id="tell" name="Tell"><bpmn:extensionElements><zeebe:taskDefinition type="webhook"/>
      <zeebe:ioMapping><zeebe:input source="erp" target="endpoint"/>
      <zeebe:input source="order.told" target="eventType"/>
      <zeebe:input source="={orderNumber: orderNumber}" target="data"/></zeebe:ioMapping></bpmn:extensionElements>
      <bpmn:incoming>f</bpmn:incoming><bpmn:outgoing>g</bpmn:outgoing></bpmn:serviceTask>
    <bpmn:endEvent id="told" name="Told"><bpmn:incoming>g</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="tell"/>
    <bpmn:sequenceFlow id="g" sourceRef="tell" targetRef="told"/>
  </bpmn:process></bpmn:definitions>"""


@pytest.fixture
def company(company: Product) -> Product:
    """Deliveries are given up at once instead of after days."""
    return company.with_settings(webhook_retry_seconds=())


def add_endpoint(chen: Any, name: str, url: str) -> str:
    secret: str = chen.post("/admin/webhooks", {"name": name, "url": url}).one("#secret")
    return secret


def test_a_dead_receiver_is_an_incident_until_somebody_lets_it_try_again(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    with Receiver() as dead:
        secret = add_endpoint(chen, "erp", dead.url)
    company.deploy(PROCESS)
    key = company.start("tell-erp", orderNumber="T-1")
    company.deliver()
    page = chen.get(f"/instances/{key}")
    assert "All tries failed" in page.one(".incident")
    assert page.one(".case-head .badge") == "Stuck"
    assert page.one(".delivery .badge") == "given up"
    marks = json.loads(page.tree.cssselect("[data-island=diagram] script")[0].text)["elements"]
    assert marks["tell"]["incidents"] == 1
    assert "Failed" in page.one("[aria-labelledby=jobs-title] tbody tr")
    assert chen.get("/instances?state=incidents").texts("tbody .badge") == ["Stuck"]
    retry = page.tree.cssselect(".incident form")[0].get("action")
    with Receiver(secret, port=dead.port) as alive:
        assert chen.post(retry, {"next": f"/instances/{key}"}).headers["Location"] == f"/instances/{key}"
        company.deliver()
    assert [one["data"] for one in alive.applied.values()] == [{"orderNumber": "T-1"}]
    assert alive.refused == 0
    page = chen.get(f"/instances/{key}")
    assert page.one(".case-head .badge") == "Told"
    assert not page.tree.cssselect(".incident")
    told = " | ".join(page.texts(".timeline-what"))
    assert "陈静 let Tell try again" in told
    assert "erp has received order.told" in told
    assert page.texts(".delivery .badge") == ["delivered"]
    assert "2 attempts" in page.one(".delivery summary")
    assert len(page.texts(".delivery tbody tr")) == 2


def test_an_order_that_finance_does_not_take_comes_to_somebody_who_mends_it(company: Product, browser: Any) -> None:
    """The order process catches the failure itself: a task, not an incident."""
    li, chen = browser("li.ming"), browser("chen.jing")
    li.post("/start/order-approval", {"values": json.dumps(ORDER)})
    for username, element, values in (
        ("wang.fang", "review-technology", VALUES),
        ("zhao.qiang", "review-purchasing", json.dumps({"purchaseCost": 1, "deliveryDate": "2026-12-20"})),
        ("chen.jing", "review-finance", "{}"),
    ):
        key = task_of(company, "SO-9", element)
        done = browser(username).post(f"/tasks/{key}/complete", {"outcome": "approved", "values": values})
        assert done.status == 303, done.text
    company.deliver()
    repair = task_of(company, "SO-9", "repair-handoff")
    assert "SO-9" in chen.get(f"/tasks/{repair}").one(".task-head h2")
    case = chen.get(f"/instances/{case_of(company, 'SO-9')}")
    assert not case.tree.cssselect(".incident")
    assert "finance has not received order.approved" in " ".join(case.texts(".timeline-what"))


def test_a_delivery_that_arrived_is_sent_once_more_under_the_same_id(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    company.deploy(PROCESS)
    with Receiver() as receiver:
        receiver.secret = add_endpoint(chen, "erp", receiver.url)
        company.start("tell-erp", orderNumber="T-2")
        company.deliver()
        replay = chen.get("/admin/webhooks?endpoint=erp").tree.cssselect(".delivery form")[0].get("action")
        assert chen.post(replay).status == 303
        company.deliver()
        assert browser("li.ming").post(replay).status == 403
    assert list(receiver.seen.values()) == [2]
    assert receiver.refused == 0
    log = chen.get("/admin/webhooks?endpoint=erp")
    assert log.texts(".delivery .badge") == ["delivered", "delivered"]
    assert "repeated by hand" in log.texts(".delivery summary")[0]
