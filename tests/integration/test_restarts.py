"""What a server that starts anew finds: the instance as it was left, whatever the last command changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.services import process_instances
from tests.support.bpmn_builder import Process
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product


def test_setting_variables_leaves_the_tokens_where_they_are(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    key = bpm.start()
    process_instances.set_variables(bpm.server, ADMIN, key, {"n": 1})
    bpm.server.hot.clear()
    bpm.task("a").complete()
    assert bpm.state(key) == "COMPLETED"
