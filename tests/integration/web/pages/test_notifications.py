"""The bell and its list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.notifications import Kind
from bpm_server.services.notifications import notify
from bpm_server.services.process_instances import cancel_instance
from bpm_server.services.transaction import transaction
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.tasks import user_task
from tests.integration.web.pages.conftest import actor
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser
    from tests.support.product import Product

    Opens = Callable[..., Browser]


def tell(company: Product, *kinds: Kind) -> int:
    """Zhang Wei's acts tell Li Ming of an open task, and of nothing else; gives the task."""
    with company.server.database.write() as connection:
        connection.execute(notification.delete())
        connection.commit()
    t = user_task
    task = company.rows(sa.select(t.c.key, t.c.instance_key).where(t.c.ended_at.is_(None)).order_by(t.c.key))[0]
    with transaction(company.server, actor(company, "zhang.wei")) as tx:
        for kind in kinds:
            details = {"outcome": "rejected"} if kind is Kind.DECIDED else {}
            notify(tx, ["li.ming"], kind, task.instance_key, None if kind is Kind.COPIED else task.key, **details)
    key: int = task.key
    return key


def test_every_kind_is_a_sentence_in_both_languages(company: Product, browser: Opens) -> None:
    tell(company, *Kind)
    english = browser("li.ming").get("/notifications").texts(".told-what")
    chinese = browser("li.ming", language="zh-CN").get("/notifications").texts(".told-what")
    assert len(set(english)) == len(set(chinese)) == len(Kind)
    assert "张伟 rejected your request (unread)" in english
    assert "张伟驳回了您的申请 (未读)" in chinese


def test_the_bell_counts_and_its_list_comes_as_a_part(company: Product, browser: Opens) -> None:
    tell(company, Kind.URGED, Kind.MENTIONED)
    li_ming = browser("li.ming")
    assert li_ming.get("/").one("#unread [data-number]") == "2"
    part = li_ming.get("/notifications", target="notifications")
    assert part.texts("header") == []
    assert len(part.texts(".told li.is-new")) == 2
    after = li_ming.post("/notifications/read", target="notifications")
    assert len(after.texts(".told li")) == 2
    assert after.texts(".told li.is-new") == []
    assert after.tree.cssselect("#unread[hidden]")
    assert li_ming.get("/").tree.cssselect("#unread[hidden]")


def test_opening_one_leads_there_and_marks_it(company: Product, browser: Opens) -> None:
    key = tell(company, Kind.TURN, Kind.COPIED)
    li_ming = browser("li.ming")
    [copied, turn] = li_ming.get("/notifications").tree.cssselect(".told form")
    assert li_ming.post(turn.get("action")).headers["Location"] == f"/tasks/{key}"
    assert li_ming.post(copied.get("action")).headers["Location"].startswith("/instances/")
    assert li_ming.get("/notifications").texts(".is-new") == []
    assert browser("zhang.wei").post(turn.get("action")).status == 404


def test_what_is_done_already_says_so(company: Product, browser: Opens) -> None:
    key = tell(company, Kind.ASSIGNED, Kind.MENTIONED)
    li_ming = browser("li.ming")
    assert li_ming.get("/notifications").texts(".told-where .badge") == []
    task = company.rows(sa.select(user_task.c.instance_key).where(user_task.c.key == key))[0]
    cancel_instance(company.server, ADMIN, task.instance_key)
    [mentioned, assigned] = li_ming.get("/notifications").tree.cssselect(".told li")
    assert [one.text_content() for one in assigned.cssselect(".badge")] == ["Done"]
    assert mentioned.cssselect(".badge") == []


def test_without_any_it_says_what_will_come(company: Product, browser: Opens) -> None:
    tell(company)
    assert "Nothing yet" in browser("li.ming").get("/notifications").one(".told-none")


def test_older_ones_are_on_further_pages(company: Product, browser: Opens) -> None:
    tell(company, Kind.URGED)
    [row] = company.rows(sa.select(notification))
    copies = [{**row._mapping, "key": row.key + number} for number in range(1, 60)]
    with company.server.database.write() as connection:
        connection.execute(notification.insert(), copies)
        connection.commit()
    first = browser("li.ming").get("/notifications")
    assert len(first.texts(".told li")) == 50
    second = browser("li.ming").get(first.links(".told-more a")[0])
    assert len(second.texts(".told li")) == 10
    assert second.texts(".told-more") == []


def test_nobody_gets_there_without_signing_in(browser: Opens) -> None:
    assert browser().get("/notifications").status == 303
    assert browser().get("/events").status == 303
