"""From a request to everything that it causes: one id in reply, problem, log lines and rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import structlog
from structlog.testing import capture_logs

from bpm_server.connectors.contract import Connector, PermanentError, Result
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.jobs import job
from bpm_server.worker import rounds
from tests.support.bpmn_builder import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product
    from tests.support.rest import Rest

START = "/v2/process-instances"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as found:
        yield found


def test_reply_problem_and_access_line_have_the_clients_id(rest: Rest, lines: list[dict[str, Any]]) -> None:
    answer = rest.get("/v2/user-tasks/1?secret=s3cret", headers={"X-Request-Id": "abc-1"})
    assert answer.status == 404
    assert answer.headers["X-Request-Id"] == answer["requestId"] == "abc-1"
    line = next(one for one in lines if one["event"] == "http.request")
    assert {name: line[name] for name in ("method", "route", "status", "actor", "request_id")} == {
        "method": "GET", "route": "/v2/user-tasks/<userTaskKey>", "status": 404, "actor": "root",
        "request_id": "abc-1",
    }  # fmt: skip
    assert "s3cret" not in str(lines)


def test_without_one_every_request_has_its_own(rest: Rest) -> None:
    ids = {rest.get("/v2/topology").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert rest.get("/v2/topology", headers={"traceparent": PARENT}).headers["X-Request-Id"] == PARENT[3:35]


def test_nothing_of_a_request_is_left_behind(rest: Rest) -> None:
    rest.get("/v2/topology")
    assert structlog.contextvars.get_contextvars() == {}


def test_jobs_carry_the_request_that_caused_them_through_the_worker(
    bpm: Product, rest: Rest, lines: list[dict[str, Any]]
) -> None:
    """The second job is made by the worker while it does the first: it is the same request's."""
    p = Process()
    p.path(p.start(), p.service("one", "first"), p.service("two", "second"), p.end())
    bpm.deploy(p.xml())

    def fail(_: Any) -> Any:
        raise PermanentError("no")

    for kind, handler in (("first", lambda _: Result()), ("second", fail)):
        bpm.server.connectors.add(Connector(kind, {}, handler=handler))
    key = rest.post(START, {"processDefinitionId": "p"}, headers={"X-Request-Id": "r-1", "traceparent": PARENT})[
        "processInstanceKey"
    ]
    rounds.run_until_idle(bpm.server, topics=("outside",))
    assert bpm.scalars(sa.select(job.c.trace_context)) == [f"r-1 {PARENT}"] * 2
    line = next(one for one in lines if one["event"] == "connector.failed")
    assert (line["request_id"], line["instance_key"], line["job_type"]) == ("r-1", int(key), "second")
    assert line["job_key"]


def test_webhooks_carry_it_too(bpm: Product, rest: Rest, lines: list[dict[str, Any]]) -> None:
    made = rest.post("/api/webhook-endpoints", {"name": "f", "url": "https://finance.invalid/x"})
    path = f"/api/webhook-endpoints/{made['key']}/test"
    assert rest.post(path, None, headers={"X-Request-Id": "w-1"}).status == 202
    assert bpm.scalars(sa.select(webhook_delivery.c.trace_context)) == ["w-1"]
    rounds.do_outside_work(bpm.server)
    line = next(one for one in lines if one["event"] == "webhook.not_delivered")
    assert line["request_id"] == "w-1"
    assert line["outcome"] == "retry"


def test_work_without_a_request_has_none(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.service("one", "first"), p.end())
    bpm.deploy(p.xml())
    bpm.start()
    assert bpm.scalars(sa.select(job.c.trace_context)) == [None]
