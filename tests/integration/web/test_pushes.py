"""One's own devices over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.push_service import push_service
from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product
    from tests.support.push_service import PushService
    from tests.support.rest import Rest

PATH = "/api/push-subscriptions"


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as found:
        yield found


@pytest.fixture
def company(bpm: Product) -> tuple[Product, Rest]:
    return application(bpm, push_contact="mailto:it@example.com", allow_loopback_webhooks=True)


@pytest.fixture
def ann(company: tuple[Product, Rest]) -> Rest:
    product, nobody = company
    return nobody.as_(add_person(product, "ann", roles=("staff",)))


def test_a_device_is_added_listed_tested_and_removed(ann: Rest, service: PushService) -> None:
    browser = service.subscribe("phone", ann.get(f"{PATH}/public-key")["publicKey"])
    added = ann.post(PATH, {**browser.as_json(), "name": "Firefox · Android"})
    assert added.status == 201
    [found] = ann.get(PATH)["items"]
    assert found == {
        "pushSubscriptionKey": added["pushSubscriptionKey"], "name": "Firefox · Android", "host": "127.0.0.1",
        "createdAt": found["createdAt"], "lastUsedAt": None, "problem": None,
    }  # fmt: skip
    again = ann.post(PATH, {**browser.as_json(), "name": "the same"})
    assert (again["pushSubscriptionKey"], len(ann.get(PATH)["items"])) == (added["pushSubscriptionKey"], 1)
    assert ann.post(f"{PATH}/test")["devices"] == 1
    assert ann.delete(f"{PATH}/{added['pushSubscriptionKey']}").status == 204
    assert ann.get(PATH)["items"] == []
    assert ann.post(f"{PATH}/test")["devices"] == 0


def test_everybody_has_their_own(company: tuple[Product, Rest], ann: Rest, service: PushService) -> None:
    product, nobody = company
    root = nobody.as_(add_person(product, "root", roles=("admin",)))
    key = ann.post(PATH, service.subscribe("x", ann.get(f"{PATH}/public-key")["publicKey"]).as_json())
    assert root.get(PATH)["items"] == []
    assert root.delete(f"{PATH}/{key['pushSubscriptionKey']}").status == 404
    assert len(ann.get(PATH)["items"]) == 1
    for method, path in (("GET", PATH), ("GET", f"{PATH}/public-key"), ("POST", PATH), ("POST", f"{PATH}/test")):
        assert nobody.call(method, path).status == 401


def test_wrong_ones_are_refused_by_member(ann: Rest, service: PushService) -> None:
    key = ann.get(f"{PATH}/public-key")["publicKey"]
    good = service.subscribe("x", key).as_json()
    for change, said in (
        ({"endpoint": "https://10.0.0.1/x"}, "endpoint"),
        ({"endpoint": "http://example.com/x"}, "endpoint"),
        ({"keys": {**good["keys"], "auth": "short"}}, "auth"),
        ({"keys": {"auth": good["keys"]["auth"]}}, "p256dh"),
        ({"serverKey": "none"}, "serverKey"),
        ({"colour": "red"}, "colour"),
    ):
        answer = ann.post(PATH, {**good, **change})
        assert answer.status == 400, answer.body
        assert said in str(answer.body)
    assert ann.post(PATH, {**good, "serverKey": service.subscribe("y", key).p256dh}).status == 409
    assert ann.get(PATH)["items"] == []


def test_kinds_are_chosen_in_the_settings(ann: Rest) -> None:
    before = ann.get("/api/settings")
    assert (before["sendsPushes"], before["pushes"]["turn"], before["pushes"]["copied"]) == (True, True, False)
    assert ann.patch("/api/settings", {"pushes": {"turn": False, "copied": True}}).status == 204
    assert ann.patch("/api/settings", {"pushes": {"decided": False}}).status == 204
    after = ann.get("/api/settings")["pushes"]
    assert (after["turn"], after["copied"], after["decided"], after["urged"]) == (False, True, False, True)
    for wrong in ({"gossip": True}, {"turn": "yes"}, {"turn": None}):
        assert ann.patch("/api/settings", {"pushes": wrong}).status == 400
    assert ann.patch("/api/settings", {"pushes": None}).status == 204
    assert ann.get("/api/settings")["pushes"] == before["pushes"]


def test_where_nothing_goes_to_devices_it_says_so(bpm: Product, nobody: Rest, service: PushService) -> None:
    ann = nobody.as_(add_person(bpm, "ann", roles=("staff",)))
    assert ann.get(f"{PATH}/public-key").status == 409
    assert ann.post(f"{PATH}/test").status == 409
    answer = ann.post(PATH, service.subscribe("x", "B" + "A" * 86).as_json())
    assert (answer.status, "BPM_PUSH_CONTACT" in str(answer.body)) == (409, True)
    assert ann.get("/api/settings")["sendsPushes"] is False
