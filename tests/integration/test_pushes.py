"""Notifications on people's devices, through a push service that opens and checks what arrives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.cli.pushing import pusher_of
from bpm_server.connectors.secrets import SecretBox
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.pushes import MOST_DEVICES, Subscription
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports import pushes as report
from bpm_server.services import informing, notifications, people, preferences, pushes, users
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.pushes import push_subscription
from tests.support.approvals import Desk, one_node, person
from tests.support.product import ADMIN, Product
from tests.support.push_service import Browser, PushService, push_service
from tests.support.rest import add_person, application
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.worker.pushing import Pusher

CONTACT = "mailto:it@example.com"


@dataclass
class Office:
    """People, and the push service of their browsers."""

    bpm: Product
    service: PushService
    desk: Desk
    pusher: Pusher

    def push(self) -> None:
        """Sends what is due."""
        while self.pusher.round():
            pass

    def browser(self, owner: str, name: str | None = None) -> Browser:
        """A browser in which somebody has turned notifications on."""
        found = self.service.subscribe(name or f"{owner}'s", pushes.public_key(self.bpm.server))
        pushes.add_subscription(self.bpm.server, person(owner), found.subscription, found.name)
        return found

    def ask(self, signers: str = "ann", **variables: Any) -> int:
        """An approval waits for these people; returns its task."""
        instance, _ = self.desk.start(one_node("all", signers), **variables)
        return self.bpm.task("sign", instance=instance).key

    def told(self, name: str) -> list[int]:
        query = sa.select(notification.c.key).where(notification.c.username == name).order_by(notification.c.key)
        return self.bpm.scalars(query)

    def waiting(self) -> int:
        return len(self.bpm.scalars(sa.select(notification.c.key).where(notification.c.push_at.is_not(None))))

    def devices(self, name: str) -> list[report.Device]:
        return report.devices(self.bpm.server, person(name))

    def another(self, **settings: Any) -> Pusher:
        """Of another worker process."""
        found = pusher_of(self.bpm.with_settings(**settings).server)
        assert found is not None
        return found


@pytest.fixture
def office(bpm: Product) -> Iterator[Office]:
    with push_service() as service:
        product, _ = application(bpm, push_contact=CONTACT, allow_loopback_webhooks=True)
        for name in ("ann", "bob", "eve"):
            add_person(product, name, roles=("staff",))
            users.update_user(product.server, SYSTEM, name, name=name.title())
            preferences.change_settings(product.server, person(name), {"language": "en"})
        pusher = pusher_of(product.server)
        assert pusher is not None
        yield Office(product, service, Desk(product), pusher)


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
        pushes.public_key(bpm.server)


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
    gone = Subscription("http://127.0.0.1:1/send/x", *_keys(office))
    for name in ("ann", "bob"):
        office.browser(name)
        pushes.add_subscription(office.bpm.server, person(name), replace(gone, endpoint=gone.endpoint + name), "dead")
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


def _keys(office: Office) -> tuple[str, str, str]:
    found = office.service.subscribe("nobody", pushes.public_key(office.bpm.server)).subscription
    return found.p256dh, found.auth, found.server_key


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


# --- secret keys ------------------------------------------------------------------------------------------


def test_a_new_secret_key_signs_for_new_browsers_and_the_old_one_for_those_of_before(office: Office) -> None:
    office.browser("ann", "before")
    server = office.bpm.server
    rotated = Product(replace(server, secrets=SecretBox("y" * 32, ["x" * 32])))
    moved = replace(office, bpm=rotated, pusher=_pusher(rotated))
    assert pushes.public_key(rotated.server) != pushes.public_key(server)
    moved.browser("ann", "after")
    moved.ask()
    moved.push()
    assert sorted(office.service.names()) == ["after", "before"]
    assert {one.payload["tag"] for one in office.service.received} == {f"n{office.told('ann')[0]}"}


def test_without_the_old_secret_key_browsers_of_before_are_left_alone(office: Office) -> None:
    office.browser("ann", "before")
    lost = Product(replace(office.bpm.server, secrets=SecretBox("y" * 32)))
    moved = replace(office, bpm=lost, pusher=_pusher(lost))
    moved.ask()
    moved.push()
    assert office.service.asked == 0
    assert "secret key" in str(office.devices("ann")[0].problem)


def test_a_browser_that_subscribed_with_another_server_s_key_is_refused(office: Office) -> None:
    found = office.service.subscribe("stranger", "B" + "A" * 86)
    with pytest.raises(WrongState, match="made with another one"):
        pushes.add_subscription(office.bpm.server, person("ann"), found.subscription, "x")


def _pusher(product: Product) -> Pusher:
    found = pusher_of(product.server)
    assert found is not None
    return found


# --- devices ----------------------------------------------------------------------------------------------


def test_the_oldest_device_makes_room_for_one_too_many(office: Office) -> None:
    for number in range(MOST_DEVICES + 1):
        office.bpm.clock.advance(seconds=1)
        office.browser("ann", f"d{number}")
    names = [one.name for one in office.devices("ann")]
    assert names == [f"d{number}" for number in range(MOST_DEVICES, 0, -1)]


def test_a_browser_belongs_to_who_turned_it_on_last(office: Office) -> None:
    shared = office.browser("ann", "shared")
    pushes.add_subscription(office.bpm.server, person("bob"), shared.subscription, "shared")
    assert (office.devices("ann"), len(office.devices("bob"))) == ([], 1)
    office.ask("ann")
    office.push()
    assert office.service.received == []
    office.ask("bob")
    office.push()
    assert office.service.names() == ["shared"]


def test_nobody_removes_the_devices_of_others(office: Office) -> None:
    office.browser("ann")
    [device] = office.devices("ann")
    with pytest.raises(NotFound):
        pushes.remove_subscription(office.bpm.server, person("bob"), device.key)
    with pytest.raises(Forbidden):
        pushes.remove_subscription(office.bpm.server, SYSTEM, device.key)
    pushes.remove_subscription(office.bpm.server, person("ann"), device.key)
    assert office.devices("ann") == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://10.0.0.1/send/x", "https://169.254.169.254/latest", "https://[fd00::1]/x", "https://192.168.1.1:8443/",
        "http://updates.example.com/send/x", "ftp://push.example.com/x", "https://ann:pw@push.example.com/x", "",
        "https://" + "a" * 2_000 + ".example.com/",
    ],
)  # fmt: skip
def test_an_address_inside_the_company_or_without_encryption_is_refused(office: Office, endpoint: str) -> None:
    found = Subscription(endpoint, *_keys(office))
    with pytest.raises(InvalidInput) as refused:
        pushes.add_subscription(office.bpm.server, person("ann"), found, "x")
    assert endpoint[:60] not in refused.value.message or not endpoint
    assert office.devices("ann") == []


def test_this_machine_and_hosts_that_webhooks_may_reach_are_refused_as_well(office: Office) -> None:
    product = office.bpm.with_settings(allow_loopback_webhooks=False, webhook_allowed_hosts=("erp.internal",))
    for endpoint in ("https://localhost/x", "https://127.0.0.1/x", "http://erp.internal/x"):
        with pytest.raises(InvalidInput):
            pushes.add_subscription(product.server, person("ann"), Subscription(endpoint, *_keys(office)), "x")


def test_a_name_that_leads_inside_is_not_called_and_removed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Subscription("https://push.example.com/x", *_keys(office))
    pushes.add_subscription(office.bpm.server, person("ann"), found, "x")
    inside = [(2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("bpm_server.connectors.http.socket.getaddrinfo", lambda *_, **__: inside)
    office.ask()
    office.push()
    assert office.devices("ann") == []


@pytest.mark.parametrize(("member", "value"), [("p256dh", "AAAA"), ("auth", "A" * 21), ("p256dh", "B" + "A" * 86)])
def test_keys_that_are_none_are_refused_by_name(office: Office, member: str, value: str) -> None:
    found = office.service.subscribe("x", pushes.public_key(office.bpm.server)).subscription
    with pytest.raises(InvalidInput, match=member):
        pushes.add_subscription(office.bpm.server, person("ann"), replace(found, **{member: value}), "x")


def test_nothing_secret_of_a_subscription_lies_in_the_table(office: Office) -> None:
    found = office.browser("ann")
    [row] = office.bpm.rows(sa.select(*push_subscription.columns))
    stored = " ".join(str(value) for value in row)
    for secret in (found.endpoint.rpartition("/")[2], found.p256dh, found.subscription.auth):
        assert secret not in stored
        assert secret not in repr(found.subscription)


def test_a_test_goes_to_all_devices_of_who_asks(office: Office) -> None:
    office.browser("ann", "phone")
    office.browser("ann", "desk")
    office.browser("bob")
    assert pushes.request_test(office.bpm.server, person("ann")) == 2
    office.push()
    assert sorted(office.service.names()) == ["desk", "phone"]
    assert office.service.received[0].payload == {
        "title": "bpm-server", "body": "Notifications reach this device.", "url": "/settings", "tag": "test",
        "lang": "en",
    }  # fmt: skip
    office.push()
    assert len(office.service.received) == 2


def test_a_browser_with_another_endpoint_goes_on_by_its_cookie_alone(office: Office) -> None:
    server = office.bpm.server
    before = office.service.subscribe("before", pushes.public_key(server))
    after = office.service.subscribe("after", pushes.public_key(server))
    device = pushes.digest("cookie")
    pushes.add_subscription(server, person("ann"), before.subscription, "Chrome", device)
    with pytest.raises(NotFound):
        pushes.renew_subscription(server, pushes.digest("another"), after.subscription)
    pushes.renew_subscription(server, device, after.subscription)
    office.ask()
    office.push()
    assert office.service.names() == ["after"]
    assert [one.name for one in office.devices("ann")] == ["Chrome"]
