"""Due tasks for calendar programs: no session, the owner's tasks and language, an address that can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from icalendar import Calendar

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import people, tasks
from bpm_server.store.tables.tasks import user_task
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser, Page
    from tests.support.product import Product

    Opens = Callable[..., Browser]

DUE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def make_address(somebody: Browser) -> str:
    """Makes an address on the page; gives its path."""
    somebody.post("/settings/calendar", {"act": "renew"})
    shown: str = somebody.get("/settings").tree.cssselect(".settings-address input")[0].get("value")
    return shown[shown.index("/calendar/") :]


def read(page: Page) -> list[tuple[str, datetime]]:
    assert page.status == 200, page.text
    assert page.headers["Content-Type"].startswith("text/calendar")
    return [(str(one["SUMMARY"]), one["DTEND"].dt) for one in Calendar.from_ical(page.text).walk("VEVENT")]


@pytest.fixture
def due(company: Product) -> int:
    """A task of Li Ming that is due, one of somebody else, and one that is due at no time."""
    t = user_task
    query = sa.select(t.c.key).where(t.c.state == "CREATED", t.c.element_id == "review-technology").order_by(t.c.key)
    mine, other, never = company.scalars(query)[:3]
    for key, name in ((mine, "li.ming"), (other, "wang.fang"), (never, "li.ming")):
        tasks.assign_task(company.server, ADMIN, key, name)
    for key in (mine, other):
        tasks.update_task(company.server, ADMIN, key, due_date=DUE)
    return int(mine)


@pytest.mark.usefixtures("due")
def test_a_calendar_program_reads_the_owners_due_tasks_without_signing_in(browser: Opens) -> None:
    path = make_address(browser("li.ming"))
    [(summary, at)] = read(browser(language="en").get(path))
    assert summary.startswith("Technology review · ")
    assert at == DUE
    [(summary, _)] = read(browser(language="zh-CN").get(path))
    assert summary.startswith("技术部审核 · ")


def test_a_task_that_is_done_is_no_longer_in_it(company: Product, due: int, browser: Opens) -> None:
    path = make_address(browser("li.ming"))
    tasks.complete_task(company.server, ADMIN, due, {}, outcome="approved")
    assert read(browser().get(path)) == []


@pytest.mark.usefixtures("due")
def test_addresses_that_lead_nowhere_look_alike(company: Product, browser: Opens) -> None:
    li_ming = browser("li.ming")
    first = make_address(li_ming)
    second = make_address(li_ming)
    assert read(browser().get(second))
    middle = len(second) // 2
    changed = second[:middle] + ("A" if second[middle] != "A" else "B") + second[middle + 1 :]
    nowhere = [first, changed, "/calendar/.ics", "/calendar/x.ics", f"/calendar/{'A' * 5_000}.ics", "/calendar/ä.ics"]
    assert [browser().get(path).status for path in nowhere] == [404] * len(nowhere)
    li_ming.post("/settings/calendar", {"act": "withdraw"})
    assert browser().get(second).status == 404
    assert li_ming.get("/settings").texts(".settings-address") == []
    third = make_address(li_ming)
    people.set_activity(company.server, SYSTEM, "li.ming", active=False)
    assert browser().get(third).status == 404


def test_only_a_session_with_its_token_changes_the_address(browser: Opens) -> None:
    li_ming = browser("li.ming")
    assert li_ming.post("/settings/calendar", {"act": "renew", "csrf_token": "x"}).status == 403
    assert browser().get("/settings").status == 303
    assert li_ming.get("/settings").texts(".settings-address") == []
