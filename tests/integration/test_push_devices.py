"""The devices of people: whose they are, which are refused, and what a new secret key does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.connectors.secrets import SecretBox
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.pushes import MOST_DEVICES, Subscription
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.services.push_subscriptions import (
    add_subscription,
    digest,
    public_key,
    remove_subscription,
    renew_subscription,
    request_test,
)
from bpm_server.store.tables.pushes import push_subscription
from tests.support.approvals import person
from tests.support.product import Product
from tests.support.push_office import Office, push_office

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def office(bpm: Product) -> Iterator[Office]:
    with push_office(bpm) as found:
        yield found


# --- secret keys ------------------------------------------------------------------------------------------


def test_a_new_secret_key_signs_for_new_browsers_and_the_old_one_for_those_of_before(office: Office) -> None:
    office.browser("ann", "before")
    server = office.bpm.server
    rotated = Product(replace(server, secrets=SecretBox("y" * 32, ["x" * 32])))
    moved = replace(office, bpm=rotated, pusher=office.another(rotated))
    assert public_key(rotated.server) != public_key(server)
    moved.browser("ann", "after")
    moved.ask()
    moved.push()
    assert sorted(office.service.names()) == ["after", "before"]
    assert {one.payload["tag"] for one in office.service.received} == {f"n{office.told('ann')[0]}"}


def test_without_the_old_secret_key_browsers_of_before_are_left_alone(office: Office) -> None:
    office.browser("ann", "before")
    lost = Product(replace(office.bpm.server, secrets=SecretBox("y" * 32)))
    moved = replace(office, bpm=lost, pusher=office.another(lost))
    moved.ask()
    moved.push()
    assert office.service.asked == 0
    assert "secret key" in str(office.devices("ann")[0].problem)


def test_a_browser_that_subscribed_with_another_server_s_key_is_refused(office: Office) -> None:
    found = office.service.subscribe("stranger", "B" + "A" * 86)
    with pytest.raises(WrongState, match="made with another one"):
        add_subscription(office.bpm.server, person("ann"), found.subscription, "x")


# --- devices ----------------------------------------------------------------------------------------------


def test_the_oldest_device_makes_room_for_one_too_many(office: Office) -> None:
    for number in range(MOST_DEVICES + 1):
        office.bpm.clock.advance(seconds=1)
        office.browser("ann", f"d{number}")
    names = [one.name for one in office.devices("ann")]
    assert names == [f"d{number}" for number in range(MOST_DEVICES, 0, -1)]


def test_a_browser_belongs_to_who_turned_it_on_last(office: Office) -> None:
    shared = office.browser("ann", "shared")
    add_subscription(office.bpm.server, person("bob"), shared.subscription, "shared")
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
        remove_subscription(office.bpm.server, person("bob"), device.key)
    with pytest.raises(Forbidden):
        remove_subscription(office.bpm.server, SYSTEM, device.key)
    remove_subscription(office.bpm.server, person("ann"), device.key)
    assert office.devices("ann") == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://10.0.0.1/send/x", "https://169.254.169.254/latest", "https://[fd00::1]/x", "https://192.168.1.1:8443/",
        "http://updates.example.com/send/x", "ftp://push.example.com/x", "https://ann:pw@push.example.com/x", "",
        "https://" + "a" * 2_000 + ".example.com/", "https://" + "a." * 200 + "com/x", "https://push.example.com/ä",
        "https://push.example.com/a b\r\nx: y",
    ],
)  # fmt: skip
def test_an_address_inside_the_company_or_without_encryption_is_refused(office: Office, endpoint: str) -> None:
    found = Subscription(endpoint, *office.keys())
    with pytest.raises(InvalidInput) as refused:
        add_subscription(office.bpm.server, person("ann"), found, "x")
    assert endpoint[:60] not in refused.value.message or not endpoint
    assert office.devices("ann") == []


def test_this_machine_and_hosts_that_webhooks_may_reach_are_refused_as_well(office: Office) -> None:
    product = office.bpm.with_settings(allow_loopback_webhooks=False, webhook_allowed_hosts=("erp.internal",))
    for endpoint in ("https://localhost/x", "https://127.0.0.1/x", "http://erp.internal/x"):
        with pytest.raises(InvalidInput):
            add_subscription(product.server, person("ann"), Subscription(endpoint, *office.keys()), "x")


def test_a_name_that_leads_inside_is_not_called_and_removed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Subscription("https://push.example.com/x", *office.keys())
    add_subscription(office.bpm.server, person("ann"), found, "x")
    inside = [(2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("bpm_server.connectors.http.socket.getaddrinfo", lambda *_, **__: inside)
    office.ask()
    office.push()
    assert office.devices("ann") == []


@pytest.mark.parametrize(("member", "value"), [("p256dh", "AAAA"), ("auth", "A" * 21), ("p256dh", "B" + "A" * 86)])
def test_keys_that_are_none_are_refused_by_name(office: Office, member: str, value: str) -> None:
    found = office.service.subscribe("x", public_key(office.bpm.server)).subscription
    with pytest.raises(InvalidInput, match=member):
        add_subscription(office.bpm.server, person("ann"), replace(found, **{member: value}), "x")


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
    assert request_test(office.bpm.server, person("ann")) == 2
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
    before = office.service.subscribe("before", public_key(server))
    after = office.service.subscribe("after", public_key(server))
    device = digest("cookie")
    add_subscription(server, person("ann"), before.subscription, "Chrome", device)
    with pytest.raises(NotFound):
        renew_subscription(server, digest("another"), after.subscription)
    renew_subscription(server, device, after.subscription)
    office.ask()
    office.push()
    assert office.service.names() == ["after"]
    assert [one.name for one in office.devices("ann")] == ["Chrome"]
