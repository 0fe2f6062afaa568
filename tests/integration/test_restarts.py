"""What a step leaves behind is whole: the next one works on a server that has forgotten the live instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.services import process_instances
from tests.support.bpmn_builder import Process, Scope, multi_instance
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def test_a_step_inside_one_item_leaves_the_tokens_of_the_instance_alone(bpm: Product) -> None:
    process, inner = Process(), Scope()
    inner.start("is")
    inner.path("is", inner.user("x"), inner.user("y"), inner.end("ie"))
    process.start("s")
    process.sub("each", inner, multi_instance("=[1, 2]", "n", output=("done", "=n")))
    process.path("s", "each", process.end("e"))
    bpm.deploy(process.xml())
    key = bpm.start()
    for task in ("x", "x", "y", "y"):
        bpm.server.hot.clear()
        bpm.task(task).complete()
    assert bpm.state(key) == "COMPLETED"
    assert bpm.variables(key)["done"] == [1, 2]


def test_setting_variables_leaves_the_tokens_where_they_are(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    key = bpm.start()
    process_instances.set_variables(bpm.server, ADMIN, key, {"n": 1})
    bpm.server.hot.clear()
    bpm.task("a").complete()
    assert bpm.state(key) == "COMPLETED"
