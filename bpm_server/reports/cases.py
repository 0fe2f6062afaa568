"""Process instances as people see them: what they are about, who has them now, since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.approvals.node import Act
from bpm_server.domain.states import ElementState, InstanceState, TaskState
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports import sight
from bpm_server.reports.summaries import matches_text, read_summaries
from bpm_server.store.tables.approvals import approval
from bpm_server.store.tables.approvals import approval_act as acts
from bpm_server.store.tables.approvals import approval_item as signed
from bpm_server.store.tables.approvals import carbon_copy as copies
from bpm_server.store.tables.definitions import process_definition as d
from bpm_server.store.tables.instances import HAS_INCIDENTS
from bpm_server.store.tables.instances import element_instance as e
from bpm_server.store.tables.instances import process_instance as p
from bpm_server.store.tables.tasks import user_task as t
from bpm_server.store.tables.tasks import user_task_candidate as c

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server

Where = sa.ColumnElement[bool]
STATES = ("active", "incidents", "suspended", "completed", "terminated")
WORK = ("serviceTask", "sendTask", "receiveTask", "businessRuleTask", "scriptTask", "callActivity",
        "intermediateCatchEvent")  # fmt: skip
"""Elements at which a case can wait for something that is no person."""
MOST_WAITING = 2_000
NEWEST = 2_000
"""Cases that are searched for a text before all others are."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a case is: at a person's task, or at another element (``groups`` and ``assignee`` are empty then)."""

    element_id: str
    name: str | None
    since: datetime
    task_key: int | None = None
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A process instance in lists.

    Attributes:
        end_element: The end event that it reached last.
        request: What became of it as a request: ``recall``, ``terminate``, or ``return`` while it is corrected.
    """

    key: int
    process_definition_key: int
    process_id: str
    version: int
    state: str
    started_at: datetime
    started_by: str | None
    ended_at: datetime | None
    suspended_at: datetime | None
    incidents: int
    business_key: str | None
    parent_key: int | None
    summary: Mapping[str, Any] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    end_element: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cases.

    Attributes:
        state: One of ``STATES``; empty: all.
        mine: Only those that the actor started.
        copied: Only those that the actor is informed of.
        version: Of the process; needs ``process_id``.
        after: Cursor of the last row that is known already.
    """

    text: str = ""
    process_id: str = ""
    version: int | None = None
    state: str = ""
    mine: bool = False
    after: str = ""
    limit: int = 50
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows, newest first, and the cursor of the last one where there are more."""

    items: tuple[CaseRow, ...]
    next_cursor: str | None = None


def cases(server: Server, actor: Actor, wanted: Filter) -> Cases:
    """Cases that the actor may see."""
    with server.database.read() as connection:
        found = wheres(connection, server, actor, wanted)
        if wanted.after:
            if not wanted.after.isdigit() or len(wanted.after) > 19:
                message = f"Expected a cursor of this list, but found '{wanted.after[:40]}'"
                raise InvalidInput(message, field="after")
            found.append(p.c.key < int(wanted.after))
        keys = _newest(connection, found, wanted)
        rows = _rows(connection, server, keys[: wanted.limit])
    return Cases(tuple(rows), str(keys[wanted.limit - 1]) if len(keys) > wanted.limit else None)


def _newest(connection: Connection, found: Sequence[Where], wanted: Filter) -> list[int]:
    """Keys of a page, and one more.

    For a text that may be anywhere PostgreSQL reads all variables there are before it looks at the first case. What
    people search for is as a rule new, or fills the page soon: so the newest cases are looked at first, one by one.
    """
    query = sa.select(p.c.key).where(*found).order_by(p.c.key.desc())
    border = None
    if wanted.text:
        before = [p.c.key < int(wanted.after)] if wanted.after else []
        border = connection.execute(
            sa.select(p.c.key).where(*before).order_by(p.c.key.desc()).offset(NEWEST).limit(1)
        ).scalar()
    if border is None:
        return list(connection.execute(query.limit(wanted.limit + 1)).scalars())
    keys = list(connection.execute(query.where(p.c.key > border).limit(wanted.limit + 1)).scalars())
    missing = wanted.limit + 1 - len(keys)
    if missing:
        keys += connection.execute(query.where(p.c.key <= border).limit(missing)).scalars()
    return keys


def case(server: Server, key: int) -> CaseRow | None:
    """One case; whether the reader may see it is the caller's question."""
    with server.database.read() as connection:
        rows = _rows(connection, server, [key])
    return rows[0] if rows else None


def wheres(connection: Connection, server: Server, actor: Actor, wanted: Filter) -> list[Where]:
    """Which cases a list shows, on all its pages."""
    return [*_of(actor, wanted), *_filters(connection, server, wanted)]


def _of(actor: Actor, wanted: Filter) -> list[Where]:
    if wanted.mine:
        return [p.c.started_by == actor.username, p.c.parent_key.is_(None)]
    if wanted.copied:
        return [p.c.key.in_(sa.select(copies.c.instance_key).where(copies.c.username == actor.username))]
    if actor.may(sight.PROCESS, "READ_PROCESS_INSTANCE"):
        return []
    mine, granted = p.c.key.in_(_part_of(actor)), _granted(actor)
    return [sa.or_(mine, p.c.process_id.in_(granted)) if granted else mine]


def _granted(actor: Actor) -> list[str]:
    return sight.granted_ids(actor, sight.PROCESS, "READ_PROCESS_INSTANCE")


