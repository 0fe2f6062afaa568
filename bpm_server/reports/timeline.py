"""The course of a case, step by step: who was asked, who answered what, what was decided, sent and mended.

Made from the journal, the comments beside tasks and the log of deliveries. The words are the faces' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server.domain import events as e
from bpm_server.domain.approvals.node import ASIDE
from bpm_server.kernel import json
from bpm_server.reports.approvals import acts_of, first_signers
from bpm_server.reports.why import rule_texts
from bpm_server.store import attachments
from bpm_server.store.large_values import fill_rows
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery
from bpm_server.store.tables.history import journal as j
from bpm_server.store.tables.tasks import task_comment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.reports.approvals import Done
    from bpm_server.services.server import Server

MOST_STEPS = 1_000
_events = msgspec.json.Decoder(tuple[e.AnyEvent, ...], float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Item:
    """Something that happened.

    Attributes:
        kind: ``started``, ``asked``, ``answered``, ``taken-back``, ``decided``, ``work``, ``worked``, ``sent``,
            ``delivered``, ``not-delivered``, ``stuck``, ``mended``, ``timer``, ``event``, ``called``, ``changed``,
            ``comment``, ``act`` (at an approval), ``attached``, ``attachment-removed``, ``suspended``, ``resumed``,
            ``moved``, ``migrated``, ``ended`` or ``cancelled``.
        actor: Who did it; None where the process itself did.
        values: More, by kind.
    """

    at: datetime
    kind: str
    actor: str | None = None
    element_id: str | None = None
    name: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Items, oldest first. ``is_cut``: there are more steps than are told."""

    items: tuple[Item, ...]
    is_cut: bool = False


