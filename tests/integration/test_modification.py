"""Moving tokens by hand: activating, terminating, moving; scopes are entered and left as needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain import commands as c
from bpm_server.domain.identity import Actor
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound, WrongState
from bpm_server.reports.replay import replay
from bpm_server.services import modification, process_instances, suspension
from bpm_server.store.tables.instances import element_instance
from tests.support.bpmn_builder import Process, Scope, event, extensions, io, multi_instance, timer
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def modify(bpm: Product, key: int, **plan: Any) -> None:
    modification.modify_instance(bpm.server, ADMIN, key, c.ModifyInstance(**plan))
    bpm.server.hot.clear()
    assert replay(bpm.server, key).difference is None


def activate(element_id: str, ancestor: int | None = None, **variables: Any) -> c.Activation:
    return c.Activation(element_id, ancestor, (("", variables),) if variables else ())


def elements(bpm: Product, key: int, state: str = "ACTIVE") -> list[str]:
    t = element_instance
    return sorted(bpm.scalars(sa.select(t.c.element_id).where(t.c.instance_key == key, t.c.state == state)))


def element_key(bpm: Product, key: int, element_id: str, nth: int = 0) -> int:
    t = element_instance
    found = sa.select(t.c.key).where(t.c.instance_key == key, t.c.element_id == element_id, t.c.state == "ACTIVE")
    return int(bpm.scalars(found.order_by(t.c.key))[nth])


def two_tasks() -> Process:
    process = Process()
    process.start("s")
    process.path("s", process.user("a"), process.user("b"), process.end("e"))
    return process


def nested() -> Process:
    """A task, then a sub-process in a sub-process, with an input mapping and a timer on the outer one."""
    process, outer, inner = Process(), Scope(), Scope()
    inner.start("is")
    inner.path("is", inner.user("x"), inner.user("y"), inner.end("ie"))
    outer.start("os")
    outer.sub("inner", inner)
    outer.path("os", "inner", outer.user("z"), outer.end("oe"))
    process.start("s")
    process.sub("outer", outer, extensions(io({"mapped": "=1 + 1"})))
    process.boundary("late", "outer", timer("Duration", "PT1H"))
    process.path("s", process.user("a"), "outer", process.end("e"))
    process.path("late", process.end("late_end"))
    return process


def test_a_token_is_moved_on_and_back(bpm: Product) -> None:
    bpm.deploy(two_tasks().xml())
    key = bpm.start()
    modify(bpm, key, move=(c.Move("a", "b"),))
    assert bpm.open_tasks() == ["b"]
    modify(bpm, key, move=(c.Move(element_key(bpm, key, "b"), "a", "source-parent"),))
    assert bpm.open_tasks() == ["a"]
    bpm.task("a").complete()
    bpm.task("b").complete()
    assert bpm.state(key) == "COMPLETED"


def test_scopes_around_an_activated_element_are_entered_without_their_start_events(bpm: Product) -> None:
    bpm.deploy(nested().xml())
    key = bpm.start()
    modify(
        bpm, key, activate=(c.Activation("y", None, (("inner", {"local": 7}), ("", {"global": 8}))),), terminate=("a",)
    )
    assert elements(bpm, key) == ["inner", "outer", "y"]
    assert elements(bpm, key, "COMPLETED") == ["s"]
    assert bpm.variables(element_key(bpm, key, "outer")) == {"mapped": 2}
    assert bpm.variables(element_key(bpm, key, "inner")) == {"local": 7}
    assert bpm.variables(key) == {"global": 8}
    bpm.clock.advance(hours=1)  # its boundary event waits as if it had been entered by a flow
    assert bpm.state(key) == "COMPLETED"
    assert "late_end" in elements(bpm, key, "COMPLETED")


def test_two_activations_share_the_scopes_that_they_need(bpm: Product) -> None:
    bpm.deploy(nested().xml())
    key = bpm.start()
    modify(bpm, key, activate=(activate("x"), activate("y"), activate("z")), terminate=("a",))
    assert elements(bpm, key) == ["inner", "outer", "x", "y", "z"]
    modify(bpm, key, terminate=("x", "y"))
    assert elements(bpm, key) == ["outer", "z"]  # the empty scope ended too
    bpm.task("z").complete()
    assert bpm.state(key) == "COMPLETED"


def test_an_ancestor_says_in_which_scope_new_ones_are_made(bpm: Product) -> None:
    bpm.deploy(nested().xml())
    key = bpm.start()
    bpm.task("a").complete()
    outer = element_key(bpm, key, "outer")
    modify(bpm, key, activate=(activate("y", outer),))
    assert elements(bpm, key) == ["inner", "inner", "outer", "x", "y"]
    with pytest.raises(InvalidInput, match="one active instance of scope 'inner'"):
        modify(bpm, key, activate=(activate("y"),))
    modify(bpm, key, activate=(activate("y", element_key(bpm, key, "inner", 1)),))
    assert elements(bpm, key) == ["inner", "inner", "outer", "x", "y", "y"]
    with pytest.raises(InvalidInput, match="Expected an ancestor of element 'a'"):
        modify(bpm, key, activate=(activate("a", outer),))


def test_ending_everything_ends_the_instance(bpm: Product) -> None:
    bpm.deploy(nested().xml())
    key = bpm.start()
    bpm.task("a").complete()
    modify(bpm, key, terminate=(element_key(bpm, key, "x"),))
    assert bpm.state(key) == "TERMINATED"
    assert elements(bpm, key) == []


def test_items_of_a_multi_instance(bpm: Product) -> None:
    process, inner = Process(), Scope()
    inner.start("is")
    inner.path("is", inner.user("x"), inner.user("y"), inner.end("ie"))
    process.start("s")
    process.sub("each", inner, multi_instance("=[1, 2, 3]", "n", output=("done", "=n")))
    process.path("s", "each", process.end("e"))
    bpm.deploy(process.xml())
    key = bpm.start()
    bpm.server.hot.clear()
    second = element_key(bpm, key, "each", 2)  # the body is the first
    modify(bpm, key, move=(c.Move(element_key(bpm, key, "x", 1), "y", "inferred"),))
    assert bpm.open_tasks() == ["x", "x", "y"]
    with pytest.raises(InvalidInput, match="one active instance of scope 'each'"):
        modify(bpm, key, activate=(activate("y"),))
    modify(bpm, key, terminate=(second,))
    assert bpm.open_tasks() == ["x", "x"]
    for _ in range(2):
        bpm.task("x").complete()
        bpm.task("y").complete()
    assert bpm.state(key) == "COMPLETED"
    assert bpm.variables(key)["done"] == [1, None, 3]


def test_what_cannot_be_activated_or_ended_says_why(bpm: Product) -> None:
    process = nested()
    process.add("eventBasedGateway", "eg")
    process.add("intermediateCatchEvent", "after", timer("Duration", "PT1H"))
    process.path("eg", "after", process.end("after_end"))
    process.add("intermediateCatchEvent", "other", timer("Duration", "PT2H"))
    process.path("eg", "other", process.end("other_end"))
    bpm.deploy(process.xml())
    key = bpm.start()
    for element_id, reason in (
        ("nothing", "found none"),
        ("s", "a start event"),
        ("late", "a boundary event"),
        ("after", "behind an event-based gateway"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            modify(bpm, key, activate=(activate(element_id),))
    with pytest.raises(InvalidInput, match="nothing"):
        modify(bpm, key)
    with pytest.raises(InvalidInput, match="found none"):
        modify(bpm, key, terminate=("nothing",))
    with pytest.raises(InvalidInput, match="for variables, but found 'z'"):
        modify(bpm, key, activate=(c.Activation("outer", None, (("z", {"v": 1}),)),))
    with pytest.raises(InvalidInput, match="cancel the instance"):
        modify(bpm, key, terminate=(key,))
    with pytest.raises(WrongState):
        modify(bpm, key, terminate=(5,))
    with pytest.raises(NotFound):
        modification.modify_instance(bpm.server, ADMIN, 5, c.ModifyInstance(terminate=("a",)))
    with pytest.raises(Forbidden):
        modification.modify_instance(bpm.server, Actor("nobody"), key, c.ModifyInstance(terminate=("a",)))
    suspension.suspend_instance(bpm.server, ADMIN, key)
    with pytest.raises(WrongState, match="suspended"):
        modify(bpm, key, move=(c.Move("a", "outer"),))
    assert bpm.open_tasks() == ["a"]


def test_a_called_instance_must_not_be_emptied(bpm: Product) -> None:
    caller = Process("caller")
    caller.start("s")
    caller.add("callActivity", "call", extensions('<zeebe:calledElement processId="p"/>'))
    caller.path("s", "call", caller.end("e"))
    bpm.deploy(two_tasks().xml(), caller.xml())
    bpm.start("caller")
    from bpm_server.store.tables.instances import process_instance

    (key,) = bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.parent_key.is_not(None)))
    with pytest.raises(WrongState, match="waits for it"):
        modification.modify_instance(bpm.server, ADMIN, key, c.ModifyInstance(terminate=("a",)))
    assert bpm.open_tasks() == ["a"]


def test_moving_into_an_ad_hoc_sub_process_collects_its_output(bpm: Product) -> None:
    process, inner = Process(), Scope()
    inner.user("x")
    process.start("s")
    settings = extensions('<zeebe:adHoc outputCollection="found" outputElement="=answer"/>')
    process.add("adHocSubProcess", "any", settings + "".join(inner.elements))
    process.path("s", process.user("a"), "any", process.end("e"))
    bpm.deploy(process.xml())
    key = bpm.start()
    modify(bpm, key, move=(c.Move("a", "x"),))
    assert elements(bpm, key) == ["any", "x"]
    bpm.task("x").complete(answer=42)
    assert bpm.state(key) == "COMPLETED"
    assert bpm.variables(key)["found"] == [42]


def test_starting_at_elements_and_ending_after_one(bpm: Product) -> None:
    bpm.deploy(nested().xml())
    started = process_instances.start_process(
        bpm.server, ADMIN, process_id="p", variables={"v": 1}, start_at=["x", "a"], terminate_after=["x"]
    )
    assert elements(bpm, started.key) == ["a", "inner", "outer", "x"]
    bpm.server.hot.clear()
    bpm.task("x").complete()
    assert bpm.state(started.key) == "TERMINATED"
    assert elements(bpm, started.key) == []
    assert replay(bpm.server, started.key).difference is None
    for options in ({"start_at": ["s"]}, {"start_at": ["nothing"]}, {"terminate_after": ["nothing"]}):
        with pytest.raises(InvalidInput):
            process_instances.start_process(bpm.server, ADMIN, process_id="p", **options)


def test_a_single_element_that_an_event_interrupts_ends_its_test_run_too(bpm: Product) -> None:
    process = Process()
    error = process.error("error", "no")
    process.start("s")
    process.service("w")
    process.boundary("caught", "w", event("error", errorRef=error))
    process.path("s", "w", process.user("after"), process.end("e"))
    process.path("caught", process.user("mend"), process.end("mended"))
    bpm.deploy(process.xml())
    started = process_instances.start_process(bpm.server, ADMIN, process_id="p", start_at=["w"], terminate_after=["w"])
    from bpm_server.services import jobs

    jobs.throw_job_error(bpm.server, ADMIN, bpm.job("w"), "no")
    assert bpm.state(started.key) == "TERMINATED"
    assert bpm.open_tasks() == []


def parallel() -> Process:
    process = Process()
    process.start("s")
    process.add("parallelGateway", "fork")
    process.add("parallelGateway", "join")
    process.path("s", process.user("before"), "fork")
    for task in ("a", "b"):
        process.path("fork", process.user(task), "join")
    process.path("join", process.user("after"), process.end("e"))
    return process


@pytest.mark.parametrize(
    ("plan", "active", "empty", "surplus"),
    [
        ({"move": (c.Move("a", "b"),)}, {"b": 2}, ("f_a_join",), ()),
        ({"move": (c.Move("a", "before"),)}, {"b": 1, "before": 1}, (), ("f_b_join",)),
        ({"move": (c.Move("a", "before"),), "terminate": ("b",)}, {"before": 1}, None, None),
        ({"move": (c.Move("a", "after"),), "terminate": ("b",)}, {"after": 1}, None, None),
        ({"terminate": ("a",)}, {"b": 1}, ("f_a_join",), ()),
    ],
)
def test_the_spine_rule_names_the_joins_that_would_wait_in_vain(
    bpm: Product, plan: dict[str, Any], active: dict[str, int], empty: Any, surplus: Any
) -> None:
    bpm.deploy(parallel().xml())
    key = bpm.start()
    bpm.task("before").complete()
    found = modification.check_modification(bpm.server, ADMIN, key, c.ModifyInstance(**plan))
    assert (found.active, found.ends) == (active, False)
    assert [(one.element_id, one.empty, one.surplus) for one in found.concerns] == (
        [] if empty is None else [("join", empty, surplus)]
    )
    assert bpm.open_tasks() == ["a", "b"]


def test_a_trial_changes_nothing_and_knows_that_the_instance_would_end(bpm: Product) -> None:
    bpm.deploy(two_tasks().xml())
    key = bpm.start()
    found = modification.check_modification(bpm.server, ADMIN, key, c.ModifyInstance(terminate=("a",)))
    assert (found.ends, found.active, found.concerns) == (True, {}, ())
    assert bpm.open_tasks() == ["a"]
    bpm.task("a").complete()
    assert bpm.open_tasks() == ["b"]
