"""Drafts: whose they are, what they hold, when they go, and two windows on one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain import drafts as domain
from bpm_server.domain.drafts import Place
from bpm_server.domain.identity import SYSTEM, Actor, Permission
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, StaleVersion, TooLarge, WrongState
from bpm_server.reports.drafts import draft_of, my_drafts
from bpm_server.services import deletion, drafts, favourites, installation, process_instances, tasks, users
from bpm_server.store.tables.drafts import draft
from bpm_server.store.tables.favourites import favourite
from bpm_server.worker import rounds
from tests.support.requests import deploy_visit

if TYPE_CHECKING:
    from tests.support.product import Product

START = frozenset({Permission("PROCESS_DEFINITION", "CREATE_PROCESS_INSTANCE")})
ANN, BEN = Actor("ann", permissions=START), Actor("ben", permissions=START)
EVE = Actor("eve")


@pytest.fixture
def visits(bpm: Product) -> Product:
    deploy_visit(bpm)
    return bpm


def save(bpm: Product, actor: Actor = ANN, known: int = 0, **values: Any) -> domain.Draft:
    return drafts.save_start_draft(bpm.server, actor, "visit", values, known_version=known)


def start(bpm: Product, actor: Actor = ANN, **values: Any) -> int:
    return process_instances.start_process(bpm.server, actor, process_id="visit", variables=values, from_form=True).key


def kept(bpm: Product) -> list[tuple[str, str, int]]:
    found = bpm.rows(sa.select(draft.c.username, draft.c.place, draft.c.version).order_by(draft.c.key))
    return [tuple(row) for row in found]


def test_a_draft_holds_right_and_wrong_values_of_the_form_and_no_others(visits: Product) -> None:
    made = save(visits, guest="", people=5_000, badge="4711", office="Bonn", unknown=1)
    assert (made.version, dict(made.values)) == (1, {"guest": "", "people": 5_000, "office": "Bonn"})
    found = draft_of(visits.server, ANN, Place("visit"))
    assert found == made
    assert draft_of(visits.server, BEN, Place("visit")) is None


def test_what_a_draft_holds_is_checked_like_anything_else_when_it_is_sent(visits: Product) -> None:
    made = save(visits, guest="", people=5_000)
    with pytest.raises(InvalidInput):
        start(visits, **made.values)
    assert kept(visits) == [("ann", "start:visit", 1)], "a refused submission leaves the draft"


def test_it_goes_with_the_start_and_only_ones_own(visits: Product) -> None:
    save(visits)
    save(visits, BEN)
    start(visits, guest="Wu")
    assert kept(visits) == [("ben", "start:visit", 1)]
    process_instances.start_process(visits.server, BEN, process_id="visit")  # a program, not the form
    assert kept(visits) == [("ben", "start:visit", 1)]


def test_the_later_window_is_told(visits: Product) -> None:
    save(visits, guest="first")
    save(visits, known=1, guest="second")
    with pytest.raises(StaleVersion, match="another window has saved version 2") as refused:
        save(visits, known=1, guest="late")
    assert refused.value.details["version"] == 2
    assert save(visits, known=2, guest="on purpose").version == 3


def test_a_window_whose_draft_was_sent_or_discarded_is_told(visits: Product) -> None:
    made = save(visits)
    drafts.discard_draft(visits.server, ANN, made.key)
    with pytest.raises(StaleVersion, match="sent or discarded meanwhile") as refused:
        save(visits, known=1)
    assert refused.value.details["version"] == 0
    assert kept(visits) == []


def test_a_draft_of_somebody_else_is_not_there(visits: Product) -> None:
    made = save(visits)
    for actor, key in ((BEN, made.key), (ANN, made.key + 1)):
        with pytest.raises(NotFound, match="there is none"):
            drafts.discard_draft(visits.server, actor, key)
    assert len(kept(visits)) == 1


def test_who_may_not_send_a_form_keeps_no_draft_of_it(visits: Product) -> None:
    start(visits, guest="Wu")
    task = visits.task("receive").key
    with pytest.raises(Forbidden):
        save(visits, EVE)
    with pytest.raises(Forbidden):
        drafts.save_task_draft(visits.server, EVE, task, {}, "", known_version=0)
    with pytest.raises(Forbidden):
        drafts.save_start_draft(visits.server, SYSTEM, "visit", {}, known_version=0)
    for actor in (ANN, EVE):
        with pytest.raises(NotFound):
            drafts.save_start_draft(visits.server, actor, "none", {}, known_version=0)
    with pytest.raises(NotFound):
        drafts.save_task_draft(visits.server, ANN, 1, {}, "", known_version=0)


def test_drafts_of_a_task_go_when_it_ends(visits: Product) -> None:
    first, second = start(visits, guest="Wu"), start(visits, guest="Xu")
    keys = [visits.task("receive", instance=key).key for key in (first, second)]
    for actor in (ANN, BEN):
        for key in keys:
            drafts.save_task_draft(visits.server, actor, key, {"note": "x"}, "why", known_version=0)
    found = my_drafts(visits.server, ANN)
    assert [(one.task_key, one.element_id) for one in found] == [(key, "receive") for key in reversed(keys)]
    assert draft_of(visits.server, ANN, Place("visit", keys[0])) is not None
    tasks.complete_task(visits.server, ANN, keys[0], {"guest": "Wu"}, from_form=True)
    assert [place for _, place, _ in kept(visits)] == [f"task:{keys[1]}"] * 2
    process_instances.cancel_instance(visits.server, SYSTEM, second)
    assert my_drafts(visits.server, ANN) == []
    assert rounds.ROUNDS["drafts"](visits.server) == 2
    assert kept(visits) == []
    with pytest.raises(WrongState, match="cancelled by its process"):
        drafts.save_task_draft(visits.server, ANN, keys[1], {}, "", known_version=0)


def test_a_deleted_instance_leaves_no_draft(visits: Product) -> None:
    key = start(visits, guest="Wu")
    task = visits.task("receive").key
    process_instances.cancel_instance(visits.server, SYSTEM, key)
    with visits.server.database.write() as connection:  # as a backup of a moment before would have it
        row = {"key": 1, "username": "ann", "place": f"task:{task}", "process_id": "visit", "task_key": task}
        row |= {"instance_key": key, "version": 1, "content": '{"values":{},"comment":""}'}
        connection.execute(draft.insert().values(**row, saved_at=visits.clock.now()))
        connection.commit()
    assert my_drafts(visits.server, ANN) == [], "the list shows what can be gone on with"
    deletion.delete_instance(visits.server, SYSTEM, key)
    assert kept(visits) == []


def test_who_leaves_leaves_no_drafts_and_stars(visits: Product) -> None:
    installation.prepare_installation(visits.server, "administrator")
    for actor in (ANN, BEN):
        users.save_user(visits.server, SYSTEM, actor.username, name=None)
        save(visits, actor)
        favourites.mark_favourite(visits.server, actor, "visit", marked=True)
    users.delete_user(visits.server, SYSTEM, "ann")
    assert [username for username, *_ in kept(visits)] == ["ben"]
    assert visits.scalars(sa.select(favourite.c.username)) == ["ben"]


def test_a_draft_has_limits(visits: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge, match="at most 262144 bytes"):
        save(visits, note="长" * 90_000)
    monkeypatch.setattr(domain, "MOST", 1)
    made = save(visits)
    assert save(visits, known=made.version).version == 2, "one that is there can be saved again"
    start(visits, BEN, guest="Wu")
    task = visits.task("receive").key
    with pytest.raises(WrongState, match="discard some"):
        drafts.save_task_draft(visits.server, ANN, task, {}, "", known_version=0)


def test_what_nobody_touches_for_ninety_days_is_removed(visits: Product) -> None:
    save(visits)
    visits.clock.advance(days=89)
    save(visits, BEN)
    assert rounds.wait_s(visits.server, ("drafts",), 1e9) == pytest.approx(86_400, abs=60)
    assert rounds.ROUNDS["drafts"](visits.server) == 0
    visits.clock.advance(days=1)
    assert rounds.ROUNDS["drafts"](visits.server) == 1
    assert [username for username, *_ in kept(visits)] == ["ben"]