def _part_of(actor: Actor) -> sa.CompoundSelect[tuple[int]]:
    """Keys of the cases that somebody started, works on or is informed of, each part by its own index."""
    parts: list[sa.Select[tuple[int]]] = [
        sa.select(p.c.key).where(p.c.started_by == actor.username),
        sa.select(t.c.instance_key).where(t.c.assignee == actor.username),
        sa.select(t.c.instance_key).where(t.c.ended_by == actor.username),
        sa.select(signed.c.instance_key).where(signed.c.acted_by == actor.username),
        sa.select(copies.c.instance_key).where(copies.c.username == actor.username),
    ]
    for kind, names in (("u", [actor.username]), ("g", sorted(actor.groups))):
        parts += [
            sa.select(t.c.instance_key)
            .join_from(c, t, t.c.key == c.c.task_key)
            .where(c.c.kind == kind, c.c.name.in_(names))
        ]
    return sa.union(*parts)


def _filters(connection: Connection, server: Server, wanted: Filter) -> list[Where]:
    found: list[Where] = []
    if wanted.process_id:
        found.append(p.c.process_id == wanted.process_id)
        if wanted.version is not None:
            found.append(p.c.version == wanted.version)
    match wanted.state:
        case "active":
            found.append(p.c.state == InstanceState.ACTIVE)
        case "incidents":
            found += [p.c.ended_at.is_(None), HAS_INCIDENTS]
        case "suspended":
            found.append(p.c.state == InstanceState.SUSPENDED)
        case "completed":
            found.append(p.c.state == InstanceState.COMPLETED)
        case "terminated":
            found.append(p.c.state == InstanceState.TERMINATED)
    if wanted.text:
        definitions = _definitions(connection, wanted.process_id)
        text = matches_text(connection, server, definitions, wanted.text, p.c.key, p.c.business_key, p.c.started_by)
        found.append(sa.or_(text, p.c.key == int(wanted.text)) if _is_key(wanted.text) else text)
    return found


def _is_key(text: str) -> bool:
    return text.isdigit() and len(text) <= 18


def _definitions(connection: Connection, process_id: str) -> list[int]:
    """The newest definition of each process: its summary names the variables to look at."""
    query = sa.select(sa.func.max(d.c.key)).group_by(d.c.process_id)
    if process_id:
        query = query.where(d.c.process_id == process_id)
    return list(connection.execute(query).scalars())


# --- rows -----------------------------------------------------------------------------------------------


def _rows(connection: Connection, server: Server, keys: Sequence[int]) -> list[CaseRow]:
    if not keys:
        return []
    columns = [p.c[name] for name in CaseRow.__slots__ if name in p.c]
    rows = {row.key: row._mapping for row in connection.execute(sa.select(*columns).where(p.c.key.in_(keys)))}
    summaries = read_summaries(connection, server, {key: row["process_definition_key"] for key, row in rows.items()})
    waiting = _waiting(connection, [key for key, row in rows.items() if row["ended_at"] is None])
    ends = _ends(connection, [key for key, row in rows.items() if row["state"] == InstanceState.COMPLETED])
    requests = _requests(connection, [key for key, row in rows.items() if row["state"] != InstanceState.COMPLETED])
    return [
        CaseRow(
            **rows[key],
            summary=summaries.get(key, {}),
            waiting=tuple(waiting.get(key, ())),
            end_element=ends.get(key),
            request=requests.get(key),
        )
        for key in keys
        if key in rows
    ]


def _waiting(connection: Connection, keys: Sequence[int]) -> dict[int, list[Waiting]]:
    found: dict[int, list[Waiting]] = {}
    if not keys:
        return found
    names = ("key", "instance_key", "element_id", "name", "created_at", "assignee", "candidate_groups",
             "candidate_users")  # fmt: skip
    query = sa.select(*[t.c[name] for name in names]).where(t.c.instance_key.in_(keys), t.c.state == TaskState.CREATED)
    for row in connection.execute(query.order_by(t.c.key).limit(MOST_WAITING)):
        groups, users = (tuple(json.loads(text)) for text in (row.candidate_groups, row.candidate_users))
        found.setdefault(row.instance_key, []).append(
            Waiting(row.element_id, row.name, row.created_at, row.key, row.assignee, groups, users)
        )
    others = sa.select(e.c.instance_key, e.c.element_id, e.c.started_at).where(
        e.c.instance_key.in_(keys), e.c.state == ElementState.ACTIVE, e.c.type.in_(WORK)
    )
    for row in connection.execute(others.order_by(e.c.key).limit(MOST_WAITING)):
        found.setdefault(row.instance_key, []).append(Waiting(row.element_id, None, row.started_at))
    return found


def _requests(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """How requests stand that are no plain cases any more: taken back, ended with a reason, returned for correction."""
    if not keys:
        return {}
    ended = sa.select(acts.c.instance_key, acts.c.act).where(
        acts.c.instance_key.in_(keys), acts.c.act.in_((Act.RECALL, Act.TERMINATE))
    )
    returned = sa.select(approval.c.instance_key, sa.literal(Act.RETURN.value)).where(
        approval.c.instance_key.in_(keys), approval.c.is_correcting, approval.c.ended_at.is_(None)
    )
    return {row[0]: row[1] for row in connection.execute(sa.union_all(returned, ended))}


def _ends(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """The last end event in the scope of the process itself."""
    if not keys:
        return {}
    query = (
        sa.select(e.c.instance_key, e.c.element_id)
        .where(e.c.instance_key.in_(keys), e.c.scope_key == e.c.instance_key, e.c.type == "endEvent")
        .order_by(e.c.key)
    )
    return {row.instance_key: row.element_id for row in connection.execute(query)}
