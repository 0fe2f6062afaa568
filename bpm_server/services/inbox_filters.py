"""Searches of the inbox that people keep under a name, for themselves or for others too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bpm_server.domain.inbox_filters import check_change, check_name, check_share, check_shared_with, sees
from bpm_server.kernel.errors import AlreadyExists, NotFound, StaleVersion, WrongState
from bpm_server.services.preferences import authorize_self
from bpm_server.services.transaction import command, transaction
from bpm_server.store import inbox_filters as store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import EllipsisType

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.inbox_filters import Criteria
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.inbox_filters import FilterRow

MOST = 20
"""Filters of one person: each is counted whenever their inbox changes."""


@command
def save_filter(server: Server, actor: Actor, name: str, criteria: Criteria, shared_with: str | None = None) -> int:
    """Keeps a search under a name, behind the filters that the actor has.

    Returns:
        The filter's key.

    Raises:
        InvalidInput: no name, or it is shared with something that cannot be.
        Forbidden: the actor may not share it so.
        AlreadyExists: they have one of this name.
        WrongState: they have as many as one person may have.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        title = check_name(name)
        audience = check_shared_with(shared_with)
        check_share(actor, audience)
        own = store.own_filters(tx.connection, actor.username, lock=True)
        _check_unused(own, title)
        if len(own) >= MOST:
            message = f"Expected fewer than {MOST} inbox filters before another one, but found {len(own)}"
            raise WrongState(message, retry=False)
        key, place = server.new_key(), max((one.place for one in own), default=-1) + 1
        store.insert(tx.connection, store.FilterRow(key, actor.username, title, place, criteria, audience, tx.now))
        return key


@command
def change_filter(
    server: Server,
    actor: Actor,
    key: int,
    *,
    name: str | None = None,
    shared_with: str | EllipsisType | None = ...,
    criteria: Criteria | None = None,
    version: int | None = None,
) -> None:
    """Renames a filter, changes its search or with whom it is shared; what is not named stays.

    Args:
        server: The server.
        actor: Who owns it, or may share with everybody where it is shared.
        key: The filter.
        name: Another name.
        shared_with: Another audience.
        criteria: Another search.
        version: Of the filter as the actor has seen it; None: whatever it is by now.

    Raises:
        NotFound: no such filter, or none that the actor sees.
        Forbidden: it is somebody else's, or the actor may not share it so.
        StaleVersion: somebody has changed it since; ``version`` of the details names the present one.
        InvalidInput, AlreadyExists: as :func:`save_filter`.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        row = _lock_to_change(tx, key)
        _check_version(row, version)
        if name is not None:
            row = replace(row, name=check_name(name))
            others = (one for one in store.own_filters(tx.connection, row.owner) if one.key != key)
            _check_unused(others, row.name)
        if shared_with is not ...:
            row = replace(row, shared_with=check_shared_with(shared_with))
            check_share(actor, row.shared_with)
        row = replace(row, criteria=criteria or row.criteria, version=row.version + 1)
        store.update(tx.connection, [row])


@command
def move_filter_up(server: Server, actor: Actor, key: int) -> None:
    """Puts one of the actor's filters before the one above it; the first one stays.

    Raises:
        NotFound: the actor has no such filter.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        own = store.own_filters(tx.connection, actor.username, lock=True)
        at = next((at for at, one in enumerate(own) if one.key == key), None)
        if at is None:
            message = f"Expected '{actor.username}' to have inbox filter '{key}', but they have none of this key"
            raise NotFound(message)
        if at > 0:
            own[at - 1], own[at] = own[at], own[at - 1]
        store.update(tx.connection, [replace(one, place=place) for place, one in enumerate(own)])


@command
def delete_filter(server: Server, actor: Actor, key: int) -> None:
    """Removes a filter, for all with whom it was shared.

    Raises:
        NotFound: no such filter, or none that the actor sees.
        Forbidden: it is somebody else's.
    """
    with transaction(server, actor) as tx:
        authorize_self(actor)
        _lock_to_change(tx, key)
        store.delete(tx.connection, key)


def _lock_to_change(tx: Transaction, key: int) -> FilterRow:
    row = store.lock_filter(tx.connection, key)
    if not sees(tx.actor, row.owner, row.shared_with):
        message = f"Expected to find inbox filter '{key}', but there is none"
        raise NotFound(message)
    check_change(tx.actor, row.owner, row.shared_with, key)
    return row


def _check_version(row: FilterRow, expected: int | None) -> None:
    if expected not in (None, row.version):
        message = f"Expected version {expected} of inbox filter '{row.key}', but found {row.version}"
        raise StaleVersion(message, version=row.version, retry=False)


def _check_unused(others: Iterable[FilterRow], name: str) -> None:
    if any(one.name == name for one in others):
        message = f"Expected a name that no other inbox filter has, but there is one of the name '{name}'"
        raise AlreadyExists(message, field="name")
