"""Every page that the demo's administrator and an employee reach by links: axe-core finds nothing, nothing is too wide.

The links are followed as they are found, one of each route of the application; there is no list of pages to keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bpm_server import bootstrap
from bpm_server.cli import demo
from bpm_server.cli.content import deploy_content
from bpm_server.domain.demo import COMPANY
from bpm_server.services import installation
from bpm_server.settings import Settings
from bpm_server.web.app import create_app
from tests.support.browser import Person, browser
from tests.support.running import ADMIN_PASSWORD, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.routing import Map

pytestmark = pytest.mark.browser
LINKS = "[...document.querySelectorAll('a[href]:not([download])')].map((link) => link.href)"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@dataclass
class Walk:
    """Follows links on one site.

    Attributes:
        seen: Routes that were looked at, each with the list that was chosen there.
    """

    chromium: Any
    address: str
    routes: Map
    seen: set[tuple[str, str]] = field(default_factory=set)

    def kind(self, address: str) -> tuple[str, str] | None:
        """What kind of page an address is; None for what is not of this site."""
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}" != self.address:
            return None
        rule, _ = self.routes.bind("").match(parts.path, return_rule=True)
        return rule.rule, parse_qs(parts.query).get("tab", [""])[0]

    def everything(self, username: str, password: str) -> list[str]:
        """Goes to each kind of page once, and looks at those that nobody has looked at; returns what is wrong."""
        person = Person.of(self.chromium, self.address)
        person.goto("/sign-in")
        wrong = self._look(person, f"{self.address}/sign-in")
        person.sign_in(username, password)
        waiting = [f"{self.address}/"]
        met, been = set(waiting), set[tuple[str, str]]()
        while waiting:
            address = waiting.pop()
            kind = self.kind(address)
            if kind is None or kind in been:
                continue
            been.add(kind)
            if not self._is_page(person, address):
                continue
            person.page.goto(address)
            if person.page.locator("#modules").count():  # a sheet to be printed has none
                person.ready()
            if kind not in self.seen:
                self.seen.add(kind)
                wrong += self._look(person, address)
            found = [link.partition("#")[0] for link in person.page.evaluate(LINKS)]
            waiting += [link for link in dict.fromkeys(found) if link not in met]
            met.update(found)
        return wrong + person.problems

    def _is_page(self, person: Person, address: str) -> bool:
        reply = person.page.request.head(address)
        assert reply.status == 200, f"{address} is linked, but answers {reply.status}"
        return bool(reply.headers["content-type"].startswith("text/html"))

    def _look(self, person: Person, address: str) -> list[str]:
        person.page.set_viewport_size(PHONE)
        wide = person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        person.page.set_viewport_size(DESK)
        found = [f"{wide} px wider than a phone"] if wide > 0 else []
        return [f"{address}: {one}" for one in found + person.violations()]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("server")
    settings = Settings(data_dir=folder / "data")
    settings.data_dir.mkdir()
    bootstrap.prepare(settings)
    with bootstrap.running(settings) as server:
        installation.prepare_installation(server, ADMIN_PASSWORD)
        deploy_content(server)
        demo.fill(server, 6, 6)
        routes = create_app(server).url_map
    with browser() as chromium, running(folder) as started:
        yield Walk(chromium, f"http://127.0.0.1:{started.port}", routes)


def test_axe_finds_nothing_on_any_page_that_links_lead_to(walk: Walk) -> None:
    assert walk.everything("li.ming", COMPANY.password) == []
    assert walk.everything("admin", ADMIN_PASSWORD) == []
    assert {("/tasks/<int:key>", ""), ("/instances/<int:key>/modify", "")} <= walk.seen, "the links were followed"
