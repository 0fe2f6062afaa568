"""The opportunity process through the services and with the clock, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.services import tasks
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.tasks import user_task
from tests.support.content import deploy_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product

OPPORTUNITY: dict[str, Any] = {
    "opportunityNumber": "OP-1",
    "opportunity": "新厂机器人产线",
    "customer": "苏州东方电子科技有限公司",
    "amount": 860_000,
    "initiator": "li.ming",
}
OWNER = Actor("li.ming", groups=frozenset({"sales"}))
DIRECTOR = Actor("zhang.wei", groups=frozenset({"sales-director"}))


@pytest.fixture
def sales(bpm: Product) -> Iterator[Product]:
    """The content, deployed; no test leaves an incident."""
    deploy_content(bpm)
    yield bpm
    assert bpm.scalars(sa.select(incident.c.message)) == []


def start(bpm: Product, **changes: Any) -> int:
    key = bpm.start("opportunity", **OPPORTUNITY | changes)
    bpm.deliver()
    return key


def complete(bpm: Product, element: str, actor: Actor = OWNER, **values: Any) -> None:
    tasks.complete_task(bpm.server, actor, bpm.task(element).key, values, from_form=True)
    bpm.deliver()


def work(bpm: Product, stage: str, **values: Any) -> None:
    """Completes a stage's task."""
    complete(bpm, f"work-{stage}", **{"outcome": "advanced", "comment": "已沟通", **values})


def bring_to(bpm: Product, stage: str) -> int:
    key = start(bpm)
    for name, values in (
        ("contact", {}),
        ("needs", {"decisionMakers": 1}),
        ("quotation", {"decisionMakers": 1, "quoteAccepted": True}),
        ("negotiation", {"decisionMakers": 1}),
    ):
        if name == stage:
            break
        work(bpm, name, **values)
    assert bpm.open_tasks() == [f"work-{stage}"]
    return key


def test_an_opportunity_goes_through_five_stages_and_is_won(sales: Product) -> None:
    key = bring_to(sales, "contract")
    work(sales, "contract", contractSigned=True)
    assert sales.open_tasks() == []
    assert sales.state(key) == "COMPLETED"
    found = sales.variables(key)
    assert found["stage"] == "won"
    assert [record["stage"] for record in found["records"]] == [
        "contact", "needs", "quotation", "negotiation", "contract",
    ]  # fmt: skip
    assert {record["by"] for record in found["records"]} == {"li.ming"}


@pytest.mark.parametrize(
    ("stage", "values", "missing"),
    [("quotation", {"decisionMakers": 0, "quoteAccepted": True}, "至少一位决策人"),
     ("quotation", {"decisionMakers": 1}, "客户接受报价"), ("contract", {"decisionMakers": 1}, "合同签字")],
    ids=str,
)  # fmt: skip
def test_a_stage_is_left_only_with_what_its_rule_asks_for(
    sales: Product, stage: str, values: dict[str, Any], missing: str
) -> None:
    key = bring_to(sales, stage)
    work(sales, stage, **values)
    assert sales.open_tasks() == [f"work-{stage}"]
    assert sales.variables(key)["missing"] == missing
    work(sales, stage, decisionMakers=1, quoteAccepted=True, contractSigned=True)
    assert sales.open_tasks() != [f"work-{stage}"]
    assert sales.variables(key)["missing"] is None


@pytest.mark.parametrize("stage", ["contact", "needs", "quotation", "negotiation", "contract"])
def test_every_stage_may_lose_it(sales: Product, stage: str) -> None:
    key = bring_to(sales, stage)
    sales.clock.advance(days=7)
    assert sales.open_tasks() == ["follow-up", f"work-{stage}"]
    work(sales, stage, outcome="lost", comment="输给竞争对手")
    assert sales.open_tasks() == [], "nobody follows up what is lost"
    assert sales.state(key) == "COMPLETED"
    assert sales.variables(key)["result"] == "lost"


