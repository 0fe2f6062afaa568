"""Approvals of instances that go on by another version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import WrongState
from bpm_server.services import migration, returning
from bpm_server.store.carbon_copies import is_informed
from bpm_server.store.tables.definitions import process_definition
from tests.support.approvals import node, one_node, person, starter
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.approvals import Desk


def migrate(desk: Desk, instance: int, file: bytes, **mapping: str) -> None:
    """Deploys another version, and takes the instance there."""
    desk.bpm.deploy(file)
    t = process_definition
    target = desk.bpm.scalars(sa.select(t.c.key).order_by(t.c.version.desc()).limit(1))[0]
    migration.migrate_instance(desk.bpm.server, ADMIN, instance, target, list(mapping.items()))


def test_a_request_that_is_being_corrected_goes_on_at_the_element_that_its_own_has_become(desk: Desk) -> None:
    instance, key = desk.start(one_node("all", "ann", after_return="direct"))
    returning.give_back(desk.bpm.server, person("ann"), key, "initiator", "which customer?")
    p = Process()
    p.path(p.start(), node(p, "agree", "all", "bob", copy_at_end="dan"), p.end())
    migrate(desk, instance, p.xml(), sign="agree")
    returning.resubmit(desk.bpm.server, person("eve"), key)
    assert desk.asked(key) == ["bob"]
    assert desk.vote("bob", key=key) == "approved"
    assert desk.bpm.state(instance) == "COMPLETED"
    with desk.bpm.server.database.read() as connection:
        assert is_informed(connection, instance, "dan")


def test_where_the_element_that_returned_it_is_gone_a_corrected_task_takes_its_flows(desk: Desk) -> None:
    p, q = Process(), Process()
    p.path(p.start(), node(p, "one", "all", "ann"), node(p, "two", "all", "bob", after_return="direct"), p.end())
    q.path(q.start(), node(q, "one", "all", "ann"), node(q, "other", "all", "cai", after_return="direct"), q.end())
    desk.bpm.deploy(p.xml())
    instance = desk.bpm.start(actor=starter("eve"))
    desk.vote("ann", key=desk.task("one"))
    returning.give_back(desk.bpm.server, person("bob"), desk.task("two"), "one", "once more")
    migrate(desk, instance, q.xml(), one="one")
    desk.vote("ann", key=desk.task("one"))
    assert desk.bpm.open_tasks() == ["other"]


@pytest.mark.parametrize("back", [False, True])
def test_an_approval_becomes_no_plain_task_nor_the_other_way_round(desk: Desk, *, back: bool) -> None:
    p = Process()
    p.path(p.start(), p.user("sign"), p.end())
    plain = p.xml()
    first, second = (plain, one_node("all", "ann")) if back else (one_node("all", "ann"), plain)
    instance, _ = desk.start(first)
    with pytest.raises(WrongState, match="is userTask") as caught:
        migrate(desk, instance, second, sign="sign")
    (found,) = caught.value.details["obstacles"]
    kinds = ["userTask (user)", "userTask (approval)"][:: 1 if back else -1]
    assert found["reason"] == "'sign' is {}, and {} in the target".format(*kinds)
