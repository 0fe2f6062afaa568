"""Due dates, saved filters and pages of the inbox, as browsers see them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.inbox_filters import Criteria, Due
from bpm_server.reports.clock import engine_time
from bpm_server.services import inbox_filters, tasks
from tests.integration.web.pages.conftest import actor
from tests.integration.web.pages.test_inbox import keys, start_orders
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product


@pytest.fixture
def due(company: Product, browser: Any) -> list[str]:
    """Wang Fang's four tasks: late by three days, due in two hours, in four days, at no time."""
    found, now = keys(browser("wang.fang").get("/")), engine_time(company.server)
    for key, hours in zip(found, (-74.5, 2.5, 100), strict=False):
        tasks.update_task(company.server, ADMIN, int(key), due_date=now + timedelta(hours=hours))
    return found


def test_rows_say_how_much_time_is_left(due: list[str], browser: Any) -> None:
    wang = browser("wang.fang")
    assert wang.get("/").texts(".row-item .due") == ["3 d overdue", "2 h left", "4 d left"]
    chinese = browser("wang.fang", language="zh-CN")
    assert chinese.get("/").texts(".row-item .due") == ["已超期 3 天", "剩 2 小时", "剩 4 天"]
    assert wang.get(f"/tasks/{due[0]}").one(".task-facts .due") == "3 d overdue"
    classes = [one.get("class") for one in wang.get("/").tree.cssselect("time[data-due]")]
    assert [one.rpartition("bg-")[2] for one in classes] == ["red-lt", "yellow-lt", "azure-lt"]


def test_the_list_in_the_order_of_due_dates_and_in_a_span(due: list[str], browser: Any) -> None:
    wang = browser("wang.fang")
    late, soon, later, never = due
    assert keys(wang.get("/?sort=due")) == [late, soon, later, never]
    assert keys(wang.get("/?due=overdue")) == [late]
    assert keys(wang.get("/?due=soon&sort=newest")) == [soon]
    page = wang.get("/?due=overdue&q=nothing")
    assert page.one(".list-side .nothing h2") == "Nothing found"
    assert wang.get("/?due=never&sort=up").status == 200


def test_the_next_task_is_that_of_the_list(due: list[str], browser: Any) -> None:
    done = browser("wang.fang").post(
        f"/tasks/{due[0]}/complete", {"outcome": "approved", "sort": "due", "values": "{}"}, target="detail"
    )
    assert done.headers["HX-Push-Url"] == f"/tasks/{due[1]}?sort=due"


def test_another_due_date_is_news(company: Product, due: list[str], browser: Any) -> None:
    wang = browser("wang.fang")
    pulse = wang.get("/").tree.cssselect("#pulse")[0].get("hx-get")
    assert wang.get(pulse, target="pulse").status == 204
    tasks.update_task(company.server, ADMIN, int(due[3]), due_date=engine_time(company.server))
    assert wang.get(pulse, target="pulse").status == 200


def save(browser: Any, query: str, name: str, **more: str) -> Any:
    page = browser.get(f"/inbox/filters{query}")
    fields = {one.get("name"): one.get("value") for one in page.tree.cssselect("form.box input[type=hidden]")}
    return browser.post("/inbox/filters", {**fields, "name": name, **more})


@pytest.mark.usefixtures("due")
def test_a_search_is_saved_and_stands_above_the_list_with_its_number(browser: Any) -> None:
    wang = browser("wang.fang")
    assert wang.get("/inbox/filters?due=overdue&q=SO").texts("form.box p") == ["To do · “SO” · Overdue"]
    assert save(wang, "?due=overdue", "Late <b>").headers["Location"] == "/?due=overdue"
    chips = wang.get("/inbox/filters", target="filters")
    assert chips.texts("a.chip:not(.chip-tool)") == ["Late <b>1"]
    assert chips.links("a.chip:not(.chip-tool)") == ["/?due=overdue"]
    assert save(wang, "?due=today", "Late <b>").status == 409
    assert save(wang, "?due=today", " ").status == 400


def test_filters_are_renamed_moved_shared_and_removed(company: Product, browser: Any) -> None:
    wang, liu = browser("wang.fang"), browser("liu.yang")
    for name in ("one", "two"):
        save(wang, "?q=SO", name)
    second = wang.get("/inbox/filters").tree.cssselect("form.saved-filter-fields")[1].get("action").split("/")[3]
    wang.post(f"/inbox/filters/{second}/up")
    group = sorted(actor(company, "wang.fang").groups & actor(company, "liu.yang").groups)[0]
    wang.post(f"/inbox/filters/{second}/change", {"name": "first", "shared_with": f"group:{group}"})
    names = [one.get("value") for one in wang.get("/inbox/filters").tree.cssselect(".saved-filter-fields [name=name]")]
    assert names == ["first", "one"]
    shared = liu.get("/inbox/filters")
    assert [text.split()[0] for text in shared.texts(".shared-filters li")] == ["first"]
    assert liu.post(f"/inbox/filters/{second}/delete").status == 403
    assert wang.post(f"/inbox/filters/{second}/change", {"name": "x", "shared_with": "everybody"}).status == 403
    wang.post(f"/inbox/filters/{second}/delete")
    assert liu.get("/inbox/filters", target="filters").text == ""


def test_numbers_end_at_99_and_each_filter_asks_once(company: Product, browser: Any) -> None:
    start_orders(company, 110)
    wang, who = browser("wang.fang"), actor(company, "wang.fang")
    asked = []
    for number in range(4):
        inbox_filters.save_filter(company.server, who, f"f{number}", Criteria(due=Due.ANY))
        with counted(company.server.database) as statements:
            chips = wang.get("/inbox/filters", target="filters")
        asked.append(len(statements))
        assert chips.texts(".chip .count") == ["99+"] * (number + 1)
    steps = {later - former for former, later in zip(asked[1:], asked[2:], strict=False)}
    assert len(steps) == 1
    assert steps.pop() <= 2, asked
