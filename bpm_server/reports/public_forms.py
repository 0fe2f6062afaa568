"""Forms that are open to the public: for whoever opens them, and for the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.domain.public_forms import RESOURCE, OpenForm, nothing_open
from bpm_server.reports import sight
from bpm_server.reports.catalogue import newest
from bpm_server.reports.query import Kind
from bpm_server.reports.search import Field, Search
from bpm_server.store.moments import read_moment
from bpm_server.store.public_forms import find_open
from bpm_server.store.tables.public_forms import public_form as t

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.reports.catalogue import Startable
    from bpm_server.services.server import Server


@dataclass(frozen=True, slots=True)
class PublicFormLine:
    """A public form, open or closed. ``origins``: JSON list."""

    key: int
    token: str
    process_id: str
    name: str
    origins: str
    address_per_hour: int
    total_per_hour: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None

    @property
    def path(self) -> str:
        """Of its address, after the server's own."""
        return f"/public/{self.token}"


_KINDS = {
    "key": Kind.KEY,
    "process_id": Kind.TEXT,
    "name": Kind.TEXT,
    "created_at": Kind.MOMENT,
    "created_by": Kind.TEXT,
    "expires_at": Kind.MOMENT,
    "closed_at": Kind.MOMENT,
}
SEARCH = Search(
    "public form",
    PublicFormLine,
    source=t,
    key=t.c.key,
    columns={name: t.c[name] for name in PublicFormLine.__slots__},
    fields_={name: Field(kind, t.c[name]) for name, kind in _KINDS.items()},
    sight=lambda actor: sight.by_permission(actor, RESOURCE, "READ", t.c.process_id),
    permission=(RESOURCE, "READ"),
)


def open_form(server: Server, token: str) -> tuple[OpenForm, Startable]:
    """The form of an address, with the process that it starts.

    Raises:
        NotFound: there is none, it is closed, its time is over, or its process is gone: the same each time.
    """
    with server.database.read() as connection:
        found = find_open(connection, token, read_moment(connection).database_now)
        process = None if found is None else newest(server, connection, found.process_id)
    if found is None or process is None:
        raise nothing_open()
    return found, process
