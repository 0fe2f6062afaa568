"""Settings of one's own and the log of mails over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import users
from bpm_server.store.mails import NewMail, insert_mails, update_mail
from tests.support.product import START
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest
    from tests.support.worlds import World

PATH = "/api/settings"


@pytest.fixture
def ann(bpm: Product, nobody: Rest) -> Rest:
    return nobody.as_(add_person(bpm, "ann", roles=("staff",)))


def test_what_is_changed_changes_and_what_is_not_named_stays(bpm: Product, ann: Rest) -> None:
    users.update_user(bpm.server, SYSTEM, "ann", email="ann@example.com")
    before = ann.get(PATH)
    assert (before["language"], before["timeZone"], before["density"], before["mailHour"]) == (None, None, None, 8)
    assert (before["mails"]["turn"], before["mails"]["copied"]) == ("at_once", "daily")
    assert (before["mailAddress"], before["sendsMails"]) == ("ann@example.com", False)
    change = {"timeZone": "Europe/Berlin", "density": "compact", "theme": "dark", "mailHour": 0}
    assert ann.patch(PATH, {**change, "mails": {"turn": "never"}}).status == 204
    assert ann.patch(PATH, {"mails": {"copied": "at_once"}, "language": "en"}).status == 204
    after = ann.get(PATH)
    assert {name: after[name] for name in change} == change
    assert (after["language"], after["mails"]["turn"], after["mails"]["copied"]) == ("en", "never", "at_once")
    assert ann.patch(PATH, {"timeZone": None, "mailHour": None, "mails": None}).status == 204
    reset = ann.get(PATH)
    assert (reset["timeZone"], reset["mailHour"], reset["mails"]) == (None, 8, before["mails"])
    assert (reset["density"], reset["language"]) == ("compact", "en")


def test_nobody_changes_those_of_others(bpm: Product, nobody: Rest, ann: Rest) -> None:
    ben = nobody.as_(add_person(bpm, "ben", roles=("staff",)))
    ben.patch(PATH, {"density": "compact"})
    assert ann.get(PATH)["density"] is None
    assert nobody.get(PATH).status == 401


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timeZone": "Asia/Atlantis"}, "Asia/Atlantis"),
        ({"timeZone": "../../etc/passwd"}, "Asia/Shanghai"),
        ({"mailHour": 24}, "0 to 23"),
        ({"mails": {"gossip": "daily"}}, "gossip"),
        ({"mails": {"turn": "hourly"}}, "hourly"),
        ({"mails": {"turn": None}}, "turn"),
        ({"language": "xx"}, "zh-CN"),
        ({"theme": "pink"}, "auto"),
        ({"colour": "pink"}, "colour"),
    ],
)
def test_what_there_is_not_is_refused_by_name(ann: Rest, world: World, change: dict[str, object], said: str) -> None:
    with world.unchanged():
        answer = ann.patch(PATH, change)
        assert answer.status == 400
        assert said in str(answer.body)
    assert ann.get(PATH)["mails"]["turn"] == "at_once"


def test_the_log_of_mails_is_for_whoever_keeps_the_server_running(bpm: Product, rest: Rest, ann: Rest) -> None:
    with bpm.server.database.write() as connection:
        insert_mails(connection, [NewMail(1, "ann", (5,)), NewMail(2, "ben", (6, 7), daily=True)], START)
        update_mail(connection, 1, state="failed", attempts=8, reason="550 no", ended_at=START)
        connection.commit()
    search = {"filter": {"state": "failed"}}
    [found] = rest.post("/api/mails/search", search)["items"]
    expected = {"mailKey": "1", "username": "ann", "state": "failed", "attempts": 8, "reason": "550 no"}
    assert {name: found[name] for name in expected} == expected
    assert ann.post("/api/mails/search", search)["items"] == []
    assert ann.post("/api/mails/1/retry").status == 403
    assert rest.post("/api/mails/2/retry").status == 409
    assert rest.post("/api/mails/3/retry").status == 404
    assert rest.post("/api/mails/1/retry").status == 204
    assert rest.post("/api/mails/search", search)["items"] == []
