"""The built packages do their work in Chromium under the content security policy that the pages send.

``BPM_SHOTS=folder`` keeps screenshots, ``BPM_FORM`` and ``BPM_DIAGRAM`` show other files.
"""

import contextlib
import json
import os
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bpm_server.web.assets import VENDOR, Assets
from tests.support.browser import sync_api
from tests.support.services import chromium, front_end

pytestmark = pytest.mark.browser

PAGE = Path(__file__).parent / "assets_page"
POLICY = os.environ.get(
    "BPM_POLICY",
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
FORM = {
    "type": "default",
    "schemaVersion": 19,
    "id": "purchase",
    "components": [
        {"type": "text", "id": "t", "text": "### 采购申请 {{no}}\n请核对**金额**与供应商。"},
        {
            "type": "textfield",
            "id": "a",
            "key": "supplier",
            "label": "供应商",
            "validate": {"required": True},
        },
        {"type": "number", "id": "b", "key": "amount", "label": "金额（元）", "decimalDigits": 2},
        {"type": "datetime", "id": "c", "key": "due", "subtype": "date", "dateLabel": "到货日期"},
        {
            "type": "taglist",
            "id": "d",
            "key": "tags",
            "label": "分类",
            "values": [{"label": "办公用品", "value": "office"}, {"label": "设备", "value": "device"}],
        },
        {
            "type": "textarea",
            "id": "e",
            "key": "note",
            "label": "备注",
            "conditional": {"hide": "=amount < 1000"},
        },
    ],
}
DATA = {"no": "CG-2026-001", "supplier": "上海某某有限公司", "amount": 5000, "tags": ["office"]}


class Handler(BaseHTTPRequestHandler):
    """One page, its fragments, and the vendor files as a real server sends them (gzip)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/":
            self.page()
        elif path.startswith("/static/vendor/"):
            file = VENDOR / path.rpartition("/")[2]
            zipped = file.with_name(file.name + ".gz").read_bytes()
            self.reply(zipped, TYPES[file.suffix], {"Content-Encoding": "gzip", "Cache-Control": "max-age=9"})
        elif path in {"/page.js", "/page.css"}:
            self.reply((PAGE / path[1:]).read_bytes(), TYPES[Path(path).suffix])
        elif path == "/islands.css":
            self.reply((VENDOR.parent / "islands.css").read_bytes(), TYPES[".css"])
        elif path == "/form.json":
            self.reply(json.dumps({"schema": self.server.form, "data": DATA}).encode(), TYPES[".json"])
        elif path == "/diagram.bpmn":
            self.reply(self.server.diagram, "application/xml")
        elif path == "/fragment":
            self.reply("<b class='text-danger'>已驳回</b>".encode())
        elif path == "/morph":
            body = '<input class="form-control" id="kept" placeholder="意见"><span id="count">2</span>'
            self.reply(body.encode())
        elif path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(OSError):  # the browser went away
                while not self.server.stopped.wait(0.2):
                    self.wfile.write("data: <em>新待办：请假申请</em>\n\n".encode())
                    self.wfile.flush()
            self.close_connection = True
        else:
            self.reply(b"", status=404)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply("<span class='text-danger'>金额超出预算</span>".encode(), status=422)

    def page(self):
        nonce = secrets.token_urlsafe(16)
        assets = Assets.load()
        html = (PAGE / "page.html").read_text(encoding="utf-8").replace("{{ nonce }}", nonce)
        for name in assets.files:
            html = html.replace(f"{{{{ url('{name}') }}}}", assets.url(name))
        self.reply(html.encode(), headers={"Content-Security-Policy": POLICY.format(nonce=nonce)})

    def reply(self, body, kind="text/html; charset=utf-8", headers=(), status=200):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.stopped = threading.Event()
    server.form = json.loads(Path(os.environ["BPM_FORM"]).read_text()) if "BPM_FORM" in os.environ else FORM
    server.diagram = Path(os.environ.get("BPM_DIAGRAM", PAGE / "purchase.bpmn")).read_bytes()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(address):
    front_end()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(locale="zh-CN", viewport={"width": 1280, "height": 900})
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(f"uncaught: {error}"))
        page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
        started = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        page.ready_seconds = time.perf_counter() - started
        yield page
        browser.close()


@pytest.fixture(autouse=True)
def shot(page, request):
    yield
    if folder := os.environ.get("BPM_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"{request.node.name}.png"), full_page=True)


def test_form_viewer_renders_chinese_and_submits(page):
    assert page.locator("#form label", has_text="金额（元）").is_visible()
    assert page.locator("#form h3").inner_text() == "采购申请 CG-2026-001"
    page.get_by_label("供应商").fill("")
    page.click("#submit")
    assert page.evaluate("submission.errors") == {"a": ["此项必填。"]}
    page.get_by_label("供应商").fill("北京供应商")
    page.click("#submit")
    assert page.evaluate("submission.data.supplier") == "北京供应商"


def test_what_is_typed_right_after_loading_is_kept(page, address):
    """With form-js's own delay of 300 ms another field's update throws it away: ``debounce: false``."""
    other = page.context.browser.new_page(locale="zh-CN")
    other.goto(address)
    other.wait_for_selector("body[data-ready]")
    other.get_by_label("供应商").fill("深圳")
    other.wait_for_timeout(600)
    assert other.get_by_label("供应商").input_value() == "深圳"
    other.close()


def test_calendar_of_the_form_speaks_chinese(page):
    page.locator("#form input.flatpickr-input").first.click()
    assert "月" in page.locator(".flatpickr-months").first.inner_text()
    page.keyboard.press("Escape")


def test_hidden_field_follows_its_feel_condition(page):
    page.get_by_label("备注").wait_for()
    page.get_by_label("金额（元）").fill("10")
    page.get_by_label("备注").wait_for(state="detached")
    page.get_by_label("金额（元）").fill("5000")
    page.get_by_label("备注").wait_for()


def test_bpmn_viewer_shows_marker_and_overlay(page):
    assert page.locator("#diagram .djs-shape").count() > 3
    assert (
        page.locator("#diagram .token .djs-visual > :first-child").first.evaluate(
            "node => getComputedStyle(node).strokeWidth"
        )
        == "4px"
    )
    assert page.locator(".badge-overlay").is_visible()
    assert page.locator("#diagram .bjs-powered-by").is_visible()


def test_htmx_swaps_a_fragment_an_error_and_an_event(page):
    page.click("#swap")
    page.locator("#result", has_text="已驳回").wait_for()
    page.click("#invalid")
    page.locator("#problem", has_text="金额超出预算").wait_for()
    page.locator("#live em", has_text="新待办").wait_for()


def test_htmx_morph_keeps_what_the_user_types(page):
    page.fill("#kept", "同意，但请分批付款")
    page.evaluate("document.getElementById('morph').dispatchEvent(new Event('refresh'))")
    page.locator("#count", has_text="2").wait_for()
    assert page.input_value("#kept") == "同意，但请分批付款"


def test_tabler_styles_icons_and_menus_work(page):
    colour = page.locator("#submit").evaluate("node => getComputedStyle(node).backgroundColor")
    assert colour not in {"rgba(0, 0, 0, 0)", "rgb(239, 239, 239)"}
    assert page.locator("#submit svg.icon").bounding_box()["width"] >= 14
    page.click("#more")
    assert page.locator("#menu").is_visible()
    page.keyboard.press("Escape")


def test_tom_select_finds_people(page):
    page.click(".ts-control")
    page.keyboard.type("王")
    sync_api.expect(page.locator(".ts-dropdown .option")).to_have_text(["王芳"])
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    sync_api.expect(page.locator(".ts-control .item")).to_have_count(2)


def test_dark_theme_applies(page):
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_nothing_broke_the_policy_or_the_console(page):
    print(f"ready after {page.ready_seconds:.2f} s")
    assert page.evaluate("violations") == []
    expected = [line for line in page.problems if "422" not in line]
    assert expected == []
