"""Notifications over REST: one's own, whatever rights one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.services import tasks
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest
    from tests.support.worlds import World

SEARCH = "/api/notifications/search"
READ = "/api/notifications/read"


@pytest.fixture
def ann(bpm: Product, rest: Rest) -> Rest:
    """Somebody who has two tasks."""
    p = Process()
    p.path(p.start(), p.user("sign", extra='<zeebe:assignmentDefinition assignee="ann"/>'), p.end())
    bpm.deploy(p.xml())
    found = rest.as_(add_person(bpm, "ann", roles=("staff",)))
    for _ in range(2):
        bpm.start()
    return found


def test_found_read_and_gone_from_the_unread(bpm: Product, ann: Rest) -> None:
    unread = {"filter": {"readAt": {"$exists": False}}, "sort": [{"field": "notificationKey", "order": "DESC"}]}
    second, first = ann.post(SEARCH, unread)["items"]
    key = str(bpm.task("sign").key)
    expected = {"kind": "assigned", "userTaskKey": key, "by": "admin", "readAt": None, "details": {}}
    assert {name: first[name] for name in expected} == expected
    assert ann.post(READ, {"notificationKeys": [first["notificationKey"]]})["read"] == 1
    assert [one["notificationKey"] for one in ann.post(SEARCH, unread)["items"]] == [second["notificationKey"]]
    assert ann.post(READ)["read"] == 1
    assert ann.post(SEARCH, unread)["items"] == []
    assert len(ann.post(SEARCH)["items"]) == 2


def test_nobody_sees_those_of_others(bpm: Product, rest: Rest, ann: Rest, world: World) -> None:
    keys = [one["notificationKey"] for one in ann.post(SEARCH)["items"]]
    with world.unchanged():
        assert rest.post(SEARCH)["items"] == []
        assert rest.post(READ, {"notificationKeys": keys})["read"] == 0


def test_a_task_that_changes_hands(bpm: Product, rest: Rest, ann: Rest) -> None:
    ben = rest.as_(add_person(bpm, "ben", roles=("staff",)))
    tasks.assign_task(bpm.server, ADMIN, bpm.task("sign").key, "ben")
    assert [one["kind"] for one in ben.post(SEARCH, {"filter": {"kind": "assigned"}})["items"]] == ["assigned"]


def test_wrong_keys_are_named(ann: Rest, world: World) -> None:
    with world.unchanged():
        assert ann.post(READ, {"notificationKeys": ["x"]}).status == 400
        assert ann.post(READ, {"keys": []}).status == 400
        assert ann.post(SEARCH, {"filter": {"kind": "gossip"}}).status == 400
