"""A finished case, run again from its journal on its own version, takes the same path and the same decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.reports.replay import replay
from tests.integration.test_order_approval import orders, review, start
from tests.support.services import ROOT

if TYPE_CHECKING:
    from tests.support.product import Product

__all__ = ["orders"]


def finished_order(bpm: Product) -> int:
    key = start(bpm, 600_000)
    review(bpm, "review-purchasing", "returned", "缺少交期")
    bpm.task("correct-order").complete(remark="已补充")
    for element in ("review-technology", "review-purchasing", "review-finance", "review-general-manager"):
        review(bpm, element)
    return key


def test_a_finished_order_replays_to_the_same_events(orders: Product) -> None:
    key = finished_order(orders)
    result = replay(orders.server, key)
    assert result.difference is None
    assert result.steps == 7


def test_a_replay_uses_the_decision_of_its_time(orders: Product) -> None:
    key = finished_order(orders)
    changed = (ROOT / "rules" / "approval-level.dmn").read_bytes().replace(b"500000", b"900000")
    orders.deploy(("approval-level.dmn", changed))
    assert replay(orders.server, key).difference is None


def test_a_replay_finds_what_differs(orders: Product) -> None:
    import sqlalchemy as sa

    from bpm_server.store.tables.history import journal

    key = finished_order(orders)
    with orders.server.database.write() as connection:
        text = connection.execute(sa.select(journal.c.events).where(journal.c.instance_key == key)).scalars().first()
        connection.execute(
            journal.update()
            .where(journal.c.instance_key == key, journal.c.sequence == 1)
            .values(events=str(text).replace("rule-large", "rule-other"))
        )
        connection.commit()
    difference = replay(orders.server, key).difference
    assert difference is not None
    assert difference.sequence == 1
    assert "rule-large" in str(difference.replayed)
