"""Reading and writing approval nodes: the node, its people, what was done there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.approvals.items import OPEN, GroupMode, Item, ItemState, Place
from bpm_server.domain.approvals.node import ASIDE, Act, Before, Done
from bpm_server.kernel import json
from bpm_server.store import rows
from bpm_server.store.tables.approvals import approval, approval_act, approval_item
from bpm_server.store.tables.instances import process_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

CHANGING = (
    "initiator",
    "round",
    "is_correcting",
    "amount",
    "submitted",
    "outcome",
    "target",
    "resumes_at",
    "decided_by",
    "ended_at",
)
ITEM_CHANGING = ("state", "step", "parent", "group_mode", "acted_by", "acted_at", "comment")


@dataclass(slots=True)
class ApprovalRow:
    """The row of an approval node; see ``store.tables.approvals.Approval``."""

    task_key: int
    instance_key: int
    initiator: str | None
    round: int
    is_correcting: bool
    amount: str | None
    submitted: str | None
    outcome: str | None
    target: str | None
    resumes_at: str | None
    decided_by: str | None
    opened_at: datetime
    ended_at: datetime | None

    def values(self) -> dict[str, Any]:
        """The columns."""
        return {name: getattr(self, name) for name in self.__slots__}


READ = tuple(approval.c[name] for name in ApprovalRow.__slots__)


@dataclass(frozen=True, slots=True)
class KnownItem:
    """An item as it is stored, and when somebody said something there."""

    item: Item
    round: int
    acted_at: datetime | None


def find_approval(connection: Connection, task_key: int) -> ApprovalRow | None:
    """The approval node of a task; None where it has none."""
    row = connection.execute(sa.select(*READ).where(approval.c.task_key == task_key)).first()
    return None if row is None else ApprovalRow(**row._mapping)


def insert_approval(connection: Connection, row: ApprovalRow, element_id: str) -> None:
    """Adds the node of a task."""
    rows.insert(connection, approval, [{**row.values(), "element_id": element_id}])


def update_approval(connection: Connection, row: ApprovalRow) -> None:
    """Writes what can change of a node."""
    values = {name: getattr(row, name) for name in CHANGING}
    connection.execute(approval.update().where(approval.c.task_key == row.task_key).values(values))


def read_items(connection: Connection, task_key: int, round_number: int | None = None) -> list[KnownItem]:
    """The people of a node in the order in which they came about; of one round, or of all."""
    t = approval_item
    query = sa.select(t).where(t.c.task_key == task_key)
    if round_number is not None:
        query = query.where(t.c.round == round_number)
    return [_known(row) for row in connection.execute(query.order_by(t.c.key))]


def _known(row: Any) -> KnownItem:
    item = Item(
        row.key,
        row.person,
        ItemState(row.state),
        row.step,
        Place(row.place),
        row.parent,
        None if row.group_mode is None else GroupMode(row.group_mode),
        Decimal(row.weight),
        row.added_by,
        json.loads(row.reason),
        row.acted_by,
        row.comment,
    )
    return KnownItem(item, row.round, row.acted_at)


def asked_now(connection: Connection, task_key: int) -> list[str] | None:
    """Whose turn it is at the approval of a task; None where it has none."""
    stored = find_approval(connection, task_key)
    if stored is None:
        return None
    if stored.is_correcting:
        return [stored.initiator] if stored.initiator else []
    items = read_items(connection, task_key, stored.round)
    return [one.item.person for one in items if one.item.state is ItemState.TO_DO]


def write_items(connection: Connection, row: ApprovalRow, known: Iterable[KnownItem]) -> None:
    """Adds items, or writes what has changed of them."""
    values = [
        {
            "key": one.item.key,
            "task_key": row.task_key,
            "instance_key": row.instance_key,
            "round": one.round,
            "person": one.item.person,
            "state": one.item.state,
            "step": one.item.step,
            "place": one.item.place,
            "parent": one.item.parent,
            "group_mode": one.item.group_mode,
            "weight": str(one.item.weight),
            "added_by": one.item.added_by,
            "reason": json.dumps(one.item.reason),
            "acted_by": one.item.acted_by,
            "acted_at": one.acted_at,
            "comment": one.item.comment,
        }
        for one in known
    ]
    rows.upsert(connection, approval_item, values, ("key",), ITEM_CHANGING)


@dataclass(frozen=True, slots=True)
class ActRow:
    """One act, for the history; see ``store.tables.approvals.ApprovalAct``."""

    key: int
    instance_key: int
    task_key: int | None
    act: str
    actor: str
    at: datetime
    item_key: int | None = None
    comment: str | None = None
    people: Sequence[str] = ()
    place: str | None = None
    target: str | None = None
    before: Mapping[str, Any] | None = None
    undone_at: datetime | None = None

    @classmethod
    def of(cls, key: int, row: ApprovalRow, done: Done, at: datetime, target: str | None = None) -> ActRow:
        """Of what was done at a node."""
        before = None
        if done.before is not None:
            before = {"brought": [str(key) for key in done.before.brought], "groupMode": done.before.group_mode}
        return cls(
            key, row.instance_key, row.task_key, done.act, done.actor, at, done.item, done.comment, done.to,
            done.where, target, before,
        )  # fmt: skip

    @classmethod
    def read(cls, row: Any) -> ActRow:
        """Of a row of the table."""
        values = {name: row._mapping[name] for name in cls.__slots__}
        before = None if row.before is None else json.loads(row.before)
        return cls(**{**values, "people": tuple(json.loads(row.people)), "before": before})

    def done(self) -> Done:
        """The act as the rules of a node know it."""
        return Done(
            Act(self.act), self.actor, self.item_key or 0, self.comment, tuple(self.people), self.place,
            None if self.before is None else _before(self.before),
        )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """The columns."""
        found = {name: getattr(self, name) for name in self.__slots__}
        before = None if self.before is None else json.dumps(self.before)
        return {**found, "people": json.dumps(list(self.people)), "before": before}


def insert_acts(connection: Connection, acts: Iterable[ActRow]) -> None:
    """Adds to the history."""
    rows.insert(connection, approval_act, [act.values() for act in acts])


def _before(stored: Mapping[str, Any]) -> Before:
    mode = stored.get("groupMode")
    brought = tuple(int(key) for key in stored.get("brought", ()))
    return Before(brought, None if mode is None else GroupMode(mode))


def cancel_approval(connection: Connection, task_key: int, at: datetime) -> None:
    """The process has taken a task back: nobody is asked any more, and nothing was decided."""
    i, a = approval_item, approval
    connection.execute(
        i.update().where(i.c.task_key == task_key, i.c.state.in_(OPEN)).values(state=ItemState.CANCELED.value)
    )
    connection.execute(a.update().where(a.c.task_key == task_key, a.c.ended_at.is_(None)).values(ended_at=at))


def last_act(connection: Connection, task_key: int, act: str) -> datetime | None:
    """When something was last done at a task."""
    t = approval_act
    query = sa.select(sa.func.max(t.c.at)).where(t.c.task_key == task_key, t.c.act == act)
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def actors(connection: Connection, root_key: int) -> list[str]:
    """Who has acted on a request: on its instance, or on one that it called; what was undone does not count."""
    t, p = approval_act, process_instance
    tree = sa.select(p.c.key).where(p.c.root_key == root_key)
    counts = (t.c.act.not_in(ASIDE), t.c.undone_at.is_(None))
    query = sa.select(t.c.actor).where(t.c.instance_key.in_(tree), *counts).distinct()
    return list(connection.execute(query).scalars())


def has_voted(connection: Connection, task_key: int, item_key: int) -> bool:
    """Whether somebody has ever voted on an item of a task, also where the vote was taken back."""
    t = approval_act
    mine = (t.c.task_key == task_key, t.c.item_key == item_key, t.c.act.in_((Act.APPROVE, Act.REJECT)))
    return connection.execute(sa.select(t.c.key).where(*mine).limit(1)).first() is not None


def approvers(connection: Connection, instance_key: int) -> list[str]:
    """Who has approved in an instance, in that order."""
    t = approval_item
    query = sa.select(t.c.acted_by).where(t.c.instance_key == instance_key, t.c.state == ItemState.APPROVED)
    return list(connection.execute(query.order_by(t.c.acted_at, t.c.key)).scalars())


def pending_return(connection: Connection, instance_key: int, element_id: str) -> ApprovalRow | None:
    """The latest return to an element that is to come straight back from there."""
    t = approval
    query = sa.select(*READ).where(
        t.c.instance_key == instance_key, t.c.target == element_id, t.c.resumes_at.is_not(None)
    )
    row = connection.execute(query.order_by(t.c.task_key.desc()).limit(1)).first()
    return None if row is None else ApprovalRow(**row._mapping)


def settle_return(connection: Connection, task_key: int) -> None:
    """A return has come back."""
    connection.execute(approval.update().where(approval.c.task_key == task_key).values(resumes_at=None))
