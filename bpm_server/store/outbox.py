"""Webhook endpoints, deliveries and attempts."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import DeliveryState
from bpm_server.kernel import context
from bpm_server.store import rows
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery, webhook_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

HOLDER = "outbox"
"""The lease of a job whose work the outbox does: it is not handed out to workers, and nobody lets it go."""
OUT_OF_REACH = timedelta(days=36_500)


WAITING = webhook_delivery.c.state == sa.literal_column(f"'{DeliveryState.WAITING}'")
"""As the partial index says it: with the state as a parameter SQLite would not use it."""
DUE = (
    webhook_delivery.c.next_at <= sa.bindparam("b_now", type_=webhook_delivery.c.next_at.type),
    ~webhook_delivery.c.suspended,
)
_LEASE = (
    sa.select(webhook_delivery.c.key)
    .where(WAITING, webhook_delivery.c.endpoint_name == sa.bindparam("b_endpoint"), *DUE)
    .order_by(webhook_delivery.c.next_at, webhook_delivery.c.key)
    .limit(sa.bindparam("b_limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)


def find_endpoint(connection: Connection, name: str) -> Row[Any] | None:
    """An endpoint by name."""
    query = sa.select(*webhook_endpoint.columns).where(webhook_endpoint.c.name == name)
    return connection.execute(query).one_or_none()


def find_endpoint_by_key(connection: Connection, key: int) -> Row[Any] | None:
    """An endpoint by key."""
    query = sa.select(*webhook_endpoint.columns).where(webhook_endpoint.c.key == key)
    return connection.execute(query).one_or_none()


def lock_endpoints(connection: Connection, after: int, limit: int) -> list[Row[Any]]:
    """Key and sealed secrets of some endpoints, in order of their keys."""
    t = webhook_endpoint
    query = sa.select(t.c.key, t.c.secrets).where(t.c.key > after).order_by(t.c.key).limit(limit)
    return list(connection.execute(query.with_for_update()))


def insert_endpoint(connection: Connection, values: dict[str, Any]) -> None:
    """Adds an endpoint."""
    rows.insert(connection, webhook_endpoint, [values])


def update_endpoint(connection: Connection, key: int, **values: Any) -> None:
    """Changes an endpoint."""
    connection.execute(webhook_endpoint.update().where(webhook_endpoint.c.key == key).values(values))


def delete_endpoint(connection: Connection, key: int) -> None:
    """Removes an endpoint; its deliveries stay."""
    connection.execute(webhook_endpoint.delete().where(webhook_endpoint.c.key == key))


def insert_delivery(connection: Connection, values: dict[str, Any]) -> None:
    """Puts a message into the outbox."""
    rows.insert(connection, webhook_delivery, [{**values, "trace_context": context.carried()}])


def cancel_deliveries(connection: Connection, element_key: int, at: datetime) -> None:
    """The element that waited was interrupted."""
    t = webhook_delivery
    connection.execute(
        t.update()
        .where(t.c.element_key == element_key, t.c.state == DeliveryState.WAITING)
        .values(state=DeliveryState.CANCELED, ended_at=at, lease=None)
    )


def lease_deliveries(
    connection: Connection, endpoint_name: str, limit: int, now: datetime, until: datetime
) -> list[Row[Any]]:
    """Hands out an endpoint's deliveries whose time has come, oldest first.

    Those of suspended instances wait.

    Args:
        connection: The command's transaction.
        endpoint_name: Where they go.
        limit: At most so many.
        now: Database time.
        until: When the lease ends.
    """
    t = webhook_delivery
    values = {"b_endpoint": endpoint_name, "b_now": now, "b_limit": limit}
    keys = list(connection.execute(_LEASE, values).scalars())
    if not keys:
        return []
    connection.execute(
        t.update().where(t.c.key == sa.bindparam("b_key")).values(next_at=until, lease=sa.bindparam("b_lease")),
        [{"b_key": key, "b_lease": secrets.token_hex(16)} for key in keys],
    )
    return list(connection.execute(sa.select(*t.columns).where(t.c.key.in_(keys)).order_by(t.c.key)))


_FREE = rows.Prepared(
    lambda _: (
        webhook_delivery.update()
        .where(
            webhook_delivery.c.key == sa.bindparam("b_key"),
            webhook_delivery.c.lease == sa.bindparam("b_lease"),
            WAITING,
        )
        .values(next_at=sa.bindparam("b_now"), lease=sa.null())
    )
)


def free(connection: Connection, leases: Mapping[int, str], now: datetime) -> None:
    """Gives leases back: these deliveries are due at once, with as many attempts as before."""
    _FREE.run(connection, [{"b_key": key, "b_lease": lease, "b_now": now} for key, lease in leases.items()])


def read_delivery(connection: Connection, key: int, *, lock: bool = False) -> Row[Any] | None:
    """A delivery as it is."""
    query = sa.select(*webhook_delivery.columns).where(webhook_delivery.c.key == key)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def update_delivery(connection: Connection, key: int, **values: Any) -> None:
    """Changes a delivery."""
    connection.execute(webhook_delivery.update().where(webhook_delivery.c.key == key).values(values))


def has_delivery(connection: Connection, job_key: int) -> bool:
    """Whether the outbox does the work of a job."""
    query = sa.select(webhook_delivery.c.key).where(webhook_delivery.c.job_key == job_key).limit(1)
    return connection.execute(query).first() is not None


def retry_delivery(connection: Connection, job_key: int, now: datetime) -> bool:
    """Lets a job's failed delivery begin again; False where the job has none."""
    t = webhook_delivery
    done = connection.execute(
        t.update()
        .where(t.c.job_key == job_key, t.c.state == DeliveryState.FAILED)
        .values(state=DeliveryState.WAITING, attempts=0, next_at=now, ended_at=None, lease=None)
    )
    return bool(done.rowcount)


def insert_attempt(connection: Connection, values: dict[str, Any]) -> None:
    """Logs one try."""
    number = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(webhook_attempt.c.number), 0)).where(
            webhook_attempt.c.delivery_key == values["delivery_key"]
        )
    ).scalar_one()
    rows.insert(connection, webhook_attempt, [{**values, "number": number + 1}])
