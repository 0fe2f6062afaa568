"""Damaging the tables by hand, and what the doctor says of it and does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.cli.doctor import _repaired
from bpm_server.domain.consistency import Defect
from bpm_server.services.examining import examine
from bpm_server.store.tables import db
from bpm_server.store.tables.instances import element_instance, incident
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task
from tests.support.product import Product

if TYPE_CHECKING:
    from collections.abc import Callable


LOST: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "element_instance": lambda key: (element_instance, element_instance.c.element_id == "review"),
    "user_task": lambda key: (user_task, user_task.c.element_id == "review"),
    "job": lambda key: (job, job.c.element_id == "work"),
    "timer": lambda key: (timer, timer.c.event_id == "reminder"),
    "subscription": lambda key: (subscription, subscription.c.event_id == "paid"),
    "incident": lambda key: (incident, incident.c.element_id == "work"),
}


def damage(bpm: Product, *statements: Any) -> None:
    """What somebody did to the tables by hand."""
    with bpm.server.database.write() as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount
        connection.commit()
    bpm.server.hot.clear()


def rules(bpm: Product) -> dict[tuple[str, str | None], Defect]:
    found = list(examine(bpm.server))
    named = {(defect.rule, defect.table): defect for defect in found}
    assert len(named) == len(found), "two defects of one rule and table"
    return named


def repair(bpm: Product) -> list[Defect]:
    return list(_repaired(bpm.server))


def tables(bpm: Product) -> dict[str, list[dict[str, Any]]]:
    """Every row that matters here; in order, without what the clock of the database says."""
    result = {}
    for name in (
        "process_instance",
        "element_instance",
        "user_task",
        "user_task_candidate",
        "job",
        "timer",
        "subscription",
        "incident",
    ):
        t = db.metadata.tables[name]
        rows = [dict(row._mapping) for row in bpm.rows(sa.select(t).order_by(*t.primary_key.columns))]
        result[name] = [{key: value for key, value in row.items() if key != "available_at"} for row in rows]
    return result
