"""Due dates, saved filters and pages of the inbox, as browsers see them."""

from __future__ import annotations

import re
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
    saved = save(wang, "?due=overdue", "Late <b>").headers["Location"]
    assert re.fullmatch(r"/\?due=overdue&filter=\d+\.1", saved)
    chips = wang.get("/inbox/filters", target="filters")
    assert chips.texts("a.chip:not(.chip-tool)") == ["Late <b>1"]
    assert chips.links("a.chip:not(.chip-tool)") == [saved]
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


def chips_at(browser: Any, address: str) -> Any:
    """The chips above the list of an address."""
    headers = browser._headers("filters") | {"HX-Current-URL": f"http://localhost{address}"}
    return browser._page(browser.client.get("/inbox/filters", headers=headers))


def update(browser: Any, page: Any, target: str = "filters") -> Any:
    (form,) = page.tree.cssselect("form[hx-post$='/search']")
    return browser.post(form.get("hx-post"), dict(form.fields), target=target)


@pytest.mark.usefixtures("due")
def test_a_saved_filter_takes_the_altered_search(browser: Any) -> None:
    wang = browser("wang.fang")
    address = save(wang, "?due=overdue", "Late").headers["Location"]
    assert chips_at(wang, address).texts("form button") == []
    page = wang.get(f"{address}&q=SO")
    hidden = {one.get("name"): one.get("value") for one in page.tree.cssselect(".list-search input[type=hidden]")}
    assert hidden == {"filter": address.partition("filter=")[2]}
    altered = chips_at(wang, f"{address}&q=SO")
    assert altered.texts("form button") == ["Update “Late”"]
    assert altered.texts("a.chip-tool span") == ["Save as new"]
    done = update(wang, altered)
    assert (done.status, done.texts("a.chip[aria-current] span:first-of-type")) == (200, ["Late"])
    assert done.headers["HX-Replace-Url"] == f"/?q=SO&due=overdue&filter={hidden['filter'][:-1]}2"
    assert done.tree.cssselect("hx-partial #q")[0].get("value") == "SO"
    assert "Update" not in done.text
    chinese = browser("wang.fang", language="zh-CN")
    assert chips_at(chinese, address).texts("form button") == ["更新“Late”"]
    plain = update(wang, chips_at(wang, f"/?{done.headers['HX-Replace-Url'].partition('?')[2]}&sort=due"), target="")
    assert plain.status == 303


@pytest.mark.usefixtures("due")
def test_who_opened_a_filter_before_it_was_changed_is_told_and_may_insist(browser: Any) -> None:
    wang, other = browser("wang.fang"), browser("wang.fang")
    address = save(wang, "?due=overdue", "Late").headers["Location"]
    mine, theirs = (chips_at(one, f"{address}&q={text}") for one, text in ((wang, "mine"), (other, "theirs")))
    assert update(other, theirs).status == 200
    late = update(wang, mine)
    assert late.status == 409
    assert late.one("[role=alert]") == (
        "Somebody has changed “Late” since you opened it: To do · “theirs” · Overdue. Press again to replace that."
    )
    assert update(wang, late).status == 200
    assert chips_at(wang, "/").links("a.chip:not(.chip-tool)")[0].startswith("/?q=mine&due=overdue&filter=")
    assert update(wang, chips_at(wang, f"{address}&q=again"), target="").headers["Location"].startswith("/?q=again")


def test_whoever_may_not_change_a_filter_only_saves_as_new(company: Product, browser: Any) -> None:
    wang, liu = browser("wang.fang"), browser("liu.yang")
    group = sorted(actor(company, "wang.fang").groups & actor(company, "liu.yang").groups)[0]
    address = save(wang, "?q=SO", "Ours", shared_with=f"group:{group}").headers["Location"]
    assert chips_at(wang, f"{address}&due=today").texts("form button") == ["Update “Ours”"]
    others = chips_at(liu, f"{address}&due=today")
    assert others.texts("form button") == []
    assert others.texts("a.chip-tool span") == ["Save this search"]
    key = address.partition("filter=")[2].partition(".")[0]
    assert liu.post(f"/inbox/filters/{key}/search", {"q": "x"}).status == 403


@pytest.mark.parametrize("filter_", ["x", "1", "1.", ".1", "1.2.3", "９.1", "7.1"])
def test_an_address_with_another_filter_is_the_inbox(browser: Any, filter_: str) -> None:
    wang = browser("wang.fang")
    assert wang.get(f"/?q=SO&filter={filter_}").status == 200
    assert chips_at(wang, f"/?q=SO&filter={filter_}").texts("form button") == []
