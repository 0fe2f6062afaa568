"""Which notifications wait to be sent to devices, and the devices of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.pushes import Choices
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.identity import user
from bpm_server.store.tables.notifications import notification as n
from bpm_server.store.tables.pushes import push_subscription as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

PUSHED = n.c.push_at.is_not(None)
TESTED = t.c.test_at.is_not(None)
"""As the partial indexes say it."""
_OF_OTHERS = ("username", "sealed", "host", "name", "device", "created_at", "last_used_at", "problem", "test_at")
_DUE = [n.c[name] for name in ("key", "username", "kind", "at", "read_at", "push_to")]
_OPENED = [t.c[name] for name in ("key", "username", "endpoint_digest", "sealed")]
_KNOWN = [t.c[name] for name in ("key", "username", "endpoint_digest", "name")]
_SHOWN = [t.c[name] for name in ("key", "name", "host", "device", "created_at", "last_used_at", "problem")]


# --- notifications ----------------------------------------------------------------------------------------


def lease_notifications(connection: Connection, now: datetime, until: datetime, limit: int) -> list[Row[Any]]:
    """Notifications whose time has come, the longest due first; nobody else gets them until a moment (engine time)."""
    query = sa.select(*_DUE).where(PUSHED, n.c.push_at <= now).order_by(n.c.push_at, n.c.key).limit(limit)
    found = list(connection.execute(query.with_for_update(skip_locked=True)))
    if found:
        connection.execute(n.update().where(n.c.key.in_([row.key for row in found])).values(push_at=until))
    return found


def settle(connection: Connection, keys: Sequence[int]) -> None:
    """These go to no device any more."""
    if keys:
        connection.execute(n.update().where(n.c.key.in_(keys)).values(push_at=None, push_to=None))


def postpone(connection: Connection, key: int, leased_until: datetime, at: datetime, devices: Sequence[int]) -> bool:
    """A notification goes to these devices later; False where somebody else has it by now, or nobody needs to."""
    still = n.update().where(n.c.key == key, n.c.push_at == leased_until)
    return bool(connection.execute(still.values(push_at=at, push_to=json.dumps(list(devices)))).rowcount)


def next_due(connection: Connection) -> datetime | None:
    """When there is something to do (engine time)."""
    told = connection.execute(sa.select(sa.func.min(n.c.push_at)).where(PUSHED)).scalar_one()
    tested = connection.execute(sa.select(sa.func.min(t.c.test_at)).where(TESTED)).scalar_one()
    return min((at for at in (told, tested) if at is not None), default=None)


# --- people -----------------------------------------------------------------------------------------------


def read_choices(connection: Connection, username: str) -> Choices:
    """What somebody has chosen; nothing where there is no such person."""
    text = connection.execute(sa.select(user.c.push_choices).where(user.c.username == username)).scalar_one_or_none()
    return _choices(text)


def receivers(connection: Connection, usernames: Iterable[str]) -> dict[str, Choices]:
    """Those of these people who work here, with what they have chosen."""
    query = sa.select(user.c.username, user.c.push_choices).where(user.c.username.in_(sorted(usernames)), user.c.active)
    return {row.username: _choices(row.push_choices) for row in connection.execute(query)}


def _choices(text: str | None) -> Choices:
    return Choices(json.loads(text) if text else {})


# --- devices ----------------------------------------------------------------------------------------------


def save_subscription(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a subscription; one with the same endpoint becomes this one, whosever it was."""
    rows.upsert(connection, t, [values], ("endpoint_digest",), _OF_OTHERS)


def find_key(connection: Connection, endpoint_digest: str) -> int | None:
    """The key of the subscription with an endpoint."""
    query = sa.select(t.c.key).where(t.c.endpoint_digest == endpoint_digest)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def keep_newest(connection: Connection, username: str, most: int) -> None:
    """Removes the oldest subscriptions of somebody who has more than so many."""
    newest = sa.select(t.c.key).where(t.c.username == username).order_by(t.c.created_at.desc(), t.c.key.desc())
    keys = list(connection.execute(newest).scalars())[most:]
    remove(connection, keys)


def of_device(connection: Connection, device: str) -> Row[Any] | None:
    """The newest subscription of the browser with a cookie."""
    query = sa.select(*_KNOWN)
    return connection.execute(query.where(t.c.device == device).order_by(t.c.key.desc()).limit(1)).one_or_none()


def forget_device(connection: Connection, device: str, but: str | None = None) -> int:
    """Removes the subscriptions of a browser, but those with this endpoint; returns how many there were."""
    wheres = [t.c.device == device]
    if but is not None:
        wheres.append(t.c.endpoint_digest != but)
    return connection.execute(t.delete().where(*wheres)).rowcount


def subscriptions(connection: Connection, usernames: Iterable[str]) -> list[Row[Any]]:
    """Those of some people, by key, with what is sealed."""
    query = sa.select(*_OPENED).where(t.c.username.in_(sorted(usernames)))
    return list(connection.execute(query.order_by(t.c.key)))


def devices(connection: Connection, username: str) -> list[Row[Any]]:
    """Those of a person, newest first, with what may be shown."""
    query = sa.select(*_SHOWN).where(t.c.username == username).order_by(t.c.created_at.desc(), t.c.key.desc())
    return list(connection.execute(query))


def delete_own(connection: Connection, username: str, key: int) -> bool:
    """Removes a subscription of somebody; False where they have no such."""
    return bool(connection.execute(t.delete().where(t.c.key == key, t.c.username == username)).rowcount)


def remove(connection: Connection, keys: Sequence[int]) -> None:
    """Removes subscriptions."""
    if keys:
        connection.execute(t.delete().where(t.c.key.in_(keys)))


def note_used(connection: Connection, keys: Sequence[int], at: datetime) -> None:
    """The push service took something for these."""
    if keys:
        connection.execute(t.update().where(t.c.key.in_(keys)).values(last_used_at=at, problem=None))


def note_problems(connection: Connection, by_key: Mapping[int, str]) -> None:
    """The push service took nothing for these, and why."""
    if by_key:
        connection.execute(
            t.update().where(t.c.key == sa.bindparam("b_key")).values(problem=sa.bindparam("b_problem")),
            [{"b_key": key, "b_problem": problem} for key, problem in by_key.items()],
        )


def request_tests(connection: Connection, username: str, at: datetime) -> int:
    """Somebody wants to see a test on all of their devices; returns how many they are."""
    return connection.execute(t.update().where(t.c.username == username).values(test_at=at)).rowcount


def take_tests(connection: Connection, now: datetime, limit: int) -> list[Row[Any]]:
    """Subscriptions that wait for a test of people who work here; they do no more."""
    query = sa.select(*_OPENED).where(TESTED, t.c.test_at <= now).order_by(t.c.test_at, t.c.key).limit(limit)
    found = list(connection.execute(query.with_for_update(skip_locked=True)))
    if not found:
        return []
    connection.execute(t.update().where(t.c.key.in_([row.key for row in found])).values(test_at=None))
    there = receivers(connection, {row.username for row in found})
    return [row for row in found if row.username in there]


def forget_person(connection: Connection, username: str) -> None:
    """Removes a person's subscriptions, with the person."""
    connection.execute(t.delete().where(t.c.username == username))
