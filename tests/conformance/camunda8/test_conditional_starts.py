"""Conditional start events of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.services import resources
from bpm_server.services.conditionals import evaluate_conditionals
from tests.conformance.camunda8.scenario import refused
from tests.support.bpmn_builder import Process, event
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def condition(text: str) -> str:
    """A conditional event definition."""
    return event("conditional", f'<bpmn:condition xsi:type="bpmn:tFormalExpression">{text}</bpmn:condition>')


def conditional(process_id: str, *conditions: str) -> Process:
    """A process with conditional starts ``s0``, ``s1``...; each leads to a user task ``t0``, ``t1``..."""
    p = Process(process_id)
    for number, text in enumerate(conditions):
        p.path(p.start(f"s{number}", condition(text)), p.user(f"t{number}"), p.end(f"e{number}"))
    return p


def test_an_instance_starts_for_each_condition_that_holds(bpm: Product) -> None:
    """Conditionals / Trigger root-level conditional start events via API: several, also of one definition."""
    bpm.deploy(conditional("p", "=x &gt; 1", "=x &gt; 2", "=x &gt; 3").xml())
    bpm.deploy(conditional("q", "=x = 3").xml())
    started = evaluate_conditionals(bpm.server, ADMIN, {"x": 3})
    assert [one.process_id for one in started] == ["p", "p", "q"]
    assert bpm.open_tasks() == ["t0", "t0", "t1"]
    assert [bpm.variables(one.key) for one in started] == [{"x": 3}] * 3


def test_nothing_starts_where_no_condition_is_true(bpm: Product) -> None:
    """Conditional events / Conditional start events: when the condition evaluates to true; null is not."""
    bpm.deploy(conditional("p", "=x &gt; 1").xml())
    for variables in ({}, {"x": 1}, {"x": "2"}, {"x": None}):
        assert evaluate_conditionals(bpm.server, ADMIN, variables) == ()


def test_a_definition_may_be_named(bpm: Product) -> None:
    """Evaluate conditionals, processDefinitionKey; 404 where there is none."""
    (p,) = bpm.deploy(conditional("p", "=x &gt; 1").xml()).definitions
    bpm.deploy(conditional("q", "=x &gt; 1").xml())
    (started,) = evaluate_conditionals(bpm.server, ADMIN, {"x": 2}, p.key)
    assert started.process_definition_key == p.key
    with pytest.raises(NotFound):
        evaluate_conditionals(bpm.server, ADMIN, {"x": 2}, p.key + 1)


def test_only_the_latest_version_is_started(bpm: Product) -> None:
    """Conditional events / Conditional start events: a new version takes the place of the previous one."""
    (first,) = bpm.deploy(conditional("p", "=x &gt; 1").xml()).definitions
    (second,) = bpm.deploy(conditional("p", "=x &gt; 5").xml()).definitions
    assert evaluate_conditionals(bpm.server, ADMIN, {"x": 2}) == ()
    assert [one.process_definition_key for one in evaluate_conditionals(bpm.server, ADMIN, {"x": 6})] == [second.key]
    resources.delete_resource(bpm.server, ADMIN, second.key)
    assert [one.process_definition_key for one in evaluate_conditionals(bpm.server, ADMIN, {"x": 2})] == [first.key]
    with pytest.raises(NotFound):
        evaluate_conditionals(bpm.server, ADMIN, {"x": 6}, second.key)


def test_filters_of_changes_do_not_count() -> None:
    """Conditional events / Variable filters: not for root-level start events; conditions must differ."""
    assert refused(conditional("p", "=x &gt; 1", "=x &gt; 2")) == set()
    assert refused(conditional("p", "=x &gt; 1", "=x &gt; 1")) == {"catch-ambiguous"}


def test_somebody_without_the_right_starts_nothing(bpm: Product) -> None:
    """Evaluate conditionals, 403: not authorized for at least one of the matched definitions."""
    bpm.deploy(conditional("p", "=x &gt; 1").xml())
    with pytest.raises(Forbidden):
        evaluate_conditionals(bpm.server, Actor("nobody"), {"x": 2})
    assert evaluate_conditionals(bpm.server, Actor("nobody"), {"x": 1}) == ()
    assert bpm.open_tasks() == []
