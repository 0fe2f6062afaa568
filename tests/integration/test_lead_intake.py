"""The lead process through the services and with the clock, on both databases."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import Actor
from bpm_server.services import tasks
from bpm_server.store.tables.instances import incident, process_instance
from bpm_server.store.tables.tasks import user_task
from tests.support.content import deploy_content
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product

LEAD: dict[str, Any] = {
    "company": "  苏州东方电子科技有限公司 ",
    "contact": "王经理",
    "phone": "+86 138-0013-8000",
    "source": "官网注册",
    "region": "华东",
    "productLine": "机器人",
}
POOL = Actor("lin.xue", groups=frozenset({"sales"}))


@pytest.fixture
def leads(bpm: Product) -> Iterator[Product]:
    """The content, deployed; no test leaves an incident."""
    deploy_content(bpm)
    yield bpm
    assert bpm.scalars(sa.select(incident.c.message)) == []


def start(bpm: Product, **changes: Any) -> int:
    return bpm.start("lead-intake", **LEAD | changes)


def complete(bpm: Product, element: str, actor: Actor = ADMIN, **values: Any) -> None:
    tasks.complete_task(bpm.server, actor, bpm.task(element).key, values, from_form=True)


def assignee(bpm: Product) -> str | None:
    """Whose the only open task is."""
    (found,) = bpm.scalars(sa.select(user_task.c.assignee).where(user_task.c.state == "CREATED"))
    assert found is None or isinstance(found, str)
    return found


def test_a_lead_is_cleaned(leads: Product) -> None:
    found = leads.variables(start(leads, email=" Wang@Example.com "))
    assert found["company"] == "苏州东方电子科技有限公司"
    assert found["phone"] == "13800138000"
    assert found["email"] == "wang@example.com"


@pytest.mark.parametrize(
    ("lead", "tags"),
    [({"pages": ["首页", "A产品"]}, ["A产品潜在客户"]), ({"pages": ["首页"]}, []), ({}, []),
     ({"pages": ["A产品"], "source": "展会"}, ["展会客户"]),
     ({"pages": ["A产品", "B产品"], "industry": "医疗器械"}, ["A产品潜在客户", "B产品潜在客户", "医疗行业"])],
    ids=str,
)  # fmt: skip
def test_tags_come_from_the_rules(leads: Product, lead: dict[str, Any], tags: list[str]) -> None:
    assert leads.variables(start(leads, **lead))["tags"] == tags


@pytest.mark.parametrize(
    ("lead", "score"),
    [({}, 30), ({"source": "转介绍", "budget": 1_000_000, "decisionMaker": True}, 110),
     ({"budget": Decimal("99999.99")}, 30),
     ({"budget": 100_000}, 50), ({"source": None, "phone": None, "company": None}, 0)],
    ids=str,
)  # fmt: skip
def test_points_are_added(leads: Product, lead: dict[str, Any], score: int) -> None:
    assert leads.variables(start(leads, **lead))["score"] == score


@pytest.mark.parametrize(
    ("lead", "rep"),
    [({}, "li.ming"), ({"productLine": "数控"}, "wu.di"), ({"region": "华南"}, "lin.xue"),
     ({"industry": "医疗器械"}, "lin.xue"), ({"region": "火星", "productLine": None}, "li.ming")],
    ids=str,
)  # fmt: skip
def test_region_industry_and_product_line_choose_the_rep(leads: Product, lead: dict[str, Any], rep: str) -> None:
    start(leads, **lead)
    assert leads.open_tasks() == ["contact-lead"]
    assert assignee(leads) == rep


def test_an_untouched_lead_goes_to_the_next_rep_and_then_to_the_pool(leads: Product) -> None:
    key = start(leads)
    leads.clock.advance(minutes=119)
    assert assignee(leads) == "li.ming"
    leads.clock.advance(minutes=1)
    assert assignee(leads) == "wu.di"
    leads.clock.advance(hours=2)
    assert leads.open_tasks() == ["claim-lead"]
    assert assignee(leads) is None
    complete(leads, "claim-lead", POOL, contactNote="已加微信", contactedBy="somebody.else")
    assert leads.open_tasks() == ["follow-lead"]
    assert assignee(leads) == "lin.xue", "who claims it follows it, whatever the program says"
    assert leads.variables(key)["turns"] == [
        {"rep": "li.ming", "result": "overdue"},
        {"rep": "wu.di", "result": "overdue"},
        {"rep": "lin.xue", "result": "claimed"},
    ]


def test_a_contacted_lead_stays_with_its_rep(leads: Product) -> None:
    key = start(leads)
    complete(leads, "contact-lead", Actor("li.ming"), contactNote="下周拜访")
    leads.clock.advance(days=14)
    assert leads.open_tasks() == ["follow-lead"]
    assert assignee(leads) == "li.ming"
    complete(leads, "follow-lead", Actor("li.ming"), outcome="qualified", comment="有预算")
    assert leads.state(key) == "COMPLETED"
    assert leads.variables(key)["result"] == "qualified"


def test_a_lead_that_is_not_followed_is_recycled(leads: Product) -> None:
    key = start(leads)
    complete(leads, "contact-lead", Actor("li.ming"))
    leads.clock.advance(days=15)
    assert leads.open_tasks() == ["claim-lead"]
    complete(leads, "claim-lead", POOL)
    assert assignee(leads) == "lin.xue"
    complete(leads, "follow-lead", POOL, outcome="invalid", comment="空号")
    assert leads.state(key) == "COMPLETED"


@pytest.mark.parametrize(
    ("values", "then", "rep"),
    [({"outcome": "assigned", "comment": "重点", "owner": "lin.xue"}, ["contact-lead"], "lin.xue"),
     ({"outcome": "assigned", "comment": "按规则"}, ["contact-lead"], "li.ming"),
     ({"outcome": "pooled", "comment": "先放公海"}, ["claim-lead"], None), ({}, ["claim-lead"], None),
     ({"outcome": "dropped", "comment": "同行"}, [], None)],
    ids=str,
)  # fmt: skip
def test_a_weak_lead_is_for_the_supervisor(
    leads: Product, values: dict[str, Any], then: list[str], rep: str | None
) -> None:
    key = start(leads, phone=None, source=None)
    assert leads.open_tasks() == ["review-lead"]
    complete(leads, "review-lead", Actor("zhang.wei", groups=frozenset({"sales-lead"})), **values)
    assert leads.open_tasks() == then
    assert (leads.state(key) == "COMPLETED") == (not then)
    if then:
        assert assignee(leads) == rep


@pytest.mark.parametrize(("outcome", "then"), [("pooled", ["claim-lead"]), ("dropped", [])])
def test_what_nobody_claims_comes_to_the_supervisor(leads: Product, outcome: str, then: list[str]) -> None:
    start(leads, phone=None, source=None)
    complete(leads, "review-lead", outcome="pooled", comment="先放公海")
    leads.clock.advance(days=30)
    assert leads.open_tasks() == ["decide-unclaimed"]
    complete(leads, "decide-unclaimed", outcome=outcome, comment="看情况")
    assert leads.open_tasks() == then


def test_a_message_starts_it_too(leads: Product) -> None:
    leads.publish("lead.received", **LEAD)
    assert leads.scalars(sa.select(process_instance.c.process_id)) == ["lead-intake"]
    assert leads.open_tasks() == ["contact-lead"]
    assert assignee(leads) == "li.ming"


def test_a_lead_of_which_nothing_is_known_is_not_lost(leads: Product) -> None:
    leads.start("lead-intake")
    assert leads.open_tasks() == ["review-lead"]
