"""Substitutes and absences as their page shows them: one's own, and those for whom one stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain.substitutions import absences_during, check_substitution
from bpm_server.reports.organisation import SUBSTITUTIONS
from bpm_server.reports.query import Condition, Order, PageOf, Query
from bpm_server.reports.sight import EVERYTHING
from bpm_server.store.moments import read_moment
from bpm_server.store.organisation import open_absences

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.domain.identity import Actor
    from bpm_server.domain.organisation import Organisation
    from bpm_server.domain.substitutions import Substitution
    from bpm_server.reports.organisation import SubstitutionLine
    from bpm_server.reports.query import Page
    from bpm_server.services.server import Server
    from bpm_server.store.moments import Moment

MOST = 200
OVER_ON_A_PAGE = 10


def still_open(server: Server, now: datetime, *, username: str = "", substitute: str = "") -> list[SubstitutionLine]:
    """Those of a person, or those for whom somebody is to act, that are not over; the first to begin first."""
    of = Condition("username", "eq", username) if username else Condition("substitute", "eq", substitute)
    lasting = (Condition("ends_at", "exists", False),), (Condition("ends_at", "gt", now),)
    open_ = Condition("withdrawn_at", "exists", False)
    query = Query((of, open_), lasting, (Order("begins_at"), Order("key")), PageOf(limit=MOST))
    with server.database.read() as connection:
        return SUBSTITUTIONS.page(connection, EVERYTHING, query).items


def over(server: Server, now: datetime, username: str, after: str | None) -> Page[SubstitutionLine]:
    """Those of a person that are over, the newest first."""
    ended = (Condition("withdrawn_at", "exists", True),), (Condition("ends_at", "lte", now),)
    order = (Order("key", descending=True),)
    query = Query((Condition("username", "eq", username),), ended, order, PageOf(OVER_ON_A_PAGE, after=after))
    with server.database.read() as connection:
        return SUBSTITUTIONS.page(connection, EVERYTHING, query)


def organisation_now(server: Server, moment: Moment) -> Organisation:
    """Everybody, and who is away when."""
    with server.database.read() as connection:
        return server.organisations.at(connection, moment)


def try_out(server: Server, new: Substitution) -> list[Substitution]:
    """When the substitute of a new substitution would be away themselves.

    Raises:
        InvalidInput: it cannot be; see ``check_substitution``.
        Conflict: another one counts at that time, or substitutes would go in a circle.
    """
    with server.database.read() as connection:
        organisation = server.organisations.at(connection, read_moment(connection))
    check_substitution(new, organisation)
    return absences_during(organisation, new)


def own_absence(server: Server, actor: Actor, moment: Moment) -> tuple[Substitution, str | None] | None:
    """Why a person is away at a moment, with the name of who acts; None where they are not.

    Asked for every page, and answered without a statement until people or substitutes change. An absence for everything
    is told before one for some processes.
    """
    kind = "absences"
    found = server.identities.cached(kind, actor.username, moment.identity_version, float("inf"))
    if found is None:
        with server.database.read() as connection:
            found = open_absences(connection, actor.username, moment.now)
        server.identities.keep(kind, actor.username, moment.identity_version, found)
    now = [one for one in found if one[0].counts(moment.now)]
    return min(now, key=lambda one: (one[0].processes is not None, one[0].key), default=None)