def timeline(server: Server, instance_key: int) -> Timeline:
    """The course of an instance; whether the reader may see it is the caller's question."""
    with server.database.read() as connection:
        query = (
            sa.select(j.c.at, j.c.actor, j.c.command, j.c.events)
            .where(j.c.instance_key == instance_key)
            .order_by(j.c.sequence)
            .limit(MOST_STEPS + 1)
        )
        steps = [dict(step) for step in connection.execute(query).mappings()]
        fill_rows(connection, instance_key, steps)
        comments = _comments(connection, instance_key)
        besides = [*_deliveries(connection, instance_key), *_attachments(connection, instance_key)]
        acts = [_act(one) for one in acts_of(connection, instance_key, MOST_STEPS)]
        teller = _Teller(instance_key, lambda key, entry: rule_texts(server, connection, key, entry))
        for step in steps[:MOST_STEPS]:
            teller.tell(Step(**step))
        has_rules = any(item.kind == "asked" and not _names_somebody(item) for item in teller.items)
        signers = first_signers(connection, instance_key) if has_rules else {}
    decided = {item.values["task"] for item in acts if item.values["act"] not in ASIDE and item.values["is_signed"]}
    told = [item for item in teller.items if not (item.kind == "answered" and item.values["task"] in decided)]
    places = {item.values["task"]: item for item in teller.items if item.kind == "asked"}
    placed = [_at_place(item, places.get(item.values["task"])) for item in acts]
    told = [_with_signers(item, signers) for item in told]
    items = _with_comments([*placed, *told, *besides], comments)  # of one moment: the act before what it has caused
    return Timeline(tuple(sorted(items, key=lambda item: item.at)), len(steps) > MOST_STEPS)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the journal, with its large values."""

    at: datetime
    actor: str | None
    command: str
    events: str


class _Teller:
    """Turns the steps of one instance into items."""

    def __init__(self, instance_key: int, rules: Callable[[int, Mapping[str, Any]], list[str]]) -> None:
        self.items: list[Item] = []
        self._rules = rules
        self._instance_key = instance_key
        self._places: dict[int, str] = {}
        self._tasks: dict[int, str | None] = {}
        self._jobs: dict[int, str] = {}
        self._end: str | None = None

    def tell(self, step: Step) -> None:
        """Adds what one step caused."""
        command = json.loads(step.command)
        for event in _events.decode(step.events):
            teller = _TELLERS.get(type(event))
            if teller is not None:
                found = teller(self, step, command, event)
                if found is not None:
                    self.items.append(found)
        if command[0] == "modify":
            self.items.append(Item(step.at, "moved", step.actor))
        if command[0] == "set-variables":
            self.items.append(Item(step.at, "changed", step.actor, values={"names": sorted(command[2])}))

    def item(self, step: Step, kind: str, key: int | None, **values: Any) -> Item:
        """An item at the element of a key."""
        actor: str | None = values.pop("actor", None)
        name = None if key is None else self._tasks.get(key)
        return Item(step.at, kind, actor, None if key is None else self._places.get(key), name, values)

    # --- by event ---------------------------------------------------------------------------------------

    def activated(self, _step: Step, _command: Any, event: e.ElementActivated) -> None:
        self._places[event.key] = event.element_id
        if event.type == "endEvent" and event.scope_key == self._instance_key:
            self._end = event.element_id

    def started(self, step: Step, _command: Any, event: e.InstanceStarted) -> Item:
        return Item(step.at, "started", step.actor, event.element_id)

    def completed(self, step: Step, _command: Any, _event: e.InstanceCompleted) -> Item:
        return Item(step.at, "ended", element_id=self._end)

    def terminated(self, step: Step, _command: Any, _event: e.InstanceTerminated) -> Item:
        return Item(step.at, "cancelled", step.actor)

    def suspended(self, step: Step, _command: Any, _event: e.InstanceSuspended) -> Item:
        return Item(step.at, "suspended", step.actor)

    def resumed(self, step: Step, _command: Any, _event: e.InstanceResumed) -> Item:
        return Item(step.at, "resumed", step.actor)

    def migrated(self, step: Step, _command: Any, event: e.InstanceMigrated) -> Item:
        return Item(step.at, "migrated", step.actor, values={"version": event.version})

    def element_migrated(self, _step: Step, _command: Any, event: e.ElementMigrated) -> None:
        self._places[event.key] = event.element_id
        if event.key in self._tasks:
            self._tasks[event.key] = event.name

    def asked(self, step: Step, _command: Any, event: e.UserTaskCreated) -> Item:
        self._places[event.key], self._tasks[event.key] = event.element_id, event.name
        return self.item(
            step,
            "asked",
            event.key,
            assignee=event.assignee,
            groups=event.candidate_groups,
            users=event.candidate_users,
            task=event.key,
        )

    def answered(self, step: Step, command: Any, event: e.UserTaskCompleted) -> Item:
        variables = command[2] if command[0] == "complete-task" and len(command) > 2 else {}
        said = {name: variables.get(name) for name in ("outcome", "comment")}
        return self.item(step, "answered", event.key, actor=step.actor, task=event.key, **said)

    def taken_back(self, step: Step, _command: Any, event: e.UserTaskCanceled) -> Item:
        return self.item(step, "taken-back", event.key)

    def decided(self, step: Step, _command: Any, event: e.DecisionEvaluated) -> Item:
        taken = (event.evaluation.get("decisions") or [{}])[-1]
        outputs = [(one["name"], one["value"]) for rule in taken.get("rules", ()) for one in rule["outputs"]]
        values = {
            "decision": taken.get("name"),
            "output": taken.get("output"),
            "outputs": outputs,
            "rules": self._rules(event.decision_key, taken),
        }
        return Item(step.at, "decided", element_id=event.element_id, values=values)

    def work(self, step: Step, _command: Any, event: e.JobCreated) -> Item | None:
        self._places[event.element_key] = event.element_id
        self._jobs[event.element_key] = event.type
        return None if event.kind != "element" else self.item(step, "work", event.element_key, type=event.type)

    def worked(self, step: Step, _command: Any, event: e.JobCompleted) -> Item:
        return self.item(step, "worked", event.element_key, type=self._jobs.get(event.element_key))

    def stuck(self, step: Step, _command: Any, event: e.IncidentRaised) -> Item:
        self._places[event.element_key] = event.element_id
        return self.item(step, "stuck", event.element_key, message=event.message, problem=event.kind)

    def mended(self, step: Step, _command: Any, event: e.IncidentResolved) -> Item:
        return self.item(step, "mended", event.element_key, actor=step.actor)

    def timer(self, step: Step, _command: Any, event: e.TimerScheduled) -> Item:
        return Item(step.at, "timer", element_id=event.event_id, values={"due": event.due_at})

    def caught(self, step: Step, _command: Any, event: e.EventTriggered) -> Item:
        return Item(step.at, "event", element_id=event.event_id)

    def called(self, step: Step, _command: Any, event: e.ProcessCalled) -> Item:
        return Item(step.at, "called", element_id=event.element_id, values={"process": event.process_id})


_TELLERS: dict[type, Callable[[_Teller, Step, Any, Any], Item | None]] = {
    e.ElementActivated: _Teller.activated,
    e.InstanceStarted: _Teller.started,
    e.InstanceCompleted: _Teller.completed,
    e.InstanceTerminated: _Teller.terminated,
    e.InstanceSuspended: _Teller.suspended,
    e.InstanceResumed: _Teller.resumed,
    e.InstanceMigrated: _Teller.migrated,
    e.ElementMigrated: _Teller.element_migrated,
    e.UserTaskCreated: _Teller.asked,
    e.UserTaskCompleted: _Teller.answered,
    e.UserTaskCanceled: _Teller.taken_back,
    e.DecisionEvaluated: _Teller.decided,
    e.JobCreated: _Teller.work,
    e.JobCompleted: _Teller.worked,
    e.IncidentRaised: _Teller.stuck,
    e.IncidentResolved: _Teller.mended,
    e.TimerScheduled: _Teller.timer,
    e.EventTriggered: _Teller.caught,
    e.ProcessCalled: _Teller.called,
}


# --- beside the journal ---------------------------------------------------------------------------------


def _act(done: Done) -> Item:
    values = {
        "act": done.act,
        "task": done.task_key,
        "comment": done.comment,
        "people": done.people,
        "place": done.place,
        "target": done.target,
        "is_signed": done.item_key is not None,
    }
    return Item(done.at, "act", done.actor, values=values)


def _with_signers(item: Item, signers: Mapping[int, Sequence[str]]) -> Item:
    """An approval whose task names nobody is offered to those whom its rules have found."""
    found = signers.get(item.values.get("task") or 0) if item.kind == "asked" else None
    if not found or _names_somebody(item):
        return item
    return replace(item, values={**item.values, "users": tuple(found)})


def _names_somebody(asked: Item) -> bool:
    return any(asked.values.get(name) for name in ("assignee", "groups", "users"))


def _at_place(act: Item, asked: Item | None) -> Item:
    return act if asked is None else replace(act, element_id=asked.element_id, name=asked.name)


def _comments(connection: Connection, instance_key: int) -> list[Any]:
    c = task_comment
    query = (
        sa.select(c.c.task_key, c.c.written_by, c.c.written_at, c.c.text)
        .where(c.c.instance_key == instance_key)
        .order_by(c.c.key)
        .limit(MOST_STEPS)
    )
    return list(connection.execute(query))


def _with_comments(items: list[Item], comments: list[Any]) -> list[Item]:
    """A comment that came with an answer belongs to it; others stand by themselves."""
    answers = {item.values.get("task"): index for index, item in enumerate(items) if item.kind == "answered"}
    for comment in comments:
        index = answers.get(comment.task_key)
        if index is not None and items[index].at == comment.written_at and items[index].actor == comment.written_by:
            items[index] = replace(items[index], values={**items[index].values, "comment": comment.text})
        else:
            said = {"text": comment.text, "task": comment.task_key}
            items.append(Item(comment.written_at, "comment", comment.written_by, values=said))
    return items


def _attachments(connection: Connection, instance_key: int) -> list[Item]:
    items = []
    for one in attachments.history(connection, instance_key, MOST_STEPS):
        values = {"name": one.file_name, "attachment": one.key, "task": one.task_key}
        items.append(Item(one.added_at, "attached", one.added_by, values=values))
        if one.removed_at is not None:
            items.append(Item(one.removed_at, "attachment-removed", one.removed_by, values=values))
    return items


def _deliveries(connection: Connection, instance_key: int) -> list[Item]:
    d, a = webhook_delivery, webhook_attempt
    query = (
        sa.select(
            a.c.at, a.c.number, a.c.status, a.c.error, a.c.duration_ms, d.c.endpoint_name, d.c.event_type, d.c.replay_of
        )
        .join_from(d, a, a.c.delivery_key == d.c.key)
        .where(d.c.instance_key == instance_key)
        .order_by(a.c.at)
        .limit(MOST_STEPS)
    )
    items = []
    for row in connection.execute(query):
        arrived = row.status is not None and 200 <= row.status < 300
        values = {name: row._mapping[name] for name in ("number", "status", "error", "duration_ms", "event_type")}
        values.update(endpoint=row.endpoint_name, is_replay=row.replay_of is not None)
        items.append(Item(row.at, "delivered" if arrived else "not-delivered", values=values))
    return items
