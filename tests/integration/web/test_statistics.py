"""Figures by element: what ran, what is stuck, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bpmn_builder import Process, extensions, timer

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest


def waits() -> bytes:
    """A user task with a boundary timer, a job, a message, a timer and a call of nothing, all at once."""
    p = Process()
    p.message("m", "paid", "=order")
    p.add("parallelGateway", "split")
    p.path(p.start(), "split")
    p.user("person")
    p.boundary("late", "person", timer("Duration", "PT1H"))
    p.service("work")
    p.add("receiveTask", "letter", messageRef="m")
    p.add("intermediateCatchEvent", "pause", timer("Duration", "PT2H"))
    p.add("callActivity", "broken", extensions('<zeebe:calledElement processId="missing"/>'))
    for name in ("person", "work", "letter", "pause", "broken"):
        p.path("split", name)
    p.path("late", p.end())
    return p.xml()


@pytest.fixture
def key(bpm: Product, rest: Rest) -> str:
    assert rest.upload(("p.bpmn", waits())).status == 200
    body = {"processDefinitionId": "p", "variables": {"order": "o1"}}
    found: str = rest.post("/v2/process-instances", body)["processInstanceKey"]
    bpm.deliver()
    return found


def by_element(answer: Any, member: str) -> dict[str, int]:
    return {one["elementId"]: one[member] for one in answer["items"]}


def test_what_waits(bpm: Product, rest: Rest, key: str) -> None:
    path = f"/v2/process-instances/{key}/statistics/wait-states"
    assert by_element(rest.get(path), "waitingCount") == {"person": 1, "work": 1, "letter": 1, "pause": 1}
    bpm.task("person").complete()
    bpm.complete_job("work")
    assert by_element(rest.get(path), "waitingCount") == {"letter": 1, "pause": 1}
    assert rest.get("/v2/process-instances/1/statistics/wait-states").status == 404


def test_what_ran_and_what_is_stuck(bpm: Product, rest: Rest, key: str) -> None:
    bpm.task("person").complete()
    one = rest.get(f"/v2/process-instances/{key}/statistics/element-instances")
    definition = rest.get(f"/v2/process-instances/{key}")["processDefinitionKey"]
    path = f"/v2/process-definitions/{definition}/statistics/element-instances"
    for answer in (one, rest.post(path, {}), rest.post(path, {"filter": {"tenantId": "<default>"}})):
        assert by_element(answer, "completed")["person"] == 1
        assert by_element(answer, "incidents")["broken"] == 1
        assert by_element(answer, "active")["letter"] == 1
    assert rest.post(path, {"filter": {"tenantId": "other"}})["items"] == []


@pytest.mark.parametrize(
    ("tenant", "found"),
    [
        ("<default>", 1),
        ("other", 0),
        ({"$neq": "<default>"}, 0),
        ({"$in": ["a", "<default>"]}, 1),
        ({"$notIn": ["<default>"]}, 0),
        ({"$like": "<*"}, 1),
        ({"$exists": True}, 1),
        ({"$exists": False}, 0),
    ],
)
def test_the_one_tenant_can_be_filtered_by(rest: Rest, key: str, tenant: Any, found: int) -> None:
    """Clients that are set to a tenant name it in every search."""
    for noun in ("process-instances", "user-tasks", "jobs", "incidents", "process-definitions"):
        assert len(rest.search(noun, filter={"tenantId": tenant})) == found, (key, noun)
