"""The page of one's own settings, and the log of mails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.notifications import Kind
from bpm_server.services import users
from bpm_server.store.mails import NewMail, insert_mails, update_mail
from bpm_server.store.moments import pin_clock
from bpm_server.web.app import create_app
from tests.integration.web.pages.conftest import Browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.product import Product

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_what_is_saved_holds_on_every_device(browser: Callable[..., Browser]) -> None:
    here = browser("li.ming")
    assert here.get("/").tree.get("data-density") == "comfortable"
    form = {
        "language": "en", "theme": "dark", "density": "compact", "time_zone": "America/New_York", "mail_hour": "17",
        "mail.turn": "never", "mail.copied": "at_once",
    }  # fmt: skip
    saved = here.post("/settings", form)
    assert (saved.status, saved.headers["Location"]) == (303, "/settings")
    there = browser("li.ming", language="zh-CN").get("/settings")
    root = there.tree
    assert (root.get("lang"), root.get("data-bs-theme"), root.get("data-density")) == ("en", "dark", "compact")
    chosen = {one.getparent().get("name"): one.get("value") for one in root.cssselect("select option[selected]")}
    assert {name: chosen[name] for name in ("mail_hour", "mail.turn", "mail.copied", "mail.decided")} == {
        "mail_hour": "17", "mail.turn": "never", "mail.copied": "at_once", "mail.decided": "at_once",
    }  # fmt: skip
    assert root.cssselect("#time_zone")[0].get("value") == "America/New_York"


def test_mails_of_every_kind_of_notification_can_be_chosen(browser: Callable[..., Browser]) -> None:
    offered = browser("li.ming").get("/settings").tree.cssselect("select[name^='mail.']")
    assert {one.get("name") for one in offered} == {f"mail.{kind}" for kind in Kind}


def test_a_time_zone_that_there_is_not_is_named_and_nothing_is_saved(browser: Callable[..., Browser]) -> None:
    somebody = browser("li.ming")
    page = somebody.post("/settings", {"time_zone": "Asia/Atlantis", "density": "compact"})
    assert page.status == 422
    assert "Asia/Atlantis" in page.one("#zone-problem")
    field = page.tree.cssselect("#time_zone")[0]
    assert (field.get("value"), field.get("aria-invalid")) == ("Asia/Atlantis", "true")
    assert somebody.get("/settings").tree.get("data-density") == "comfortable"


def test_times_of_pages_are_in_the_time_zone_of_whoever_looks(
    company: Product, browser: Callable[..., Browser]
) -> None:
    with company.server.database.write() as connection:
        pin_clock(connection, NOON)
        connection.commit()
    somebody = browser("li.ming")
    path = somebody.get("/?tab=started").links(".row-link")[0]
    shown = {}
    for zone in ("Asia/Shanghai", "America/New_York", ""):
        somebody.post("/settings", {"time_zone": zone})
        times = somebody.get(path).tree.cssselect("time[title]")
        shown[zone] = [(one.get("datetime"), one.get("title")) for one in times]
    assert [at for at, _ in shown["Asia/Shanghai"]] == [at for at, _ in shown["America/New_York"]]
    assert shown["Asia/Shanghai"] != shown["America/New_York"]
    assert shown[""] == shown["Asia/Shanghai"], "the installation's"


def test_time_zones_can_be_searched_by_what_people_call_them(browser: Callable[..., Browser]) -> None:
    for language, city in (("en", "China (Shanghai) Time"), ("zh-CN", "中国（上海）时间")):
        page = browser("li.ming", language=language).get("/settings")
        options = {one.get("value"): one.text for one in page.tree.cssselect("#zones option")}
        assert options["Asia/Shanghai"] == city


def test_the_page_says_where_mails_go(company: Product, browser: Callable[..., Browser]) -> None:
    assert "sends no mails" in browser("li.ming").get("/settings").text
    product = company.with_settings(smtp_url="smtp://127.0.0.1:1", mail_from="bpm@example.com")
    users.update_user(product.server, SYSTEM, "li.ming", email="li.ming@example.com")
    assert (
        "They go to li.ming@example.com."
        in Browser(create_app(product.server)).sign_in("li.ming").get("/settings").text
    )


def test_what_was_given_up_is_shown_with_the_reason_and_sent_once_more(
    company: Product, browser: Callable[..., Browser]
) -> None:
    with company.server.database.write() as connection:
        insert_mails(connection, [NewMail(1, "li.ming", (5,)), NewMail(2, "wang.fang", (6,))], NOON)
        update_mail(connection, 1, state="failed", attempts=1, reason="550 <b>no</b>", ended_at=NOON)
        connection.commit()
    operator = browser("a.operator", "password")
    page = operator.get("/admin/mails")
    assert "550 <b>no</b>" in page.one("tbody tr")
    assert len(operator.get("/admin/mails?state=").texts("tbody tr")) == 2
    assert operator.post("/admin/mails/1/retry").status == 303
    assert operator.get("/admin/mails").texts("tbody tr") == []
    assert browser("li.ming").get("/admin/mails").status == 403
