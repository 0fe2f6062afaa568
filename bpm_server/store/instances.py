"""Process instances: locking, loading, and what a step reads beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.states import ElementState
from bpm_server.kernel import json, metrics
from bpm_server.kernel.errors import NotFound
from bpm_server.store import rows
from bpm_server.store.batch import InstanceRow
from bpm_server.store.tables.instances import element_instance, instance_item, process_instance, variable
from bpm_server.store.types import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

COLUMNS = [column for column in process_instance.columns if column.name != "tokens"]
_FIELDS = [column.name for column in COLUMNS]
LOCK_SECONDS = metrics.LOCK_SECONDS.labels("instance")
_SELECT_BY_KEY = sa.select(*COLUMNS).where(process_instance.c.key == sa.bindparam("b_key"))
_BY_KEY = rows.Query(lambda _: _SELECT_BY_KEY)
_LOCK = rows.Query(lambda _: _SELECT_BY_KEY.with_for_update(of=process_instance))
_TRY_LOCK = rows.Query(lambda _: _SELECT_BY_KEY.with_for_update(of=process_instance, skip_locked=True))
_ROOT = rows.Query(
    lambda _: sa.select(process_instance.c.root_key).where(process_instance.c.key == sa.bindparam("b_key"))
)
_TOKENS = rows.Query(
    lambda _: sa.select(process_instance.c.tokens).where(process_instance.c.key == sa.bindparam("b_key"))
)
_BY_KEYS = sa.select(*COLUMNS).where(process_instance.c.key.in_(sa.bindparam("b_keys", expanding=True)))
_LOCK_FREE = _BY_KEYS.order_by(process_instance.c.key).with_for_update(of=process_instance, skip_locked=True)
_TOKENS_OF = sa.select(process_instance.c.key, process_instance.c.tokens).where(
    process_instance.c.key.in_(sa.bindparam("b_keys", expanding=True))
)

_VARIABLES = (
    sa.select(variable.c.scope_key, variable.c.name, variable.c.value)
    .where(variable.c.scope_key.in_(sa.bindparam("b_scopes", expanding=True)))
    .order_by(variable.c.key)  # as they were set: a loaded instance passes them on in the order of a live one
)
_FEW = 4
_VARIABLES_OF_FEW = rows.Query(
    lambda _: (
        sa.select(variable.c.scope_key, variable.c.name, variable.c.value)
        .where(variable.c.scope_key.in_([sa.bindparam(f"b_{place}", type_=Key) for place in range(_FEW)]))
        .order_by(variable.c.key)
    )
)
_LABELS = sa.select(process_instance.c.key, process_instance.c.business_key, process_instance.c.tags).where(
    process_instance.c.key.in_(sa.bindparam("b_keys", expanding=True))
)


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The parts from which ``engine.load`` makes a live instance."""

    root: bytes
    chunks: Mapping[int, bytes]
    complete: bool
    variables: list[tuple[int, str, bytes]]
    outputs: Mapping[int, dict[int, Any]]


def row_from(values: Sequence[Any]) -> InstanceRow:
    """An instance row from the values of ``COLUMNS``."""
    row = InstanceRow(**dict(zip(_FIELDS, values, strict=True)))
    row.last_sequence = row.lock_version
    return row


def lock_instance(connection: Connection, key: int, root_key: int | None = None) -> InstanceRow:
    """Locks the call tree of an instance and reads the instance.

    Args:
        connection: The command's transaction.
        key: The instance.
        root_key: Its outermost caller, where the caller of this function knows it.

    Raises:
        NotFound: there is no such instance.
    """
    if root_key is None:
        root_key = _root_of(connection, key)
    with LOCK_SECONDS.time():
        found = _LOCK.first(connection, b_key=root_key)
    if key != root_key:
        return read_instance(connection, key)
    if found is None:
        raise _missing(key)
    return row_from(found)


def _root_of(connection: Connection, key: int) -> int:
    root = _ROOT.first(connection, b_key=key)
    if root is None:
        raise _missing(key)
    found: int = root[0]
    return found


def _missing(key: int) -> NotFound:
    return NotFound(f"Expected to find process instance '{key}', but there is none")


