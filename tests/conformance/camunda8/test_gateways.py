"""Exclusive, parallel and inclusive gateways."""

from __future__ import annotations

import pytest

from tests.conformance.camunda8.scenario import refused, run
from tests.support.bpmn_builder import Process

COURSES = {"pasta": '=list contains(courses, "pasta")', "steak": '=list contains(courses, "steak")'}


def lunch(*, default: bool = True) -> Process:
    """The documentation's lunch: pasta, steak, salad by default; then the table is cleared."""
    p = Process()
    p.start()
    p.add("inclusiveGateway", "split", **({"default": "f_split_salad"} if default else {}))
    p.add("inclusiveGateway", "join")
    p.flow("s", "split")
    for name, text in COURSES.items():
        p.flow("split", p.user(name), text)
        p.flow(name, "join")
    p.flow("split", p.user("salad"), None if default else '=list contains(courses, "salad")')
    p.path("salad", "join")
    p.path("join", p.user("clear"), p.end())
    return p


@pytest.mark.parametrize(
    ("courses", "opened"),
    [(["pasta"], ["pasta"]), (["steak", "pasta"], ["pasta", "steak"]), ([], ["salad"])],
)
def test_an_inclusive_gateway_takes_every_flow_that_holds(courses: list[str], opened: list[str]) -> None:
    """Inclusive gateway: all flows whose condition is fulfilled, the default flow if none is."""
    assert run(lunch(), courses=courses).open() == opened


def test_an_inclusive_gateway_joins_what_was_taken() -> None:
    """Inclusive gateway: merges when no active path leads to it any more."""
    world = run(lunch(), courses=["pasta", "steak"]).complete("pasta")
    assert world.open() == ["steak"]
    assert world.complete("steak").open() == ["clear"]


def test_without_default_flow_it_is_an_incident() -> None:
    """Inclusive gateway: no condition fulfilled and no default flow; the variables are mended."""
    world = run(lunch(default=False), courses=[])
    assert [i.element_id for i in world.incidents.values()] == ["split"]
    assert world.set(courses=["salad"]).resolve("split").open() == ["salad"]


def choice(*, default: bool) -> Process:
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "g", **({"default": "f_g_other"} if default else {})))
    p.flow("g", p.user("dear"), "=price > 100")
    p.flow("g", p.user("cheap"), "=price > 10")
    p.flow("g", p.user("other"), None if default else "=price = 0")
    return p


@pytest.mark.parametrize(("price", "opened"), [(200, "dear"), (50, "cheap"), (5, "other")])
def test_an_exclusive_gateway_takes_the_first_flow_that_holds(price: int, opened: str) -> None:
    """Exclusive gateway: in the order of the file; the default flow if none holds."""
    assert run(choice(default=True), price=price).open() == [opened]


def test_an_exclusive_gateway_without_way_out_is_an_incident() -> None:
    """Exclusive gateway: no condition is fulfilled and there is no default flow."""
    world = run(choice(default=False), price=5)
    assert [i.kind for i in world.incidents.values()] == ["CONDITION_ERROR"]


@pytest.mark.parametrize("price", [None, "many"])
def test_a_condition_that_is_no_boolean_is_an_incident(price: object) -> None:
    """Exclusive gateway / Conditions; Incidents: a condition cannot be evaluated."""
    world = run(choice(default=True), price=price)
    assert [i.element_id for i in world.incidents.values()] == ["g"]
    assert world.set(price=50).resolve("g").open() == ["cheap"]


def test_a_flow_without_condition_is_refused() -> None:
    """Exclusive gateway: every flow but the default one must have a condition."""
    p = Process()
    p.path(p.start(), p.add("exclusiveGateway", "g"))
    p.flow("g", p.user("a"), "=true")
    p.flow("g", p.user("b"))
    assert refused(p) == {"condition-missing"}


def test_a_parallel_gateway_waits_for_all() -> None:
    """Parallel gateway: splits into all flows, joins when each incoming flow has been taken."""
    p = Process()
    p.path(p.start(), p.add("parallelGateway", "split"), p.user("a"), p.add("parallelGateway", "join"), p.end())
    p.path("split", p.user("b"), "join")
    world = run(p)
    assert world.open() == ["a", "b"]
    assert not world.complete("a").finished
    assert world.complete("b").finished


def test_a_complex_gateway_is_refused() -> None:
    """BPMN coverage: complex gateways are not supported."""
    p = Process()
    p.path(p.start(), p.add("complexGateway", "g"), p.end())
    assert "unsupported-element" in refused(p)
