"""Jobs: handing out with a lease, booking results under its token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import JobState
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.store import rows
from bpm_server.store.tables.channels import channel as channels
from bpm_server.store.tables.jobs import job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as commands see it."""

    key: int
    instance_key: int
    root_key: int
    process_definition_key: int
    process_id: str
    process_version: int
    element_key: int
    element_id: str
    type: str
    channel: str | None
    kind: str
    listener_event: str | None
    state: str
    retries: int
    priority: int
    headers: dict[str, str]
    scope_path: list[int]
    chunk: int
    retry_cycle: str | None
    available_at: datetime
    lease: str | None
    worker: str | None
    error_message: str | None
    created_at: datetime
    task: dict[str, Any] | None
    trace_context: str | None


_COLUMNS = [column for column in job.columns if column.name in JobRow.__slots__]


_NAMES = [column.name for column in _COLUMNS]


def _from(source: Sequence[Any]) -> JobRow:
    values = dict(zip(_NAMES, source, strict=True))
    values["headers"] = json.loads(values["headers"])
    values["scope_path"] = json.loads(values["scope_path"])
    values["task"] = None if values["task"] is None else json.loads(values["task"])
    return JobRow(**values)


_BY_KEYS = sa.select(*_COLUMNS).where(job.c.key.in_(sa.bindparam("b_keys", expanding=True)))
_BY_KEY = rows.Query(lambda _: sa.select(*_COLUMNS).where(job.c.key == sa.bindparam("b_key")))
OPEN = job.c.state == sa.literal_column(f"'{JobState.CREATED}'")
"""As the partial indexes say it: with the state as a parameter SQLite would not use them."""
DUE = (
    job.c.available_at <= sa.bindparam("b_now", type_=job.c.available_at.type),
    job.c.retries > rows.ZERO,
    ~job.c.suspended,
)
_IN_TURN = (
    sa.select(*_COLUMNS)
    .where(OPEN, *DUE)
    .order_by(job.c.priority.desc(), job.c.available_at, job.c.key)
    .limit(sa.bindparam("b_limit", type_=sa.Integer))
    .offset(rows.ZERO)
    .with_for_update(skip_locked=True)
)
_LEASE = _IN_TURN.where(job.c.type.in_(sa.bindparam("b_types", expanding=True)))
_LEASE_TYPE = rows.Query(lambda _: _IN_TURN.where(job.c.type == sa.bindparam("b_type")))
_LEASE_CHANNEL = rows.Query(lambda _: _IN_TURN.where(job.c.channel == sa.bindparam("b_channel")))
_LEASE_SOUND_CHANNEL = rows.Query(
    lambda _: _IN_TURN.where(
        job.c.channel == sa.bindparam("b_channel"),
        ~sa.exists().where(channels.c.name == sa.bindparam("b_channel"), channels.c.failures > rows.ZERO),
    )
)
_LEASE_KINDS = _LEASE.where(job.c.kind.in_(sa.bindparam("b_kinds", expanding=True)))
_TAKE = rows.Prepared(
    lambda _: (
        job.update()
        .where(job.c.key == sa.bindparam("b_key"))
        .values(available_at=sa.bindparam("b_until"), lease=sa.bindparam("b_lease"), worker=sa.bindparam("b_worker"))
    )
)


def lease_jobs(
    connection: Connection,
    types: Sequence[str],
    limit: int,
    now: datetime,
    until: datetime,
    worker: str,
    *,
    kinds: Iterable[str] = (),
) -> list[JobRow]:
    """Hands out waiting jobs; each gets a token that only its holder knows.

    Args:
        connection: The command's transaction.
        types: Job types.
        limit: At most so many.
        now: Database time.
        until: When the lease ends.
        worker: Name of who asks.
        kinds: Only jobs of these kinds (all where empty).
    """
    chosen = list(kinds)
    if len(types) == 1 and not chosen:
        plain = _LEASE_TYPE.all(connection, b_type=types[0], b_now=now, b_limit=limit)
        return _taken(connection, [_from(values) for values in plain], until, worker)
    values = {"b_types": types, "b_now": now, "b_limit": limit}
    found = [
        _from(row)
        for row in connection.execute(
            _LEASE_KINDS if chosen else _LEASE, {**values, "b_kinds": chosen} if chosen else values
        )
    ]
    return _taken(connection, found, until, worker)


def lease_channel(
    connection: Connection,
    channel: str,
    limit: int,
    now: datetime,
    until: datetime,
    worker: str,
    *,
    sound_only: bool = False,
) -> list[JobRow]:
    """Hands out waiting jobs of a channel; ``sound_only``: unless its last call failed; see :func:`lease_jobs`."""
    query = _LEASE_SOUND_CHANNEL if sound_only else _LEASE_CHANNEL
    found = query.all(connection, b_channel=channel, b_now=now, b_limit=limit)
    return _taken(connection, [_from(values) for values in found], until, worker)


def _taken(connection: Connection, found: list[JobRow], until: datetime, worker: str) -> list[JobRow]:
    leases = {row.key: secrets.token_hex(16) for row in found}
    _TAKE.run(
        connection,
        [{"b_key": key, "b_until": until, "b_lease": lease, "b_worker": worker} for key, lease in leases.items()],
    )
    return [_with(row, lease=leases[row.key], available_at=until, worker=worker) for row in found]


def _with(row: JobRow, **changes: Any) -> JobRow:
    values = {name: getattr(row, name) for name in JobRow.__slots__}
    return JobRow(**{**values, **changes})


def read_job(connection: Connection, key: int) -> JobRow:
    """A job as it is.

    Raises:
        NotFound: there is none with this key.
    """
    row = _BY_KEY.first(connection, b_key=key)
    if row is None:
        message = f"Expected to find job '{key}', but there is none"
        raise NotFound(message)
    return _from(row)


def read_jobs(connection: Connection, keys: Sequence[int]) -> list[JobRow]:
    """Jobs as they are; there is nothing for keys of none."""
    return [_from(row) for row in connection.execute(_BY_KEYS, {"b_keys": list(keys)})]


def find_thrower(connection: Connection, element_key: int) -> int | None:
    """Key of the job that threw an error at this element, None where no job did."""
    found = (job.c.element_key == element_key) & (job.c.state == JobState.ERROR_THROWN)
    key: int | None = connection.execute(sa.select(job.c.key).where(found).order_by(job.c.key.desc())).scalar()
    return key


def update_job(connection: Connection, key: int, **values: Any) -> None:
    """Changes a job beside what events write."""
    connection.execute(job.update().where(job.c.key == key).values(values))


_FREE = rows.Prepared(
    lambda _: (
        job.update()
        .where(job.c.key == sa.bindparam("b_key"), job.c.lease == sa.bindparam("b_lease"), OPEN)
        .values(available_at=sa.bindparam("b_now"), lease=sa.null())
    )
)


def free(connection: Connection, leases: Mapping[int, str], now: datetime) -> None:
    """Gives leases back: whoever asks next gets these jobs, with as many retries as before."""
    _FREE.run(connection, [{"b_key": key, "b_lease": lease, "b_now": now} for key, lease in leases.items()])


def next_available(connection: Connection, types: Sequence[str]) -> datetime | None:
    """When the next waiting job of these types can be handed out (database time)."""
    query = sa.select(sa.func.min(job.c.available_at)).where(
        OPEN, job.c.type.in_(types), job.c.retries > 0, ~job.c.suspended
    )
    found: datetime | None = connection.execute(query).scalar()
    return found
