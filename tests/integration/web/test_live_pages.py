"""Streams of events: one acts, the other hears, over processes; whoever waits holds no thread."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from bpm_server.services import tasks
from bpm_server.services.notifications import mark_notifications_read
from bpm_server.services.server import Wakes
from bpm_server.web import parking
from bpm_server.web.pages import notifications as live
from tests.integration.web.test_request_threads import ask, serving
from tests.support.approvals import person
from tests.support.apps import app_for
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN, Product
from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from flask import Flask

FOREVER = 3_600.0
PATIENCE_S = 60


class Stream:
    """A browser's stream: asks, and reads one reply."""

    def __init__(self, port: int, token: str, mark: str = "", page: str = "") -> None:
        """``mark``: of the event before; ``page``: what the page was made of that opens the stream."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": mark} if mark else {})}
        self._connection.request("GET", f"/events?known={quote(page)}" if page else "/events", headers=headers)

    def read(self) -> dict[str, str]:
        """Fields of the event."""
        status, fields, text = self.reply()
        assert status == 200
        assert fields["Content-Type"].startswith("text/event-stream")
        assert text.endswith("\n\n")
        return dict(line.split(": ", 1) for line in text.strip().splitlines())

    def reply(self) -> tuple[int, dict[str, str], str]:
        reply = self._connection.getresponse()
        found = reply.status, dict(reply.getheaders()), reply.read().decode()
        self._connection.close()
        return found


class Company:
    """Ann, and Ben of the sales department, who look at their pages."""

    def __init__(self, bpm: Product) -> None:
        self.product, rest = application(bpm)
        self.app: Flask = rest.app
        self.ann = add_person(self.product, "ann", roles=("staff",))
        self.ben = add_person(self.product, "ben", roles=("staff",), groups=("sales",))
        p = Process()
        p.path(p.start(), p.user("sign", extra='<zeebe:assignmentDefinition candidateGroups="sales"/>'), p.end())
        self.product.deploy(p.xml())

    def assign(self, product: Product | None = None) -> None:
        """Gives Ann a task."""
        product = product or self.product
        product.start()
        tasks.assign_task(product.server, ADMIN, product.task("sign").key, "ann")

    def wait_for_parked(self, number: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while sum(not one.is_over for _, one in parking.of(self.app)._parked) < number:
            assert time.monotonic() < end, "the streams were not put aside"
            time.sleep(0.01)


@pytest.fixture
def company(bpm: Product) -> Company:
    return Company(bpm)


@pytest.fixture
def only_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by looking: whoever hears something was rung."""
    monkeypatch.setattr(live, "LOOK_AGAIN_S", FOREVER)
    monkeypatch.setattr(live, "STREAM_S", FOREVER)


def known(port: int, token: str) -> str:
    """The mark of how somebody's pages look now."""
    return Stream(port, token).read()["id"]


@pytest.mark.usefixtures("only_bells")
def test_one_acts_and_the_other_hears_and_nobody_who_waits_holds_a_thread(company: Company) -> None:
    with serving(company.app, threads=2) as port:
        mark = known(port, company.ann)
        waiting = [Stream(port, company.ann, mark) for _ in range(6)]
        company.wait_for_parked(6)
        assert ask(port, "/v2/license")[0] == 200
        company.assign()
        for stream in waiting:
            news = stream.read()
            assert (news["event"], json.loads(news["data"])) == ("news", {"unread": 1})
            assert news["id"] != mark


@pytest.mark.usefixtures("only_bells")
def test_what_concerns_others_wakes_nobody(company: Company) -> None:
    with serving(company.app, threads=2) as port:
        ann = Stream(port, company.ann, known(port, company.ann))
        ben = Stream(port, company.ben, known(port, company.ben))
        company.wait_for_parked(2)
        company.product.start()
        assert json.loads(ben.read()["data"]) == {"unread": 0}, "offered to his group: a longer list, no notification"
        company.wait_for_parked(1)
        company.assign()
        assert json.loads(ann.read()["data"]) == {"unread": 1}


