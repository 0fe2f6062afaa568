"""The list of people, and handing over the work of one of them on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.reports.staff import staff
from bpm_server.services import tasks, users
from bpm_server.store.tables.tasks import user_task
from tests.integration.web.pages.conftest import ADMIN_PASSWORD, actor
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

LEAVER = "/people/wang.fang/handover"
FORM = {"successor": "liu.yang", "note": "王芳离职"}


@pytest.fixture
def admin(browser: Any) -> Any:
    """Who may change the organisation."""
    return browser("admin", password=ADMIN_PASSWORD)


@pytest.fixture
def claimed(company: Product) -> int:
    """A task that wang.fang has claimed."""
    key = company.task("review-technology").key
    tasks.claim_task(company.server, actor(company, "wang.fang"), key)
    return key


def test_the_list_shows_who_has_what_and_leads_to_the_handover(admin: Any, claimed: int) -> None:
    page = admin.get("/people")
    row = next(one for one in page.texts("tbody tr") if "wang.fang" in one)
    assert "Technology" in row
    assert "Works here" in row
    assert page.links("a[aria-label='Hand over the work of 王芳']") == [LEAVER]
    found = admin.get("/people?q=王芳", target="people")
    assert len(found.texts("tbody tr")) == 1
    assert admin.get("/people?state=left").texts(".nothing h2") == ["Nobody found"]


def test_only_who_may_change_the_organisation_finds_it(browser: Any) -> None:
    wu = browser("wu.di")
    assert "/people" not in wu.get("/").links(".top-nav a")
    assert [wu.get(path).status for path in ("/people", LEAVER)] == [403, 403]
    assert wu.post(LEAVER, FORM).status == 403


def test_looked_at_first_then_handed_over_and_left_alone(company: Product, admin: Any, claimed: int) -> None:
    asked = admin.get(LEAVER)
    assert any("Assigned tasks" in one and "Order" in one for one in asked.texts("tbody tr"))
    assert "Head of 技术部" in asked.texts("section li")
    begun = admin.post(LEAVER, {**FORM, "leaves": "1"})
    assert begun.status == 303
    page = admin.follow(begun)
    assert "王芳 hands over to 刘洋" in page.one("h1")
    assert page.one("header q") == "王芳离职"
    assert page.tree.cssselect("#progress")[0].get("hx-trigger") == "every 2s"
    company.deliver()
    assert admin.get(begun.headers["Location"], target="progress").headers["HX-Redirect"] == begun.headers["Location"]
    done = admin.get(begun.headers["Location"])
    assert done.one("#progress .badge") == "Completed"
    assert {"王芳 has left", "Handed over or ended: Head of 技术部"} <= set(done.texts("section li"))
    assert company.scalars(sa.select(user_task.c.assignee).where(user_task.c.key == claimed)) == ["liu.yang"]
    again = admin.get(LEAVER)
    assert again.links("section td a") == [begun.headers["Location"]], "it can be found again"


def test_the_case_and_the_bell_tell_of_it(company: Product, admin: Any, browser: Any, claimed: int) -> None:
    admin.post(LEAVER, FORM)
    company.deliver()
    case = company.scalars(sa.select(user_task.c.instance_key).where(user_task.c.key == claimed))[0]
    timeline = admin.get(f"/instances/{case}").text
    assert "over from 王芳 to 刘洋" in timeline
    assert "王芳离职" in timeline
    liu = browser("liu.yang")
    told = liu.get("/notifications")
    assert "The work of 王芳 was handed over to you" in told.texts(".told-what")[0]
    where = liu.post(told.tree.cssselect(".told form")[0].get("action"))
    assert where.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"note": " "}, "Say why"),
        ({"successor": ""}, "Choose successors who work here."),
        ({"successor": "<b>nobody"}, "Choose successors who work here."),
        ({"successor": "wang.fang"}, "cannot succeed themselves"),
        ({"successor:order-approval": "nobody"}, "Choose successors who work here."),
    ],
)
def test_what_was_entered_stays_beside_what_is_wrong(
    admin: Any, claimed: int, given: dict[str, str], said: str
) -> None:
    page = admin.post(LEAVER, {**FORM, **given})
    assert page.status in (400, 404)
    assert said in page.one("[role=alert].alert")
    wanted = {**FORM, **given}
    assert page.tree.cssselect("#successor")[0].get("value") == wanted["successor"]
    assert page.tree.cssselect("#note")[0].text_content() == wanted["note"]


def test_a_name_that_is_markup_stays_text(company: Product, admin: Any) -> None:
    users.save_user(
        company.server, SYSTEM, "eve", name="<script>x</script>", password="password", groups=[], roles=["staff"]
    )
    for path in ("/people?q=eve", "/people/eve/handover"):
        assert "<script>x" not in admin.get(path).text


def test_the_list_costs_the_same_for_one_and_for_all(company: Product) -> None:
    who = actor(company, "admin")

    def cost(text: str) -> int:
        with counted(company.server.database) as found:
            assert staff(company.server, who, text)
        return len(found.texts)

    cost("")
    assert cost("王芳") == cost("")
