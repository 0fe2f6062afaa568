"""From the list of cases to a batch operation, and what its page shows while it runs and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.store.tables.batch_operations import batch_operation
from bpm_server.store.tables.instances import process_instance
from tests.integration.web.pages.conftest import actor

if TYPE_CHECKING:
    from tests.support.product import Product

HOME = "/admin/batch-operations"


def running(company: Product) -> int:
    """Cases that can be canceled."""
    count = sa.select(sa.func.count()).where(
        process_instance.c.state == "ACTIVE", process_instance.c.parent_key.is_(None)
    )
    found: int = company.scalars(count)[0]
    return found


def ask(browser: Any, path: str = "/instances/batch/cancel") -> tuple[Any, str]:
    """Somebody who has asked for it, and its page."""
    chen = browser("chen.jing")
    reply = chen.post(path)
    assert reply.status == 303
    return chen, reply.headers["Location"]


def test_the_list_offers_what_happens_to_all_that_fit(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    page = chen.get("/instances?state=active&q=SO-2026", target="cases")
    links = page.links(".batch-acts a")
    assert links == [f"/instances/batch/{act}?q=SO-2026&state=active" for act in ("cancel", "retry")]
    asked = chen.get(links[0])
    assert f"{running(company)} cases are cancelled." in asked.text
    assert not asked.texts(".alert")
    assert "this is for all cases" in chen.get("/instances/batch/cancel").one(".alert")
    assert chen.get("/instances/batch/cancel?q=nothing").texts("form[action*=batch] button") == []
    assert browser("li.ming").get("/instances").texts(".batch-acts") == []


def test_only_what_fits_is_cancelled(company: Product, browser: Any) -> None:
    before = running(company)
    chen, url = ask(browser, "/instances/batch/cancel?q=SO-2026-0003")
    company.deliver()
    page = chen.get(url)
    assert page.one(".batch-progress .badge") == "Completed"
    assert page.texts(".task-facts span")[:2] == ["1 of 1 done", "0 failed"]
    assert page.texts("#items tbody .badge") == ["Completed"]
    assert running(company) == before - 1
    assert chen.get(HOME).texts("tbody .num") == ["1 of 1", "0"]


def test_progress_is_asked_for_again_until_it_has_ended(company: Product, browser: Any) -> None:
    chen, url = ask(browser)
    page = chen.get(url)
    assert page.tree.cssselect("#progress")[0].get("hx-trigger") == "every 2s"
    part = chen.get(url, target="progress")
    assert (part.one(".badge"), part.texts("h1")) == ("Waiting", [])
    company.deliver()
    assert chen.get(url, target="progress").headers["HX-Redirect"] == url
    assert chen.get(url).tree.cssselect("#progress")[0].get("hx-trigger") is None


def test_pausing_going_on_and_stopping(company: Product, browser: Any) -> None:
    chen, url = ask(browser)
    for act, word, offered in (
        ("suspend", "Paused", ["Go on", "Stop for good"]),
        ("resume", "In progress", ["Pause", "Stop for good"]),
        ("cancel", "Cancelled", []),
    ):
        page = chen.follow(chen.post(url, {"act": act}))
        assert (page.one(".batch-progress .badge"), page.texts(".batch-progress button")) == (word, offered)
    assert "is CANCELED" in chen.post(url, {"act": "suspend"}).headers["Set-Cookie"].replace("%20", " ")
    assert chen.post(url, {"act": "nonsense"}).status == 400
    company.deliver()
    assert set(chen.get(url).texts("#items .badge")) == {"Cancelled"}


def test_items_are_filtered_and_come_in_pages(company: Product, browser: Any) -> None:
    for _ in range(31):
        company.start("order-approval", actor=actor(company, "li.ming"), orderNumber="SO-MANY", amount=1, lines=[])
    chen, url = ask(browser, "/instances/batch/cancel?q=SO-MANY")
    company.deliver()
    page = chen.get(url)
    assert len(page.texts("#items tbody .badge")) == 30
    more = page.tree.cssselect("#more button")[0].get("hx-get")
    assert len(chen.get(more, target="more").texts(".badge")) == 1
    assert chen.get(f"{url}?state=FAILED", target="items").texts("p") == ["No items in this state."]


def test_who_may_not_is_told_so(company: Product, browser: Any) -> None:
    _chen, url = ask(browser)
    li = browser("li.ming")
    assert li.get("/instances/batch/cancel").status == li.post("/instances/batch/cancel").status == 403
    assert li.get(url).status == li.post(url, {"act": "cancel"}).status == 403
    assert HOME not in li.get("/").links(".top-nav a")
    assert "No batch operation yet" in li.get(HOME).text
    assert browser("chen.jing").get(f"{HOME}/1").status == 404


@pytest.mark.parametrize("path", ["/instances/batch/cancel", f"{HOME}/1"])
def test_without_the_token_of_the_session_nothing_happens(company: Product, browser: Any, path: str) -> None:
    assert browser("chen.jing").post(path, {"csrf_token": "wrong", "act": "cancel"}).status == 403
    assert company.scalars(sa.select(sa.func.count()).select_from(batch_operation)) == [0]