def try_lock_instance(connection: Connection, key: int) -> InstanceRow | None:
    """Like :func:`lock_instance`, but None at once where somebody else has the call tree.

    Raises:
        NotFound: there is no such instance.
    """
    root_key = _root_of(connection, key)
    found = _TRY_LOCK.first(connection, b_key=root_key)
    if found is None:
        return None
    return row_from(found) if key == root_key else read_instance(connection, key)


def hold_instance(connection: Connection, key: int) -> None:
    """Locks the call tree of an instance, if there still is one."""
    root = _ROOT.first(connection, b_key=key)
    if root is not None:
        _LOCK.first(connection, b_key=root[0])


def lock_free(connection: Connection, places: Mapping[int, int]) -> dict[int, InstanceRow]:
    """Locks the call trees of instances that nobody else has locked, in one order; returns those instances.

    Args:
        connection: The command's transaction.
        places: Outermost caller by instance.
    """
    free = {row.key: row for row in connection.execute(_LOCK_FREE, {"b_keys": list(set(places.values()))})}
    inner = [key for key, root in places.items() if key != root and root in free]
    if inner:
        free |= {row.key: row for row in connection.execute(_BY_KEYS, {"b_keys": inner})}
    return {key: row_from(free[key]) for key in places if key in free}


def load_many(connection: Connection, keys: Sequence[int], scopes_of: Any) -> dict[int, StoredTokens]:
    """Like :func:`load_tokens` without items, for many instances at once."""
    if not keys:
        return {}
    roots = {row.key: row.tokens for row in connection.execute(_TOKENS_OF, {"b_keys": list(keys)}) if row.tokens}
    scopes = {key: set(scopes_of(root, {})) for key, root in roots.items()}
    found: dict[int, list[tuple[int, str, bytes]]] = {}
    for one in load_variables(connection, set().union(*scopes.values())):
        found.setdefault(one[0], []).append(one)
    return {
        key: StoredTokens(root, {}, False, [one for scope in scopes[key] for one in found.get(scope, ())], {})
        for key, root in roots.items()
    }


def read_instance(connection: Connection, key: int) -> InstanceRow:
    """Reads an instance whose call tree is locked already.

    Raises:
        NotFound: there is no such instance.
    """
    found = _BY_KEY.first(connection, b_key=key)
    if found is None:
        raise _missing(key)
    return row_from(found)


def lock_business_key(connection: Connection, process_id: str, business_key: str) -> None:
    """Keeps two starts with one business key apart until the commit. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        name = f"business-key:{len(process_id)}:{process_id}:{business_key}"
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))


def find_active(connection: Connection, process_id: str, business_key: str) -> int | None:
    """The active instance of a process that has this business key and was called by nobody."""
    t = process_instance
    query = sa.select(t.c.key).where(
        t.c.business_key == business_key,
        t.c.process_id == process_id,
        t.c.ended_at.is_(None),
        t.c.parent_key.is_(None),
    )
    found: int | None = connection.execute(query.limit(1)).scalar()
    return found


def set_business_key(connection: Connection, key: int, business_key: str) -> None:
    """Changes the business key of a locked instance."""
    t = process_instance
    connection.execute(t.update().where(t.c.key == key).values(business_key=business_key))


def children(connection: Connection, key: int, element_key: int) -> list[InstanceRow]:
    """Active instances that this one's call activity called."""
    t = process_instance
    query = sa.select(*COLUMNS).where(
        t.c.parent_key == key, t.c.parent_element_key == element_key, t.c.ended_at.is_(None)
    )
    return [row_from(row) for row in connection.execute(query)]


def load_tokens(
    connection: Connection, key: int, scopes_of: Any, chunk: int | None, *, root: bytes | None = None
) -> StoredTokens:
    """Reads the tokens of a locked instance.

    Args:
        connection: The command's transaction.
        key: The instance.
        scopes_of: Given the stored parts, the keys of live scopes whose variables are needed.
        chunk: Load only this item (and what encloses it); None loads everything.
        root: The instance's own tokens, where they are known.
    """
    if root is None:
        ((root,),) = _TOKENS.all(connection, b_key=key)
    items = _items(connection, key, chunk)
    chunks = {item.key: item.tokens for item in items if item.tokens is not None}
    outputs: dict[int, dict[int, Any]] = {}
    for item in items:
        if item.output is not None:
            outputs.setdefault(item.body_key, {})[item.position] = json.loads(item.output)
    scopes: Iterable[int] = scopes_of(root, chunks)
    return StoredTokens(root, chunks, chunk is None, load_variables(connection, scopes), outputs)


