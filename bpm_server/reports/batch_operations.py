"""Searching batch operations and their items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.domain.batch_operations import RESOURCE, RUNNING, UNFINISHED
from bpm_server.domain.batch_operations import Kind as BatchKind
from bpm_server.domain.states import BatchOperationState
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.tables.batch_operations import batch_operation as o
from bpm_server.store.tables.batch_operations import batch_operation_item as i

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bpm_server.domain.identity import Actor

PERMISSION = (RESOURCE, "READ")


@dataclass(frozen=True, slots=True)
class OperationLine:
    """A batch operation. ``completed`` counts items that were skipped, too."""

    key: int
    kind: str
    state: str
    asker_kind: str
    asker: str
    total: int
    completed: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def done(self) -> int:
        """Items whose turn has come."""
        return self.completed + self.failed

    @property
    def is_running(self) -> bool:
        """Whether workers go on with it by themselves."""
        return self.state in RUNNING

    @property
    def is_suspended(self) -> bool:
        """Whether it waits for somebody to resume it."""
        return self.state == BatchOperationState.SUSPENDED

    @property
    def is_unfinished(self) -> bool:
        """Whether it can be canceled."""
        return self.state in UNFINISHED


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item. ``item_key``: the incident, or the process instance itself."""

    operation_key: int
    item_key: int
    kind: str
    instance_key: int
    root_key: int
    state: str
    processed_at: datetime | None
    error_message: str | None


def _sight(actor: Actor) -> sa.ColumnElement[bool] | None:
    """What one asked for oneself; all with the permission READ."""
    return None if actor.may(*PERMISSION) else o.c.asker == actor.username


def _contract_sight(actor: Actor) -> sa.ColumnElement[bool]:
    """Without kinds of our own: clients that are generated from the contract know its words only."""
    seen = _sight(actor)
    known = o.c.kind != BatchKind.HANDOVER.value
    return known if seen is None else sa.and_(known, seen)


def _operations(sight: Callable[[Actor], sa.ColumnElement[bool] | None]) -> Search[OperationLine]:
    return Search(
        "batch operation",
        OperationLine,
        source=o,
        key=o.c.key,
        columns={name: o.c[name] for name in OperationLine.__slots__},
        fields_={
            "key": Field(Kind.KEY, o.c.key),
            "kind": Field(Kind.TEXT, o.c.kind),
            "state": Field(Kind.TEXT, o.c.state),
            "asker_kind": Field(Kind.TEXT, o.c.asker_kind),
            "asker": Field(Kind.TEXT, o.c.asker),
            "started_at": Field(Kind.MOMENT, o.c.started_at),
            "ended_at": Field(Kind.MOMENT, o.c.ended_at),
        },
        sight=sight,
        permission=PERMISSION,
    )


def _items(sight: Callable[[Actor], sa.ColumnElement[bool] | None]) -> Search[ItemLine]:
    return Search(
        "batch operation item",
        ItemLine,
        source=sa.join(i, o, o.c.key == i.c.operation_key),
        key=i.c.item_key,
        columns={**{name: i.c[name] for name in ItemLine.__slots__ if name in i.c}, "kind": o.c.kind},
        fields_={
            "operation_key": Field(Kind.KEY, i.c.operation_key),
            "item_key": Field(Kind.KEY, i.c.item_key),
            "instance_key": Field(Kind.KEY, i.c.instance_key),
            "state": Field(Kind.TEXT, i.c.state),
            "kind": Field(Kind.TEXT, o.c.kind),
            "processed_at": Field(Kind.MOMENT, i.c.processed_at),
        },
        sight=sight,
        permission=PERMISSION,
        ties=(i.c.operation_key, i.c.item_key),
    )


OPERATIONS, ITEMS = _operations(_sight), _items(_sight)
CONTRACT_OPERATIONS, CONTRACT_ITEMS = _operations(_contract_sight), _items(_contract_sight)
"""What ``/v2`` shows."""