@pytest.mark.usefixtures("only_bells")
def test_reading_in_one_tab_is_heard_in_the_other(company: Company) -> None:
    company.assign()
    with serving(company.app, threads=2) as port:
        stream = Stream(port, company.ann, known(port, company.ann))
        company.wait_for_parked(1)
        assert mark_notifications_read(company.product.server, person("ann")) == 1
        assert json.loads(stream.read()["data"]) == {"unread": 0}


@pytest.mark.usefixtures("only_bells")
def test_a_bell_of_another_process_is_heard(company: Company) -> None:
    """The broker brings the topics of its commits (``worker.bells``)."""
    told: list[frozenset[str]] = []
    other = Product(replace(company.product.server, wake=Wakes([told.append])))
    with serving(company.app, threads=2) as port:
        stream = Stream(port, company.ann, known(port, company.ann))
        company.wait_for_parked(1)
        company.assign(other)
        for topics in told:
            parking.of(company.app).ring(topics)
        assert json.loads(stream.read()["data"]) == {"unread": 1}


def test_without_a_broker_it_is_found_by_looking(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(live, "STREAM_S", FOREVER)
    other = Product(replace(company.product.server, wake=Wakes()))
    with serving(company.app, threads=2) as port:
        stream = Stream(port, company.ann, known(port, company.ann))
        company.wait_for_parked(1)
        company.assign(other)
        assert json.loads(stream.read()["data"]) == {"unread": 1}


def test_what_came_between_two_streams_is_told_at_once_and_else_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(company.app, threads=2) as port:
        before = known(port, company.ann)
        company.assign()
        news = Stream(port, company.ann, before).read()
        assert json.loads(news["data"]) == {"unread": 1}
        monkeypatch.setattr(live, "STREAM_S", 0)
        assert Stream(port, company.ann, news["id"]).read() == {"retry": "1000"}


@pytest.mark.usefixtures("only_bells")
def test_streams_take_at_most_half_of_the_connections(company: Company) -> None:
    with serving(company.app, threads=2, connections=8) as port:
        mark = known(port, company.ann)
        waiting = [Stream(port, company.ann, mark) for _ in range(4)]
        company.wait_for_parked(4)
        status, headers, _ = Stream(port, company.ann, mark).reply()
        assert (status, headers["Retry-After"]) == (503, "30")
        company.assign()
        answers = [stream.reply()[0] for stream in waiting]
        assert answers == [200] * 4


# --- a page that has just been made -----------------------------------------------------------------------


def opened(company: Company, token: str, app: Flask | None = None) -> str:
    """What a page of the inbox says that it was made of."""
    reply = (
        (app or company.app).test_client().get("/", headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
    )
    assert reply.status_code == 200
    (found,) = re.findall(r'data-known="([^"]+)"', reply.get_data(as_text=True))
    return str(found)


def test_nothing_is_told_where_nothing_has_changed_since_the_page_was_made(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAM_S", 0)
    company.product.start()
    with serving(company.app, threads=2) as port:
        for token in (company.ann, company.ben):
            assert Stream(port, token, page=opened(company, token)).read() == {"retry": "1000"}


@pytest.mark.usefixtures("only_bells")
def test_whatever_has_changed_since_the_page_was_made_is_told_at_once(company: Company) -> None:
    company.product.start()
    key = company.product.task("sign").key
    changes = [
        company.assign,
        lambda: mark_notifications_read(company.product.server, person("ann")),
        lambda: tasks.update_task(company.product.server, ADMIN, key, candidate_users=["ann"]),
        lambda: tasks.update_task(company.product.server, ADMIN, key, candidate_users=[]),
    ]
    with serving(company.app, threads=2) as port:
        for change in changes:
            known = opened(company, company.ann)
            change()
            assert Stream(port, company.ann, page=known).read()["event"] == "news"


def test_another_process_finds_other_tasks_in_the_place_of_those_that_were_shown(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bells that rang before it heard of the page say nothing: it goes by the numbers, which are the same."""
    monkeypatch.setattr(live, "STREAM_S", 0)
    company.product.start()
    other = app_for(company.product.server)
    known = opened(company, company.ben, other)
    with serving(company.app, threads=2) as port:
        assert Stream(port, company.ben, page=known).read() == {"retry": "1000"}
        tasks.complete_task(company.product.server, ADMIN, company.product.task("sign").key)
        company.product.start()
        assert Stream(port, company.ben, page=known).read()["event"] == "news"
