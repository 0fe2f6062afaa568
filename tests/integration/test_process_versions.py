"""What the pages for moving and migrating ask: where cases are, what they wait for, how many follow which version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.kernel.errors import NotFound
from bpm_server.reports.active_elements import active_elements, places, running
from bpm_server.reports.process_versions import versions
from bpm_server.services import suspension
from tests.support.bpmn_builder import Process, Scope, event, multi_instance, timer
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def items(tag: str = "") -> bytes:
    """A sub-process for each of two items, with a task in it and a timer and a message at it."""
    process, inner = Process(), Scope()
    inner.start("is")
    inner.path("is", inner.user("x", extra='<zeebe:assignmentDefinition candidateGroups="ops"/>'), inner.end("ie"))
    process.start("s")
    process.sub("each", inner, multi_instance("=[1, 2]"))
    process.boundary("late", "each", timer("Duration", "PT1H"))
    process.boundary("news", "each", event("message", messageRef=process.message("m", "news", "=order")))
    process.path("s", "each", process.end("e"))
    process.path("late", process.user("after_late"), process.end("late_end"))
    process.path("news", process.end(f"news_end{tag}"))
    return process.xml()


def test_the_innermost_elements_are_where_a_case_is(bpm: Product) -> None:
    bpm.deploy(items())
    key = bpm.start(order="o1")
    found = active_elements(bpm.server, key, 10)
    assert [(one.element_id, one.groups, one.assignee) for one in found.items] == [("x", ("ops",), None)] * 2
    assert not found.is_cut
    first = active_elements(bpm.server, key, 1)
    assert (len(first.items), first.is_cut) == (1, True)
    other = bpm.start(order="o2")
    assert places(bpm.server, [key]) == ({"each": 3, "x": 2}, {"late": 1, "news": 1})
    assert places(bpm.server, [key, other])[1] == {"late": 2, "news": 2}
    bpm.clock.advance(hours=1)
    assert places(bpm.server, [key, other]) == ({"after_late": 2}, {})


def test_versions_count_their_cases(bpm: Product) -> None:
    bpm.deploy(items())
    keys = [bpm.start(order=str(number)) for number in range(3)]
    suspension.suspend_instance(bpm.server, ADMIN, keys[0])
    bpm.publish("news", "1")
    bpm.deploy(items("2"))
    second, first = versions(bpm.server, "p")
    assert (first.version, first.running, first.suspended, first.incidents, first.ended) == (1, 2, 1, 0, 1)
    assert (second.version, second.running, second.ended, second.deployed_by) == (2, 0, 0, "admin")
    assert running(bpm.server, first.key, 5) == running(bpm.server, first.key, 2)
    limited = running(bpm.server, first.key, 1)
    assert (limited.keys, limited.number) == ((keys[0],), 2)
    with pytest.raises(NotFound, match="Expected to find process 'other'"):
        versions(bpm.server, "other")
