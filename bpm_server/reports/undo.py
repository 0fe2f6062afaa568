"""What somebody can undo at a task as far as can be seen, and who has taken back what was asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.approvals.items import ItemState
from bpm_server.store import undo as store
from bpm_server.store.tasks import read_task

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.reports.approvals import Approval
    from bpm_server.services.server import Server
    from bpm_server.store.approvals import ActRow

_UNTOUCHED = (ItemState.WAITING, ItemState.TO_DO)


@dataclass(frozen=True, slots=True)
class Undoable:
    """An act of somebody that nothing has followed yet; ``people`` were asked by it."""

    key: int
    act: str
    people: tuple[str, ...]


def last_undoable(server: Server, actor: Actor, key: int) -> Undoable | None:
    """What somebody did last of what can be undone at a task; whether something followed is not looked at."""
    with server.database.read() as connection:
        last = _last(connection, actor, key)
    return None if last is None else _undoable(last)


def _last(connection: Connection, actor: Actor, key: int) -> ActRow | None:
    found = store.undoable_acts(connection, key, actor.username)
    return found[0] if found and found[0].undone_at is None else None


def _undoable(act: ActRow) -> Undoable:
    return Undoable(act.key, act.act, tuple(act.people))


def find_undoable(connection: Connection, actor: Actor, task: Task, approval: Approval | None) -> Undoable | None:
    """What somebody can undo at an open task: whoever was asked still is, and has not acted."""
    if approval is None:
        if task.assignee in (None, actor.username):
            return None
        last = _last(connection, actor, task.key)
        return None if last is None or task.assignee not in last.people else _undoable(last)
    untouched = {one.key for one in approval.present if one.state in _UNTOUCHED}
    if not any(one.key in untouched and one.reason.get("by") == actor.username for one in approval.present):
        return None
    last = _last(connection, actor, task.key)
    done = None if last is None else last.done().before
    return _undoable(last) if last is not None and done is not None and untouched.issuperset(done.brought) else None


def undoable_at(server: Server, actor: Actor, key: int, approval: Approval) -> Undoable | None:
    """``find_undoable`` at an approval that has been read already."""
    if approval.outcome is not None:
        return None
    with server.database.read() as connection:
        return find_undoable(connection, actor, read_task(connection, key), approval)


def taken_from(actor: Actor, approval: Approval) -> str | None:
    """Who has taken back what somebody was asked at an approval; None where they are asked, or never were."""
    mine = [one for one in approval.present if one.person == actor.username]
    return mine[-1].reason.get("by") if mine and mine[-1].state == ItemState.TAKEN_BACK else None


def taken_back_by(server: Server, actor: Actor, key: int) -> str | None:
    """Who has taken a plain task back that was handed over to somebody; None where nobody has."""
    with server.database.read() as connection:
        return store.taken_back_by(connection, key, actor.username)
