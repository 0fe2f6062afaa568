"""What somebody may start: their favourites, what they used last, and what they started before to copy from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.identity import Actor, Permission
from bpm_server.kernel.errors import Forbidden, NotFound, WrongState
from bpm_server.reports import catalogue as report
from bpm_server.reports.catalogue import catalogue
from bpm_server.reports.earlier_requests import earlier_requests, start_values
from bpm_server.services import favourites, process_instances
from tests.support.product import ADMIN
from tests.support.requests import deploy_visit, visit
from tests.support.statements import counted

if TYPE_CHECKING:
    from tests.support.product import Product

ANN = Actor("ann", permissions=frozenset({Permission("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE")}))
EVE = Actor("eve")
IDS = ("p1", "p2", "p3", "p4", "p5", "p6")


@pytest.fixture
def many(bpm: Product) -> Product:
    deploy_visit(bpm)
    bpm.deploy(*[(f"{one}.bpmn", visit(one, form=False)) for one in IDS])
    return bpm


def mark(bpm: Product, process_id: str, *, marked: bool = True, actor: Actor = ANN) -> None:
    favourites.mark_favourite(bpm.server, actor, process_id, marked=marked)


def start(bpm: Product, process_id: str = "visit", actor: Actor = ANN, **values: Any) -> int:
    return process_instances.start_process(bpm.server, actor, process_id=process_id, variables=values).key


def test_favourites_come_newest_first_and_are_ones_own(many: Product) -> None:
    for one in ("p2", "p1", "p1"):
        many.clock.advance(minutes=1)
        mark(many, one)
    assert catalogue(many.server, ANN).favourites == ["p1", "p2"]
    assert catalogue(many.server, ADMIN).favourites == []
    mark(many, "p1", marked=False)
    mark(many, "none", marked=False)
    assert catalogue(many.server, ANN).favourites == ["p2"]


def test_what_cannot_be_started_gets_no_star(many: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        mark(many, "none")
    with pytest.raises(Forbidden):
        mark(many, "p1", actor=EVE)
    monkeypatch.setattr(favourites, "MOST", 1)
    mark(many, "p1")
    with pytest.raises(WrongState, match="fewer than 1 favourites"):
        mark(many, "p2")


def test_what_one_used_last_comes_without_favourites_and_others(many: Product) -> None:
    for one in ("p1", "p2", "p3", "p4", "p5", "p6", "p1"):
        start(many, one)
    start(many, "visit", ADMIN)
    mark(many, "p6")
    assert catalogue(many.server, ANN).recent == ["p1", "p5", "p4", "p3"]
    assert catalogue(many.server, EVE) == report.Catalogue([], [], [])


def test_an_earlier_request_gives_what_it_was_started_with(many: Product) -> None:
    first = start(many, guest="Wu", people=3, note="x" * 10_000)
    second = start(many, guest="Xu")
    other, foreign = start(many, "p1"), start(many, actor=ADMIN, guest="Zhou")
    process_instances.set_variables(many.server, ADMIN, first, {"guest": "changed since"})
    process_instances.cancel_instance(many.server, ADMIN, first)
    assert [one.key for one in earlier_requests(many.server, ANN, "visit")] == [second, first]
    found = start_values(many.server, ANN, "visit", first)
    assert (found["guest"], found["people"], len(found["note"])) == ("Wu", 3, 10_000)
    for process_id, key in (("visit", other), ("visit", foreign), ("p1", first), ("visit", 1)):
        with pytest.raises(NotFound, match="there is none"):
            start_values(many.server, ANN, process_id, key)


def test_the_catalogue_reads_no_more_for_more(many: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(many.server, ANN)  # definitions are in memory from here on
    with counted(many.server.database) as before:
        catalogue(many.server, ANN)
        earlier_requests(many.server, ANN, "visit")
    for one in (*IDS, *["visit"] * 5):
        start(many, one, guest="Wu")
    with counted(many.server.database) as after:
        catalogue(many.server, ANN)
        assert len(earlier_requests(many.server, ANN, "visit")) == 5
    assert len(after) - len(before) <= 1, "the summaries"
    monkeypatch.setattr(report, "LOOKED_AT", 3)
    assert len(earlier_requests(many.server, ANN, "visit")) == 3
    assert catalogue(many.server, ANN).recent == ["visit"]