def _items(connection: Connection, key: int, chunk: int | None) -> Sequence[Row[Any]]:
    t = instance_item
    query = sa.select(*[t.c[name] for name in ("key", "parent_chunk", "body_key", "position", "tokens", "output")])
    if chunk is None:
        return connection.execute(query.where(t.c.instance_key == key)).all()
    found = []
    while chunk:
        item = connection.execute(query.where(t.c.key == chunk)).one_or_none()
        if item is None:
            break
        found.append(item)
        chunk = item.parent_chunk
    return found


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an active element (or the process) lives. ``chunk`` as in ``domain.events``."""

    instance_key: int
    chunk: int


def find_scope(connection: Connection, key: int) -> Scope | None:
    """The instance and chunk of a process or element instance."""
    if _ROOT.first(connection, b_key=key) is not None:
        return Scope(key, 0)
    t = element_instance
    query = sa.select(t.c.instance_key, t.c.scope_key).where(t.c.key == key)
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    instance_key: int = found.instance_key
    at: int | None = key
    while at is not None and at != instance_key:
        if connection.execute(sa.select(instance_item.c.key).where(instance_item.c.key == at)).first() is not None:
            return Scope(instance_key, at)
        at = connection.execute(sa.select(t.c.scope_key).where(t.c.key == at)).scalar()
    return Scope(instance_key, 0)


def find_active_type(connection: Connection, key: int) -> str | None:
    """The type of an active element instance; None where there is none."""
    t = element_instance
    query = sa.select(t.c.type).where(t.c.key == key, t.c.state == ElementState.ACTIVE)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def load_variables(connection: Connection, scopes: Iterable[int]) -> list[tuple[int, str, bytes]]:
    """``(scope key, name, JSON)`` of every variable of these scopes."""
    result: list[tuple[int, str, bytes]] = []
    keys = list(scopes)
    if 0 < len(keys) <= _FEW:
        padded = {f"b_{place}": keys[min(place, len(keys) - 1)] for place in range(_FEW)}
        return [(scope, name, value.encode()) for scope, name, value in _VARIABLES_OF_FEW.all(connection, **padded)]
    for start in range(0, len(keys), 500):
        found = connection.execute(_VARIABLES, {"b_scopes": keys[start : start + 500]})
        result += [(row.scope_key, row.name, row.value.encode()) for row in found]
    return result


class ByScope:
    """Variables of some scopes, by scope."""

    def __init__(self, variables: Iterable[tuple[int, str, bytes]]) -> None:
        self._scopes: dict[int, dict[str, bytes]] = {}
        for scope, name, value in variables:
            self._scopes.setdefault(scope, {})[name] = value

    def effective(self, scope_path: Sequence[int]) -> dict[str, bytes]:
        """JSON by name of what is seen along a path, innermost scope first; inner scopes shadow outer ones."""
        result: dict[str, bytes] = {}
        for scope in reversed(scope_path):
            result.update(self._scopes.get(scope, {}))
        return result


def effective_variables(connection: Connection, scope_path: Iterable[int]) -> dict[str, bytes]:
    """What an element sees: JSON by name; inner scopes shadow outer ones.

    Args:
        connection: Any transaction.
        scope_path: Scope keys, innermost first.
    """
    path = list(scope_path)
    return ByScope(load_variables(connection, path)).effective(path)


def labels(connection: Connection, keys: Iterable[int]) -> dict[int, tuple[str | None, tuple[str, ...]]]:
    """Business key and tags of instances."""
    result: dict[int, tuple[str | None, tuple[str, ...]]] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), 500):
        for row in connection.execute(_LABELS, {"b_keys": wanted[start : start + 500]}):
            result[row.key] = (row.business_key, tuple(json.loads(row.tags)) if row.tags else ())
    return result
