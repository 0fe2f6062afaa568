"""Undo of transfers, delegations and added signers as browsers send it, and what whoever was asked sees then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bpm_server.services import tasks
from tests.integration.web.pages.conftest import actor
from tests.support.approvals import Desk, one_node
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.web.pages.conftest import Browser, Page
    from tests.support.product import Product

    Opens = Callable[..., Browser]

ACTS: dict[str, dict[str, str]] = {
    "transfer": {"people": "zhao.qiang", "comment": "away"},
    "delegate": {"people": "zhao.qiang"},
    "add-signers": {"people": "zhao.qiang", "where": "before", "mode": "all"},
}


@pytest.fixture
def desk(company: Product) -> Desk:
    return Desk(company)


def signed(desk: Desk) -> int:
    desk.bpm.deploy(one_node("all", "wang.fang, zhang.wei"))
    return desk.bpm.task("sign", instance=desk.bpm.start()).key


def plain(desk: Desk, assignment: str = 'candidateUsers="wang.fang, zhang.wei"') -> int:
    p = Process()
    p.path(p.start(), p.user("do", extra=f"<zeebe:assignmentDefinition {assignment}/>"), p.end())
    desk.bpm.deploy(p.xml())
    return desk.bpm.task("do", instance=desk.bpm.start()).key


def said(page: Page) -> dict[str, Any]:
    """What a toast says, and where it is undone."""
    events = json.loads(page.headers["HX-Trigger"])
    found: dict[str, Any] = events.get("task-done") or events["say"]
    return found


def press(page: Page, browser: Browser) -> Page:
    return browser.post(said(page)["undo"], target="detail")


@pytest.mark.parametrize("act", ACTS)
def test_a_toast_takes_it_back_and_the_task_opens_again(desk: Desk, browser: Opens, act: str) -> None:
    key, wang = signed(desk), browser("wang.fang")
    before = desk.items(key)
    done = wang.post(f"/tasks/{key}/acts/{act}?sort=due", ACTS[act], target="detail")
    assert parse_qs(urlsplit(said(done)["undo"]).query)["sort"] == ["due"]
    back = press(done, wang)
    assert (back.status, said(back)["text"], back.headers["HX-Push-Url"]) == (
        200,
        "Taken back",
        f"/tasks/{key}?sort=due",
    )
    assert back.texts(".acts-buttons .btn-primary") == ["Approve"]
    assert desk.items(key) == {**before, "zhao.qiang": "taken-back"}
    again = press(done, wang)
    assert (again.status, said(again)["text"]) == (409, "It was taken back already.")


@pytest.mark.parametrize("act", ACTS)
def test_the_page_of_the_task_offers_it_as_long_as_nothing_has_followed(desk: Desk, browser: Opens, act: str) -> None:
    key, wang, zhao = signed(desk), browser("wang.fang"), browser("zhao.qiang")
    offered = "[hx-post*='/acts/undo']"
    assert wang.get(f"/tasks/{key}").texts(offered) == []
    wang.post(f"/tasks/{key}/acts/{act}", ACTS[act])
    page = wang.get(f"/tasks/{key}")
    assert page.texts(offered) == ["Take back from 赵强"]
    assert zhao.get(f"/tasks/{key}").texts(offered) == browser("zhang.wei").get(f"/tasks/{key}").texts(offered) == []
    zhao.post(f"/tasks/{key}/acts/comment", {"comment": "hm"})
    late = wang.post(page.tree.cssselect(offered)[0].get("hx-post"), target="detail")
    assert late.status == 422
    assert "赵强 acted after you" in late.text
    zhao.post(f"/tasks/{key}/complete", {"outcome": "approved", "values": "{}"})
    assert wang.get(f"/tasks/{key}").texts(offered) == []


def test_who_was_asked_and_comes_too_late_reads_who_has_taken_it_back(desk: Desk, browser: Opens) -> None:
    key, wang, zhao = signed(desk), browser("wang.fang"), browser("zhao.qiang")
    done = wang.post(f"/tasks/{key}/acts/transfer", ACTS["transfer"], target="detail")
    press(done, wang)
    late = zhao.post(f"/tasks/{key}/complete", {"outcome": "approved", "values": "{}"}, target="detail")
    assert late.status == 409
    assert late.one("[role=alert].task-ended") == "王芳 has taken this back: nothing is asked of you any more."
    assert zhao.get(f"/tasks/{key}").one(".task-ended").startswith("王芳 has taken this back")
    assert wang.get(f"/tasks/{key}").texts(".task-ended") == []


def test_a_plain_task_is_transferred_and_taken_back(desk: Desk, browser: Opens) -> None:
    key, wang, zhao = plain(desk), browser("wang.fang"), browser("zhao.qiang")
    refused = wang.post(f"/tasks/{key}/acts/transfer", {"people": "zhao.qiang"}, target="detail")
    assert (refused.status, "A comment is needed." in refused.text) == (422, True)
    done = wang.post(f"/tasks/{key}/acts/transfer", ACTS["transfer"], target="detail")
    assert said(done)["text"].startswith("Transferred: ")
    assert wang.get(f"/tasks/{key}").texts("[hx-post*='/acts/undo']") == ["Take back from 赵强"]
    back = press(done, wang)
    assert (back.status, said(back)["text"]) == (200, "Taken back")
    assert back.texts("[data-open-dialog=act-transfer]") == ["Transfer"]
    late = zhao.post(f"/tasks/{key}/complete", {"values": "{}"}, target="detail")
    assert late.status == 409
    assert late.one("[role=alert]").startswith("王芳 has taken this back: nothing is asked of you any more.")
    assert zhao.get(f"/tasks/{key}").one(".task-ended").startswith("王芳 has taken this back")
    assert browser("he.tao").get(f"/tasks/{key}").status == 403


def test_whoever_may_not_see_a_plain_task_any_more_can_undo_its_transfer_nevertheless(
    desk: Desk, browser: Opens
) -> None:
    key, wang = plain(desk, 'assignee="wang.fang"'), browser("wang.fang")
    done = wang.post(f"/tasks/{key}/acts/transfer", ACTS["transfer"], target="detail")
    assert wang.get(f"/tasks/{key}").status == 403
    tasks.update_task(desk.bpm.server, ADMIN, key, priority=80)
    assert press(done, wang).status == 200
    assert wang.get(f"/tasks/{key}").status == 200
    again = wang.post(f"/tasks/{key}/acts/transfer", ACTS["transfer"], target="detail")
    tasks.comment_task(desk.bpm.server, actor(desk.bpm, "zhao.qiang"), key, "on it")
    late = press(again, wang)
    assert late.status == 409
    assert said(late) == {"text": "It cannot be taken back: 赵强 acted after you.", "tone": "bad"}


def test_the_timeline_tells_of_both(desk: Desk, browser: Opens) -> None:
    key, wang = plain(desk), browser("wang.fang")
    for language, first, second in (
        ("en", "王芳 transferred do to 赵强", "王芳 took do back from 赵强"),
        ("zh-CN", "王芳 把「do」转办给赵强", "王芳 从赵强处收回了「do」"),
    ):
        done = wang.post(f"/tasks/{key}/acts/transfer", ACTS["transfer"], target="detail")
        press(done, wang)
        told = browser("wang.fang", language=language).get(f"/tasks/{key}/timeline", target="pane-timeline")
        lines = [" ".join(text.split()) for text in told.texts("li")]
        assert any(first in line for line in lines), lines
        assert any(second in line for line in lines), lines


def test_a_task_that_nobody_has_passed_on_costs_no_question_more(desk: Desk, browser: Opens) -> None:
    key, wang = plain(desk), browser("wang.fang")
    wang.get(f"/tasks/{key}", target="detail")
    with counted(desk.bpm.server.database) as statements:
        wang.get(f"/tasks/{key}", target="detail")
    assert not any("approval_act" in text for text in statements.texts), str(statements)
