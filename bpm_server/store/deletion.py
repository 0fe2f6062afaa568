"""Taking the rows of ended process instances away: everything that their tables hold of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.tables.decisions import decision_instance
from bpm_server.store.tables.definitions import decision_definition
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import (
    deferred_command,
    element_instance,
    incident,
    instance_item,
    process_instance,
    variable,
)
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import correlation, started_by_key, subscription
from bpm_server.store.tables.tasks import task_comment, user_task, user_task_candidate

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

BY_INSTANCE = (
    task_comment,
    user_task,
    decision_instance,
    journal,
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
)


def has_active(connection: Connection, root_key: int) -> bool:
    """Whether something that an ended instance called still ends (a user task with canceling listeners)."""
    query = sa.select(process_instance.c.key).where(
        process_instance.c.root_key == root_key, process_instance.c.ended_at.is_(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def delete_tree(connection: Connection, root_key: int) -> None:
    """Deletes an instance and everything that it called; logs of webhooks and batch operations stay."""
    tree = sa.select(process_instance.c.key).where(
        sa.or_(
            process_instance.c.key == root_key,
            sa.and_(process_instance.c.root_key == root_key, process_instance.c.parent_key.is_not(None)),
        )
    )
    keys = list(connection.execute(tree).scalars())
    tasks = sa.select(user_task.c.key).where(user_task.c.instance_key.in_(keys))
    connection.execute(user_task_candidate.delete().where(user_task_candidate.c.task_key.in_(tasks)))
    for table in BY_INSTANCE:
        connection.execute(table.delete().where(table.c.instance_key.in_(keys)))
    connection.execute(process_instance.delete().where(process_instance.c.key.in_(keys)))


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
