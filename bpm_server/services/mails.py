"""Mails of what people are told: made of notifications, leased, sent outside any transaction, and booked.

A notification says in the transaction of what happened that a mail may follow (``notification.mail_at``); what becomes
of it depends on what its person has chosen, at which nobody looks on the way. A crash between sending and booking sends
a mail again, with the same ``Message-ID``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.calendars import read_zone
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.mails import HOUR, Posted, When, next_daily, wait_after
from bpm_server.domain.notifications import Kind
from bpm_server.domain.states import MailState
from bpm_server.kernel.errors import InvalidInput, NotFound, WrongState
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import mails as store
from bpm_server.store.mails import NewMail
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.mails import Letter
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.mails import Receiver

MADE = 200
"""Notifications that one transaction looks at."""
LEASE = timedelta(minutes=5)
TOPIC = "mails"
LONGEST_REASON = 1_000


def are_due(server: Server) -> bool:
    """Whether there is something to do; looked at without locks."""
    with server.database.read() as connection:
        moment = read_moment(connection)
        due = store.next_due(connection, moment.database_now)
    return due is not None and due <= moment.now


@command
def make_mails(server: Server) -> int:
    """Makes mails of some notifications whose time has come; returns how many it looked at. One process at a time."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "MAIL", "SEND")
        if not store.try_lock(tx.connection):
            return 0
        due = store.due_notifications(tx.connection, tx.now, MADE)
        people = store.receivers(tx.connection, {row.username for row in due}) if due else {}
        # Whoever has a daily mail due gets all of it at once: nobody gets two.
        whole = store.due_daily(tx.connection, tx.now, {row.username for row in due if row.mail_daily})
        later: dict[int, datetime] = {}
        mails: list[NewMail] = []
        collected: dict[str, list[int]] = {}
        for row in [*(row for row in due if not row.mail_daily), *whole]:
            person = people.get(row.username)
            when = When.NEVER if person is None else person.choices.when(Kind(row.kind))
            if person is None or when is When.NEVER:
                continue
            if row.mail_daily:
                collected.setdefault(row.username, []).append(row.key)
            elif when is When.DAILY:
                later[row.key] = _daily(tx, person)
            else:
                mails.append(NewMail(server.new_key(), row.username, (row.key,)))
        mails += [NewMail(server.new_key(), name, tuple(keys), daily=True) for name, keys in collected.items()]
        store.settle(tx.connection, [row.key for row in (*due, *whole) if row.key not in later])
        store.keep_for_daily(tx.connection, later)
        store.insert_mails(tx.connection, mails, tx.now)
        return len(due)


def _daily(tx: Transaction, person: Receiver) -> datetime:
    hour = HOUR if person.choices.hour is None else person.choices.hour
    try:
        zone = read_zone(person.time_zone or tx.server.settings.time_zone)
    except InvalidInput:  # one that the time zones of this machine do not have (any more)
        zone = tx.server.settings.zone()
    return next_daily(tx.now, hour, zone)


@command
def take_mails(server: Server, limit: int) -> list[Letter]:
    """Leases mails to send."""
    with transaction(server, SYSTEM, synced=False) as tx:
        authorize(tx.actor, "MAIL", "SEND")
        now = tx.moment.database_now
        return store.lease_mails(tx.connection, tx.now, now, now + LEASE, limit)


@command
def book_mail(server: Server, letter: Letter, posted: Posted) -> None:
    """Books what came of a try.

    A failure that comes after the lease has ended (another worker has the mail) changes nothing.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "MAIL", "SEND")
        row = store.lock_mail(tx.connection, letter.key)
        if row is None or row.state != MailState.WAITING:
            return
        if row.lease != letter.lease and posted.state is not MailState.SENT:
            return
        attempts = row.attempts + 1
        reason = None if posted.reason is None else posted.reason[:LONGEST_REASON]
        wait = wait_after(attempts) if posted.state is MailState.WAITING else None
        if wait is not None:
            store.update_mail(tx.connection, letter.key, attempts=attempts, next_at=tx.now + wait, reason=reason)
            return
        state = MailState.FAILED if posted.state is MailState.WAITING else posted.state
        store.update_mail(tx.connection, letter.key, state=state, attempts=attempts, ended_at=tx.now, reason=reason)


@command
def retry_mail(server: Server, actor: Actor, key: int) -> None:
    """Sends a mail that was given up.

    Raises:
        NotFound: there is none (any more).
        WrongState: it was not given up.
        Forbidden: the permission MAIL:UPDATE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "MAIL", "UPDATE")
        row = store.lock_mail(tx.connection, key)
        if row is None:
            message = f"Expected to find mail '{key}', but there is none"
            raise NotFound(message)
        if row.state != MailState.FAILED:
            message = f"Expected to retry mail '{key}' that was given up, but it is {row.state}"
            raise WrongState(message, retry=False)
        store.update_mail(tx.connection, key, state=MailState.WAITING, attempts=0, next_at=tx.now, ended_at=None)
        tx.wake(TOPIC)
