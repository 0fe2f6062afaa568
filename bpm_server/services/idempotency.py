"""Requests that count once: the reply is kept in the transaction of what the request did.

``web.idempotency`` runs the request inside of :func:`counted_once`. The command's commit waits until the reply is made
(``services.transaction.holding``); row, reply and deed are committed together, so that a process that is killed has
either done and kept all of it, or nothing.

Only requests that wait for others (the end of an instance, the listeners of a task) must commit before they have a
reply. Then the row says what was done (:func:`remembered`): a retry goes on waiting and does not do it again.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from bpm_server.domain.idempotency import HEADER, HELD, InProgress, KeptReply, KeyReused
from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel import json
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import HeldCommits, command, holding, transaction
from bpm_server.store import idempotency as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.domain.idempotency import Asked
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

T = TypeVar("T")
PURPOSE = "idempotent-request"
SWEPT = 500


class Once:
    """A request that is being handled.

    Attributes:
        has_acted: Something of it is committed already.
        late: The reply, where it can only be kept after everything else.
    """

    def __init__(self, server: Server, asked: Asked, progress: bytes | None) -> None:
        self._server = server
        self._asked = asked
        self._progress = progress
        self._resumed = progress is not None
        self._wait = timedelta()
        self._now: datetime | None = None
        self.has_acted = self._resumed
        self.late: KeptReply | None = None
        self.commits = HeldCommits(self._claim, self._leave)

    def _claim(self, tx: Transaction) -> None:
        self._now = tx.moment.database_now
        if not self.has_acted:
            store.claim(tx.connection, self._asked, self._now)

    def _leave(self, connection: Connection) -> None:
        assert self._now is not None  # noqa: S101
        store.keep_progress(connection, self._asked.id, self._progress, self._now + HELD + self._wait)
        self.has_acted = True

    def remember(self, act: Callable[[], T]) -> T:
        """What ``act`` gives (JSON); of an earlier try where that has done it."""
        if self._resumed and self._progress is not None:
            known: T = json.loads(self._server.secrets.open(self._progress, PURPOSE))
            return known
        found = act()
        self._progress = self._server.secrets.seal(json.dumps_bytes(found), PURPOSE)
        return found

    def settle(self, seconds: float) -> None:
        """Commits what was done so far, as the request now waits for at most so long."""
        self._wait = timedelta(seconds=seconds)
        self.commits.settle()

    def finish(self, reply: KeptReply) -> None:
        """Commits, together with the reply. Nothing is kept of a request that has changed nothing."""
        sealed = KeptReply(reply.status, reply.content_type, self._server.secrets.seal(reply.body, PURPOSE))
        if self.commits.waits:
            self.commits.end_with(lambda connection: store.keep_reply(connection, self._asked.id, sealed))
        elif self.has_acted:
            self.late = sealed


_CURRENT: ContextVar[Once | None] = ContextVar("once", default=None)


@contextmanager
def counted_once(server: Server, asked: Asked, progress: bytes | None) -> Iterator[Once]:
    """The block handles a request that counts once; it ends with ``finish`` or an exception.

    Args:
        server: The server.
        asked: The request.
        progress: What :func:`find_request` gave.

    Raises:
        ClaimLost: another one with the same key was faster: look for its reply.
        InProgress: the first one is still at work.
    """
    once = Once(server, asked, progress)
    token = _CURRENT.set(once)
    try:
        with holding(once.commits):
            yield once
    finally:
        _CURRENT.reset(token)
        if once.has_acted and once.late is None:
            release(server, asked.id)
    if once.late is not None:
        keep_late_reply(server, asked.id, once.late)


def remembered(act: Callable[[], T]) -> T:
    """Does something before a request waits; a retry after a crash is given the same result (JSON) instead."""
    once = _CURRENT.get()
    return act() if once is None else once.remember(act)


def settle(seconds: float) -> None:
    """This thread is going to wait: nothing may be left uncommitted."""
    once = _CURRENT.get()
    if once is not None:
        once.settle(seconds)


def find_request(server: Server, asked: Asked) -> tuple[KeptReply | None, bytes | None]:
    """The reply to a request that was sent before; else what an earlier try has done, if there was one.

    Raises:
        KeyReused: the key came with another request.
        InProgress: the first one is still at work.
    """
    with server.database.read() as connection:
        row = store.find(connection, asked.id)
        now = read_moment(connection).database_now
    if row is None:
        return None, None
    if row.fingerprint != asked.fingerprint:
        message = f"Expected the {HEADER} of a new request to be new, but it was used for another request"
        raise KeyReused(message, field=HEADER)
    if row.status is not None:
        return KeptReply(row.status, row.content_type, server.secrets.open(row.body, PURPOSE)), None
    if row.held_until > now:
        message = f"Expected the first request with this {HEADER} to be done, but it is still at work"
        raise InProgress(message, retry_after=1)
    return None, row.progress


@command
def keep_late_reply(server: Server, request_id: str, reply: KeptReply) -> None:
    """The reply of a request that had to commit before (see :func:`remembered`)."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        store.keep_reply(tx.connection, request_id, reply)


@command
def release(server: Server, request_id: str) -> None:
    """A request ended without a reply: whoever retries goes on from what it has done, or begins again."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        row = store.find(tx.connection, request_id)
        if row is not None and row.progress is not None:
            store.keep_progress(tx.connection, request_id, row.progress, tx.moment.database_now)
        else:
            store.forget(tx.connection, request_id)


@command
def remove_expired(server: Server) -> int:
    """Removes requests whose time is over, some at a time; returns how many."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        return store.delete_expired(tx.connection, tx.moment.database_now, SWEPT)
