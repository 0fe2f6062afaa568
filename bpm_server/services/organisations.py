"""The organisation as commands and reports see it: cached for who reads, locked for who changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.organisation import Organisation, check_organisation, find_department
from bpm_server.kernel.errors import NotFound, Unavailable
from bpm_server.store import organisation as store
from bpm_server.store.identities import identity_changed
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from bpm_server.services.transaction import Transaction
    from bpm_server.store.moments import Moment

RESOURCE = "ORGANISATION"
ATTEMPTS = 5


class Organisations:
    """What one process knows of the organisation, read again when ``identity_version`` has changed.

    That version is counted up with every change of people, groups, roles and of the organisation itself.
    """

    def __init__(self) -> None:
        self._known: tuple[int, Organisation] = (-1, Organisation())

    def at(self, connection: Connection, moment: Moment) -> Organisation:
        """The organisation of a moment, or of a later one that has come meanwhile; not for who changes it.

        Raises:
            Unavailable: it is changed faster than it can be read.
        """
        for _ in range(ATTEMPTS):
            known = self._known
            if known[0] == moment.identity_version:
                return known[1]
            found = store.read_organisation(connection, moment.now)
            after = read_moment(connection)
            if after.identity_version == moment.identity_version:  # nothing came between its statements
                self._known = (moment.identity_version, found)
                return found
            moment = after
        message = "Expected the organisation to stand still while it is read, but it was changed each time"
        raise Unavailable(message, retry_after=1)


def lock_organisation(tx: Transaction) -> Organisation:
    """The organisation, which nobody else changes until this transaction ends: so that no two changes make a circle.

    Counting the version up holds its row; whoever comes next waits here and reads what was committed before.
    """
    identity_changed(tx.connection)
    return store.read_organisation(tx.connection, tx.now)


def write_organisation(tx: Transaction, before: Organisation, after: Organisation) -> None:
    """Writes what is otherwise.

    Raises:
        Conflict: departments or superiors would go in a circle.
        NotFound: a department would be below one that is not there.
    """
    check_organisation(after)
    store.write_difference(tx.connection, before, after)


def check_person(organisation: Organisation, username: str, *, active: bool = False) -> None:
    """The person must exist, and must not have left where ``active``.

    Raises:
        NotFound: there is none of that name, or they have left.
    """
    if username not in organisation.people:
        message = f"Expected to find user '{username}', but there is none"
        raise NotFound(message)
    if active and not organisation.is_active(username):
        message = f"Expected an active person, but '{username}' has left"
        raise NotFound(message)


def check_place(organisation: Organisation, department_id: str | None, position_id: str | None = None) -> None:
    """Department and position must exist where they are named.

    Raises:
        NotFound: one does not.
    """
    if department_id is not None:
        find_department(organisation, department_id)
    if position_id is not None and position_id not in organisation.positions:
        message = f"Expected to find position '{position_id}', but there is none"
        raise NotFound(message)
