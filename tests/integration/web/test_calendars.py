"""Business calendars over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest
    from tests.support.worlds import World

PATH = "/api/calendars/default"
HOURS = ["09:00-12:00", "13:00-18:00"]
BODY: dict[str, Any] = {
    "name": "标准",
    "nameEn": "Standard",
    "timeZone": "Asia/Shanghai",
    "week": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS),
    "days": [
        {"day": "2026-10-01", "kind": "holiday", "name": "国庆节", "hours": None},
        {"day": "2026-10-10", "kind": "workday", "name": None, "hours": ["09:00-12:00"]},
    ],
}


def test_a_calendar_from_beginning_to_end(rest: Rest) -> None:
    made = rest.put(PATH, BODY)
    expected = {**BODY, "calendarId": "default", "week": {**BODY["week"], "saturday": [], "sunday": []}}
    assert (made.status, made.body) == (200, expected)
    assert rest.get(PATH).body == expected
    days = [{"day": "2026-10-02", "kind": "holiday", "name": "国庆节"}, BODY["days"][0]]
    assert rest.post(f"{PATH}/days", {"days": days}).body == {"changed": 1}
    assert [one["day"] for one in rest.get(PATH)["days"]] == ["2026-10-01", "2026-10-02", "2026-10-10"]
    assert [one["calendarId"] for one in rest.post("/api/calendars/search")["items"]] == ["default"]
    assert len(rest.put(PATH, {**BODY, "days": []})["days"]) == 0
    assert rest.delete(PATH).status == 204
    assert rest.get(PATH).status == 404


def test_what_is_due(rest: Rest) -> None:
    rest.put(PATH, BODY)
    for start, duration, due, opens in (
        ("2026-09-30T17:00:00+08:00", "PT3H", "2026-10-02T03:00:00.000Z", "2026-09-30T09:00:00.000Z"),
        ("2026-10-09T18:00:00+08:00", "PT3H30M", "2026-10-12T01:30:00.000Z", "2026-10-10T01:00:00.000Z"),
    ):
        found = rest.post(f"{PATH}/due-date", {"start": start, "duration": duration})
        assert found.body == {"dueAt": due, "opensAt": opens}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timeZone": "Mars"}, "Expected a time zone"),
        ({"week": {}}, "at least one weekday"),
        ({"week": {"monday": ["9-12"]}}, "hours such as 09:00-12:00"),
        ({"week": {"monday": HOURS[::-1]}}, "in order and apart"),
        ({"week": {"montag": HOURS}}, "known member"),
        ({"days": [{"day": "2026-13-01", "kind": "holiday"}]}, "a day such as"),
        ({"days": [{"day": "20261001", "kind": "holiday"}]}, "a day such as"),
        ({"days": [{"day": "2026-10-01", "kind": "feast"}]}, "one of holiday, workday"),
        ({"days": [{"day": "2026-10-01", "kind": "holiday", "hours": HOURS}]}, "no hours on the holiday"),
        ({"days": [{"day": "2026-10-01", "kind": "holiday"}] * 2}, "every day once"),
    ],
)
def test_wrong_calendars_change_nothing(world: World, changes: dict[str, Any], says: str) -> None:
    with world.unchanged():
        assert says in world.refused(world.rest.put(PATH, {**BODY, **changes}))["detail"]
        world.refused(world.rest.post(f"{PATH}/days", {"days": []}), 404)
        world.refused(world.rest.post(f"{PATH}/due-date", {"start": "2026-01-01T00:00:00Z", "duration": "P1D"}))
        world.refused(world.rest.delete(PATH), 404)


def test_everybody_reads_and_only_who_may_changes(bpm: Product, rest: Rest) -> None:
    rest.put(PATH, BODY)
    staff, guest = (rest.as_(add_person(bpm, name, roles=roles)) for name, roles in (("ann", ("staff",)), ("x", ())))
    assert (staff.get(PATH).status, guest.get(PATH).status) == (200, 403)
    assert staff.put(PATH, BODY).status == staff.put("/api/calendars/new", BODY).status == 403
    assert staff.post(f"{PATH}/days", {"days": []}).status == staff.delete(PATH).status == 403
