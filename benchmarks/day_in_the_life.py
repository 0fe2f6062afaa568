"""A manager clears 200 tasks of every kind in Chromium, beside 100,000 open ones of others: clicks and server time.

``bpm-server web`` as in production; ``BPM_BENCH_OPEN`` sets how many tasks are open. What an act costs is read in the
server's own access log, by the ``X-Request-Id`` of the browser's requests: the browser, which shares the machine with
the server, says nothing about time.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.day_filling import MANAGER, SPECIALS, morning
from benchmarks.http_steps import serving
from bpm_server.domain.demo import COMPANY
from tests.support import postgresql
from tests.support.browser import Person, browser, sync_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_MS = 150
expect = sync_api.expect


@dataclass(slots=True)
class Effort:
    """What the manager's hands did for an act, and how often it was done."""

    acts: int = 0
    tasks: int = 0
    clicks: int = 0
    keys: int = 0
    letters: int = 0

    def text(self) -> str:
        """For one task."""
        named = {"clicks": self.clicks, "keys": self.keys, "letters": self.letters}
        each = ", ".join(f"{number / self.tasks:.1f} {name}" for name, number in named.items() if number)
        return each or "by itself"


@dataclass
class Hands:
    """The manager's hands: counts what they do, and remembers what the browser asked for meanwhile."""

    person: Person
    efforts: dict[str, Effort] = field(default_factory=lambda: defaultdict(Effort))
    asked: dict[str, str] = field(default_factory=dict)
    received: int = 0
    _now: str = "signing in"

    def __post_init__(self) -> None:
        page = self.page
        page.on("response", self._answered)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", self._received)

    @property
    def page(self) -> Any:
        return self.person.page

    def _answered(self, response: Any) -> None:
        """Only what changes something belongs to the act; reads are counted by themselves."""
        request_id = response.headers.get("x-request-id")
        if request_id and response.request.method == "POST":
            self.asked[request_id] = self._now
        if response.status >= 400:
            message = f"Expected '{self._now}' to succeed, but found {response.status} {response.url}"
            raise AssertionError(message)

    def _received(self, event: dict[str, Any]) -> None:
        self.received += int(event["encodedDataLength"])

    @contextlib.contextmanager
    def doing(self, act: str, tasks: int = 1) -> Iterator[None]:
        """What happens meanwhile is part of the act."""
        self._now = act
        self.efforts[act].acts += 1
        self.efforts[act].tasks += tasks
        yield

    def click(self, what: str | Any) -> None:
        (self.page.locator(what) if isinstance(what, str) else what).click()
        self.efforts[self._now].clicks += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.efforts[self._now].keys += len(keys)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.efforts[self._now].letters += len(text)


# --- the day ---------------------------------------------------------------------------------------------


def search(hands: Hands, text: str) -> int:
    """Finds a kind of task by Ctrl K; returns how many there are."""
    with hands.doing("searching"):
        hands.press("Control+k")
        hands.type(text)
        rows = hands.page.locator(".row-item")
        expect(rows.filter(has_not_text=text)).to_have_count(0)
        expect(rows).not_to_have_count(0)
        return int(rows.count())


def opened(hands: Hands) -> str:
    """The opened task, when it is ready to be worked on."""
    key = str(hands.page.locator("#detail article[data-task]").get_attribute("data-task"))
    hands.person.ready()
    return key


def left(hands: Hands, key: str) -> None:
    """Waits until a task has made room for the next one."""
    hands.page.locator(f"#detail article[data-task='{key}']").wait_for(state="detached")
    hands.page.locator(f"#row-{key}").wait_for(state="detached")


def each(hands: Hands, text: str, act: str, how: Callable[[Hands, str], None]) -> None:
    """Opens the first of a kind; after each act the next one opens by itself."""
    number = search(hands, text)
    with hands.doing("opening"):
        hands.click(".row-item >> nth=0 >> .row-link")
        hands.page.locator("#detail article[data-task]").wait_for()
    for _ in range(number):
        key = opened(hands)
        with hands.doing(act):
            how(hands, key)
            left(hands, key)


def bulk(hands: Hands, text: str) -> None:
    """Approves all of a kind together."""
    number = search(hands, text)
    with hands.doing(f"approving {number} together", number):
        hands.click(".row-check input >> nth=0")
        hands.click("[data-select-all]")
        hands.click("#bulk button[type=submit]")
        expect(hands.page.locator("#bulk-confirm li")).to_have_count(number, timeout=60_000)
        hands.click("#bulk-confirm button[type=submit]")
        expect(hands.page.locator("#bulk-confirm")).to_have_count(0, timeout=60_000)
        expect(hands.page.locator(".bulk-result .bad")).to_have_count(0)


def by_mouse(hands: Hands, key: str) -> None:
    hands.click("#acts button[value=approved]")


def by_key(hands: Hands, key: str) -> None:
    hands.press("Control+Enter")


def with_a_field(hands: Hands, key: str) -> None:
    hands.click(hands.page.get_by_label("技术说明"))
    hands.type("标准配置，可行")
    hands.press("Control+Enter")


def resolve(hands: Hands, key: str) -> None:
    hands.press("c")
    hands.type("已更换光源")
    hands.click("#acts button[value=resolved]")


def reject(hands: Hands, key: str) -> None:
    hands.press("c")
    hands.type("预算已满")
    hands.click("#acts button[value=rejected]")


def dialog(hands: Hands, act: str, who: str = "", why: str = "") -> None:
    """An act of the menu."""
    hands.click(".acts .dropup > button")
    hands.click(f"[data-open-dialog=act-{act}]")
    found = hands.page.locator(f"#act-{act}")
    if who:
        hands.click(found.locator("[role=combobox]"))
        hands.type(who)
        hands.click(found.locator(".people-found li", has_text=who))
    if why:
        hands.click(found.locator("textarea"))
        hands.type(why)
    hands.click(found.locator("button[type=submit]"))


