"""Ad-hoc sub-processes."""

from __future__ import annotations

import pytest

from tests.conformance.camunda8.scenario import event_sub_process, run, zeebe
from tests.support.bpmn_builder import Process, Scope, event, extensions, io
from tests.support.product import Product


def ad_hoc(
    until: str | None = None, *, cancel: bool = True, active: str | None = "=chosen", extra: str = ""
) -> Process:
    """User tasks ``a``, ``b`` and ``c`` (after ``b``), in an ad-hoc sub-process; then ``after``."""
    p, inner = Process(), Scope()
    inner.user("a")
    inner.path(inner.user("b"), inner.user("c"))
    settings = zeebe("adHoc", activeElementsCollection=active) if active else ""
    condition = ""
    if until:
        condition = f'<bpmn:completionCondition xsi:type="bpmn:tFormalExpression">{until}</bpmn:completionCondition>'
    body = extensions(settings, extra) + "".join(inner.elements) + condition
    p.path(
        p.start(),
        p.add("adHocSubProcess", "x", body, cancelRemainingInstances=str(cancel).lower()),
        p.user("after"),
    )
    return p


def test_the_named_elements_are_activated() -> None:
    """Ad-hoc sub-processes / Activate an element: all elements whose ids are in the list."""
    assert run(ad_hoc(), chosen=["a", "b"]).open() == ["a", "b"]


def test_it_completes_after_all_activated_elements() -> None:
    """Ad-hoc sub-processes / Completion: without condition, when all are completed, with their flows."""
    world = run(ad_hoc(), chosen=["a", "b"]).complete("a").complete("b")
    assert world.open() == ["c"]
    assert world.complete("c").open() == ["after"]


def test_an_element_may_be_activated_more_than_once() -> None:
    """Ad-hoc sub-processes: each element can be executed multiple times."""
    world = run(ad_hoc(), chosen=["a", "a"])
    assert world.open() == ["a", "a"]
    assert world.complete("a").complete("a").open() == ["after"]


def test_a_completion_condition_cancels_the_rest() -> None:
    """Ad-hoc sub-processes / Completion: evaluated when an inner element completes; the rest is terminated."""
    world = run(ad_hoc("=done"), chosen=["a", "b"], done=False)
    assert world.complete("a", {"done": True}).open() == ["after"]
    assert ("b", "terminated") in world.history


def test_a_completion_condition_may_wait_for_the_rest() -> None:
    """Ad-hoc sub-processes / Completion: ``cancelRemainingInstances`` false waits for what is active."""
    world = run(ad_hoc("=done", cancel=False), chosen=["a", "b"], done=False).complete("a", {"done": True})
    assert world.open() == ["b"]
    assert world.complete("b").complete("c").open() == ["after"]


@pytest.mark.parametrize("chosen", ["a", ["nobody"], ["c"], [1], None])
def test_a_wrong_collection_is_an_incident(chosen: object) -> None:
    """Ad-hoc sub-processes / Activate an element: not a list of ids of inner elements."""
    world = run(ad_hoc(), chosen=chosen)
    assert [i.element_id for i in world.incidents.values()] == ["x"]
    assert world.set(chosen=["a"]).resolve("x").open() == ["a"]


def test_input_mappings_come_before_the_collection() -> None:
    """Ad-hoc sub-processes / Variable mappings: input mappings are applied before it is evaluated."""
    assert run(ad_hoc(extra=io({"chosen": '=["a"]'}))).open() == ["a"]


def test_output_mappings_keep_local_variables() -> None:
    """Ad-hoc sub-processes / Variable mappings: applied on completing; other local variables are removed."""
    world = run(ad_hoc(extra=io({"draft": "=1"}, {"final": "=draft"})), chosen=["a"])
    assert world.complete("a", {"draft": 2}).process_variables() == {"chosen": ["a"], "final": 2}


def collecting(until: str | None = None) -> Process:
    """The ad-hoc sub-process with results of its activations in ``results``."""
    p, inner = Process(), Scope()
    inner.path(inner.user("a"), inner.add("parallelGateway", "split"), inner.user("b"))
    inner.path("split", inner.user("c"))
    settings = zeebe("adHoc", activeElementsCollection="=chosen", outputCollection="results", outputElement="=result")
    condition = ""
    if until:
        condition = f'<bpmn:completionCondition xsi:type="bpmn:tFormalExpression">{until}</bpmn:completionCondition>'
    sub = p.add("adHocSubProcess", "x", extensions(settings) + "".join(inner.elements) + condition)
    p.path(p.start(), sub, p.user("after"))
    return p


def test_the_output_of_each_activation_is_collected() -> None:
    """Ad-hoc sub-processes / Collect output: added when an inner flow completes, propagated at the end."""
    world = run(collecting(), chosen=["a", "a"], result="outer")
    world.complete("a", {"result": 1}).complete("b").complete("a", {"result": 2})
    assert "results" not in world.process_variables()
    world.complete("c").complete("b").complete("c")
    assert world.open() == ["after"]
    assert world.process_variables() == {"chosen": ["a", "a"], "result": "outer", "results": [1, 2]}


def test_outputs_are_collected_on_the_product(bpm_sqlite: Product) -> None:
    """Ad-hoc sub-processes / Collect output: as above, each step stored."""
    bpm_sqlite.deploy(collecting().xml())
    instance = bpm_sqlite.start(chosen=["a", "a"])
    for name in ("a", "a", "b", "b", "c", "c"):
        bpm_sqlite.task(name).complete(**({"result": name} if name == "c" else {}))
    assert bpm_sqlite.open_tasks() == ["after"]
    assert bpm_sqlite.variables(instance)["results"] == ["c", "c"]


def test_the_completion_condition_sees_the_outputs() -> None:
    """Ad-hoc sub-processes / Collect output: the collection is a local variable of the sub-process."""
    world = run(collecting("=count(results) = 1"), chosen=["a", "a"])
    world.complete("a", {"result": 1}).complete("b").complete("c")
    assert world.open() == ["after"]
    assert world.process_variables()["results"] == [1]


def test_without_activated_elements_it_stays_active() -> None:
    """Ad-hoc sub-processes / Activate an element: an empty list or none; the condition is for completed elements."""
    for process in (ad_hoc(), ad_hoc(active=None), ad_hoc("=true"), collecting()):
        world = run(process, chosen=[])
        assert (world.finished, world.open(), list(world.active.values())) == (False, [], [("x", "adHocSubProcess")])


def test_an_event_sub_process_may_be_inside() -> None:
    """Ad-hoc sub-processes / Event sub-processes: an interrupting one ends what is active."""
    p, inner = Process(), Scope()
    p.error("err", "E1")
    inner.service("a")
    event_sub_process(inner, "esp", event("error", errorRef="err"), "mend")
    body = extensions(zeebe("adHoc", activeElementsCollection='=["a"]')) + "".join(inner.elements)
    p.path(p.start(), p.add("adHocSubProcess", "x", body), p.user("after"))
    world = run(p).error("a", "E1")
    assert world.open() == ["mend"]
    assert world.complete("mend").open() == ["after"]
