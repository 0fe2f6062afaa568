"""Shortcuts of the Camunda 8 scenarios: each runs a small process and looks at what came of it."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

import sqlalchemy as sa

from bpm_server import bpmn
from bpm_server.services import incidents as incident_service
from bpm_server.services import messages
from bpm_server.store.tables.instances import incident
from tests.support.bpmn_builder import Process, Scope, event, extensions
from tests.support.engine_world import World
from tests.support.product import ADMIN, Product


def run(process: Process, **variables: Any) -> World:
    """The engine alone; its state is stored and read again before every command."""
    return World.of(process.xml(), reload=True).start(dict(variables))


def refused(process: Process) -> set[str]:
    """Rules of the findings that keep the file from being deployed."""
    return {finding.rule for finding in bpmn.read(process.xml(), name="p.bpmn").findings if finding.severity == "error"}


def catch(scope: Scope, id: str, definition: str, extra: str = "") -> str:  # noqa: A002
    """An intermediate catch event."""
    return scope.add("intermediateCatchEvent", id, extensions(extra) + definition)


def throw(scope: Scope, id: str, definition: str, extra: str = "") -> str:  # noqa: A002
    """An intermediate throw event."""
    return scope.add("intermediateThrowEvent", id, extensions(extra) + definition)


def catch_message(scope: Scope, id: str, message: str, extra: str = "") -> str:  # noqa: A002
    """An intermediate catch event of a message."""
    return catch(scope, id, event("message", messageRef=message), extra)


def event_sub_process(
    scope: Scope,
    id: str,  # noqa: A002
    definition: str,
    *inner: str,
    interrupting: bool = True,
    extra: str = "",
) -> None:
    """An event sub-process: start ``<id>-s``, user tasks with the ids of ``inner``, an end."""
    body = Scope()
    start = body.start(f"{id}-s", definition, isInterrupting=str(interrupting).lower())
    body.path(start, *[body.user(key) for key in inner], body.end(f"{id}-e"))
    scope.sub(id, body, extensions(extra), by_event=True)


def zeebe(tag: str, **attributes: str) -> str:
    """An extension element."""
    text = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<zeebe:{tag}{text}/>"


def listeners(*entries: tuple[str, str], kind: str = "execution", **attributes: str) -> str:
    """Listeners as (event, job type)."""
    rows = "".join(zeebe(f"{kind}Listener", eventType=on, type=job, **attributes) for on, job in entries)
    return f"<zeebe:{kind}Listeners>{rows}</zeebe:{kind}Listeners>"


def incidents(bpm: Product) -> list[tuple[str, str]]:
    """Element and kind of the open incidents."""
    query = sa.select(incident).where(incident.c.state == "ACTIVE").order_by(incident.c.key)
    return [(row.element_id, row.kind) for row in bpm.rows(query)]


def resolve(bpm: Product) -> None:
    """Resolves every open incident."""
    for key in bpm.scalars(sa.select(incident.c.key).where(incident.c.state == "ACTIVE")):
        incident_service.resolve_incident(bpm.server, ADMIN, key)
    bpm.deliver()


def publish(bpm: Product, name: str, key: str, message_id: str | None, ttl_ms: int = 0) -> None:
    """Publishes a message that has an id."""
    messages.publish_message(bpm.server, ADMIN, name, key, {}, ttl_ms, message_id)
    bpm.deliver()
