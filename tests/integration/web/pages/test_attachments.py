"""Files beside tasks and cases, on pages."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PDF = b"%PDF-1.7\n" + b"x" * 100


def send(browser: Any, path: str, name: str, content: bytes, target: str = "attachments") -> Any:
    return browser.post(path, {"file": (io.BytesIO(content), name)}, target)


@pytest.fixture
def task(browser: Callable[..., Any]) -> int:
    """A task that is offered to a reviewer."""
    return int(browser("wang.fang").get("/").links(".row-link")[0].partition("?")[0].rpartition("/")[2])


def test_a_file_is_put_beside_a_task_looked_at_and_removed(browser: Callable[..., Any], task: int) -> None:
    person = browser("wang.fang")
    part = send(person, f"/tasks/{task}/attachments", "报价.pdf", PDF)
    assert part.status == 200
    assert part.one("[data-count]") == "1"
    send(person, f"/tasks/{task}/attachments", "photo.png", PNG)
    page = person.get(f"/tasks/{task}")
    assert page.texts(".attachment-what a") == ["报价.pdf", "photo.png"]
    pdf, picture = page.links(".attachment-what a")
    shown = person.client.get(pdf)
    assert shown.headers["Content-Disposition"].startswith("inline;")
    assert shown.headers["Content-Type"] == "application/pdf"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "script" not in shown.headers["Content-Security-Policy"]
    assert person.client.get(picture).headers["Content-Security-Policy"].startswith("sandbox")
    saved = person.client.get(f"{pdf}/file")
    assert saved.headers["Content-Disposition"].startswith("attachment;")
    assert saved.headers["Content-Security-Policy"].startswith("sandbox")
    part = person.post(f"{picture}/remove", {"beside": "task"}, "attachments")
    assert part.texts(".attachment-what a") == ["报价.pdf"]
    told = person.get(f"/tasks/{task}/timeline").texts(".timeline-what p")
    assert any("attached 报价.pdf" in one for one in told)
    assert any("removed the attachment photo.png" in one for one in told)


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("photo.png", b"MZ\x90\x00" + bytes(80), 400, "内容与扩展名不符"),
        ("page.svg", b"<svg/>", 400, "不接受这种类型的文件"),
        ("empty.png", b"", 400, "文件是空的"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    browser: Callable[..., Any], task: int, name: str, content: bytes, status: int, said: str
) -> None:
    person = browser("wang.fang", language="zh-CN")
    part = send(person, f"/tasks/{task}/attachments", name, content)
    assert part.status == status
    assert said in part.one("[data-problem]")
    assert part.one("[data-count]") == "0"


def test_without_scripts_and_without_the_right(browser: Callable[..., Any], task: int) -> None:
    person = browser("wang.fang")
    assert send(person, f"/tasks/{task}/attachments", "a.png", PNG, "").status == 303
    link = person.get(f"/tasks/{task}").links(".attachment-what a")[0]
    stranger = browser("sun.li")
    assert stranger.client.get(link, headers={"Accept": "text/html"}).status_code == 403
    person.csrf_token = "wrong"
    assert send(person, f"/tasks/{task}/attachments", "a.png", PNG).status == 403
