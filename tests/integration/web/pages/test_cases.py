"""Starting processes, and cases with their list and their page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import process_instances, users
from bpm_server.store.tables.instances import process_instance
from tests.integration.web.pages.conftest import actor

if TYPE_CHECKING:
    from tests.support.product import Product

ORDER = {"orderNumber": "SO-9", "customer": "测试客户", "amount": 480_000, "currency": "CNY", "lines": []}


def case_of(company: Product, order: str) -> int:
    query = sa.select(process_instance.c.key).where(process_instance.c.business_key == order)
    found: int = company.scalars(query)[0]
    return found


# --- starting -------------------------------------------------------------------------------------------


def test_the_catalogue_is_empty_for_who_may_start_nothing(company: Product, browser: Any) -> None:
    users.save_user(company.server, SYSTEM, "guest", password="password", groups=[], roles=[])
    guest = browser("guest", "password")
    assert guest.get("/start").one(".nothing h2") == "Nothing to start"
    assert guest.get("/start/order-approval").status == 403
    assert guest.post("/start/order-approval", {"values": json.dumps(ORDER)}).status == 403


def test_starting_by_the_form_leads_to_the_case(company: Product, browser: Any) -> None:
    li = browser("li.ming")
    assert '"id":"order-request"' in li.get("/start/order-approval").text
    reply = li.post("/start/order-approval", {"values": json.dumps({**ORDER, "initiator": "zhou.wei"})}, target="x")
    key = int(reply.headers["HX-Redirect"].rsplit("/", 1)[1])
    assert company.variables(key)["initiator"] == "li.ming", "the server says who started it"
    page = li.get(f"/instances/{key}")
    assert "测试客户" in page.texts(".case-head .task-facts")[0]
    assert case_of(company, "SO-9") == key


@pytest.mark.parametrize("values", ["[]", "{", "3"])
def test_a_broken_start_form_starts_nothing(company: Product, browser: Any, values: str) -> None:
    before = len(company.scalars(sa.select(process_instance.c.key)))
    assert browser("li.ming").post("/start/order-approval", {"values": values}, target="problems").status in (400, 422)
    assert len(company.scalars(sa.select(process_instance.c.key))) == before


def test_a_wrong_start_form_starts_nothing_and_says_where(company: Product, browser: Any) -> None:
    before = len(company.scalars(sa.select(process_instance.c.key)))
    values = {"values": json.dumps({**ORDER, "customer": "", "amount": "much"})}
    reply = browser("li.ming").post("/start/order-approval", values, target="problems")
    assert reply.status == 422
    said = reply.texts(".wrong-fields li")
    assert "Customer: This field is required." in said
    assert any(line.endswith(": Enter a number.") for line in said)
    assert len(company.scalars(sa.select(process_instance.c.key))) == before


def test_an_unknown_process_is_not_found(browser: Any) -> None:
    assert browser("li.ming").get("/start/no-such-process").status == 404


# --- the list -------------------------------------------------------------------------------------------


def test_people_see_the_cases_they_have_a_part_in_operators_see_all(company: Product, browser: Any) -> None:
    def seen(username: str, password: str = "demo") -> set[str]:
        return set(browser(username, password).get("/instances").texts("tbody .reference"))

    everything = {f"SO-2026-{n:04d}" for n in range(1, 13)}
    assert seen("li.ming") == everything
    assert seen("chen.jing") == everything
    assert seen("zhou.wei") == {"SO-2026-0010"}
    assert seen("wang.fang") >= {"SO-2026-0003", "SO-2026-0001"}
    assert seen("a.worker", "password") == everything


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=0010", {"SO-2026-0010"}),
        ("q=海洋装备", {"SO-2026-0010", "SO-2026-0012"}),
        ("state=terminated", set()),
        ("process=order-approval&version=7", set()),
        ("state=completed", {"SO-2026-0004", "SO-2026-0010"}),
        ("mine=1", set()),
    ],
)
def test_filters(company: Product, browser: Any, query: str, found: set[str]) -> None:
    page = browser("chen.jing").get(f"/instances?{query}")
    shown = set(page.texts("tbody .reference"))
    assert shown <= found | {"SO-2026-0004", "SO-2026-0010"} if "completed" in query else shown == found


def test_a_case_is_found_by_its_key(company: Product, browser: Any) -> None:
    key = case_of(company, "SO-2026-0007")
    assert browser("chen.jing").get(f"/instances?q={key}").texts("tbody .reference") == ["SO-2026-0007"]


def test_the_list_comes_in_pages(company: Product, browser: Any) -> None:
    who = actor(company, "li.ming")
    for number in range(60):
        variables = {**ORDER, "orderNumber": f"L-{number}"}
        process_instances.start_process(company.server, who, process_id="order-approval", variables=variables)
    chen = browser("chen.jing")
    first = chen.get("/instances")
    assert len(first.texts("tbody .reference")) == 50
    more = first.tree.cssselect("#more button")[0].get("hx-get")
    rest = chen.get(more, target="more")
    assert len(rest.texts(".reference")) == 22


# --- one case -------------------------------------------------------------------------------------------


def test_operators_see_data_jobs_and_deliveries_starters_their_form(company: Product, browser: Any) -> None:
    key = case_of(company, "SO-2026-0004")
    operator, starter = browser("chen.jing").get(f"/instances/{key}"), browser("li.ming").get(f"/instances/{key}")
    assert {"Diagram", "Timeline", "Form", "Data", "Jobs", "Deliveries"} <= set(operator.texts(".box > h2"))
    assert set(starter.texts(".box > h2")) == {"Diagram", "Timeline", "Form"}
    assert browser("zhou.wei").get(f"/instances/{key}").status == 403


def test_only_those_who_may_can_cancel_and_the_case_says_who_did(company: Product, browser: Any) -> None:
    key = case_of(company, "SO-2026-0006")
    assert browser("li.ming").post(f"/instances/{key}/cancel").status == 403
    chen = browser("chen.jing")
    assert chen.get(f"/instances/{key}").tree.cssselect("dialog#cancel")
    assert chen.post(f"/instances/{key}/cancel").headers["Location"] == f"/instances/{key}"
    page = chen.get(f"/instances/{key}")
    assert page.one(".case-head .badge") == "Cancelled"
    assert "陈静 cancelled the case" in page.texts(".timeline-what")[0] + page.texts(".timeline-what")[1]
    assert not page.tree.cssselect("dialog#cancel")


def test_an_incident_is_shown_and_can_be_tried_again(company: Product, browser: Any) -> None:
    company.deploy(
        b"""<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
        xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t"><bpmn:process id="stuck"
        name="Stuck" isExecutable="true"><bpmn:startEvent id="s"><bpmn:outgoing>f</bpmn:outgoing></bpmn:startEvent>
        <bpmn:businessRuleTask id="decide" name="Decide"><bpmn:extensionElements><zeebe:calledDecision
        decisionId="missing" resultVariable="r"/></bpmn:extensionElements><bpmn:incoming>f</bpmn:incoming>
        </bpmn:businessRuleTask><bpmn:sequenceFlow id="f" sourceRef="s" targetRef="decide"/></bpmn:process>
        </bpmn:definitions>"""
    )
    key = company.start("stuck")
    chen = browser("chen.jing")
    assert chen.get("/instances?state=incidents").texts("tbody .badge") == ["Stuck"]
    page = chen.get(f"/instances/{key}")
    assert "Decide" in page.one(".incident")
    retry = page.tree.cssselect(".incident form")[0].get("action")
    assert chen.post(retry, {"next": f"/instances/{key}"}).status == 303
    assert browser("li.ming").post(retry).status == 403
    assert "Decide is stuck" in " ".join(chen.get(f"/instances/{key}").texts(".timeline-what"))


def test_a_case_beside_the_list_of_what_somebody_started(company: Product, browser: Any) -> None:
    key = case_of(company, "SO-2026-0004")
    li = browser("li.ming")
    part = li.get(f"/instances/{key}?tab=started", target="detail")
    assert part.tree.cssselect("article")[0].get("data-opens") == str(key)
    whole = li.get(f"/instances/{key}?tab=started")
    assert len(whole.tree.cssselect("#rows li")) == 12
    data = li.get(f"/instances/{key}/data", target="pane-data")
    assert '"orderNumber":"SO-2026-0004"' in data.text


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            "/processes?process=order-approval&version=1&active=true&incidents=true",
            "/instances?process=order-approval&version=1&state=active",
        ),
        ("/processes?process=all&incidents=true", "/instances?state=incidents"),
        ("/processes", "/instances"),
        ("/processes/42", "/instances/42"),
        ("/decisions?name=approval-level&version=1", "/instances"),
    ],
)
def test_the_addresses_that_camunda_modeler_opens(browser: Any, asked: str, answer: str) -> None:
    page = browser("chen.jing").get(asked)
    assert (page.status, page.headers["Location"]) == (302, answer)
