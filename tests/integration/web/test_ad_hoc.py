"""Activating elements of ad-hoc sub-processes over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.reports.replay import replay
from bpm_server.services import ad_hoc
from bpm_server.store.tables.instances import element_instance, process_instance, variable
from tests.conformance.camunda8.scenario import zeebe
from tests.support.bpmn_builder import Process, Scope, extensions, multi_instance
from tests.support.contention import at_once
from tests.support.product import ADMIN
from tests.support.rest import add_person

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Answer, Rest


def flexible(loop: str = "", **settings: str) -> bytes:
    """User tasks ``a`` and ``b`` -> ``c`` in an ad-hoc sub-process ``x`` that names none of them; then ``after``."""
    p, inner = Process(), Scope()
    inner.user("a")
    inner.path(inner.user("b"), inner.user("c"))
    body = extensions(zeebe("adHoc", **settings) if settings else "") + loop + "".join(inner.elements)
    p.path(p.start(), p.add("adHocSubProcess", "x", body), p.user("after"), p.end())
    return p.xml()


def sub_process(bpm: Product, nth: int = 0) -> int:
    """The element instance of ``x``."""
    t = element_instance
    query = sa.select(t.c.key).where(t.c.element_id == "x", t.c.type == "adHocSubProcess").order_by(t.c.key)
    found: int = bpm.scalars(query)[nth]
    return found


def activate(rest: Rest, key: int, *elements: Any, **more: Any) -> Answer:
    wanted = [{"elementId": one} if isinstance(one, str) else one for one in elements]
    path = f"/v2/element-instances/ad-hoc-activities/{key}/activation"
    return rest.post(path, {"elements": wanted, **more})


def test_elements_are_activated_by_hand(rest: Rest, bpm: Product) -> None:
    bpm.deploy(flexible())
    instance = bpm.start()
    key = sub_process(bpm)
    assert activate(rest, key, "a", {"elementId": "b", "variables": {"n": 1}}).status == 204
    assert bpm.open_tasks() == ["a", "b"]
    assert bpm.variables(instance) == {}
    assert bpm.scalars(sa.select(variable.c.value).where(variable.c.name == "n")) == ["1"]
    bpm.task("b").complete()
    assert activate(rest, key, "a").status == 204
    assert bpm.open_tasks() == ["a", "a", "c"]
    for name in ("c", "a", "a"):
        bpm.task(name).complete()
    assert bpm.open_tasks() == ["after"]
    assert activate(rest, key, "a").status == 404
    assert replay(bpm.server, instance).difference is None


def test_what_is_active_may_end_first(rest: Rest, bpm: Product) -> None:
    bpm.deploy(flexible())
    bpm.start()
    key = sub_process(bpm)
    activate(rest, key, "a", "b")
    assert activate(rest, key, "b", cancelRemainingInstances=True).status == 204
    assert bpm.open_tasks() == ["b"]
    states = bpm.rows(sa.select(element_instance.c.element_id, element_instance.c.state).order_by("key"))
    assert [tuple(row) for row in states if row.element_id in "ab"] == [
        ("a", "TERMINATED"),
        ("b", "TERMINATED"),
        ("b", "ACTIVE"),
    ]


def test_outputs_of_activated_elements_are_collected(rest: Rest, bpm: Product) -> None:
    bpm.deploy(flexible(outputCollection="results", outputElement="=result"))
    instance = bpm.start()
    activate(rest, sub_process(bpm), "a", "a")
    bpm.task("a").complete(result=1)
    bpm.task("a").complete(result=2)
    assert (bpm.open_tasks(), bpm.variables(instance)) == (["after"], {"results": [1, 2]})


def test_each_item_of_a_multi_instance_is_led_by_itself(rest: Rest, bpm: Product) -> None:
    bpm.deploy(flexible(multi_instance("=[1, 2]", "item")))
    bpm.start()
    first, second = sub_process(bpm), sub_process(bpm, 1)
    bpm.server.hot.clear()
    assert activate(rest, first, "a").status == 204
    bpm.task("a").complete()
    assert bpm.open_tasks() == []
    assert activate(rest, first, "a").status == 404
    assert activate(rest, second, "b").status == 204
    bpm.task("b").complete()
    bpm.task("c").complete()
    assert bpm.open_tasks() == ["after"]


@pytest.mark.parametrize(
    ("elements", "status"),
    [
        ([], 400),
        (["c"], 400),
        (["nobody"], 400),
        (["x"], 400),
        (["a", "after"], 400),
        ([{"elementId": 5}], 400),
        ([{"variables": {}}], 400),
        ([{"elementId": "a", "variables": [1]}], 400),
    ],
)
def test_wrong_elements_start_nothing(rest: Rest, bpm: Product, elements: list[Any], status: int) -> None:
    bpm.deploy(flexible())
    bpm.start()
    assert activate(rest, sub_process(bpm), *elements).status == status
    assert bpm.open_tasks() == []


def test_it_must_be_an_ad_hoc_sub_process_that_one_may_change(rest: Rest, nobody: Rest, bpm: Product) -> None:
    bpm.deploy(flexible())
    instance = bpm.start()
    key = sub_process(bpm)
    start = bpm.scalars(sa.select(element_instance.c.key).where(element_instance.c.type == "startEvent"))[0]
    for wrong in (1, instance, start):
        assert activate(rest, wrong, "a").status == 404
    assert activate(nobody, key, "a").status == 401
    assert activate(nobody.as_(add_person(bpm, "ann", roles=("staff",))), key, "a").status == 403
    assert bpm.open_tasks() == []


def test_activations_at_once_all_count(bpm: Product) -> None:
    bpm.deploy(flexible())
    instance = bpm.start()
    key = sub_process(bpm)
    found = at_once(10, lambda _: ad_hoc.activate_elements(bpm.server, ADMIN, key, [("a", {})]))
    assert found == [None] * 10
    assert bpm.open_tasks() == ["a"] * 10
    for _ in range(10):
        bpm.task("a").complete()
    assert bpm.open_tasks() == ["after"]
    assert bpm.scalars(sa.select(process_instance.c.incidents).where(process_instance.c.key == instance)) == [0]