def test_seven_days_in_a_stage_ask_for_a_follow_up(sales: Product) -> None:
    bring_to(sales, "needs")
    sales.clock.advance(days=6, hours=23)
    assert sales.open_tasks() == ["work-needs"]
    sales.clock.advance(hours=1)
    assert sales.open_tasks() == ["follow-up", "work-needs"]
    complete(sales, "follow-up", followNote="等客户预算")
    assert sales.open_tasks() == ["work-needs"]
    sales.clock.advance(days=7)
    assert sales.open_tasks() == ["follow-up", "work-needs"]


def test_a_new_stage_has_its_own_seven_days(sales: Product) -> None:
    start(sales)
    sales.clock.advance(days=6)
    work(sales, "contact")
    sales.clock.advance(days=6)
    assert sales.open_tasks() == ["work-needs"]
    sales.clock.advance(days=1)
    assert sales.open_tasks() == ["follow-up", "work-needs"]


def test_a_quote_without_reply_for_three_days_asks_for_a_call(sales: Product) -> None:
    key = bring_to(sales, "quotation")
    work(sales, "quotation", outcome="quoted", decisionMakers=1)
    assert sales.open_tasks() == []
    sales.clock.advance(days=2, hours=23)
    assert sales.open_tasks() == []
    sales.clock.advance(hours=1)
    assert sales.open_tasks() == ["phone-customer"]
    complete(sales, "phone-customer", callNote="客户本周内答复")
    assert sales.open_tasks() == ["work-quotation"]
    assert sales.variables(key)["records"][-1]["comment"] == "客户本周内答复"


def test_a_reply_to_the_quote_needs_no_call(sales: Product) -> None:
    bring_to(sales, "quotation")
    work(sales, "quotation", outcome="quoted", decisionMakers=1)
    sales.clock.advance(days=1)
    sales.publish("opportunity.quote-replied", "OP-1")
    assert sales.open_tasks() == ["work-quotation"]
    sales.clock.advance(days=4)
    assert sales.open_tasks() == ["work-quotation"]
    work(sales, "quotation", decisionMakers=1, quoteAccepted=True)
    assert sales.open_tasks() == ["work-negotiation"]


def test_fifteen_days_without_a_record_are_told_to_the_director_each_time(sales: Product) -> None:
    start(sales)
    sales.clock.advance(days=14, hours=23)
    assert "tell-director" not in sales.open_tasks()
    sales.clock.advance(hours=1)
    assert sales.open_tasks().count("tell-director") == 1
    sales.clock.advance(days=20)
    assert sales.open_tasks().count("tell-director") == 1
    complete(sales, "tell-director", DIRECTOR, directorNote="请尽快拜访")
    sales.clock.advance(days=14)
    assert "tell-director" not in sales.open_tasks()
    sales.clock.advance(days=1)
    assert sales.open_tasks().count("tell-director") == 1


@pytest.mark.parametrize("how", ["stage", "follow-up", "message"])
def test_every_record_starts_the_fifteen_days_again(sales: Product, how: str) -> None:
    start(sales)
    sales.clock.advance(days=10)
    if how == "stage":
        work(sales, "contact")
    elif how == "follow-up":
        complete(sales, "follow-up", followNote="已电话")
    else:
        sales.publish("opportunity.activity-logged", "OP-1")
    sales.clock.advance(days=14, hours=23)
    assert "tell-director" not in sales.open_tasks()
    sales.clock.advance(hours=1)
    assert sales.open_tasks().count("tell-director") == 1


def test_whoever_enters_it_owns_it_unless_it_names_somebody(sales: Product) -> None:
    start(sales)
    start(sales, opportunityNumber="OP-2", owner="wu.di")
    query = sa.select(user_task.c.assignee).order_by(user_task.c.key)
    assert sales.scalars(query) == ["li.ming", "wu.di"]
