"""The database at the end of a chaos run, as records for the checker: read with SQL, not with the product's reports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.chaos import records as r

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOK_S = 0.5
QUERIES: tuple[tuple[Callable[..., r.Record], str], ...] = (
    (
        r.Instance,
        "select key, coalesce(business_key, ''), process_id, state, started_at, ended_at from process_instance",
    ),
    (r.Task, "select key, instance_key, element_id, state, ended_at, coalesce(ended_by, '') from user_task"),
    (r.Completion, "select task_key, actor from audit_log where entity_type = 'USER_TASK' and operation = 'COMPLETE'"),
    (r.Receipt, "select correlation_key, instance_key from correlation"),
    (r.Step, "select instance_key, sequence, at from journal"),
    (r.Incident, "select instance_key, element_id, message from incident where state = 'ACTIVE'"),
)
WAITING = "select count(*) from process_instance where ended_at is null and incidents = 0"


class History:
    """What a PostgreSQL database says."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)

    def wait_until_all_ended(self, deadline: float) -> None:
        """Until every instance has ended or is in an incident, or the time is over: the checker says which."""
        while self._scalar(WAITING) and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def _scalar(self, query: str) -> Any:
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(query).scalar()

    def records(self) -> Iterator[r.Record]:
        """Everything that the checker wants to know."""
        with self._engine.connect() as connection:
            for make, query in QUERIES:
                for row in connection.exec_driver_sql(query):
                    yield make(*row)
