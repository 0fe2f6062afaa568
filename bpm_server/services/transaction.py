"""Transactions of commands: the only place that commits.

``@command`` marks a command: it runs again (at most three times in all) when another transaction got in between.

Inside of :func:`holding` the commit of a command waits, so that what is made of its result (the reply of a request that
counts once, see ``services.idempotency``) is committed with it.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from bpm_server.domain.audit import LONGEST_DESCRIPTION, Entity, actor_type, category
from bpm_server.kernel import metrics, tracing
from bpm_server.kernel.errors import BpmError, StaleVersion, Unavailable
from bpm_server.store import instances
from bpm_server.store.batch import Batch
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.audit import audit_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.audit import Operation
    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task
    from bpm_server.engine import Instance
    from bpm_server.services.server import Server
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.moments import Moment

ATTEMPTS = 3
SUCCESS = "SUCCESS"
"""What was refused or failed changed nothing and is in no table (ADR 11)."""
_NOTHING = dict.fromkeys(audit_log.columns.keys())
P = ParamSpec("P")
R = TypeVar("R")


class Transaction:
    """One command at work.

    Attributes:
        moment: When it happens, by engine time and database time.
        live: Instances that this command has advanced, with the version they will have, or looked at.
        looked_at: Rows of those that it has only looked at.
        told: Who hears in another way that something is asked of them, see ``services.notifications``.
    """

    def __init__(self, server: Server, connection: Connection, moment: Moment, actor: Actor) -> None:
        self.server = server
        self.connection = connection
        self.moment = moment
        self.actor = actor
        self.batch = Batch(moment, actor.username, server.new_key)
        self.live: dict[int, Instance] = {}
        self.looked_at: dict[int, InstanceRow] = {}
        self.topics: set[str] = set()
        self.told: set[str] = set()

    @property
    def now(self) -> datetime:
        """Engine time."""
        return self.moment.now

    @property
    def outer_variables(self) -> Mapping[str, Any]:
        """What expressions see beyond their process."""
        return self.server.cluster_variables.outer(self.connection, self.moment.cluster_variable_version)

    def lock_instance(self, key: int, root_key: int | None = None) -> InstanceRow:
        """Locks the call tree of an instance and reads the instance, with what this command has done to it.

        Raises:
            NotFound: there is no such instance.
        """
        known = self.batch.instances.get(key)
        return instances.lock_instance(self.connection, key, root_key) if known is None else known

    def audit(self, entity: Entity, operation: Operation, key: int | str, **about: int | str | None) -> None:
        """Notes in the audit log what this command does; ``about`` names columns of ``store.tables.audit``."""
        description = about.get("description")
        entry: dict[str, Any] = {
            **_NOTHING,
            **about,
            "key": self.server.new_key(),
            "at": self.now,
            "actor": self.actor.username,
            "actor_type": actor_type(self.actor),
            "entity_type": entity,
            "operation": operation,
            "category": category(entity),
            "result": SUCCESS,
            "entity_key": str(key),
            "description": None if description is None else str(description)[:LONGEST_DESCRIPTION],
        }
        self.batch.audit.append(entry)

    def audit_instance(self, entity: Entity, operation: Operation, key: int, row: InstanceRow, **about: Any) -> None:
        """Like :meth:`audit`, for what belongs to a process instance."""
        self.audit(
            entity,
            operation,
            key,
            process_id=row.process_id,
            process_definition_key=row.process_definition_key,
            instance_key=row.key,
            root_key=row.root_key,
            **about,
        )

    def audit_task(self, operation: Operation, task: Task, **about: str | None) -> None:
        """Like :meth:`audit`, for a user task."""
        self.audit(
            Entity.USER_TASK,
            operation,
            task.key,
            process_id=task.process_id,
            process_definition_key=task.process_definition_key,
            instance_key=task.instance_key,
            root_key=task.root_key,
            element_key=task.key,
            task_key=task.key,
            form_key=task.form_key,
            **about,
        )

    def write_so_far(self) -> None:
        """Writes the rows that were collected, so that what follows in this transaction can read them."""
        self.batch.flush(self.connection)
        self.batch = self.batch.next()

    def wake(self, topic: str) -> None:
        """Lets workers look for work of this kind after the commit."""
        self.topics.add(topic)

    def keep_hot(self) -> None:
        """After the commit: the next command finds the instances in memory."""
        for key, instance in self.live.items():
            row = self.batch.instances.get(key) or self.looked_at[key]
            if row.tokens is not None or row.ended_at is None:
                self.server.hot.put(key, row.lock_version, instance)


@contextmanager
def transaction(server: Server, actor: Actor, *, synced: bool = True) -> Iterator[Transaction]:
    """Opens the transaction of a command; commits at the end, or changes nothing.

    Args:
        server: The server.
        actor: Who acts.
        synced: False for what may be lost when the machine crashes, like a lease: the commit waits for no disk.

    Raises:
        Unavailable: the database is busy or away.
        StaleVersion: another transaction got in between.
    """
    held = _HELD.get()
    if held is not None:
        with held.opening(server, actor) as tx:
            yield tx
        return
    with server.database.write(synced=synced) as connection:
        tx = Transaction(server, connection, read_moment(connection), actor)
        yield tx
        tx.batch.flush(connection)
        connection.commit()
        tx.keep_hot()
    _tell(tx)


def _tell(tx: Transaction) -> None:
    if tx.topics:
        tx.server.wake(frozenset(tx.topics))


class HeldCommits:
    """Transactions of this thread whose commits wait; there is at most one at a time."""

    def __init__(self, begun: Callable[[Transaction], None], leaving: Callable[[Connection], None]) -> None:
        """What else belongs to these transactions.

        Args:
            begun: Called when a transaction has begun.
            leaving: Called with a connection that is committed before the end, as another command follows or the
                request waits.
        """
        self._begun = begun
        self._leaving = leaving
        self._open: tuple[ExitStack, Transaction] | None = None

    @property
    def waits(self) -> bool:
        """Whether there is something to commit."""
        return self._open is not None

    @contextmanager
    def opening(self, server: Server, actor: Actor) -> Iterator[Transaction]:
        """The transaction of a command; its rows are written at the end, its commit waits."""
        self.settle()
        with ExitStack() as stack:
            connection = stack.enter_context(server.database.write())
            tx = Transaction(server, connection, read_moment(connection), actor)
            self._begun(tx)
            yield tx
            tx.batch.flush(connection)
            stack.enter_context(server.database.sharing(connection))
            self._open = (stack.pop_all(), tx)

    def settle(self) -> None:
        """Commits what waits, before the end."""
        if self._open is not None:
            self.end_with(self._leaving)

    def end_with(self, last: Callable[[Connection], None]) -> None:
        """Commits what waits, together with what ``last`` writes."""
        assert self._open is not None  # noqa: S101
        (stack, tx), self._open = self._open, None
        with stack:
            last(tx.connection)
            tx.connection.commit()
            tx.keep_hot()
        _tell(tx)

    def drop(self) -> None:
        """Undoes what waits."""
        if self._open is not None:
            (stack, _), self._open = self._open, None
            stack.close()


_HELD: ContextVar[HeldCommits | None] = ContextVar("held_commits", default=None)


@contextmanager
def holding(held: HeldCommits) -> Iterator[None]:
    """Commands of this thread leave their commits to ``held`` as long as the block runs; at its end it is dropped."""
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)
        held.drop()


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Marks a command; repeats it after a conflict with another transaction."""
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    seconds = metrics.COMMAND_SECONDS.labels(name)
    succeeded = metrics.COMMANDS.labels(name, "succeeded")

    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return function(*args, **kwargs)
            except StaleVersion as error:
                if not error.details.get("retry", True):
                    raise
                metrics.CONFLICTS.inc()
        return function(*args, **kwargs)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        begun = perf_counter()
        outcome = "failed"
        try:
            with tracing.span(name):
                result = attempt(*args, **kwargs)
            outcome = ""
        except BpmError as error:
            outcome = "unavailable" if isinstance(error, Unavailable) else "refused"
            raise
        finally:
            seconds.observe(perf_counter() - begun)
            (metrics.COMMANDS.labels(name, outcome) if outcome else succeeded).inc()
        return result

    return run
