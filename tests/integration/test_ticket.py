"""The ticket process through the services and with the clock, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.services import tasks
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.tasks import user_task
from tests.support.content import deploy_content
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product

TICKET: dict[str, Any] = {
    "ticketNumber": "TK-1",
    "channel": "phone",
    "customer": "苏州东方电子科技有限公司",
    "ticketType": "technical",
    "urgency": "urgent",
    "subject": "设备报警停机",
}


@pytest.fixture
def tickets(bpm: Product) -> Iterator[Product]:
    """The content, deployed; no test leaves an incident."""
    deploy_content(bpm)
    yield bpm
    assert bpm.scalars(sa.select(incident.c.message)) == []


def start(bpm: Product, **changes: Any) -> int:
    key = bpm.start("ticket", **TICKET | changes)
    bpm.deliver()
    return key


def complete(bpm: Product, element: str, actor: Actor = ADMIN, **values: Any) -> None:
    tasks.complete_task(bpm.server, actor, bpm.task(element).key, values, from_form=True)
    bpm.deliver()


def resolve(bpm: Product) -> None:
    complete(bpm, "handle-ticket", outcome="resolved", comment="更换保险丝")


def limit(bpm: Product) -> datetime:
    """When the open ticket is due."""
    (due,) = bpm.scalars(
        sa.select(user_task.c.due_date).where(user_task.c.element_id == "handle-ticket", user_task.c.state == "CREATED")
    )
    assert isinstance(due, datetime)
    return due


@pytest.mark.parametrize(
    ("kind", "team"),
    [("technical", "support"), ("技术故障", "support"), ("billing", "finance"), ("账单问题", "finance"),
     ("other", "service"), ("complaint", "service"), (None, "service")],
)  # fmt: skip
def test_a_ticket_goes_to_the_team_of_its_type(tickets: Product, kind: str | None, team: str) -> None:
    key = start(tickets, ticketType=kind)
    assert tickets.variables(key)["team"] == team
    complete(tickets, "handle-ticket", Actor("somebody", groups=frozenset({team})), outcome="resolved", comment="好")
    assert tickets.open_tasks() == []


@pytest.mark.parametrize(
    ("urgency", "tier", "minutes"),
    [("urgent", "A", 120), ("urgent", "B", 240), ("high", "A", 480), ("high", None, 1440), ("normal", "A", 2880),
     (None, None, 2880)],
)  # fmt: skip
def test_urgency_and_tier_decide_the_limit(
    tickets: Product, urgency: str | None, tier: str | None, minutes: int
) -> None:
    start(tickets, urgency=urgency, tier=tier)
    assert limit(tickets) - tickets.clock.now() == timedelta(minutes=minutes)


def test_the_lead_is_warned_and_then_asked_to_escalate_once_each(tickets: Product) -> None:
    key = start(tickets)
    tickets.clock.advance(minutes=179)
    assert tickets.open_tasks() == ["handle-ticket"]
    tickets.clock.advance(minutes=1)
    assert tickets.open_tasks() == ["handle-ticket", "urge-team"]
    tickets.clock.advance(minutes=60)
    assert tickets.open_tasks() == ["escalate-ticket", "handle-ticket", "urge-team"]
    assert tickets.variables(key)["slaState"] == "breached"
    complete(tickets, "handle-ticket", outcome="handed-over", comment="请接手", nextTeam="finance")
    tickets.clock.advance(days=10)
    assert tickets.open_tasks() == ["escalate-ticket", "handle-ticket", "urge-team"]
    resolve(tickets)
    assert tickets.open_tasks() == [], "what was left of the escalation ends with the problem"


def test_a_hand_over_does_not_give_more_time(tickets: Product) -> None:
    start(tickets)
    due = limit(tickets)
    tickets.clock.advance(minutes=170)
    complete(tickets, "handle-ticket", outcome="handed-over", comment="是账单问题", nextTeam="finance")
    assert limit(tickets) == due
    tickets.clock.advance(minutes=10)
    assert tickets.open_tasks() == ["handle-ticket", "urge-team"]


def test_the_clock_stands_still_while_the_customer_is_asked(tickets: Product) -> None:
    key = start(tickets)
    tickets.clock.advance(minutes=100)
    complete(tickets, "handle-ticket", outcome="waiting", comment="请提供报警代码")
    assert tickets.open_tasks() == ["await-customer"]
    tickets.clock.advance(days=5)
    assert tickets.open_tasks() == ["await-customer"]
    tickets.publish("ticket.customer-replied", "TK-1", reply="E-42")
    assert tickets.open_tasks() == ["handle-ticket"]
    assert tickets.variables(key)["reply"] == "E-42"
    assert limit(tickets) - tickets.clock.now() == timedelta(minutes=140)
    tickets.clock.advance(minutes=79)
    assert tickets.open_tasks() == ["handle-ticket"]
    tickets.clock.advance(minutes=1)
    assert tickets.open_tasks() == ["handle-ticket", "urge-team"]


def test_a_reply_on_the_phone_starts_the_clock_again(tickets: Product) -> None:
    start(tickets)
    tickets.clock.advance(minutes=200)
    complete(tickets, "handle-ticket", outcome="waiting", comment="请提供报警代码")
    complete(tickets, "await-customer", reply="E-42")
    assert limit(tickets) - tickets.clock.now() == timedelta(minutes=40)
    tickets.clock.advance(minutes=40)
    assert tickets.open_tasks() == ["escalate-ticket", "handle-ticket", "urge-team"], "warned once only"


def test_a_ticket_is_closed_where_the_customer_is_silent_for_seven_days(tickets: Product) -> None:
    start(tickets)
    complete(tickets, "handle-ticket", outcome="waiting", comment="请提供报警代码")
    tickets.clock.advance(days=7)
    assert tickets.open_tasks() == []
    tickets.publish("ticket.rated", "TK-1", score=5)
    assert tickets.scalars(sa.select(user_task.c.key).where(user_task.c.state == "CREATED")) == []


def test_the_third_hand_over_goes_to_the_lead(tickets: Product) -> None:
    key = start(tickets)
    for team in ("finance", "service"):
        complete(tickets, "handle-ticket", outcome="handed-over", comment="不归我们", nextTeam=team)
        assert tickets.open_tasks() == ["handle-ticket"]
        assert tickets.variables(key)["team"] == team
    complete(tickets, "handle-ticket", outcome="handed-over", comment="不归我们", nextTeam="finance")
    assert tickets.open_tasks() == ["appoint-team"]
    complete(tickets, "appoint-team", Actor("huang.min", groups=frozenset({"service-lead"})), nextTeam="support")
    assert tickets.variables(key)["team"] == "support"
    he_tao = Actor("he.tao", groups=frozenset({"support"}))
    complete(tickets, "handle-ticket", he_tao, outcome="resolved", comment="已修复")
    assert [answer["by"] for answer in tickets.variables(key)["answers"]] == ["admin", "admin", "admin", "he.tao"]


@pytest.mark.parametrize(("score", "called_back"), [(1, True), (2, True), (3, False), (5, False)])
def test_a_poor_rating_is_called_back(tickets: Product, score: int, called_back: bool) -> None:
    key = start(tickets)
    resolve(tickets)
    tickets.publish("ticket.rated", "TK-1", score=score)
    assert tickets.open_tasks() == (["call-back"] if called_back else [])
    if called_back:
        complete(tickets, "call-back", callBackNote="已致歉并安排上门")
    assert tickets.state(key) == "COMPLETED"


@pytest.mark.parametrize(("answer", "then"), [({"score": 2}, ["call-back"]), ({"score": 4}, []), ({}, [])], ids=str)
def test_without_a_rating_for_three_days_the_customer_is_asked(
    tickets: Product, answer: dict[str, int], then: list[str]
) -> None:
    start(tickets)
    resolve(tickets)
    tickets.clock.advance(days=2, hours=23)
    assert tickets.open_tasks() == []
    tickets.clock.advance(hours=1)
    assert tickets.open_tasks() == ["ask-satisfaction"]
    complete(tickets, "ask-satisfaction", **answer)
    assert tickets.open_tasks() == then


def test_nobody_has_to_reach_a_customer_for_ever(tickets: Product) -> None:
    key = start(tickets)
    resolve(tickets)
    tickets.clock.advance(days=10)
    assert tickets.state(key) == "COMPLETED"


def test_a_ticket_without_a_number_gets_one(tickets: Product) -> None:
    first, second = start(tickets, ticketNumber=None), start(tickets, ticketNumber="")
    numbers = {tickets.variables(key)["ticketNumber"] for key in (first, second)}
    assert len(numbers) == 2
    assert all(number.startswith("TK-") and len(number) == 11 for number in numbers)


def test_dates_are_of_engine_time(tickets: Product) -> None:
    tickets.clock.set(datetime(2026, 6, 1, 8, tzinfo=UTC))
    start(tickets)
    assert limit(tickets) == datetime(2026, 6, 1, 12, tzinfo=UTC)
