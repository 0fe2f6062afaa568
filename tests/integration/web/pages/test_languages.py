"""Which language a page speaks, in whose time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.web.pages.conftest import Browser

if TYPE_CHECKING:
    from flask import Flask


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "zh-CN"), ("fr", "zh-CN"), ("zh-TW,en;q=0.5", "zh-CN"), ("en-GB", "en"), ("fr,en;q=0.3", "en")],
)
def test_the_browser_s_wish_counts_chinese_is_the_default(app: Flask, accepted: str, language: str) -> None:
    assert Browser(app, accepted).get("/sign-in").tree.get("lang") == language


def test_a_choice_before_signing_in_is_kept_in_a_cookie(app: Flask) -> None:
    nobody = Browser(app, "zh-CN")
    assert nobody.post("/preferences", {"language": "en", "next": "/sign-in"}).headers["Location"] == "/sign-in"
    assert nobody.get("/sign-in").tree.get("lang") == "en"


def test_a_choice_after_signing_in_goes_into_the_profile(app: Flask) -> None:
    somebody = Browser(app, "zh-CN").sign_in("li.ming")
    somebody.post("/preferences", {"language": "en"})
    elsewhere = Browser(app, "zh-CN").sign_in("li.ming")
    assert elsewhere.get("/").tree.get("lang") == "en"


def test_changing_the_profile_needs_the_session_s_token(app: Flask) -> None:
    somebody = Browser(app).sign_in("li.ming")
    assert somebody.post("/preferences", {"language": "zh-CN", "csrf_token": "wrong"}).status == 403


def test_unknown_languages_themes_and_zones_change_nothing(app: Flask) -> None:
    somebody = Browser(app).sign_in("li.ming")
    somebody.post("/preferences", {"language": "xx", "theme": "pink", "time_zone": "../../etc/passwd"})
    page = somebody.get("/")
    assert (page.tree.get("lang"), page.tree.get("data-theme")) == ("en", "auto")


def test_the_theme_is_painted_by_the_server(app: Flask) -> None:
    somebody = Browser(app).sign_in("li.ming")
    somebody.post("/preferences", {"theme": "dark"})
    assert somebody.get("/").tree.get("data-bs-theme") == "dark"


def test_names_of_tasks_processes_and_fields_are_in_the_reader_s_language(app: Flask) -> None:
    chinese, english = (Browser(app, language).sign_in("wang.fang") for language in ("zh-CN", "en"))
    assert set(chinese.get("/").texts(".row-name")) == {"技术部审核"}
    assert set(english.get("/").texts(".row-name")) == {"Technology review"}
    path = english.get("/").links(".row-link")[0]
    assert '"label":"Technical note"' in english.get(path).text
    assert '"label":"技术说明"' in chinese.get(path).text
    assert english.get(path).texts(".acts-buttons button[type=submit]") == ["Approve", "Reject", "Return"]
    assert chinese.get(path).texts(".acts-buttons button[type=submit]") == ["同意", "拒绝", "退回"]


def test_the_diagram_has_names_of_the_language_in_its_address(app: Flask) -> None:
    somebody = Browser(app).sign_in("wang.fang")
    key = somebody.get("/").links(".row-link")[0].rsplit("/", 1)[1]
    english, chinese = (
        somebody.client.get(f"/tasks/{key}/diagram.bpmn?lang={language}").data.decode() for language in ("en", "zh-CN")
    )
    assert 'name="Technology review"' in english
    assert 'name="技术部审核"' in chinese
