"""The pages of business calendars: a year to look at, changes that nobody overwrites, files looked at before."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.calendars import Calendar, DayKind, SpecialDay
from bpm_server.domain.identity import SYSTEM
from bpm_server.services import calendars
from bpm_server.store.calendars import find_calendar
from tests.support.service_levels import china, plain
from tests.support.services import ROOT
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser, Page
    from tests.support.product import Product

    Opens = Callable[..., Browser]

PATH = "/calendars/default"
SCRIPT = "<script>alert(1)</script>"
NEW_YEAR = date(2027, 1, 1)
CSV = "day,kind,name,hours\n2027-01-01,holiday,元旦,\n2027-01-03,workday,元旦调休,09:00-12:00\n"


@pytest.fixture(autouse=True)
def office(company: Product) -> None:
    calendars.save_calendar(company.server, SYSTEM, china())


def stored(company: Product) -> Calendar:
    with company.server.database.read() as connection:
        found = find_calendar(connection, "default")
    assert found is not None
    return found


def revision(page: Page) -> str:
    return str(page.tree.cssselect("input[name=revision]")[0].get("value"))


def days(**changes: Any) -> dict[str, Any]:
    return {"first": "2027-01-01", "last": "", "kind": "holiday", "day_name": "元旦", "day_hours": "", **changes}


def hours(page: Page, **changes: str) -> dict[str, str]:
    """The form of names and hours as the page fills it in, with changes."""
    fields = page.tree.cssselect(f"form[action='{PATH}/hours'] input")
    filled = {one.get("name"): one.get("value", "") for one in fields}
    return {**{name: text for name, text in filled.items() if name != "csrf_token"}, **changes}


def sent(name: str, content: bytes | str, into: str = "default") -> dict[str, Any]:
    data = content.encode() if isinstance(content, str) else content
    return {"file": (BytesIO(data), name), "into": into}


def test_a_year_says_what_every_day_is(browser: Opens) -> None:
    page = browser("li.ming").get(f"{PATH}?year=2026")
    assert len(page.tree.cssselect("table.month")) == 12
    assert len(page.tree.cssselect("table.month .day-holiday")) == 33
    assert page.texts("table.month .day-workday")[0] == "4W make-up day, 元旦调休"
    assert page.texts("table.month .day-closed")[0] == "10 closed day"
    assert page.texts(".year-legend li") == ["office day", "closed day", "Hholiday", "Wmake-up day"]
    rows = page.texts(".special-days tbody tr")
    assert rows[:2] == ["2026-01-01 Thu – 2026-01-03 Satholiday, 元旦", "2026-01-04 Sunmake-up day, 元旦调休"]
    assert len(rows) == 13
    assert page.texts(".week dd")[0] == "09:00-12:00 13:00-18:00"
    assert browser("li.ming").get(f"{PATH}?year=99999").status == 200


def test_who_may_read_sees_no_way_to_change_and_who_may_not_sees_nothing(company: Product, browser: Opens) -> None:
    li = browser("li.ming")
    page = li.get(PATH)
    assert not page.tree.cssselect("form[method=post][action^='/calendars'], [data-day]")
    assert li.get("/").links("a[href='/calendars']") == ["/calendars"]
    assert li.post(f"{PATH}/days", days(revision="1")).status == 403
    assert li.post(f"{PATH}/hours", {"revision": "1"}).status == 403
    assert li.post("/calendars/import", sent("days.csv", CSV)).status == 403
    assert NEW_YEAR not in stored(company).days
    worker = browser("a.worker", "password")
    assert worker.get("/").links("a[href='/calendars']") == []
    assert (worker.get("/calendars").status, worker.get(PATH).status) == (403, 403)
    assert browser("chen.jing").get("/calendars/none").status == 404


def test_days_become_special_and_ordinary_again(company: Product, browser: Opens) -> None:
    chen = browser("chen.jing")
    page = chen.get(PATH)
    made = chen.post(f"{PATH}/days", days(last="2027-01-03", revision=revision(page)))
    assert (made.status, made.headers["Location"]) == (303, f"{PATH}?year=2027")
    assert [day for day in stored(company).days if day.year == 2027] == [date(2027, 1, one) for one in (1, 2, 3)]
    page = chen.get(f"{PATH}?year=2027&day=2027-01-03")
    assert page.tree.cssselect("#day_name")[0].get("value") == "元旦"
    worked = days(first="2027-01-03", kind="workday", day_hours="09:00-12:00", revision=revision(page))
    assert chen.post(f"{PATH}/days", worked).status == 303
    assert "09:00-12:00" in chen.get(f"{PATH}?year=2027").texts(".special-days tbody tr")[-1]
    page = chen.get(PATH)
    gone = {"first": "2027-01-01", "kind": "none", "revision": revision(page)}
    assert chen.post(f"{PATH}/days", gone).status == 303
    assert NEW_YEAR not in stored(company).days


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"first": ""}, "first", "Type a day."),
        ({"last": "2026-12-31"}, "last", "not before the first"),
        ({"last": "2028-12-31"}, "last", "at most 365 days later"),
        ({"kind": "feast"}, "kind", "Choose what the days are."),
        ({"kind": "workday", "day_hours": "9-12"}, "day_hours", "Type hours such as"),
        ({"kind": "workday", "day_hours": "13:00-18:00 09:00-12:00"}, "day_hours", "in order and apart"),
        ({"day_name": "x" * 257}, "day_name", "at most 256"),
    ],
)
def test_a_wrong_day_stands_at_its_field_and_nothing_typed_is_lost(
    company: Product, browser: Opens, changes: dict[str, str], field: str, says: str
) -> None:
    chen = browser("chen.jing")
    form = days(**{"day_name": SCRIPT, **changes}, revision=revision(chen.get(PATH)))
    page = chen.post(f"{PATH}/days", form)
    assert page.status == 422
    assert says in page.one(f"#{field}-problem")
    assert SCRIPT not in page.text
    for name in ("first", "last", "day_name", "day_hours"):
        assert page.tree.cssselect(f"#{name}")[0].get("value") == form[name]
    assert NEW_YEAR not in stored(company).days


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": ""}, "name", "Type a name"),
        ({"time_zone": "Mars"}, "time_zone", "no such time zone"),
        ({"tuesday": "9 to 5"}, "tuesday", "Type hours"),
        (dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ""), "monday", "At least one weekday"),
    ],
)
def test_wrong_hours_stand_at_their_field(
    company: Product, browser: Opens, changes: dict[str, str], field: str, says: str
) -> None:
    chen = browser("chen.jing")
    page = chen.post(f"{PATH}/hours", hours(chen.get(PATH), **changes))
    assert (page.status, says in page.one(f"#{field}-problem")) == (422, True)
    assert page.tree.cssselect(f"#{field}")[0].get("value") == changes[field]
    assert stored(company) == china()


def test_nobody_overwrites_what_they_have_not_seen(company: Product, browser: Opens) -> None:
    chen, admin = browser("chen.jing"), browser("admin", "administrator")
    seen = chen.get(PATH)
    assert admin.post(f"{PATH}/hours", hours(admin.get(PATH), saturday="09:00-12:00")).status == 303
    late = chen.post(f"{PATH}/hours", hours(seen, monday="10:00-12:00"))
    assert (late.status, "in the meantime" in late.one(".stale b")) == (409, True)
    assert late.tree.cssselect("#monday")[0].get("value") == "10:00-12:00"
    assert late.texts(".week dd")[5] == "09:00-12:00"
    late_days = chen.post(f"{PATH}/days", days(revision=revision(seen)))
    assert (late_days.status, late_days.tree.cssselect("#day_name")[0].get("value")) == (409, "元旦")
    assert NEW_YEAR not in stored(company).days
    assert [str(one) for one in stored(company).week[0]] == ["09:00-12:00", "13:00-18:00"]
    assert chen.post(f"{PATH}/days", days(revision=revision(late_days))).status == 303
    assert chen.post(f"{PATH}/days", days(revision="")).status == 422
    assert NEW_YEAR in stored(company).days


def test_a_file_of_days_is_shown_and_then_applied(company: Product, browser: Opens) -> None:
    chen = browser("chen.jing")
    page = chen.post("/calendars/import", sent("days.csv", CSV))
    assert page.texts(".changed tbody tr") == [
        "2027-01-01 Frilike its weekdayholiday, 元旦",
        "2027-01-03 Sunlike its weekdaymake-up day, 元旦调休, 09:00-12:00",
    ]
    assert NEW_YEAR not in stored(company).days
    form = {one.get("name"): one.get("value") for one in page.tree.cssselect(".box form input")}
    calendars.save_days(company.server, SYSTEM, "default", [SpecialDay(date(2027, 5, 1), DayKind.HOLIDAY)])
    late = chen.post("/calendars/import", {**form, "act": "apply"})
    assert (late.status, len(late.texts(".changed tbody tr"))) == (409, 2)
    form = {one.get("name"): one.get("value") for one in late.tree.cssselect(".box form input")}
    assert chen.post("/calendars/import", {**form, "act": "apply"}).headers["Location"] == PATH
    assert {NEW_YEAR, date(2027, 1, 3), date(2027, 5, 1)} <= set(stored(company).days)
    again = chen.post("/calendars/import", sent("days.csv", CSV))
    assert "like this already" in again.one(".box p")


def test_a_whole_calendar_replaces_or_is_added(company: Product, browser: Opens) -> None:
    chen = browser("chen.jing")
    whole = (ROOT / "calendars" / "default.json").read_text()
    other = whole.replace('"default"', '"plant-2"').replace("标准工作日历", SCRIPT)
    assert "one of 'plant-2'" in chen.post("/calendars/import", sent("c.json", other)).one("#file-problem")
    page = chen.post("/calendars/import", sent("c.json", other, into=""))
    assert (page.status, len(page.texts(".changed tbody tr"))) == (200, 3 + 5 + 39)
    assert SCRIPT not in page.text
    form = {one.get("name"): one.get("value") for one in page.tree.cssselect(".box form input")}
    assert chen.post("/calendars/import", {**form, "act": "apply"}).headers["Location"] == "/calendars/plant-2"
    assert SCRIPT not in chen.get("/calendars/plant-2").text
    assert chen.get("/calendars").texts("tbody code") == ["default", "plant-2"]
    assert chen.post("/calendars/import", {**form, "act": "apply"}).status == 409, "it is there by now"


@pytest.mark.parametrize(
    ("name", "content", "into", "says"),
    [
        ("days.csv", "", "default", "cannot be used"),
        ("days.csv", "day,kind\n2027-13-01,holiday\n", "default", "cannot be used"),
        ("days.csv", "nonsense", "default", "cannot be used"),
        ("days.ics", "nonsense", "default", "cannot be used"),
        ("c.json", "{", "default", "cannot be used"),
        ("days.csv", CSV, "", "comes from a JSON file"),
        ("big.csv", "x" * 340_001, "default", "too large"),
        ("", "", "default", "Choose a file first."),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(
    company: Product, browser: Opens, name: str, content: str, into: str, says: str
) -> None:
    page = browser("chen.jing").post("/calendars/import", sent(name, content, into))
    assert (page.status, says in page.one("#file-problem")) == (422, True)
    assert stored(company) == china()


def test_what_is_due_when(browser: Opens) -> None:
    li = browser("li.ming")
    part = li.get(f"{PATH}?start=2026-09-30T17:00&hours=3", target="due")
    assert part.texts("dd") == ["2026-10-08 Thu 11:00"]
    assert part.texts(".due-parts tbody tr") == ["2026-09-30 Wed1:00", "2026-10-08 Thu2:00"]
    assert "<html" not in part.text
    closed = li.get(f"{PATH}?start=2026-10-01T17:00&hours=1.5")
    assert closed.texts("#due dd") == ["2026-10-08 Thu 09:00", "2026-10-08 Thu 10:30"]
    for query in ("start=then&hours=3", "start=2026-09-30T17:00&hours=long", "start=2026-09-30T17:00&hours=0"):
        wrong = li.get(f"{PATH}?{query}", target="due")
        assert (wrong.status, "Type" in wrong.one(".field-problem")) == (422, True)


def test_it_says_how_many_clocks_are_set_anew(company: Product, browser: Opens) -> None:
    company.deploy(plain({"sla.target": "PT16H"}, 'assignee="li.ming"'))
    company.start("p")
    chen = browser("chen.jing")
    page = chen.get(PATH)
    before = int(page.one(".page-head p").partition(" · ")[2].split()[0])
    chen.post(f"{PATH}/days", days(revision=revision(page)))
    said = chen.client.get_cookie("bpm_said")
    assert said is not None
    assert f"{before}%20open" in said.value
    assert before >= 1


def test_the_page_asks_no_more_where_there_are_more_days(company: Product, browser: Opens) -> None:
    chen = browser("chen.jing")

    def asked() -> int:
        chen.get(PATH)
        with counted(company.server.database) as statements:
            chen.get(PATH)
        return len(statements)

    before = asked()
    more = [SpecialDay(date(2026, 7, day), DayKind.HOLIDAY) for day in range(1, 31)]
    calendars.save_days(company.server, SYSTEM, "default", more)
    assert asked() == before


def test_it_is_chinese_in_chinese(browser: Opens) -> None:
    page = browser("chen.jing", language="zh-CN").get(f"{PATH}?year=2026")
    assert page.one("h1") == "标准工作日历 default"
    assert page.texts("table.month caption")[9] == "十月"
    assert page.texts("table.month .day-holiday")[0] == "1休 节假日、元旦"
