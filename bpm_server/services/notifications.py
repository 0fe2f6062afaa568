"""Telling people what concerns them, in the transaction of what happened; and that they have read it.

Nobody is told of what they did themselves. Whoever shows an inbox that changed is woken after the commit, told or not
(``tell_inboxes``; see ``web.pages.events``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.notifications import ASKS, KEPT, Kind, group_topic, mentioned, person_topic
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.services.authorization import authorize
from bpm_server.services.identities import find_actor
from bpm_server.services.participation import takes_part
from bpm_server.services.preferences import authorize_self
from bpm_server.services.transaction import command, transaction
from bpm_server.store import mails
from bpm_server.store import notifications as store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.tasks import Task, TaskValues
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.notifications import About

SWEPT = 500
"""Old notifications that one transaction removes."""


def notify(
    tx: Transaction,
    people: Iterable[str | None],
    kind: Kind,
    instance_key: int,
    task_key: int | None = None,
    **details: str,
) -> None:
    """Tells people, except who acts; of one kind about one thing once in a transaction.

    Args:
        tx: Of what happened.
        people: Whom; None for nobody.
        kind: Why.
        instance_key: What it is about.
        task_key: The same; None where it is the whole case.
        details: A few words, such as the outcome; never values of variables.
    """
    settings = tx.server.settings
    for name in people:
        if not name or name == tx.actor.username:
            continue
        tx.wake(person_topic(name))
        if name in tx.told and kind in ASKS:
            continue
        tx.batch.notifications.setdefault(
            (name, kind, task_key or instance_key),
            {
                "key": tx.server.new_key(),
                "username": name,
                "kind": kind,
                "instance_key": instance_key,
                "task_key": task_key,
                "by": None if tx.actor.is_system else tx.actor.username,
                "at": tx.now,
                "read_at": None,
                "details": json.dumps(details),
                "mail_at": tx.now if settings.smtp_url else None,
                "mail_daily": False,
                "push_at": tx.now if settings.push_contact else None,
                "push_to": None,
            },
        )
        if settings.smtp_url:
            tx.wake("mails")
        if settings.push_contact:
            tx.wake("pushes")


def take_notices_back(
    tx: Transaction, people: Iterable[str], instance_key: int, task_key: int, since: datetime
) -> None:
    """What was asked of people since a moment is not asked any more.

    Notifications that nobody has read go, as if nothing had happened; who has read theirs, or may have had a mail or a
    push, is told that it was taken back.
    """
    for name in people:
        tell_inboxes(tx, [name])
        found = store.asked_since(tx.connection, name, task_key, since)
        gone = [one.key for one in found if one.read_at is None]
        store.delete(tx.connection, gone)
        settings = tx.server.settings
        is_mailed = bool(settings.smtp_url) and any(one.mail_at is None for one in found)
        is_pushed = bool(settings.push_contact) and any(one.push_at is None for one in found)
        if len(gone) < len(found) or is_mailed or is_pushed:
            notify(tx, [name], Kind.TAKEN_BACK, instance_key, task_key)


def tell_inboxes(tx: Transaction, people: Iterable[str | None], groups: Iterable[str] = ()) -> None:
    """Inboxes of these people and groups look different after the commit."""
    for name in people:
        if name:
            tx.wake(person_topic(name))
    for group in groups:
        tx.wake(group_topic(group))


def tell_task(tx: Transaction, task: Task) -> None:
    """The same of all inboxes that a task is in, and of the actor's."""
    tell_inboxes(tx, [tx.actor.username, task.assignee, *task.candidate_users], task.candidate_groups)


def tell_change(tx: Transaction, instance_key: int, task_key: int, values: TaskValues) -> None:
    """Whose a task is now, or whom it is offered to, has changed."""
    named = values.named()
    notify(tx, [named.get("assignee")], Kind.ASSIGNED, instance_key, task_key)
    tell_inboxes(tx, named.get("candidate_users", ()), named.get("candidate_groups", ()))


def notify_mentioned(tx: Transaction, task: Task, comment: str | None) -> None:
    """Tells whoever a comment names as ``@username``; others than those who may see the case hear nothing."""
    for name in mentioned(comment):
        actor = find_actor(tx.server, tx.connection, name)
        if actor is not None and takes_part(tx, task, actor):
            notify(tx, [name], Kind.MENTIONED, task.instance_key, task.key)


@command
def mark_notifications_read(server: Server, actor: Actor, keys: Sequence[int] | None = None) -> int:
    """The actor has read notifications of theirs; keys of others change nothing.

    Args:
        server: The server.
        actor: Who.
        keys: Which; None: all.

    Returns:
        How many were new to them.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        done = store.mark_read(tx.connection, actor.username, keys, tx.now)
        if done:
            tx.wake(person_topic(actor.username))
        return done


@command
def open_notification(server: Server, actor: Actor, key: int) -> About:
    """The actor goes to what a notification is about, and so has read it.

    Raises:
        NotFound: they have no such notification (any more).
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        about = store.find_about(tx.connection, actor.username, key)
        if about is None:
            message = f"Expected to find notification '{key}', but there is none"
            raise NotFound(message)
        if store.mark_read(tx.connection, actor.username, [key], tx.now):
            tx.wake(person_topic(actor.username))
        return about


@command
def remove_old_notifications(server: Server) -> int:
    """Removes notifications whose time is over, and what became of their mails, some at a time; returns how many."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SYSTEM", "UPDATE")
        before = tx.now - KEPT
        return store.delete_before(tx.connection, before, SWEPT) + mails.delete_before(tx.connection, before, SWEPT)
