"""Taking the rows of ended process instances away: everything that their tables hold of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.attachments import delete_documents
from bpm_server.store.tables.approvals import approval, approval_act, approval_item, carbon_copy
from bpm_server.store.tables.attachments import attachment
from bpm_server.store.tables.decisions import decision_instance
from bpm_server.store.tables.definitions import decision_definition
from bpm_server.store.tables.drafts import draft
from bpm_server.store.tables.history import journal, large_value
from bpm_server.store.tables.instances import (
    deferred_command,
    element_instance,
    incident,
    instance_item,
    process_instance,
    variable,
)
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import correlation, message, started_by_key, subscription
from bpm_server.store.tables.notifications import notification
from bpm_server.store.tables.service_levels import sla_clock
from bpm_server.store.tables.tasks import task_comment, user_task, user_task_candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

MANY = 500
"""Keys in one statement."""
BY_INSTANCE = (
    approval_item,
    approval_act,
    approval,
    carbon_copy,
    attachment,
    notification,
    sla_clock,
    task_comment,
    user_task,
    decision_instance,
    journal,
    large_value,
    instance_item,
    element_instance,
    variable,
    incident,
    job,
    timer,
    subscription,
    correlation,
    started_by_key,
    deferred_command,
    draft,
)
"""Tables whose rows belong to the instance in their column ``instance_key``."""


def some_at_a_time(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """The keys in pieces of which each fits into a statement."""
    for start in range(0, len(keys), MANY):
        yield keys[start : start + MANY]


def has_active(connection: Connection, root_key: int) -> bool:
    """Whether something that an ended instance called still ends (a user task with canceling listeners)."""
    query = sa.select(process_instance.c.key).where(
        process_instance.c.root_key == root_key, process_instance.c.ended_at.is_(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def members(connection: Connection, root_keys: Sequence[int]) -> dict[int, list[int]]:
    """The instances of call trees, by root; the root is the first."""
    t = process_instance
    found = {key: [key] for key in root_keys}
    for keys in some_at_a_time(root_keys):
        called = sa.select(t.c.root_key, t.c.key).where(t.c.root_key.in_(keys), t.c.parent_key.is_not(None))
        for row in connection.execute(called.order_by(t.c.key)):
            found[row.root_key].append(row.key)
    return found


def of_kept_message() -> sa.ColumnElement[bool]:
    """A correlation whose message is still kept: it must not reach the process again, and so outlives the instance."""
    return sa.exists().where(message.c.key == correlation.c.message_key)


def delete_instances(connection: Connection, instance_keys: Sequence[int]) -> dict[str, int]:
    """Deletes the instances of whole call trees, with the documents that are attached to them.

    Logs of webhooks and batch operations stay.

    Returns:
        How many rows of which table.
    """
    deleted: dict[str, int] = {}

    def delete(table: sa.Table, where: sa.ColumnElement[bool]) -> None:
        gone = connection.execute(table.delete().where(where)).rowcount
        deleted[table.name] = deleted.get(table.name, 0) + gone

    for keys in some_at_a_time(instance_keys):
        delete_documents(connection, keys)
        tasks = sa.select(user_task.c.key).where(user_task.c.instance_key.in_(keys))
        delete(user_task_candidate, user_task_candidate.c.task_key.in_(tasks))
        for table in BY_INSTANCE:
            mine = table.c.instance_key.in_(keys)
            delete(table, mine & ~of_kept_message() if table is correlation else mine)
        delete(process_instance, process_instance.c.key.in_(keys))
    return deleted


def delete_evaluation(connection: Connection, key: int) -> None:
    """Deletes one evaluation of decisions."""
    connection.execute(decision_instance.delete().where(decision_instance.c.key == key))


def find_evaluation(connection: Connection, key: int) -> str | None:
    """The id of the decision that an evaluation was asked for; None where there is no such evaluation."""
    query = (
        sa.select(decision_definition.c.decision_id)
        .join_from(
            decision_instance, decision_definition, decision_definition.c.key == decision_instance.c.decision_key
        )
        .where(decision_instance.c.key == key)
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found
