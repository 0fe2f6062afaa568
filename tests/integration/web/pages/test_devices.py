"""Notifications on this device: the service worker, turning it on and off, and a computer that people share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.notifications import Kind
from bpm_server.services.push_subscriptions import digest
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.pushes import push_subscription
from bpm_server.web.pages.devices import COOKIE
from tests.integration.web.pages.conftest import Browser
from tests.support.apps import app_for
from tests.support.push_service import push_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.product import Product
    from tests.support.push_service import PushService

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
JSON = {"Accept": "application/json"}


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as found:
        yield found


@pytest.fixture
def sending(company: Product) -> Product:
    return company.with_settings(push_contact="mailto:it@example.com", allow_loopback_webhooks=True)


@pytest.fixture
def browser(sending: Product) -> Callable[..., Browser]:
    """A new browser, in which somebody signs in."""
    app = app_for(sending.server)
    return lambda name=None: Browser(app) if name is None else Browser(app).sign_in(name, "demo")


def state(here: Browser) -> dict[str, Any]:
    found: dict[str, Any] = here.client.get("/push/device", headers=JSON).get_json()
    return found


def turn_on(here: Browser, service: PushService, name: str = "this") -> Any:
    found = service.subscribe(name, state(here)["key"])
    headers = {**JSON, "User-Agent": CHROME, "X-CSRF-Token": here.csrf_token}
    assert here.client.post("/push/device", data=found.as_form(), headers=headers).status_code == 204
    return found


def owners(sending: Product) -> list[str]:
    return sending.scalars(sa.select(push_subscription.c.username).order_by(push_subscription.c.key))


def test_the_service_worker_stands_for_all_pages_and_is_asked_for_anew(browser: Callable[..., Browser]) -> None:
    reply = browser().client.get("/sw.js")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    text = reply.get_data(as_text=True)
    assert "caches" not in text
    assert '"fetch"' not in text


def test_turned_on_here_it_is_known_here_and_listed_everywhere(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here, there = browser("li.ming"), browser("li.ming")
    assert (state(here)["wanted"], state(here)["endpoint"]) == (False, None)
    found = turn_on(here, service)
    assert state(here) == {"key": state(there)["key"], "wanted": True, "endpoint": digest(found.endpoint)}
    assert state(there)["wanted"] is False
    assert here.get("/settings").one(".settings-devices li .device > span") == "Chrome · Windows this device"
    assert there.get("/settings").one(".settings-devices li .device > span") == "Chrome · Windows"
    cookie = here.client.get_cookie(COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")


def test_turned_off_here_nothing_is_left(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here = browser("li.ming")
    turn_on(here, service)
    headers = {**JSON, "X-CSRF-Token": here.csrf_token}
    assert here.client.post("/push/device/off", headers=JSON).status_code == 403
    assert here.client.post("/push/device/off", headers=headers).status_code == 204
    assert (owners(sending), state(here)["wanted"]) == ([], False)


def test_signing_out_ends_it_and_signing_in_again_begins_it_for_the_same_person_alone(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here = browser("li.ming")
    elsewhere = browser("li.ming")
    turn_on(here, service, "here")
    turn_on(elsewhere, service, "elsewhere")
    assert here.post("/sign-out").headers["Clear-Site-Data"] == '"storage"'
    assert len(owners(sending)) == 1, "the other device goes on"
    assert state(here) == {"key": state(here)["key"], "wanted": False, "endpoint": None}
    here.sign_in("li.ming", "demo")
    assert (state(here)["wanted"], state(here)["endpoint"]) == (True, None), "push.js subscribes again"
    here.post("/sign-out")
    here.sign_in("wang.fang", "demo")
    assert state(here)["wanted"] is False
    here.post("/sign-out")
    here.sign_in("li.ming", "demo")
    assert state(here)["wanted"] is False, "somebody else has been here"


def test_somebody_else_who_signs_in_where_nobody_has_signed_out_ends_it(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here = browser("li.ming")
    found = turn_on(here, service)
    here.client.delete_cookie("bpm_session")  # it has expired
    here.sign_in("wang.fang", "demo")
    assert (owners(sending), state(here)["wanted"]) == ([], False)
    headers = {**JSON, "X-CSRF-Token": here.csrf_token}
    assert here.client.post("/push/device", data=found.as_form(), headers=headers).status_code == 204
    assert owners(sending) == ["wang.fang"]


def test_a_session_that_expires_leaves_it_to_who_it_was(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here = browser("li.ming")
    turn_on(here, service)
    here.client.delete_cookie("bpm_session")
    here.sign_in("li.ming", "demo")
    assert owners(sending) == ["li.ming"]
    assert state(here)["wanted"] is True


def test_a_cookie_that_somebody_made_up_says_nothing(browser: Callable[..., Browser]) -> None:
    here = browser("li.ming")
    for value in ("x", "A" * 80, "ä", "A" * 2_000):
        here.client.set_cookie(COOKIE, value)
        assert state(here)["wanted"] is False


def test_the_service_worker_renews_by_the_cookie_and_a_page_of_another_site_cannot(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here = browser("li.ming")
    turn_on(here, service)
    after = service.subscribe("after", state(here)["key"])
    here.client.delete_cookie("bpm_session")
    renewal = {**JSON, "X-Push-Renewal": "1"}
    assert here.client.post("/push/renewal", data=after.as_form(), headers=JSON).status_code == 403
    assert browser().client.post("/push/renewal", data=after.as_form(), headers=renewal).status_code == 404
    assert here.client.post("/push/renewal", data=after.as_form(), headers=renewal).status_code == 204
    digests = sending.scalars(sa.select(push_subscription.c.endpoint_digest))
    assert digests == [digest(after.endpoint)]


def test_a_device_is_removed_from_the_list_and_a_test_is_sent(
    sending: Product, browser: Callable[..., Browser], service: PushService
) -> None:
    here, there = browser("li.ming"), browser("li.ming")
    turn_on(here, service)
    assert there.post("/settings/devices/test").status == 303
    assert sending.scalars(sa.select(push_subscription.c.test_at)) != [None]
    [form] = there.get("/settings").tree.cssselect(".settings-devices form")
    assert browser("wang.fang").post(form.get("action")).status == 404
    assert there.post(form.get("action")).status == 303
    assert (owners(sending), state(here)["endpoint"]) == ([], None)


def test_kinds_are_chosen_beside_mails(sending: Product, browser: Callable[..., Browser]) -> None:
    here = browser("li.ming")
    boxes = here.get("/settings").tree.cssselect("input[type=checkbox][name^='push.']")
    assert {one.get("name") for one in boxes} == {f"push.{kind}" for kind in Kind}
    assert [one.get("name") for one in boxes if one.get("checked") is None] == ["push.copied"]
    here.post("/settings", {"pushes": "1", "push.turn": "on"})
    boxes = here.get("/settings").tree.cssselect("input[name^='push.'][checked]")
    assert [one.get("name") for one in boxes] == ["push.turn"]


def test_a_tap_leads_to_the_task_and_has_read_it(sending: Product, browser: Callable[..., Browser]) -> None:
    row = sending.rows(sa.select(notification).where(notification.c.read_at.is_(None)).limit(1))[0]
    owner, other = browser(row.username), browser("zhou.wei" if row.username != "zhou.wei" else "li.ming")
    assert other.get(f"/notifications/{row.key}").status == 404
    assert browser().get(f"/notifications/{row.key}").headers["Location"] == f"/sign-in?next=/notifications/{row.key}"
    gone = owner.get(f"/notifications/{row.key}")
    assert gone.status == 303
    assert str(row.task_key or row.instance_key) in gone.headers["Location"]
    assert sending.scalars(sa.select(notification.c.read_at).where(notification.c.key == row.key)) != [None]


def test_where_nothing_goes_to_devices_the_page_does_not_offer_it(company: Product) -> None:
    here = Browser(app_for(company.server)).sign_in("li.ming", "demo")
    page = here.get("/settings")
    assert page.tree.cssselect("#push, [name^='push.'], script[src*='push.js']") == []
    assert here.client.get("/push/device", headers=JSON).status_code == 404
