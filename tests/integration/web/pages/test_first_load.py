"""How much the first page weighs, how it is kept, and what the browser may run."""

from __future__ import annotations

import gzip
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from bpm_server.web.assets import VENDOR
from bpm_server.web.pages.files import FOLDER
from tests.integration.web.pages.conftest import Browser
from tests.support.services import missing

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.test import TestResponse

BUDGET = 250_000
PAGES = (
    "/",
    "/inbox/filters?due=overdue",
    "/start",
    "/notifications",
    "/settings",
    "/settings/substitutes",
    "/calendars",
    "/calendars/default",
    "/start/order-approval",
    "/start/order-approval/share",
    "/instances",
    "/admin/webhooks",
    "/admin/batch-operations",
    "/people",
    "/instances/batch/cancel",
    "/demo/finance-system",
    "/processes/order-approval",
    "/processes/order-approval/versions/1/migrate",
    "/no-such-page",
)


@pytest.fixture(autouse=True)
def assets() -> None:
    if not (VENDOR / "manifest.json").is_file():
        missing("the built front end", "run 'make assets'")


def fetch(browser: Browser, path: str, accepted: str = "gzip") -> TestResponse:
    return browser.client.get(path, headers={"Accept": "text/html", "Accept-Encoding": accepted})


def loaded(page: str) -> set[str]:
    """What the browser gets before anybody clicks: style sheets, scripts, images, preloads, icons."""
    links = re.findall(r'<link [^>]*rel="(?:stylesheet|icon|modulepreload)"[^>]*href="([^"]+)"', page)
    links += re.findall(r'<script [^>]*src="([^"]+)"', page) + re.findall(r'<img [^>]*src="([^"]+)"', page)
    return {*links, *(href.partition("#")[0] for href in re.findall(r'<use href="([^"]+)"', page))}


def test_the_first_load_of_the_inbox_is_light(app: Flask) -> None:
    wang = Browser(app).sign_in("wang.fang")
    page = fetch(wang, "/")
    assert page.headers["Content-Encoding"] == "gzip"
    sizes = {"/": len(page.data)}
    for url in loaded(gzip.decompress(page.data).decode()):
        reply = fetch(wang, url)
        assert (reply.status_code, reply.headers.get("Content-Encoding")) == (200, "gzip"), url
        sizes[url] = len(reply.data)
    assert len(sizes) >= 8, sizes
    assert sum(sizes.values()) < BUDGET, sizes
    print(sum(sizes.values()), sizes)


def test_files_come_as_small_as_the_browser_takes_them(app: Flask) -> None:
    nobody = Browser(app)
    url = next(one for one in loaded(nobody.get("/sign-in").text) if "tabler" in one and one.endswith(".css"))
    plain, zipped, brotli = (fetch(nobody, url, accepted) for accepted in ("identity", "gzip", "br, gzip"))
    assert [one.headers.get("Content-Encoding") for one in (plain, zipped, brotli)] == [None, "gzip", "br"]
    assert gzip.decompress(zipped.data) == plain.data
    assert len(brotli.data) < len(zipped.data) < len(plain.data) / 4
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_files_whose_names_hold_their_content_are_kept_for_ever(app: Flask) -> None:
    nobody = Browser(app)
    urls = loaded(nobody.get("/sign-in").text)
    assert len(urls) >= 5
    for url in urls:
        assert fetch(nobody, url).headers["Cache-Control"] == "public, max-age=31536000, immutable", url


def test_a_file_under_an_old_or_no_version_is_asked_for_again(app: Flask) -> None:
    nobody = Browser(app)
    for url in ("/static/app/app.css", "/static/app/app.css?v=0123456789ab"):
        assert fetch(nobody, url).headers["Cache-Control"] == "no-cache"
    etag = fetch(nobody, "/static/app/app.css").headers["ETag"]
    again = nobody.client.get("/static/app/app.css", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/app/app.css.gz"])
def test_nothing_else_is_a_static_file(app: Flask, path: str) -> None:
    assert Browser(app).client.get(path).status_code == 404
    assert (FOLDER / "app/app.css").is_file()


@pytest.mark.parametrize("path", [*PAGES, "/sign-in"])
def test_pages_allow_only_what_they_bring(app: Flask, path: str) -> None:
    chen = Browser(app) if path == "/sign-in" else Browser(app).sign_in("chen.jing")
    reply = fetch(chen, path)
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["Content-Security-Policy"].split(";"))
    nonce = re.findall(r"'nonce-([^']+)'", policy["script-src"])
    assert policy["script-src"] == f"'self' 'nonce-{nonce[0]}'"
    assert (policy["style-src"], policy["default-src"]) == ("'self'", "'self'")
    assert [policy[name] for name in ("object-src", "base-uri", "frame-ancestors")] == ["'none'"] * 3
    text = gzip.decompress(reply.data).decode()
    inline = [tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag and "application/json" not in tag]
    assert inline == [f'<script nonce="{nonce[0]}">']
    assert not re.search(r"<[^>]+\s(style|on\w+)=", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "<style" not in text
    assert reply.headers["Cache-Control"] == "no-store"
    again = fetch(chen, path)
    assert nonce[0] not in again.headers["Content-Security-Policy"], "a nonce is used once"


def test_a_page_is_not_compressed_for_who_cannot_read_it(app: Flask) -> None:
    reply: Any = fetch(Browser(app), "/sign-in", "identity")
    assert "Content-Encoding" not in reply.headers
    assert reply.data.startswith(b"<!doctype html>")


def test_a_phone_puts_it_on_its_home_screen(app: Flask) -> None:
    nobody = Browser(app)
    page = nobody.client.get("/sign-in").text
    (touch,) = re.findall(r'<link rel="apple-touch-icon" href="([^"]+)">', page)
    (address,) = re.findall(r'<link rel="manifest" href="([^"]+)">', page)
    reply = nobody.client.get(address)
    assert (reply.status_code, reply.content_type) == (200, "application/manifest+json")
    found = json.loads(reply.data)
    assert (found["start_url"], found["scope"], found["display"]) == ("/", "/", "standalone")
    sizes = [(touch, "180x180"), *((one["src"], one["sizes"]) for one in found["icons"])]
    for source, size in sizes:
        picture = Image.open(io.BytesIO(nobody.client.get(source).data))
        assert "{}x{}".format(*picture.size) == size, source
