"""Notifications on people's devices, through a push service that opens and checks what arrives."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.cli.pushing import pusher_of
from bpm_server.domain.pushes import Subscription
from bpm_server.kernel.errors import WrongState
from bpm_server.services import informing, notifications, people, preferences, pushes, users
from bpm_server.services.push_subscriptions import add_subscription, public_key
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.pushes import push_subscription
from tests.support.approvals import Desk, one_node, person
from tests.support.product import ADMIN, Product
from tests.support.push_office import CONTACT, Office, push_office
from tests.support.rest import add_person
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.worker.pushing import Pusher


@pytest.fixture
def office(bpm: Product) -> Iterator[Office]:
    with push_office(bpm) as found:
        yield found


# --- what goes where --------------------------------------------------------------------------------------


def test_every_device_gets_it_once_encrypted_and_signed(office: Office) -> None:
    office.browser("ann", "phone")
    office.browser("ann", "desk")
    office.browser("bob")
    office.ask()
    office.push()
    office.push()
    assert sorted(office.service.names()) == ["desk", "phone"]
    [key] = office.told("ann")
    for one in office.service.received:
        assert one.payload["title"] == "Your approval is needed"
        assert (one.payload["url"], one.payload["tag"]) == (f"/notifications/{key}", f"n{key}")
        assert one.payload["lang"] == "en"
        assert (one.headers["topic"], one.headers["urgency"], one.headers["ttl"]) == (f"n{key}", "high", "14400")
        assert one.claims["sub"] == CONTACT
        assert one.size <= 3_000
    assert {one.last_used_at is not None for one in office.devices("ann")} == {True}
    assert office.waiting() == 0


def test_each_is_in_the_language_of_its_person(office: Office) -> None:
    preferences.change_settings(office.bpm.server, person("ann"), {"language": "zh-CN"})
    office.browser("ann")
    office.browser("bob")
    office.ask("ann, bob")
    office.push()
    found = {one.browser: (one.payload["title"], one.payload["lang"]) for one in office.service.received}
    assert found == {"ann's": ("轮到您审批", "zh-CN"), "bob's": ("Your approval is needed", "en")}


def test_what_was_read_or_done_before_is_not_sent(office: Office) -> None:
    office.browser("ann")
    read, done = office.ask(), office.ask()
    [first, _] = office.told("ann")
    notifications.mark_notifications_read(office.bpm.server, person("ann"), [first])
    office.desk.vote("ann", key=done)
    office.push()
    assert office.service.received == []
    assert office.waiting() == 0
    assert office.bpm.scalars(sa.select(notification.c.task_key).where(notification.c.key == first)) == [read]


def test_whoever_has_left_gets_nothing_and_everything_again_once_back(office: Office) -> None:
    office.browser("ann")
    people.set_activity(office.bpm.server, ADMIN, "ann", active=False)
    office.ask()
    office.push()
    assert office.service.received == []
    people.set_activity(office.bpm.server, ADMIN, "ann", active=True)
    office.ask()
    office.push()
    assert office.service.names() == ["ann's"]


def test_whoever_leaves_while_it_is_on_its_way_gets_nothing(office: Office) -> None:
    office.browser("ann")
    office.ask()
    _, [push] = pushes.take_pushes(office.bpm.server, 10)
    people.set_activity(office.bpm.server, ADMIN, "ann", active=False)
    assert office.pusher._post(push, {}) == {}
    assert office.service.received == []


def test_a_person_who_is_removed_takes_their_devices_along(office: Office) -> None:
    office.browser("ann")
    users.delete_user(office.bpm.server, ADMIN, "ann")
    assert office.bpm.scalars(sa.select(push_subscription.c.key)) == []


def test_kinds_are_chosen_one_by_one(office: Office) -> None:
    office.browser("ann")
    preferences.change_settings(office.bpm.server, person("ann"), {"pushes": {"turn": False}})
    office.ask()
    office.push()
    assert office.service.received == []
    preferences.change_settings(office.bpm.server, person("ann"), {"pushes": {"turn": True}})
    office.ask()
    office.push()
    assert office.service.titles() == ["Your approval is needed"]


def test_copies_are_sent_to_whoever_chooses_them(office: Office) -> None:
    for name in ("ann", "bob"):
        office.browser(name)
    preferences.change_settings(office.bpm.server, person("bob"), {"pushes": {"copied": True}})
    informing.send_copies(office.bpm.server, ADMIN, office.ask("eve"), ["ann", "bob"])
    office.push()
    assert office.service.names() == ["bob's"]
    assert office.service.received[0].headers["urgency"] == "normal"


def test_where_nothing_goes_to_devices_nothing_waits_for_it(bpm: Product) -> None:
    add_person(bpm, "ann")
    Desk(bpm).start(one_node("all", "ann"))
    assert bpm.scalars(sa.select(notification.c.push_at)) == [None]
    assert pusher_of(bpm.server) is None
    with pytest.raises(WrongState):
        public_key(bpm.server)


def test_telling_people_costs_no_statement_more(office: Office, bpm: Product) -> None:
    office.ask()
    with counted(bpm.server.database) as without:
        replace(office, bpm=bpm, desk=Desk(bpm)).ask()
    with counted(office.bpm.server.database) as with_pushes:
        office.ask()
    assert len(with_pushes) == len(without)


def test_leasing_takes_as_many_statements_for_many_as_for_few(office: Office) -> None:
    office.browser("ann")
    office.ask()
    with counted(office.bpm.server.database) as few:
        pushes.take_pushes(office.bpm.server, 100)
    for _ in range(10):
        office.ask("ann, bob")
    with counted(office.bpm.server.database) as many:
        pushes.take_pushes(office.bpm.server, 100)
    assert len(many) <= len(few) + 1  # bob has no device: those are settled


# --- when it does not work --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410, 401, 403])
def test_a_subscription_that_takes_nothing_any_more_is_removed(office: Office, status: int) -> None:
    office.browser("ann", "old")
    office.browser("ann", "new")
    office.service.answers.append((status, {}))
    office.ask()
    office.push()
    assert [one.name for one in office.devices("ann")] == ["new"]
    assert office.service.names() == ["new"]
    assert office.waiting() == 0


def test_a_service_that_asks_for_peace_is_left_alone_as_long_as_it_says(office: Office) -> None:
    office.browser("ann")
    office.service.answers.append((429, {"retry-after": "600"}))
    office.ask()
    office.push()
    assert office.devices("ann")[0].problem == "the push service answered 429"
    office.bpm.clock.advance(minutes=9)
    office.push()
    assert (office.service.asked, office.waiting()) == (1, 1)
    office.bpm.clock.advance(minutes=1)
    office.push()
    assert office.service.names() == ["ann's"]
    assert office.devices("ann")[0].problem is None
    assert office.service.received[0].headers["ttl"] == str(4 * 3600 - 600)


def test_only_the_device_that_failed_is_tried_again(office: Office) -> None:
    office.browser("ann", "first")
    office.browser("ann", "second")
    office.service.answers.append((500, {}))
    office.ask()
    office.push()
    assert office.service.names() == ["second"]
    office.bpm.clock.advance(minutes=1)
    office.push()
    assert office.service.names() == ["second", "first"]


def test_tries_are_ever_further_apart_and_end_after_four_hours(office: Office) -> None:
    office.browser("ann")
    office.service.answers.extend((503, {}) for _ in range(100))
    office.ask()
    tries, minutes = [], 0
    while office.waiting():
        before = office.service.asked
        office.push()
        if office.service.asked > before:
            tries.append(minutes)
        office.bpm.clock.advance(minutes=1)
        minutes += 1
    assert tries == [0, 1, 2, 4, 8, 16, 32, 64, 124, 184]
    assert office.devices("ann") != [], "the device stays"


def test_what_is_refused_is_not_repeated_and_the_device_stays(office: Office) -> None:
    office.browser("ann")
    office.service.answers.append((413, {}))
    office.ask()
    office.push()
    assert (office.waiting(), office.devices("ann")[0].problem) == (0, "the push service answered 413")


def test_a_service_that_is_away_is_waited_for_once_in_a_round(office: Office) -> None:
    gone = Subscription("http://127.0.0.1:1/send/x", *office.keys())
    for name in ("ann", "bob"):
        office.browser(name)
        add_subscription(office.bpm.server, person(name), replace(gone, endpoint=gone.endpoint + name), "dead")
    office.ask("ann, bob")
    before = office.pusher._sender.send
    tried: list[str] = []

    def send(to: Subscription, *args: Any) -> Any:
        tried.append(to.endpoint)
        return before(to, *args)

    office.pusher._sender.send = send  # type: ignore[method-assign]
    assert office.pusher.round() == 2
    assert len([one for one in tried if ":1/" in one]) == 1
    assert sorted(office.service.names()) == ["ann's", "bob's"]
    assert "Expected an answer from '127.0.0.1'" in str(
        [one.problem for one in office.devices("bob") if one.name == "dead"]
    )


def test_a_crash_between_sending_and_booking_sends_it_again_with_the_same_tag(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    office.browser("ann")
    office.ask()
    with monkeypatch.context() as broken:
        broken.setattr(pushes, "book_push", crash)
        with pytest.raises(KeyboardInterrupt):
            office.push()
    office.push()
    assert len(office.service.received) == 1, "the lease of the one that crashed still holds"
    office.bpm.clock.advance(minutes=5)
    office.push()
    office.push()
    first, second = office.service.received
    assert first.payload == second.payload
    assert office.waiting() == 0


def test_two_workers_at_once_send_it_once(office: Office) -> None:
    office.browser("ann")
    office.ask()
    _, here = pushes.take_pushes(office.bpm.server, 10)
    looked_at, there = pushes.take_pushes(office.another()._server, 10)
    assert (len(here), looked_at, there) == (1, 0, [])
    office.pusher._send(here, {})
    office.another().round()
    assert office.service.names() == ["ann's"]


def test_workers_that_race_send_each_once(office: Office) -> None:
    for name in ("ann", "bob"):
        office.browser(name)
    for _ in range(15):
        office.ask("ann, bob")
    workers = [office.another() for _ in range(3)]
    together = threading.Barrier(len(workers))

    def work(pusher: Pusher) -> None:
        together.wait(10)
        while pusher.round():
            pass

    with ThreadPoolExecutor(len(workers)) as threads:
        list(threads.map(work, workers))
    tags = [one.payload["tag"] for one in office.service.received]
    assert sorted(tags) == sorted(f"n{key}" for name in ("ann", "bob") for key in office.told(name))
    assert office.waiting() == 0


def test_a_failure_that_is_booked_after_the_lease_changes_nothing(office: Office) -> None:
    office.browser("ann")
    office.ask()
    _, [late] = pushes.take_pushes(office.bpm.server, 10)
    office.bpm.clock.advance(minutes=6)
    _, [now] = pushes.take_pushes(office.bpm.server, 10)
    office.service.answers.append((500, {}))
    office.pusher._send([late], {})
    office.pusher._send([now], {})
    assert office.service.names() == ["ann's"]
    assert office.waiting() == 0


def test_one_that_cannot_be_put_into_words_spoils_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "bob"):
        office.browser(name)
    office.ask("ann, bob")
    write = office.pusher._writer.write
    monkeypatch.setattr(office.pusher._writer, "write", lambda one: write(one) if one.username == "bob" else 1 / 0)
    office.push()
    assert (office.service.names(), office.waiting()) == (["bob's"], 1)
