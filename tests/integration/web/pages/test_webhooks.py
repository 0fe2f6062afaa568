"""Endpoints and deliveries, and the demo's finance system that receives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.connectors import webhooks
from bpm_server.reports import channels as report
from bpm_server.services import channels
from bpm_server.services.webhook_secrets import signing_secrets
from bpm_server.store.tables.connectors import webhook_delivery, webhook_endpoint
from bpm_server.web.app import create_app
from tests.integration.web.pages.conftest import Browser, actor

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.product import Product

BODY = webhooks.body("order.approved", datetime(2026, 1, 1, tzinfo=UTC), {"orderNumber": "SO-1", "amount": 1})


def signed(company: Product, body: bytes = BODY, *, age: timedelta = timedelta(), keys: list[str] | None = None) -> Any:
    now = company.server.clock.now() - age
    return webhooks.headers("msg_1", now, body, keys or signing_secrets(company.server, "finance"))


def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    page = chen.post("/admin/webhooks", {"name": "erp", "url": "http://127.0.0.1:9/hook"})
    assert page.status == 201
    secret = page.one("#secret")
    assert [secret] == signing_secrets(company.server, "erp")
    assert secret not in chen.get("/admin/webhooks").text


@pytest.mark.parametrize(
    ("name", "url"), [("finance", "http://127.0.0.1:9/x"), ("erp", "ftp://example.com"), ("", "http://127.0.0.1:9/x")]
)
def test_a_wrong_endpoint_is_explained_and_what_was_typed_stays(browser: Any, name: str, url: str) -> None:
    page = browser("chen.jing").post("/admin/webhooks", {"name": name, "url": url})
    assert page.status == 422
    assert page.texts(".add .alert")
    assert page.tree.cssselect("#url")[0].get("value") == url


def test_rotating_keeps_the_old_secret_signing(company: Product, browser: Any) -> None:
    before = signing_secrets(company.server, "finance")
    key = company.scalars(sa.select(webhook_endpoint.c.key).where(webhook_endpoint.c.name == "finance"))[0]
    page = browser("chen.jing").post(f"/admin/webhooks/{key}", {"act": "rotate"})
    assert signing_secrets(company.server, "finance") == [page.one("#secret"), *before]


def test_who_does_not_answer_is_shown_with_the_reason(company: Product, browser: Any) -> None:
    for _ in range(5):
        channels.note_failure(company.server, "job:crm.example/http-json", "no answer within 20 s")
    channels.note_failure(company.server, "webhook:finance", "status 503")
    with company.server.database.read() as connection:
        assert report.failing(connection, actor(company, "li.ming")) == []
    page = browser("chen.jing").get("/admin/webhooks")
    (table,) = [box for box in page.tree.cssselect("section") if box.get("aria-labelledby") == "failing-title"]
    rows = [" ".join(row.text_content().split()) for row in table.cssselect("tbody tr")]
    assert rows[0].startswith("crm.example http-json 5 pauses until")
    assert rows[0].endswith("no answer within 20 s")
    assert rows[1] == "finance 1 is being tried status 503"


def test_disabling_trying_and_enabling(company: Product, browser: Any) -> None:
    key = company.scalars(sa.select(webhook_endpoint.c.key).where(webhook_endpoint.c.name == "finance"))[0]
    chen = browser("chen.jing")
    chen.post(f"/admin/webhooks/{key}", {"act": "disable"})
    assert chen.get("/admin/webhooks").texts(".endpoints .badge") == ["disabled"]
    chen.post(f"/admin/webhooks/{key}", {"act": "enable"})
    assert chen.get("/admin/webhooks").texts(".endpoints .badge") == ["enabled"]
    chen.post(f"/admin/webhooks/{key}", {"act": "try"})
    assert "webhook.test" in company.scalars(sa.select(webhook_delivery.c.event_type))
    assert chen.post(f"/admin/webhooks/{key}", {"act": "explode"}).status == 400


def test_the_log_is_filtered_and_a_delivery_sent_once_more(company: Product, browser: Any) -> None:
    chen = browser("chen.jing")
    assert len(chen.get("/admin/webhooks").texts(".delivery")) == 1
    assert not chen.get("/admin/webhooks?state=failed", target="log").texts(".delivery")
    replay = chen.get("/admin/webhooks").tree.cssselect(".delivery form")[0].get("action")
    chen.post(replay)
    ids = company.scalars(sa.select(webhook_delivery.c.webhook_id))
    assert len(ids) == 2
    assert len(set(ids)) == 1


@pytest.mark.parametrize("username", ["li.ming", "wang.fang"])
def test_staff_see_no_webhooks(browser: Any, username: str) -> None:
    somebody = browser(username)
    assert somebody.get("/admin/webhooks").status == 403
    assert somebody.post("/admin/webhooks", {"name": "x", "url": "https://example.com"}).status == 403
    assert "Webhooks" not in somebody.get("/").texts(".top-nav a")


# --- the finance system of the demo ---------------------------------------------------------------------


def test_finance_books_a_signed_order_once(company: Product, app: Flask) -> None:
    client = app.test_client()
    first, second = (client.post("/demo/finance-system", data=BODY, headers=signed(company)) for _ in range(2))
    assert first.json["applied"] is True
    assert second.json["applied"] is False
    assert first.json["voucher"] == second.json["voucher"]
    page = Browser(app).sign_in("li.ming").get("/demo/finance-system")
    assert page.texts("tbody .reference") == ["SO-1"]
    assert "came 2 times, booked once" in page.text


@pytest.mark.parametrize("case", ["old", "new", "other key", "other body", "no signature"])
def test_finance_believes_nobody_without_a_valid_signature(company: Product, app: Flask, case: str) -> None:
    headers = {
        "old": lambda: signed(company, age=timedelta(minutes=6)),
        "new": lambda: signed(company, age=-timedelta(minutes=6)),
        "other key": lambda: signed(company, keys=[webhooks.new_secret()]),
        "other body": lambda: signed(company, BODY + b" "),
        "no signature": dict,
    }[case]()
    reply = app.test_client().post("/demo/finance-system", data=BODY, headers=headers)
    assert reply.status_code == 401
    assert "No order yet" in Browser(app).sign_in("li.ming").get("/demo/finance-system").text


def test_both_secrets_of_a_rotation_are_believed(company: Product, browser: Any, app: Flask) -> None:
    old = signing_secrets(company.server, "finance")
    key = company.scalars(sa.select(webhook_endpoint.c.key).where(webhook_endpoint.c.name == "finance"))[0]
    browser("chen.jing").post(f"/admin/webhooks/{key}", {"act": "rotate"})
    assert (
        app.test_client().post("/demo/finance-system", data=BODY, headers=signed(company, keys=old)).status_code == 200
    )


def test_the_finance_system_exists_only_in_the_demo(company: Product) -> None:
    app = create_app(company.with_settings(demo=False).server)
    assert app.test_client().post("/demo/finance-system", data=BODY, headers=signed(company)).status_code == 404
    assert Browser(app).sign_in("li.ming").get("/demo/finance-system").status == 404
