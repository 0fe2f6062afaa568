"""Who gets in, what the cookie may do, and what a wrong password says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.demo import COMPANY
from bpm_server.web.app import create_app
from tests.integration.web.pages.conftest import ADMIN_PASSWORD, Browser

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.product import Product


def token_of(browser: Browser) -> str:
    found: str = browser.get("/sign-in").tree.cssselect("input[name=token]")[0].get("value")
    return found


def test_a_page_sends_whoever_is_not_signed_in_to_the_form_and_back(browser: Any) -> None:
    nobody = browser()
    first = nobody.get("/instances?state=active")
    assert first.status == 303
    assert first.headers["Location"] == "/sign-in?next=/instances%3Fstate%3Dactive"
    form = nobody.follow(first)
    token, where = (form.tree.cssselect(f"#sign-in input[name={name}]")[0].get("value") for name in ("token", "next"))
    done = nobody.post("/sign-in", {"username": "li.ming", "password": "demo", "token": token, "next": where})
    assert done.headers["Location"] == "/instances?state=active"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_way_back_stays_on_this_server(browser: Any, where: str) -> None:
    nobody = browser()
    values = {"username": "li.ming", "password": "demo", "token": token_of(nobody), "next": where}
    assert nobody.post("/sign-in", values).headers["Location"] == "/"


@pytest.mark.parametrize(("username", "password"), [("li.ming", "wrong"), ("nobody", "demo"), ("", "")])
def test_a_wrong_sign_in_does_not_say_what_was_wrong(browser: Any, username: str, password: str) -> None:
    nobody = browser()
    page = nobody.post("/sign-in", {"username": username, "password": password, "token": token_of(nobody)})
    assert page.status == 401
    assert page.one(".alert") == "The name or the password is wrong."
    assert "Set-Cookie" not in page.headers or "bpm_session" not in page.headers["Set-Cookie"]


def test_too_many_wrong_passwords_are_slowed_down(browser: Any) -> None:
    nobody = browser()
    token = token_of(nobody)
    for _ in range(10):
        nobody.post("/sign-in", {"username": "li.ming", "password": "wrong", "token": token})
    page = nobody.post("/sign-in", {"username": "li.ming", "password": "demo", "token": token})
    assert page.status == 429
    assert int(page.headers["Retry-After"]) > 0


def test_the_form_needs_its_own_token(browser: Any) -> None:
    page = browser().post("/sign-in", {"username": "li.ming", "password": "demo", "token": "made up"})
    assert page.status == 403
    assert "open for too long" in page.text


def test_the_session_cookie_is_out_of_reach(app: Flask, company: Product) -> None:
    def cookie_of(base: str) -> str:
        client = app.test_client()
        client.get("/sign-in", base_url=base)
        found = client.get_cookie("bpm_sign_in", domain="localhost")
        assert found is not None
        values = {"username": "li.ming", "password": "demo", "token": found.value}
        reply = client.post("/sign-in", data=values, base_url=base)
        return next(one for one in reply.headers.getlist("Set-Cookie") if one.startswith("bpm_session="))

    plain, secure = cookie_of("http://localhost"), cookie_of("https://localhost")
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    assert "Secure" in secure
    behind_a_proxy = company.with_settings(public_url="https://bpm.example")
    reply = create_app(behind_a_proxy.server).test_client().get("/sign-in")
    assert "Secure" in reply.headers["Set-Cookie"]


def test_signing_out_ends_the_session_everywhere(browser: Any) -> None:
    somebody = browser("li.ming")
    assert somebody.post("/sign-out").headers["Location"] == "/sign-in"
    assert somebody.get("/").status == 303


def test_demo_people_are_listed_only_on_a_demo_server_of_this_machine(company: Product) -> None:
    def people(**settings: Any) -> int:
        page = Browser(create_app(company.with_settings(**settings).server)).get("/sign-in")
        return len(page.tree.cssselect("[data-fill-name]"))

    assert people(demo=True, host="127.0.0.1") == len(COMPANY.people)
    assert people(demo=True, host="::1") == len(COMPANY.people)
    assert people(demo=True, host="0.0.0.0") == 0
    assert people(demo=False, host="127.0.0.1") == 0


def test_the_first_administrator_gets_in(browser: Any) -> None:
    assert browser("admin", ADMIN_PASSWORD).get("/").one(".top-user span:first-of-type") == "Administrator"