def give_back(hands: Hands, key: str) -> None:
    dialog(hands, "return", why="发票抬头不对")


def transfer(hands: Hands, key: str) -> None:
    dialog(hands, "transfer", "周伟", "出差")


def delegate(hands: Hands, key: str) -> None:
    dialog(hands, "delegate", "王芳")


def add_signer(hands: Hands, key: str) -> None:
    dialog(hands, "add-signers", "赵强")


def comment(hands: Hands) -> None:
    """On the opened task, which stays."""
    dialog(hands, "comment", why="票据请补齐")
    hands.page.locator("#act-comment").wait_for(state="hidden")


def comment_and_approve(hands: Hands, key: str) -> None:
    with hands.doing("commenting"):
        comment(hands)
        hands.page.locator(".toast-line", has_text="评论").last.wait_for()
    with hands.doing("approving by mouse"):
        by_mouse(hands, key)


ACTS: dict[str, tuple[str, Callable[[Hands, str], None]]] = dict(
    zip(
        SPECIALS,
        (
            ("rejecting", reject),
            ("returning", give_back),
            ("transferring", transfer),
            ("delegating", delegate),
            ("adding a signer", add_signer),
        ),
        strict=True,
    )
)


def urge_all(hands: Hands) -> None:
    """Reminds whoever has the manager's own requests."""
    hands.page.locator("#detail [data-nothing-left], #list .nothing").first.wait_for()
    with hands.doing("looking at own requests"):
        hands.click(".list-tabs a[href*=started]")
        hands.person.ready()
    for number in range(hands.page.locator(".row-item").count()):
        with hands.doing("urging"):
            hands.click(hands.page.locator(".row-link").nth(number))
            hands.page.locator(".row-link").nth(number).and_(hands.page.locator("[aria-current]")).wait_for()
            hands.click("#detail [hx-post*=urge]")
            hands.page.locator(".toast-line.good").first.wait_for()
            hands.click(".toast-line .btn-close >> nth=0")


def work_through(hands: Hands) -> None:
    """The whole day."""
    bulk(hands, "大单")
    each(hands, "会签", "approving by keyboard", by_key)  # its process wants each of them opened
    each(hands, "技术", "filling in and approving", with_a_field)
    each(hands, "TK", "resolving a ticket", resolve)
    each(hands, "鼠标", "commenting first", comment_and_approve)
    each(hands, "键盘", "approving by keyboard", by_key)
    for text, (act, how) in ACTS.items():
        each(hands, text, act, how)
    hands.person.goto("/")
    urge_all(hands)


# --- the report ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the access log."""

    request_id: str
    method: str
    route: str
    ms: float


def read_log(path: Path) -> list[Request]:
    """All requests of the manager."""
    found = []
    for line in path.read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "http.request" and entry["actor"] == MANAGER:
            found.append(Request(entry["request_id"], entry["method"], entry["route"], entry["ms"]))
    return found


def times(values: list[float], limit: float = LIMIT_MS) -> str:
    """Median, p95 and whether that is within the limit."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"{len(ordered):4} x {ordered[len(ordered) // 2]:7.1f} {p95:7.1f} ms  {'met' if p95 <= limit else 'missed'}"


def rows(name: str, hands: Hands, log: list[Request]) -> Iterator[tuple[str, str]]:
    """The report of one database."""
    by_act: dict[str, list[float]] = defaultdict(list)
    by_read: dict[str, list[float]] = defaultdict(list)
    for one in log:
        if one.request_id in hands.asked:
            by_act[hands.asked[one.request_id]].append(one.ms)
        elif one.method == "GET" and one.route != "/events":  # which stays open
            by_read[one.route].append(one.ms)
    yield f"{name}, an act", f"how often x p50, p95 of the server, at most {LIMIT_MS}; for one task"
    for act, values in by_act.items():
        effort = hands.efforts[act]
        yield f"{name}, {act}", f"{times(values)}; {effort.text()}"
        if effort.tasks > effort.acts:
            yield f"{name}, {act}, each of them", times([sum(values) / effort.tasks])
    for route, values in sorted(by_read.items()):
        yield f"{name}, GET {route}", times(values)
    clicks, keys, letters = (
        sum(getattr(one, what) for one in hands.efforts.values()) for what in ("clicks", "keys", "letters")
    )
    yield f"{name}, the whole day", f"{clicks} clicks, {keys} keys, {letters} letters, {hands.received / 1e6:.2f} MB"


def measure(name: str, url: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The day on one database."""
    day = morning(url, folder)
    yield f"{name}, open tasks", f"{len(day.tasks)} of the manager, {day.others:,} of others"
    with serving(folder, url, BPM_LOG_LEVEL="INFO", BPM_LOG_JSON="1") as (port, _, _), browser() as chromium:
        person = Person.of(chromium, f"http://127.0.0.1:{port}").sign_in(MANAGER, COMPANY.password)
        hands = Hands(person)
        work_through(hands)
        expect(person.page.locator("#count-todo")).to_have_text("0")
        if person.problems:
            message = f"Expected nothing in the browser's console, but found {person.problems}"
            raise AssertionError(message)
    yield from rows(name, hands, read_log(folder / "web.log"))


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    with tempfile.TemporaryDirectory() as folder:
        yield from measure("SQLite", f"sqlite:///{folder}/bench.db", Path(folder))
    with postgresql.cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        yield from measure("PostgreSQL", cluster.create("bench_day"), Path(folder))
