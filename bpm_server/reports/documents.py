"""Reading documents, and links that let somebody read one without signing in."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.documents import link_life
from bpm_server.kernel.errors import Forbidden, InvalidInput, NotFound
from bpm_server.reports.search import forbidden
from bpm_server.store import documents as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.store.documents import DocumentRow

PURPOSE = "document-link"
PATH = "/api/document-links"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a document can be read without signing in, and until when."""

    url: str
    expires_at: datetime


def find(server: Server, actor: Actor, document_id: str, store_id: str | None, content_hash: str | None) -> DocumentRow:
    """A document that the actor may read.

    Args:
        server: The server.
        actor: Who asks.
        document_id: Which.
        store_id: Where it must lie; None: wherever it does.
        content_hash: As the document's reference has it: who asks must have seen the reference.

    Raises:
        NotFound: there is none (in this store), or it has expired.
        InvalidInput: the hash is missing or another one.
        Forbidden: the permission DOCUMENT:READ is missing.
    """
    return _find(server, actor, document_id, store_id, content_hash)[0]


def _find(
    server: Server, actor: Actor, document_id: str, store_id: str | None, content_hash: str | None
) -> tuple[DocumentRow, datetime]:
    if not actor.may("DOCUMENT", "READ", document_id):
        raise forbidden(actor, "document", document_id, ("DOCUMENT", "READ"))
    found, now = _read(server, document_id)
    if store_id not in (None, found.store):
        raise _missing(document_id)
    if not hmac.compare_digest((content_hash or "").encode(), found.content_hash.encode()):
        how = "another one" if content_hash else "none"
        message = f"Expected the content hash of document '{document_id}', but found {how}"
        raise InvalidInput(message, field="contentHash")
    return found, now


def _read(server: Server, document_id: str) -> tuple[DocumentRow, datetime]:
    with server.database.read() as connection:
        now = read_moment(connection).now
        found = store.find_document(connection, document_id, now)
    if found is None:
        raise _missing(document_id)
    return found, now


def _missing(document_id: str) -> NotFound:
    return NotFound(f"Expected to find document '{document_id}', but there is none")


def content(server: Server, row: DocumentRow) -> Iterator[bytes]:
    """What a document holds, piece by piece.

    Raises:
        NotFound: its store is no longer one of this installation, or the content is gone.
    """
    contents = server.contents.find(row.store)
    if contents is None:
        message = f"Expected document store '{row.store}' of document '{row.document_id}', but it is not set up"
        raise NotFound(message)
    return contents.read(server.database, row.location)


# --- links ----------------------------------------------------------------------------------------------


def link(
    server: Server,
    actor: Actor,
    document_id: str,
    store_id: str | None,
    content_hash: str | None,
    time_to_live_ms: int | None,
) -> Link:
    """A link to a document, signed with the installation's secret; nothing is written.

    Raises:
        NotFound: there is no such document.
        InvalidInput: a time to live out of range, or another content hash.
        Forbidden: the permission DOCUMENT:READ is missing.
    """
    life = link_life(time_to_live_ms)
    found, now = _find(server, actor, document_id, store_id, content_hash)
    until = (now + life - _EPOCH) // _MS
    signature = _signature(server, found, until)
    url = f"{server.settings.url()}{PATH}/{document_id}?expires={until}&signature={signature}"
    return Link(url, _EPOCH + until * _MS)


def follow_link(server: Server, document_id: str, until: int, signature: str) -> DocumentRow:
    """The document behind a link.

    Args:
        server: The server.
        document_id: Which.
        until: When the link ends, in milliseconds since 1970.
        signature: As the link has it; belongs to this content, so a later document of the same id is not shown.

    Raises:
        Forbidden: the link is not one of ours, or its time is over; the same words for both, and for no document.
    """
    refused = Forbidden("Expected a valid link to a document, but its time is over or it was changed")
    try:
        found, now = _read(server, document_id)
    except NotFound as error:
        raise refused from error
    if not hmac.compare_digest(signature.encode(), _signature(server, found, until).encode()):
        raise refused
    if (now - _EPOCH) // _MS >= until:
        raise refused
    return found


def _signature(server: Server, row: DocumentRow, until: int) -> str:
    return server.secrets.digest(f"{row.document_id}\0{row.location}\0{until}", PURPOSE)
